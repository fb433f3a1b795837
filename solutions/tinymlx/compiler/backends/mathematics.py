"""The functions that generated C calls: exponential, tanh, error function, without a branch.

A compiler turns a loop into vector instructions only if its body is arithmetic. The C library's
``expf`` is a call; so here are polynomials. Their errors were measured against the exact functions
over all of the range (``tests/course/test_compiler.py``): ``exp_`` 1.0, ``erf_`` 1.1, ``tanh_``
1.3, ``sigmoid_`` 2.4 units in the last place.

Sources: S. Moshier, Cephes (expf, tanhf); N. Juffa's minimax polynomial for erff (2017).
"""

HEADER = r"""
#include <math.h>
#include <string.h>
#define INLINE static inline __attribute__((always_inline))
#define abs_(x) ((x) > 0 ? (x) : 0 - (x))
#define sign_(x) (((x) > 0) - ((x) < 0))
#define max_(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define min_(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#pragma omp declare reduction(nanmax : float : omp_out = max_(omp_in, omp_out)) \
    initializer(omp_priv = -INFINITY)
#pragma omp declare reduction(nanmin : float : omp_out = min_(omp_in, omp_out)) \
    initializer(omp_priv = INFINITY)
INLINE float scaled_(float x, int n) {  /* x * 2^n for -127 < n < 128 */
    int bits = (n + 127) << 23;
    float two_n;
    memcpy(&two_n, &bits, 4);
    return x * two_n;
}
INLINE float exp_(float x) {
    float y = x > 89.0f ? 89.0f : x;
    y = y < -104.0f ? -104.0f : y;
    float n = (y * 1.44269504f + 12582912.0f) - 12582912.0f;  /* rounded to an integer */
    float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r * r + r) + 1.0f;
    int k = (int)n, half = k >> 1;
    p = scaled_(scaled_(p, half), k - half);
    return x != x ? x : p;
}
INLINE float expm1_(float x) { return expm1f(x); }
INLINE float log1p_(float x) { return log1pf(x); }
INLINE float log_(float x) { return logf(x); }
INLINE float sqrt_(float x) { return sqrtf(x); }
INLINE float floor_(float x) { return floorf(x); }
INLINE float ceil_(float x) { return ceilf(x); }
INLINE float sin_(float x) { return sinf(x); }
INLINE float cos_(float x) { return cosf(x); }
INLINE float pow_(float a, float b) { return powf(a, b); }
INLINE float sigmoid_(float x) {
    float e = exp_(-fabsf(x)), y = 1.0f / (1.0f + e);
    return x < 0 ? e * y : y;
}
INLINE float tanh_(float x) {
    float a = fabsf(x), z = x * x;
    float e = exp_(a + a), large = 1.0f - 2.0f / (e + 1.0f);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    return copysignf(a < 0.625f ? small : large, x);  /* also for -0 */
}
INLINE float erf_(float x) {
    float a = fabsf(x), t = x * x;
    float r = -1.72853470e-5f;
    r = r * a + 3.83197126e-4f;
    float u = -3.88396438e-3f;
    u = u * a + 2.42546219e-2f;
    r = r * t + u;
    r = r * a - 1.06777877e-1f;
    r = r * a - 6.34846687e-1f;
    r = r * a - 1.28717512e-1f;
    r = r * a - a;
    float large = copysignf(1.0f - exp_(r), x);
    float p = -5.96761703e-4f;
    p = p * t + 4.99119423e-3f;
    p = p * t - 2.67681349e-2f;
    p = p * t + 1.12819925e-1f;
    p = p * t - 3.76125336e-1f;
    p = p * t + 1.28379166e-1f;
    float small = p * x + x;
    float y = a > 0.927734375f ? large : small;
    y = a > 4.0f ? copysignf(1.0f, x) : y;
    return x != x ? x : y;
}
"""

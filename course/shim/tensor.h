// The tensor core instructions that the course's own CUDA kernels use, played by the lanes of a
// warp: each shows its registers, all wait, each computes its own numbers.
#pragma once

namespace shim {
struct Registers {
  unsigned of[32][8];
};
inline Registers shown[1024 / WARP];

inline float number16(unsigned bits, bool brain) {
  if (brain) {
    bfloat16 x;
    x.bits = bits;
    return x;
  }
  half x;
  x.bits = bits;
  return x;
}
template <typename T>
unsigned bits_of(T value) {
  unsigned bits = 0;
  memcpy(&bits, &value, sizeof(T));
  return bits;
}
}  // namespace shim

template <typename S, typename F>
void copy8(S& shared, int to, F from, int64_t i, bool there) {
  using T = decltype(from[0]);
  for (int j = 0; j < 8; j++) shared[to + j] = there ? from[i + j] : T(0.0f);
}
inline void arrived() {}

// Four matrices of 8 x 8 from shared memory: lane i names row i % 8 of matrix i / 8, and gets of each
// matrix the two neighbours 2 (i % 4) of row i / 4; turned, those of the transposed matrix.
template <typename T, typename S>
void matrices_(unsigned (&r)[4], S& shared, int at, bool turn) {
  unsigned index = shim::me().index, lane = index % 32;
  auto& mine = shim::shown[index / 32];
  mine.of[lane][0] = at;
  shim::warp_barrier();
  for (int m = 0; m < 4; m++) {
    unsigned two[2];
    for (int e = 0; e < 2; e++) {
      int row = lane / 4, column = lane % 4 * 2 + e;
      if (turn) {
        int other = row;
        row = column;
        column = other;
      }
      two[e] = shim::bits_of<T>(T(float(shared[mine.of[m * 8 + row][0] + column])));
    }
    r[m] = two[0] | two[1] << 16;
  }
  shim::warp_barrier();
}
template <typename T, int N>
void matrices(unsigned (&r)[4], shim::Shared<T, N>& shared, int at) {
  matrices_<T>(r, shared, at, false);
}
template <typename T, int N>
void turned(unsigned (&r)[4], shim::Shared<T, N>& shared, int at) {
  matrices_<T>(r, shared, at, true);
}

template <bool BRAIN>
unsigned packed(float low, float high) {
  if (BRAIN) return shim::bits_of(shim::bfloat16(low)) | shim::bits_of(shim::bfloat16(high)) << 16;
  return shim::bits_of(shim::half(low)) | shim::bits_of(shim::half(high)) << 16;
}

// c (16 x 8) += a (16 x 16) b (16 x 8), as `mma.sync.m16n8k16` spreads them over a warp.
template <bool BRAIN>
void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  unsigned index = shim::me().index, lane = index % 32;
  auto& mine = shim::shown[index / 32];
  for (int i = 0; i < 4; i++) mine.of[lane][i] = a[i];
  mine.of[lane][4] = b0;
  mine.of[lane][5] = b1;
  shim::warp_barrier();
  for (int e = 0; e < 4; e++) {
    int row = lane / 4 + e / 2 * 8, column = lane % 4 * 2 + e % 2;
    for (int k = 0; k < 16; k++) {
      unsigned left = mine.of[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
      unsigned right = mine.of[column * 4 + k % 8 / 2][4 + k / 8];
      c[e] += shim::number16(left >> (k % 2 * 16) & 0xffff, BRAIN) *
              shim::number16(right >> (k % 2 * 16) & 0xffff, BRAIN);
    }
  }
  shim::warp_barrier();
}

template <bool BRAIN>
float first_of(unsigned both) {
  return shim::number16(both & 0xffff, BRAIN);
}

inline float power2(float x) { return std_::exp2(x); }

template <bool BRAIN, typename T>
void store2(shim::Output<T> to, int64_t i, float low, float high) {
  to[i] = T(low);
  to[i + 1] = T(high);
}

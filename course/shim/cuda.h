// The words of CUDA.
#pragma once
#include "shim.h"

using namespace metal;  // max, min and the functions of floats have the same names there
using dim3 = shim::uint3;
using __half = shim::half;
using __nv_bfloat16 = shim::bfloat16;

#define __device__
#define __global__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define threadIdx (shim::me().place)
#define blockIdx (shim::launch.at)
#define blockDim (shim::launch.group)
#define gridDim (shim::launch.groups)
#define warpSize (shim::WARP)

inline void __syncthreads() { shim::barrier(); }
inline void __syncwarp(unsigned = ~0u) { shim::warp_barrier(); }
inline int shim_lane() { return shim::me().index % shim::WARP; }
template <typename T> T __shfl_sync(unsigned, T x, int i, int = 32) { return shim::exchange(x, i); }
template <typename T> T __shfl_down_sync(unsigned, T x, int n, int = 32) { return shim::exchange(x, shim_lane() + n); }
template <typename T> T __shfl_up_sync(unsigned, T x, int n, int = 32) { return shim::exchange(x, shim_lane() - n); }
template <typename T> T __shfl_xor_sync(unsigned, T x, int n, int = 32) { return shim::exchange(x, shim_lane() ^ n); }

#define SHIM_F(op) inline float op##f(float x) { return std_::op(x); }
SHIM_F(exp) SHIM_F(log) SHIM_F(sqrt) SHIM_F(tanh) SHIM_F(fabs) SHIM_F(sin) SHIM_F(cos) SHIM_F(floor)
SHIM_F(ceil) SHIM_F(exp2) SHIM_F(log2) SHIM_F(log1p) SHIM_F(expm1) SHIM_F(erf) SHIM_F(round)
inline float fmaxf(float a, float b) { return std_::fmax(a, b); }
inline float fminf(float a, float b) { return std_::fmin(a, b); }
inline float powf(float a, float b) { return std_::pow(a, b); }
inline float fmaf(float a, float b, float c) { return std_::fma(a, b, c); }
inline float __expf(float x) { return std_::exp(x); }
inline float __logf(float x) { return std_::log(x); }
inline float rsqrtf(float x) { return 1.0f / std_::sqrt(x); }
inline float __fdividef(float a, float b) { return a / b; }

#include "tensor.h"

namespace cooperative_groups {
struct Ranked {
  unsigned long long rank;
  unsigned long long thread_rank() const { return rank; }
  void sync() const { shim::barrier(); }
};
inline Ranked this_grid() {
  auto& l = shim::launch;
  unsigned long long group = (l.at.z * l.groups.y + l.at.y) * l.groups.x + l.at.x;
  return {group * l.group.x * l.group.y * l.group.z + shim::me().index};
}
inline Ranked this_thread_block() { return {shim::me().index}; }
}  // namespace cooperative_groups

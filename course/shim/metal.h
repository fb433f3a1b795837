// The words of Metal.
#pragma once
#include "shim.h"

using namespace metal;
using shim::uint3;
using bfloat = shim::bfloat16;
using ushort = unsigned short;

#define device
#define constant const
#define thread
#define METAL_FUNC inline

namespace metal {
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
inline mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
inline void threadgroup_barrier(mem_flags) { shim::barrier(); }
inline void simdgroup_barrier(mem_flags) { shim::warp_barrier(); }

template <typename T> T simd_sum(T x) { return shim::fold(x, [](T a, T b) { return T(a + b); }); }
template <typename T> T simd_max(T x) { return shim::fold(x, [](T a, T b) { return a < b ? b : a; }); }
template <typename T> T simd_min(T x) { return shim::fold(x, [](T a, T b) { return b < a ? b : a; }); }
inline int lane() { return shim::me().index % shim::WARP; }
template <typename T> T simd_shuffle(T x, int i) { return shim::exchange(x, i); }
template <typename T> T simd_shuffle_down(T x, int n) { return shim::exchange(x, lane() + n); }
template <typename T> T simd_shuffle_up(T x, int n) { return shim::exchange(x, lane() - n); }
template <typename T> T simd_shuffle_xor(T x, int n) { return shim::exchange(x, lane() ^ n); }
template <typename T> T simd_broadcast(T x, int i) { return shim::exchange(x, i); }
template <typename T> T simd_broadcast_first(T x) { return shim::exchange(x, 0); }
}  // namespace metal

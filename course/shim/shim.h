// Runs a kernel of Metal or CUDA on a CPU, thread by thread, and looks at every access.
//
// A thread of the kernel is a coroutine with a stack of its own. It runs until it reaches a barrier
// (or an exchange within its warp), and goes on when all others have reached it. Arrays are small
// objects, so that each access is seen: out of bounds, before it was written, or without a barrier
// between two threads.
#pragma once
#include <ucontext.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// What <cmath> and <vector> would do, without the time that they take to compile.
namespace std_ {
#define SHIM_MATH(op) inline float op(float x) { return __builtin_##op##f(x); }
SHIM_MATH(exp) SHIM_MATH(log) SHIM_MATH(sqrt) SHIM_MATH(tanh) SHIM_MATH(fabs) SHIM_MATH(sin)
SHIM_MATH(cos) SHIM_MATH(tan) SHIM_MATH(floor) SHIM_MATH(ceil) SHIM_MATH(trunc) SHIM_MATH(exp2)
SHIM_MATH(log2) SHIM_MATH(log10) SHIM_MATH(sinh) SHIM_MATH(cosh) SHIM_MATH(asin) SHIM_MATH(acos)
SHIM_MATH(atan) SHIM_MATH(asinh) SHIM_MATH(acosh) SHIM_MATH(atanh) SHIM_MATH(round)
SHIM_MATH(rint) SHIM_MATH(log1p) SHIM_MATH(expm1) SHIM_MATH(erf)
inline float abs(float x) { return __builtin_fabsf(x); }
inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline float fmax(float a, float b) { return __builtin_fmaxf(a, b); }
inline float fmin(float a, float b) { return __builtin_fminf(a, b); }
inline float pow(float a, float b) { return __builtin_powf(a, b); }
inline float fmod(float a, float b) { return __builtin_fmodf(a, b); }
inline float atan2(float a, float b) { return __builtin_atan2f(a, b); }
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float copysign(float a, float b) { return __builtin_copysignf(a, b); }

template <typename T>
struct vector {
  T* items;
  size_t count;
  explicit vector(size_t n = 0) : items(new T[n ? n : 1]()), count(n) {}
  T& operator[](size_t i) { return items[i]; }
  const T& operator[](size_t i) const { return items[i]; }
  size_t size() const { return count; }
  T* data() { return items; }
};
}  // namespace std_

namespace shim {

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
inline uint3 operator*(uint3 a, uint3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline uint3 operator+(uint3 a, uint3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }

constexpr int WARP = 32;
constexpr size_t STACK = 64 << 10;
enum State { READY, AT_BARRIER, AT_WARP, DONE };

struct Thread {
  ucontext_t context;
  uint3 place;       // in its group
  unsigned index;    // in its group, x first
  State state;
  unsigned epoch;       // how many barriers it has passed
  unsigned warp_epoch;  // how many exchanges within its warp
};

struct Launch {
  uint3 grid, group, groups, size;  // threads, threads of a group, groups, threads of this group
  uint3 at;                         // which group runs
  bool down = false;                // whether the last thread of a group runs first
  std_::vector<Thread> threads{1024};
  unsigned count = 0, running = 0, generation = 0;
  void (*body)() = nullptr;
  char* stacks = nullptr;
  ucontext_t scheduler;
  double slots[1024];
  // What it cost, for the report.
  unsigned long barriers = 0, run = 0, shared_bytes = 0, most_shared = 32768;
};
inline Launch launch;
inline Thread& me() { return launch.threads[launch.running]; }

inline const char* who(char* text, size_t size, unsigned index) {
  const uint3 &g = launch.at, &s = launch.size;
  snprintf(text, size, "thread (%u, %u, %u) of group (%u, %u, %u)", index % s.x,
           index / s.x % s.y, index / s.x / s.y, g.x, g.y, g.z);
  return text;
}

// One sentence in the file "problem", and the end.
[[noreturn]] inline void fail(const char* format, ...) {
  FILE* file = fopen("problem", "w");
  va_list given;
  va_start(given, format);
  if (file) {
    vfprintf(file, format, given);
    fclose(file);
  }
  va_end(given);
  _exit(3);
}

[[noreturn]] inline void fail_here(const char* what) {
  char text[96];
  fail("%s %s", who(text, sizeof text, me().index), what);
}

// Waiting

inline void pause(State state) {
  Thread& thread = me();
  thread.state = state;
  swapcontext(&thread.context, &launch.scheduler);
}

inline void barrier() {
  pause(AT_BARRIER);
  me().epoch++;
}

inline void warp_barrier() {
  pause(AT_WARP);
  me().warp_epoch++;
}

// Everybody in the warp shows a value; each reads that of the lane it wants (its own if that one
// is not there).
template <typename T>
T exchange(T value, int lane) {
  static_assert(sizeof(T) <= sizeof(double), "values of at most eight bytes are exchanged");
  unsigned index = me().index;
  memcpy(&launch.slots[index], &value, sizeof(T));
  warp_barrier();
  unsigned first = index / WARP * WARP, other = first + lane;
  if (lane < 0 || lane >= WARP || other >= launch.count) other = index;
  T found;
  memcpy(&found, &launch.slots[other], sizeof(T));
  warp_barrier();
  return found;
}

template <typename T, typename F>
T fold(T value, F f) {
  unsigned index = me().index, first = index / WARP * WARP;
  memcpy(&launch.slots[index], &value, sizeof(T));
  warp_barrier();
  T total;
  memcpy(&total, &launch.slots[first], sizeof(T));
  for (unsigned i = first + 1; i < first + WARP && i < launch.count; i++) {
    T other;
    memcpy(&other, &launch.slots[i], sizeof(T));
    total = f(total, other);
  }
  warp_barrier();
  return total;
}

// Numbers of 16 bits

struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  template <typename N>
  bfloat16(N number) {
    float x = static_cast<float>(number);
    uint32_t u;
    memcpy(&u, &x, 4);
    bits = std_::isnan(x) ? 0x7fc0 : (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  }
  operator float() const {
    uint32_t u = uint32_t(bits) << 16;
    float x;
    memcpy(&x, &u, 4);
    return x;
  }
};

struct half {
  uint16_t bits = 0;
  half() = default;
  template <typename N>
  half(N number) {
    _Float16 x = static_cast<_Float16>(static_cast<float>(number));
    memcpy(&bits, &x, 2);
  }
  operator float() const {
    _Float16 x;
    memcpy(&x, &bits, 2);
    return static_cast<float>(x);
  }
};

template <typename T> struct Number { using type = T; };
template <> struct Number<half> { using type = float; };
template <> struct Number<bfloat16> { using type = float; };

#define SHIM_UPDATES(R)                                                              \
  template <typename V> R& operator+=(V v) { return *this = T(number() + v); }       \
  template <typename V> R& operator-=(V v) { return *this = T(number() - v); }       \
  template <typename V> R& operator*=(V v) { return *this = T(number() * v); }       \
  template <typename V> R& operator/=(V v) { return *this = T(number() / v); }

// Arrays in the memory of the device

struct Cell {
  unsigned writes = 0;
  uint64_t writer = 0;
};

// Memory answers a warp in pieces of 128 bytes: how many replies the n-th questions of its lanes
// need together.
struct Replies {
  static constexpr unsigned MOST = 64, BYTES = 128;  // later questions each have a reply of their own
  unsigned long count = 0;
  unsigned generation = ~0u, asked[1024] = {};
  int64_t pieces[1024 / WARP][MOST][WARP];
  unsigned held[1024 / WARP][MOST] = {};

  void ask(int64_t byte) {
    if (generation != launch.generation) {
      generation = launch.generation;
      memset(asked, 0, sizeof asked);
      memset(held, 0, sizeof held);
    }
    unsigned index = me().index, nth = asked[index]++, warp = index / WARP;
    if (nth < MOST) {
      for (unsigned i = 0; i < held[warp][nth]; i++)
        if (pieces[warp][nth][i] == byte / BYTES) return;
      pieces[warp][nth][held[warp][nth]++] = byte / BYTES;
    }
    count++;
  }
};

template <typename T>
struct Array {
  const char* name;
  T* data;
  int64_t size;
  std_::vector<Cell>* cells;  // none for an input
  unsigned long* count;      // reads of an input, writes of an output
  Replies* replies = nullptr;  // to the reads of an input

  void inside(int64_t i, const char* verb) const {
    if (i >= 0 && i < size) return;
    char text[96];
    fail("%s %s %s[%lld], but %s has %lld elements", who(text, sizeof text, me().index), verb,
         name, (long long)i, name, (long long)size);
  }
};

inline uint64_t everywhere() {
  const uint3 &g = launch.at, &n = launch.groups;
  return ((uint64_t(g.z) * n.y + g.y) * n.x + g.x) * 1024 + me().index;
}

template <typename T>
struct Input {
  const Array<T>* array;
  int64_t offset = 0;
  T operator[](int64_t i) const {
    array->inside(offset + i, "reads");
    ++*array->count;
    array->replies->ask((offset + i) * int64_t(sizeof(T)));
    return array->data[offset + i];
  }
  T operator*() const { return (*this)[0]; }
  Input operator+(int64_t n) const { return {array, offset + n}; }
  Input operator-(int64_t n) const { return {array, offset - n}; }
  Input& operator+=(int64_t n) { offset += n; return *this; }
};

template <typename T>
struct OutputElement {
  const Array<T>* array;
  int64_t i;
  using N = typename Number<T>::type;
  OutputElement(const OutputElement&) = default;
  N number() const {
    array->inside(i, "reads");
    Cell& cell = (*array->cells)[i];
    char text[96];
    if (!cell.writes || cell.writer != everywhere())
      fail("%s reads %s[%lld], which it has not written itself",
           who(text, sizeof text, me().index), array->name, (long long)i);
    return array->data[i];
  }
  operator N() const { return number(); }
  OutputElement& operator=(T value) {
    array->inside(i, "writes");
    Cell& cell = (*array->cells)[i];
    char text[96];
    if (cell.writes && cell.writer != everywhere())
      fail("%s writes %s[%lld], which another thread has written already",
           who(text, sizeof text, me().index), array->name, (long long)i);
    cell.writes++;
    cell.writer = everywhere();
    ++*array->count;
    array->data[i] = value;
    return *this;
  }
  OutputElement& operator=(const OutputElement& other) { return *this = T(other.number()); }
  SHIM_UPDATES(OutputElement)
};

template <typename T>
struct Output {
  const Array<T>* array;
  int64_t offset = 0;
  OutputElement<T> operator[](int64_t i) const { return {array, offset + i}; }
  OutputElement<T> operator*() const { return (*this)[0]; }
  Output operator+(int64_t n) const { return {array, offset + n}; }
  Output operator-(int64_t n) const { return {array, offset - n}; }
  Output& operator+=(int64_t n) { offset += n; return *this; }
};

// Memory that the threads of a group share

struct Stamp {
  int thread = -1;  // MANY for several
  unsigned epoch = 0, warp_epoch = 0;
  static constexpr int MANY = -2;
  // Whether somebody else's access has no barrier between it and what this thread does now.
  bool races() const {
    Thread& now = me();
    if (thread == -1 || thread == int(now.index) || epoch != now.epoch) return false;
    bool together = thread >= 0 && thread / WARP == int(now.index) / WARP;
    return !(together && warp_epoch < now.warp_epoch);
  }
  void set() { *this = {int(me().index), me().epoch, me().warp_epoch}; }
  void add() {
    if (thread == -1 || thread == int(me().index) || epoch != me().epoch ||
        warp_epoch < me().warp_epoch)
      set();
    else
      thread = MANY;
  }
};

template <typename T>
struct SharedCell {
  T value{};
  unsigned generation = 0;
  Stamp written, read;
};

template <typename T>
struct SharedElement {
  const char* name;
  SharedCell<T>& cell;
  long long i;
  using N = typename Number<T>::type;
  SharedElement(const SharedElement&) = default;
  SharedElement(const char* name, SharedCell<T>& cell, long long i)
      : name(name), cell(cell), i(i) {}
  N number() const {
    char text[96];
    if (cell.generation != launch.generation)
      fail("%s reads element %lld of the shared array %s before anybody has written it; is there "
           "a barrier between writing and reading?",
           who(text, sizeof text, me().index), i, name);
    if (cell.written.races())
      fail("%s reads element %lld of the shared array %s, which thread %d has written since the "
           "last barrier: a barrier is missing between the two",
           who(text, sizeof text, me().index), i, name, cell.written.thread);
    cell.read.add();
    return cell.value;
  }
  operator N() const { return number(); }
  SharedElement& operator=(T value) {
    char text[96];
    if (cell.generation == launch.generation) {
      if (cell.written.races())
        fail("%s writes element %lld of the shared array %s, which thread %d has written since "
             "the last barrier",
             who(text, sizeof text, me().index), i, name, cell.written.thread);
      if (cell.read.races())
        fail("%s writes element %lld of the shared array %s, which others have read since the "
             "last barrier: a barrier is missing between reading and writing again",
             who(text, sizeof text, me().index), i, name);
    } else {
      cell.read = Stamp();
      cell.generation = launch.generation;
    }
    cell.written.set();
    cell.value = value;
    return *this;
  }
  SharedElement& operator=(const SharedElement& other) { return *this = T(other.number()); }
  SHIM_UPDATES(SharedElement)
};

template <typename T, int... Sizes>
struct Row;
template <typename T, int Size>
struct Row<T, Size> {
  const char* name;
  SharedCell<T>* first;
  long long offset;
  SharedElement<T> operator[](long long i) const {
    if (i < 0 || i >= Size) {
      char text[96];
      fail("%s uses index %lld of the shared array %s, whose axis has %d elements",
           who(text, sizeof text, me().index), i, name, Size);
    }
    return {name, first[offset + i], offset + i};
  }
};
template <typename T, int Size, int... More>
struct Row<T, Size, More...> {
  const char* name;
  SharedCell<T>* first;
  long long offset;
  Row<T, More...> operator[](long long i) const {
    if (i < 0 || i >= Size) {
      char text[96];
      fail("%s uses index %lld of the shared array %s, whose axis has %d elements",
           who(text, sizeof text, me().index), i, name, Size);
    }
    return {name, first, (offset + i) * next()};
  }
  static constexpr long long next() { return second<More...>(); }
  template <int Head, int... Tail>
  static constexpr long long second() { return Head; }
};

template <typename T, int... Sizes>
struct Shared {
  const char* name;
  std_::vector<SharedCell<T>> cells;
  explicit Shared(const char* name) : name(name), cells((size_t(Sizes) * ...)) {
    launch.shared_bytes += cells.size() * sizeof(T);
    if (launch.shared_bytes > launch.most_shared)
      fail("the shared arrays of a group take %lu bytes; there are at most %lu",
           launch.shared_bytes, launch.most_shared);
  }
  auto operator[](long long i) { return Row<T, Sizes...>{name, cells.data(), 0}[i]; }
};

// The grid

inline void entered() {
  launch.body();
  me().state = DONE;
}

inline void one_group() {
  Launch& l = launch;
  l.generation++;
  l.count = l.size.x * l.size.y * l.size.z;
  for (unsigned i = 0; i < l.count; i++) {
    Thread& t = l.threads[i];
    t.place = {i % l.size.x, i / l.size.x % l.size.y, i / l.size.x / l.size.y};
    t.index = i;
    t.state = READY;
    t.epoch = t.warp_epoch = 0;
    getcontext(&t.context);
    t.context.uc_stack.ss_sp = l.stacks + STACK * i;
    t.context.uc_stack.ss_size = STACK;
    t.context.uc_link = &l.scheduler;
    makecontext(&t.context, entered, 0);
  }
  l.run += l.count;
  while (true) {
    unsigned done = 0, waiting = 0;
    for (unsigned n = 0; n < l.count; n++) {
      l.running = l.down ? l.count - 1 - n : n;
      if (me().state == READY) swapcontext(&l.scheduler, &me().context);
    }
    for (unsigned i = 0; i < l.count; i++) {
      done += l.threads[i].state == DONE;
      waiting += l.threads[i].state == AT_BARRIER;
    }
    if (done == l.count) return;
    if (waiting == l.count) {
      l.barriers++;
      for (unsigned i = 0; i < l.count; i++) l.threads[i].state = READY;
      continue;
    }
    bool released = false;
    for (unsigned first = 0; first < l.count; first += WARP) {
      unsigned last = first + WARP < l.count ? first + WARP : l.count, there = 0;
      for (unsigned i = first; i < last; i++) there += l.threads[i].state == AT_WARP;
      if (there != last - first) continue;
      for (unsigned i = first; i < last; i++) l.threads[i].state = READY;
      released = true;
    }
    if (released) continue;
    for (unsigned i = 0; i < l.count; i++) {
      l.running = i;
      if (l.threads[i].state == DONE)
        fail_here(waiting ? "has returned, and others wait at a barrier that it never reaches"
                          : "has returned, and others of its warp wait for its value");
    }
    fail("some threads of group (%u, %u, %u) wait at a barrier and others for values of their "
         "warp, for ever", l.at.x, l.at.y, l.at.z);
  }
}

// `exact`: Metal starts as many threads as the grid has, and its last groups may be smaller; CUDA
// starts whole groups.
inline void everything(void (*body)(), bool exact) {
  Launch& l = launch;
  l.body = body;
  l.stacks = static_cast<char*>(malloc(STACK * 1024));
  if (!l.stacks) fail("there is not enough memory for the threads' stacks");
  auto left = [&](unsigned grid, unsigned group, unsigned at) {
    unsigned rest = grid - at * group;
    return exact && rest < group ? rest : group;
  };
  for (l.at.z = 0; l.at.z < l.groups.z; l.at.z++)
    for (l.at.y = 0; l.at.y < l.groups.y; l.at.y++)
      for (l.at.x = 0; l.at.x < l.groups.x; l.at.x++) {
        l.size = {left(l.grid.x, l.group.x, l.at.x), left(l.grid.y, l.group.y, l.at.y),
                  left(l.grid.z, l.group.z, l.at.z)};
        one_group();
      }
}

// Files

template <typename T>
void read_all(const char* path, T* into, int64_t size) {
  FILE* file = fopen(path, "rb");
  if (!file || fread(into, sizeof(T), size, file) != size_t(size)) fail("cannot read %s", path);
  fclose(file);
}

template <typename T>
void write_all(const char* path, const T* from, int64_t size) {
  FILE* file = fopen(path, "wb");
  if (!file || fwrite(from, sizeof(T), size, file) != size_t(size)) fail("cannot write %s", path);
  fclose(file);
}

inline void all_written(const char* name, const std_::vector<Cell>& cells) {
  size_t missing = 0, first = 0;
  for (size_t i = 0; i < cells.size(); i++)
    if (!cells[i].writes && !missing++) first = i;
  if (missing)
    fail("%zu of the %zu elements of %s were never written, the first is %s[%zu]", missing,
         cells.size(), name, name, first);
}

}  // namespace shim

using uint = unsigned;
using shim::half;
using bfloat16_t = shim::bfloat16;
using float16_t = shim::half;

// Arithmetic that both languages know

#define SHIM_ONE(name)                                   \
  inline float name(float x) { return std_::name(x); }
#define SHIM_ONE_OWN(name, formula)                      \
  inline float name(float x) { return formula; }
namespace metal {
SHIM_ONE(exp) SHIM_ONE(log) SHIM_ONE(sqrt) SHIM_ONE(tanh) SHIM_ONE(abs) SHIM_ONE(fabs)
SHIM_ONE(sin) SHIM_ONE(cos) SHIM_ONE(tan) SHIM_ONE(floor) SHIM_ONE(ceil) SHIM_ONE(trunc)
SHIM_ONE(exp2) SHIM_ONE(log2) SHIM_ONE(log10) SHIM_ONE(sinh) SHIM_ONE(cosh) SHIM_ONE(asin)
SHIM_ONE(acos) SHIM_ONE(atan) SHIM_ONE(asinh) SHIM_ONE(acosh) SHIM_ONE(atanh) SHIM_ONE(round)
SHIM_ONE(rint) SHIM_ONE(log1p) SHIM_ONE(expm1) SHIM_ONE(erf)
SHIM_ONE_OWN(rsqrt, 1.0f / std_::sqrt(x))
SHIM_ONE_OWN(sign, float((x > 0) - (x < 0)))
inline int abs(int x) { return x < 0 ? -x : x; }
inline bool isnan(float x) { return std_::isnan(x); }
inline bool isinf(float x) { return std_::isinf(x); }
inline bool isfinite(float x) { return std_::isfinite(x); }
#define SHIM_TWO(type)                                             \
  inline type max(type a, type b) { return a < b ? b : a; }        \
  inline type min(type a, type b) { return b < a ? b : a; }        \
  inline type clamp(type x, type a, type b) { return min(max(x, a), b); }
SHIM_TWO(float) SHIM_TWO(int) SHIM_TWO(unsigned) SHIM_TWO(int64_t) SHIM_TWO(uint64_t)
inline float fmax(float a, float b) { return std_::fmax(a, b); }
inline float fmin(float a, float b) { return std_::fmin(a, b); }
inline float pow(float a, float b) { return std_::pow(a, b); }
inline float fmod(float a, float b) { return std_::fmod(a, b); }
inline float atan2(float a, float b) { return std_::atan2(a, b); }
inline float fma(float a, float b, float c) { return std_::fma(a, b, c); }
inline float copysign(float a, float b) { return std_::copysign(a, b); }
inline float select(float a, float b, bool c) { return c ? b : a; }
namespace precise { using namespace metal; }
namespace fast { using namespace metal; }
}  // namespace metal

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define FLT_MAX 3.402823466e+38f
#define M_PI 3.14159265358979323846

// MLX's helper for arrays that are not contiguous, in both languages.
template <typename Shape, typename Strides>
int64_t elem_to_loc(int64_t elem, Shape shape, Strides strides, int ndim) {
  int64_t at = 0;
  for (int i = ndim - 1; i >= 0 && elem > 0; --i) {
    at += (elem % shape[i]) * strides[i];
    elem /= shape[i];
  }
  return at;
}

// Several neighbours at once, as the kernels of this course have them.
#define TINYMLX_SHIM
template <typename T, int V>
struct Pack {
  T v[V];
};
template <int V, typename T>
Pack<T, V> load(shim::Input<T> from, int64_t i) {
  Pack<T, V> p;
  for (int j = 0; j < V; j++) p.v[j] = from[i + j];
  return p;
}
template <int V, typename T>
void store(shim::Output<T> to, int64_t i, Pack<T, V> p) {
  for (int j = 0; j < V; j++) to[i + j] = p.v[j];
}

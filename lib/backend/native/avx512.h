// What the project's C++ has in common: memory, threads, and functions of vectors of 16 floats.

#pragma once

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

// Each source is a library of its own; nothing here is seen from outside.
namespace {

// A tile of a product is 12 rows of two vectors: 24 sums, which with the factors fill the 32 registers.
constexpr int TILE_ROWS = 12, LANES = 16, TILE_COLUMNS = 2 * LANES;
// Tiles are written with constant indices, without which compilers keep the sums in memory.
using TileRows = std::make_integer_sequence<int, TILE_ROWS>;

struct Release {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using Buffer = std::unique_ptr<T[], Release>;

template <class T>
Buffer<T> allocate(size_t count) {
  return Buffer<T>(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64)));
}

inline int parts(int n, int size) { return (n + size - 1) / size; }
inline int roundUp(int n, int step) { return parts(n, step) * step; }

// Phases of work whose items threads take in turn; a phase begins when all threads have ended the one before.
class Phases {
 public:
  explicit Phases(int threads) : threads_(threads) {}

  template <class Work>
  void each(int items, const Work& work) {
    for (int item; (item = next_++) < items;) work(item);
    const int turn = turn_;
    if (++waiting_ == threads_) {
      next_ = waiting_ = 0;
      turn_++;
    } else {
      while (turn_ == turn) std::this_thread::yield();
    }
  }

 private:
  const int threads_;
  std::atomic<int> next_{0}, waiting_{0}, turn_{0};
};

// Runs `work` in this thread and in as many others as make up `threads`, until all have ended.
template <class Work>
void together(int threads, const Work& work) {
  std::vector<std::thread> team;
  for (int i = 1; i < threads; i++) team.emplace_back(work);
  work();
  for (std::thread& thread : team) thread.join();
}

// A row's mean, and one over its standard deviation.
struct Spread {
  __m512 mean;
  float scale;

  // 16 of its numbers, normalised.
  __m512 unit(const float* x) const { return _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x), mean), _mm512_set1_ps(scale)); }
};

inline Spread spreadOf(const float* x, int width) {
  __m512 sum = _mm512_setzero_ps(), squares = sum;
  for (int i = 0; i < width; i += LANES) sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + i));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / width);
  for (int i = 0; i < width; i += LANES) {
    const __m512 centred = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);
    squares = _mm512_fmadd_ps(centred, centred, squares);
  }
  return {mean, 1 / std::sqrt(_mm512_reduce_add_ps(squares) / width + 1e-5f)};
}

// e to the x; the polynomial is that of the Cephes library.
inline __m512 exponential(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-87));
  const __m512 power = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 rest = _mm512_fnmadd_ps(power, _mm512_set1_ps(0.693359375f), x);
  rest = _mm512_fnmadd_ps(power, _mm512_set1_ps(-2.12194440e-4f), rest);
  __m512 y = _mm512_set1_ps(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 0.5f, 1.f, 1.f}) {
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(y, power);
}

// (1 + erf(x / sqrt 2)) / 2, the share of a normal distribution below x; erf as in Abramowitz and Stegun, 7.1.26, within 1.5e-7.
inline __m512 normalShare(__m512 x) {
  const __m512 one = _mm512_set1_ps(1), z = _mm512_abs_ps(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678f)));
  const __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), one));
  __m512 y = _mm512_set1_ps(1.061405429f);
  for (float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f, 0.f}) {
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(c));
  }
  const __m512 tail = _mm512_mul_ps(y, exponential(_mm512_mul_ps(z, _mm512_sub_ps(_mm512_setzero_ps(), z))));  // 1 - erf z
  const __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ);
  const __m512 twice = _mm512_mask_sub_ps(tail, positive, _mm512_set1_ps(2), tail);
  return _mm512_mul_ps(twice, _mm512_set1_ps(0.5f));
}

// The exact GELU.
inline __m512 gelu(__m512 x) { return _mm512_mul_ps(x, normalShare(x)); }

// The largest of a row's first n numbers, in every place; the row has room for whole vectors, and what is behind becomes `least`.
inline __m512 largestOf(float* x, int n, float least) {
  const int whole = roundUp(n, LANES);
  std::fill(x + n, x + whole, least);
  __m512 most = _mm512_loadu_ps(x);
  for (int i = LANES; i < whole; i += LANES) most = _mm512_max_ps(most, _mm512_loadu_ps(x + i));
  return _mm512_set1_ps(_mm512_reduce_max_ps(most));
}

// Softmax of the first n numbers of a row that has room for whole vectors; what is behind them becomes next to nothing.
inline void softmaxRow(float* x, int n) {
  const int whole = roundUp(n, LANES);
  const __m512 most = largestOf(x, n, -INFINITY);
  __m512 sum = _mm512_setzero_ps();
  for (int i = 0; i < whole; i += LANES) {
    const __m512 e = exponential(_mm512_sub_ps(_mm512_loadu_ps(x + i), most));
    sum = _mm512_add_ps(sum, e);
    _mm512_storeu_ps(x + i, e);
  }
  const __m512 share = _mm512_set1_ps(1 / _mm512_reduce_add_ps(sum));
  for (int i = 0; i < whole; i += LANES) _mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), share));
}

}  // namespace

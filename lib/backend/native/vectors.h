// Functions of vectors of 16 numbers, which are one of AVX-512's where the compiler may use them, else two of AVX2's.

#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "team.h"

namespace {

// Which of 16 numbers are meant, a bit for each.
using Which = uint16_t;

// The first `count`: none below 1, and all from 16 on.
inline Which firstOf(int count) { return count >= 16 ? 0xffff : count > 0 ? (1 << count) - 1 : 0; }

}  // namespace

#ifdef __AVX512F__
#include "vectors_avx512.h"
#else
#include "vectors_avx2.h"
#endif

namespace {

// A tile of a product is 12 rows of two vectors: 24 sums, which with the factors fill the 32 registers of AVX-512.
constexpr int TILE_ROWS = 12, LANES = 16, TILE_COLUMNS = 2 * LANES;
// Tiles are written with constant indices, without which compilers keep the sums in memory.
using TileRows = std::make_integer_sequence<int, TILE_ROWS>;

// A row's mean, and one over its standard deviation.
struct Spread {
  Floats mean;
  float scale;

  // 16 of its numbers, normalised.
  Floats unit(const float* x) const { return (load(x) - mean) * floats(scale); }
};

inline Spread spreadOf(const float* x, int width) {
  Floats sum = floats(0), squares = sum;
  for (int i = 0; i < width; i += LANES) sum = sum + load(x + i);
  const Floats mean = floats(sumOf(sum) / width);
  for (int i = 0; i < width; i += LANES) {
    const Floats centred = load(x + i) - mean;
    squares = fma(centred, centred, squares);
  }
  return {mean, 1 / std::sqrt(sumOf(squares) / width + 1e-5f)};
}

// e to the x; the polynomial is that of the Cephes library. What is no number stays so: `most()` gives its second number then.
inline Floats exponential(Floats x) {
  x = most(floats(-87), x);
  const Floats power = rounded(x * floats(1.44269504f));
  Floats rest = fnma(power, floats(0.693359375f), x);
  rest = fnma(power, floats(-2.12194440e-4f), rest);
  Floats y = floats(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 0.5f, 1.f, 1.f}) y = fma(y, rest, floats(c));
  return timesPower(y, power);
}

// (1 + erf(x / sqrt 2)) / 2, the share of a normal distribution below x; erf as in Abramowitz and Stegun, 7.1.26, within 1.5e-7.
inline Floats normalShare(Floats x) {
  const Floats one = floats(1), z = positive(x * floats(0.70710678f));
  const Floats t = one / fma(z, floats(0.3275911f), one);
  Floats y = floats(1.061405429f);
  for (float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f, 0.f}) y = fma(y, t, floats(c));
  const Floats tail = y * exponential(z * (floats(0) - z));  // 1 - erf z
  return whereNegative(x, tail, floats(2) - tail) * floats(0.5f);
}

// The exact GELU.
inline Floats gelu(Floats x) { return x * normalShare(x); }

// The largest of a row's first n numbers, in every place; the row has room for whole vectors, and what is behind becomes `least`.
inline Floats largestOf(float* x, int n, float least) {
  const int whole = roundUp(n, LANES);
  std::fill(x + n, x + whole, least);
  Floats largest = load(x);
  for (int i = LANES; i < whole; i += LANES) largest = most(largest, load(x + i));
  return floats(mostOf(largest));
}

// Softmax of the first n numbers of a row that has room for whole vectors; what is behind them becomes next to nothing.
inline void softmaxRow(float* x, int n) {
  const int whole = roundUp(n, LANES);
  const Floats largest = largestOf(x, n, -INFINITY);
  Floats sum = floats(0);
  for (int i = 0; i < whole; i += LANES) {
    const Floats e = exponential(load(x + i) - largest);
    sum = sum + e;
    store(x + i, e);
  }
  const Floats share = floats(1 / sumOf(sum));
  for (int i = 0; i < whole; i += LANES) store(x + i, load(x + i) * share);
}

}  // namespace

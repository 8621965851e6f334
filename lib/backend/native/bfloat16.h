// Matrix products in bfloat16 with sums in float32 (AVX-512 BF16), and the layouts that they take.

#pragma once

#include <cstring>

#include "vectors.h"

namespace {

// A factor of a product is made of pairs of bfloat16, two neighbours along the axis that is summed over, in one of three layouts:
//   rows     [rows, axis], which for the processor are [rows, axis / 2] pairs
//   columns  [columns / 32, axis / 2, 32] pairs: what is on the right of a product
//   strips   [rows / 12, axis / 2, 12] pairs: rows on the left whose axis is that of the numbers' own rows
using Half = uint16_t;
using Pair = uint32_t;

// Rows of this width begin this far from each other: multiples of a page would all compete for the same lines of the cache.
size_t strideOf(int width) { return width % 512 == 0 ? width + TILE_COLUMNS : width; }

__m512 widen(__m256i halves) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16)); }

__m512 load(const Half* x) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }

// 32 numbers, rounded.
void store(Half* to, __m512 left, __m512 right) { _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(right, left)); }

void store(Half* to, __m512 x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(x)); }

// Rows of numbers, rounded.
void roundRow(const float* x, int width, Half* to) {
  for (int i = 0; i < width; i += LANES) store(to + i, load(x + i));
}

// 16 pairs of two rows' numbers; there may be no second row, or none.
__m512i pairUp(const Half* even, const Half* odd) {
  if (!even) return _mm512_setzero_si512();
  const auto wide = [](const Half* x) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); };
  return odd ? _mm512_or_si512(wide(even), _mm512_slli_epi32(wide(odd), 16)) : wide(even);
}

// Lays out [rows, width] for products that sum over rows: columns (`panel` 32) or strips (12) of `pairs`, of which these rows,
// padded by zeros to a multiple of `room`, become those from `first` on. Reads up to a vector behind each row.
template <int panel, int room = 2>
void layOut(const Half* x, size_t stride, int rows, int width, Pair* to, size_t pairs, int first) {
  constexpr __mmask16 whole = panel < LANES ? (1 << panel) - 1 : 0xffff;
  for (int r = 0; r < roundUp(rows, room); r += 2) {
    const Half *even = r < rows ? x + r * stride : nullptr, *odd = r + 1 < rows ? even + stride : nullptr;
    Pair* out = to + (first + r / 2) * static_cast<size_t>(panel);
    for (int i = 0; i < width; i += panel, out += pairs * panel) {
      for (int j = 0; j < panel; j += LANES)
        _mm512_mask_storeu_epi32(out + j, whole, pairUp(even ? even + i + j : nullptr, odd ? odd + i + j : nullptr));
    }
  }
}

// Lays out rows [n, width] as columns, one a row, for products that sum over `width`; columns behind them are 0.
void turn(const Half* x, size_t stride, int n, int width, Pair* to) {
  const int pairs = width / 2, room = roundUp(n, TILE_COLUMNS);
  for (int r = 0; r < room; r++) {
    Pair* out = to + static_cast<size_t>(r / TILE_COLUMNS) * pairs * TILE_COLUMNS + r % TILE_COLUMNS;
    const Half* row = x + r * stride;
    for (int k = 0; k < pairs; k++) {
      if (r < n) std::memcpy(out + k * TILE_COLUMNS, row + 2 * k, sizeof(Pair));
      else out[k * TILE_COLUMNS] = 0;
    }
  }
}

template <bool strips, int... I>
inline void multiplyTile(const Pair* a, size_t stride, const Pair* b, int pairs, float* to, std::integer_sequence<int, I...>) {
  __m512 left[] = {(void(I), _mm512_setzero_ps())...}, right[] = {(void(I), _mm512_setzero_ps())...};
  for (int k = 0; k < pairs; k++, a += strips ? TILE_ROWS : 1, b += TILE_COLUMNS) {
    const __m512bh b0 = (__m512bh)_mm512_load_si512(b), b1 = (__m512bh)_mm512_load_si512(b + LANES);
    (
        [&] {
          const __m512bh one = (__m512bh)_mm512_set1_epi32(a[strips ? I : I * stride]);
          left[I] = _mm512_dpbf16_ps(left[I], one, b0);
          right[I] = _mm512_dpbf16_ps(right[I], one, b1);
        }(),
        ...);
  }
  (_mm512_store_ps(to + I * TILE_COLUMNS, left[I]), ...);
  (_mm512_store_ps(to + I * TILE_COLUMNS + LANES, right[I]), ...);
}

struct Shape {
  int rows, axis, columns;
};

// a * b, handed to `take(row, column, left, right)` by 32 columns of a row. Reads whole tiles of rows, even where there are
// fewer.
template <bool strips, class Take>
void multiply(const Pair* a, size_t stride, const Pair* b, Shape shape, const Take& take) {
  const int rows = shape.rows, pairs = parts(shape.axis, 2);
  alignas(64) float tile[TILE_ROWS * TILE_COLUMNS];
  for (int column = 0; column < shape.columns; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += TILE_ROWS) {
      multiplyTile<strips>(a + row * (strips ? pairs : stride), stride, b + static_cast<size_t>(column) * pairs, pairs, tile,
                           TileRows{});
      for (int r = row; r < std::min(row + TILE_ROWS, rows); r++) {
        const float* sums = tile + (r - row) * TILE_COLUMNS;
        take(r, column, _mm512_load_ps(sums), _mm512_load_ps(sums + LANES));
      }
    }
  }
}

// The same for rows of numbers on the left.
template <class Take>
void multiplyRows(const Half* a, size_t stride, const Pair* b, Shape shape, const Take& take) {
  multiply<false>(reinterpret_cast<const Pair*>(a), stride / 2, b, shape, take);
}

// What takes a product to rows of halves, `stride` from each other.
auto intoHalves(Half* to, size_t stride) {
  return [=](int r, int c, __m512 left, __m512 right) { store(to + r * stride + c, left, right); };
}

// The same for rows of `width`, behind which something else begins.
auto intoHalves(Half* to, size_t stride, int width) {
  return [=](int r, int c, __m512 left, __m512 right) {
    const __mmask32 inside = width - c < TILE_COLUMNS ? (1u << (width - c)) - 1 : ~0u;
    _mm512_mask_storeu_epi16(to + r * stride + c, inside, (__m512i)_mm512_cvtne2ps_pbh(right, left));
  };
}

}  // namespace

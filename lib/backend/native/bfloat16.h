// Numbers of matrix products in bfloat16, with sums in float32 (AVX-512 BF16), for products.h.

#pragma once

#include <cstring>

#include "vectors.h"

namespace {

using Number = uint16_t;
// Two neighbours along the axis that a product sums over.
using Cell = uint32_t;
// Numbers a cell, rows of a product's tile, and columns that lie beside each other.
constexpr int DEEP = 2, ROWS = TILE_ROWS, WIDE = TILE_COLUMNS;

Floats widen(__m256i halves) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16)); }

Floats load(const Number* x) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }

// 32 numbers, rounded.
void store(Number* to, Floats left, Floats right) { _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(right, left)); }

void store(Number* to, Floats x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(x)); }

// The first `count` of 32 numbers, or all where it is more.
void storeFirst(Number* to, int count, Floats left, Floats right) {
  const __mmask32 inside = count < TILE_COLUMNS ? (1u << count) - 1 : ~0u;
  _mm512_mask_storeu_epi16(to, inside, (__m512i)_mm512_cvtne2ps_pbh(right, left));
}

// 16 pairs of two rows' numbers; there may be no second row, or none.
__m512i pairUp(const Number* even, const Number* odd) {
  if (!even) return _mm512_setzero_si512();
  const auto wide = [](const Number* x) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); };
  return odd ? _mm512_or_si512(wide(even), _mm512_slli_epi32(wide(odd), 16)) : wide(even);
}

// Lays out [rows, width] for products that sum over rows: columns (`panel` 32) or strips (12) of `cells`, of which these rows,
// padded by zeros to a multiple of `room`, become those from `first` on. Reads up to a vector behind each row.
template <int panel, int room = DEEP>
void layOut(const Number* x, size_t stride, int rows, int width, Cell* to, size_t cells, int first) {
  constexpr __mmask16 whole = panel < LANES ? (1 << panel) - 1 : 0xffff;
  for (int r = 0; r < roundUp(rows, room); r += 2) {
    const Number *even = r < rows ? x + r * stride : nullptr, *odd = r + 1 < rows ? even + stride : nullptr;
    Cell* out = to + (first + r / 2) * static_cast<size_t>(panel);
    for (int i = 0; i < width; i += panel, out += cells * panel) {
      for (int j = 0; j < panel; j += LANES)
        _mm512_mask_storeu_epi32(out + j, whole, pairUp(even ? even + i + j : nullptr, odd ? odd + i + j : nullptr));
    }
  }
}

// Puts 32 weights of two outputs, an even one and the next, into columns of outputs, and each 16 into columns of inputs.
void packTwo(Floats left, Floats right, Floats nextLeft, Floats nextRight, Cell* ofOutputs, Cell* const (&ofInputs)[2]) {
  alignas(64) Number rows[2][TILE_COLUMNS];
  store(rows[0], left, right);
  store(rows[1], nextLeft, nextRight);
  for (int i : {0, 1}) _mm512_store_si512(ofInputs[i], pairUp(rows[0] + i * LANES, rows[1] + i * LANES));
  for (int j = 0; j < LANES; j++, ofOutputs += WIDE) {
    std::memcpy(ofOutputs, rows[0] + 2 * j, sizeof(Cell));
    std::memcpy(ofOutputs + 1, rows[1] + 2 * j, sizeof(Cell));
  }
}

template <bool strips, int... I>
inline void multiplyTile(const Cell* a, size_t stride, const Cell* b, int cells, float* to, std::integer_sequence<int, I...>) {
  Floats left[] = {(void(I), floats(0))...}, right[] = {(void(I), floats(0))...};
  for (int k = 0; k < cells; k++, a += strips ? ROWS : 1, b += TILE_COLUMNS) {
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

// a * b, handed to `take(row, column, left, right)` by 32 columns of a row. Reads whole tiles of rows, even where there are
// fewer.
template <bool strips, class Take>
void multiply(const Cell* a, size_t stride, const Cell* b, Shape shape, const Take& take) {
  const int rows = shape.rows, cells = parts(shape.axis, DEEP);
  alignas(64) float tile[ROWS * TILE_COLUMNS];
  for (int column = 0; column < shape.columns; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += ROWS) {
      multiplyTile<strips>(a + row * (strips ? cells : stride), stride, b + static_cast<size_t>(column) * cells, cells, tile,
                           TileRows{});
      for (int r = row; r < std::min(row + ROWS, rows); r++) {
        const float* sums = tile + (r - row) * TILE_COLUMNS;
        take(r, column, load(sums), load(sums + LANES));
      }
    }
  }
}

// A row of cells, each number of which is added to the sum at its place.
Floats addCells(Floats sum, const Cell* cells, Which which) {
  const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
  return _mm512_dpbf16_ps(sum, ones, (__m512bh)_mm512_maskz_loadu_epi32(which, cells));
}

}  // namespace

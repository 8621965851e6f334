// Numbers of matrix products in float32 (AVX-512 or AVX2, to the same bits), for products.h.

#pragma once

#include <cstring>

#include "vectors.h"

namespace {

using Number = float;
using Cell = float;

// A tile of a product is rows of two registers, which with the factors fill the 32 of AVX-512 or the 16 of AVX2.
#ifdef __AVX512F__
using Register = __m512;
constexpr int ROWS = TILE_ROWS;
inline Register loadWhole(const float* x) { return _mm512_load_ps(x); }
inline void storeWhole(float* to, Register x) { _mm512_store_ps(to, x); }
inline Register everywhere(const float* x) { return _mm512_set1_ps(*x); }
#else
using Register = __m256;
constexpr int ROWS = 6;
inline Register loadWhole(const float* x) { return _mm256_load_ps(x); }
inline void storeWhole(float* to, Register x) { _mm256_store_ps(to, x); }
inline Register everywhere(const float* x) { return _mm256_broadcast_ss(x); }
inline Register fma(Register a, Register b, Register c) { return _mm256_fmadd_ps(a, b, c); }
#endif

// Numbers a cell, numbers a register, and columns that lie beside each other.
constexpr int DEEP = 1, ACROSS = sizeof(Register) / sizeof(float), WIDE = 2 * ACROSS;
// A product goes through rows, columns and axis by blocks of so many, so that what it reads again is still in the cache.
constexpr int ROW_BLOCK = 96, COLUMN_BLOCK = 128, AXIS_BLOCK = 384;

void store(Number* to, Floats left, Floats right) { store(to, left), store(to + LANES, right); }

// The first `count` of 32 numbers, or all where it is more.
void storeFirst(Number* to, int count, Floats left, Floats right) {
  storeOnly(to, firstOf(count), left);
  storeOnly(to + LANES, firstOf(count - LANES), right);
}

// Lays out [rows, width] for products that sum over rows: columns (`panel` WIDE) or strips (ROWS) of `cells`, of which these rows become
// those from `first` on. Reads up to a vector behind each row.
template <int panel, int room = DEEP>
void layOut(const Number* x, size_t stride, int rows, int width, Cell* to, size_t cells, int first) {
  for (int r = 0; r < rows; r++, x += stride) {
    Cell* out = to + (first + r) * static_cast<size_t>(panel);
    for (int i = 0; i < width; i += panel, out += cells * panel) std::memcpy(out, x + i, panel * sizeof(Cell));
  }
}

// Puts 32 weights of two outputs, an even one and the next, into columns of outputs, and each 16 into columns of inputs.
void packTwo(Floats left, Floats right, Floats nextLeft, Floats nextRight, Cell* ofOutputs, Cell* const (&ofInputs)[2]) {
  alignas(64) Number rows[2][TILE_COLUMNS];
  store(ofInputs[0], left), store(ofInputs[0] + WIDE, nextLeft);
  store(ofInputs[1], right), store(ofInputs[1] + WIDE, nextRight);
  store(rows[0], left, right);
  store(rows[1], nextLeft, nextRight);
  for (int j = 0; j < TILE_COLUMNS; j++, ofOutputs += WIDE) ofOutputs[0] = rows[0][j], ofOutputs[1] = rows[1][j];
}

// A tile, to rows of 32 sums, which begin at 0 or where they are.
template <bool strips, int... I>
inline void multiplyTile(const Cell* a, size_t stride, const Cell* b, int cells, float* to, bool goesOn,
                         std::integer_sequence<int, I...>) {
  Register left[] = {(void(I), Register{})...}, right[] = {(void(I), Register{})...};
  if (goesOn) ((left[I] = loadWhole(to + I * TILE_COLUMNS), right[I] = loadWhole(to + I * TILE_COLUMNS + ACROSS)), ...);
  for (int k = 0; k < cells; k++, a += strips ? ROWS : 1, b += WIDE) {
    const Register b0 = loadWhole(b), b1 = loadWhole(b + ACROSS);
    (
        [&] {
          const Register one = everywhere(a + (strips ? I : I * stride));
          left[I] = fma(one, b0, left[I]);
          right[I] = fma(one, b1, right[I]);
        }(),
        ...);
  }
  (storeWhole(to + I * TILE_COLUMNS, left[I]), ...);
  (storeWhole(to + I * TILE_COLUMNS + ACROSS, right[I]), ...);
}

// Rows times 32 columns along some of the axis, `step` cells from row to row, to rows of 32 sums.
template <bool strips>
void multiplyBlock(const Cell* a, size_t step, const Cell* b, size_t nextColumns, Shape shape, float* to, bool goesOn) {
  for (int half = 0; half < std::min(TILE_COLUMNS, shape.columns); half += WIDE, b += nextColumns) {
    for (int row = 0; row < shape.rows; row += ROWS) {
      multiplyTile<strips>(a + row * step, step, b, shape.axis, to + row * TILE_COLUMNS + half, goesOn,
                           std::make_integer_sequence<int, ROWS>{});
    }
  }
}

// a * b, handed to `take(row, column, left, right)` by 32 columns of a row. Reads whole tiles of rows, even where there are
// fewer. Each sum goes along the axis cell after cell, whatever the blocks.
template <bool strips, class Take>
void multiply(const Cell* a, size_t stride, const Cell* b, Shape shape, const Take& take) {
  const int cells = shape.axis;
  const size_t step = strips ? cells : stride;
  alignas(64) float sums[ROW_BLOCK * COLUMN_BLOCK];
  for (int top = 0; top < shape.rows; top += ROW_BLOCK) {
    const int bottom = std::min(top + ROW_BLOCK, shape.rows);
    for (int near = 0; near < shape.columns; near += COLUMN_BLOCK) {
      const int far = std::min(near + COLUMN_BLOCK, shape.columns);
      for (int first = 0; first < cells; first += AXIS_BLOCK) {
        const int end = std::min(first + AXIS_BLOCK, cells);
        for (int column = near; column < far; column += TILE_COLUMNS) {
          float* const block = sums + (column - near) * ROW_BLOCK;
          const Cell* const columns = b + static_cast<size_t>(column) * cells + first * WIDE;
          multiplyBlock<strips>(a + top * step + first * (strips ? ROWS : 1), step, columns, static_cast<size_t>(cells) * WIDE,
                                {bottom - top, end - first, far - column}, block, first > 0);
          for (int r = top; end == cells && r < bottom; r++) {
            const float* row = block + (r - top) * TILE_COLUMNS;
            take(r, column, load(row), load(row + LANES));
          }
        }
      }
    }
  }
}

// A row of cells, each number of which is added to the sum at its place.
Floats addCells(Floats sum, const Cell* cells, Which which) { return sum + loadOnly(which, cells); }

}  // namespace

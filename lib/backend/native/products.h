// Matrix products with sums in float32, and the layouts that they take: in bfloat16, or in float32 where FLOAT32 is defined.

#pragma once

#include <cstring>

#include "vectors.h"

namespace {

// A factor of a product is made of cells, in one of three layouts:
//   rows     [rows, axis], which for the processor are [rows, axis / DEEP] cells
//   columns  [columns / WIDE, axis / DEEP, WIDE] cells: what is on the right of a product
//   strips   [rows / ROWS, axis / DEEP, ROWS] cells: rows on the left whose axis is that of the numbers' own rows
struct Shape {
  int rows, axis, columns;
};

}  // namespace

#ifdef FLOAT32
#include "float32.h"
#else
#include "bfloat16.h"
#endif

namespace {

// Rows of this width begin this far from each other: multiples of a page would all compete for the same lines of the cache.
size_t strideOf(int width) { return width % 512 == 0 ? width + TILE_COLUMNS : width; }

// Rows of numbers, rounded.
void roundRow(const float* x, int width, Number* to) {
  for (int i = 0; i < width; i += LANES) store(to + i, load(x + i));
}

// One cell of columns that have so many.
inline Cell* cellAt(Cell* columns, int cells, int column, int cell) {
  return columns + (static_cast<size_t>(column / WIDE) * cells + cell) * WIDE + column % WIDE;
}

// Lays out rows [n, width] as columns, one a row, for products that sum over `width`; columns behind them are 0.
void turn(const Number* x, size_t stride, int n, int width, Cell* to) {
  const int cells = width / DEEP, room = roundUp(n, TILE_COLUMNS);
  for (int r = 0; r < room; r++) {
    Cell* out = cellAt(to, cells, r, 0);
    const Number* row = x + r * stride;
    for (int k = 0; k < cells; k++) {
      if (r < n) std::memcpy(out + k * WIDE, row + DEEP * k, sizeof(Cell));
      else out[k * WIDE] = 0;
    }
  }
}

// `multiply()` for rows of numbers on the left.
template <class Take>
void multiplyRows(const Number* a, size_t stride, const Cell* b, Shape shape, const Take& take) {
  multiply<false>(reinterpret_cast<const Cell*>(a), stride / DEEP, b, shape, take);
}

// What takes a product to rows of numbers, `stride` from each other.
auto intoNumbers(Number* to, size_t stride) {
  return [=](int r, int c, Floats left, Floats right) { store(to + r * stride + c, left, right); };
}

// The same for rows of `width`, behind which something else begins.
auto intoNumbers(Number* to, size_t stride, int width) {
  return [=](int r, int c, Floats left, Floats right) { storeFirst(to + r * stride + c, width - c, left, right); };
}

}  // namespace

// The products of a linear layer, by vectors, or where AMX_TILES is defined by AMX's tiles of bfloat16: those of rows, forward and back, and
// those that sum over a batch's rows, of which a weight's gradient is one. AMX sums even and odd places apart, so that its last digits are
// others.

#pragma once

#include "cpu.h"
#include "products.h"

namespace {

#ifndef AMX_TILES

// Rows that go through a chain of layers together, and rows of a weight whose gradient is one item of work: whole tiles, and even numbers,
// as sums over rows take them in cells. More in float32, as a weight of twice the bytes goes through the cache once for each.
constexpr int PANEL = (DEEP == 1 ? 6 : 3) * TILE_ROWS, STRIP = (DEEP == 1 ? 8 : 4) * TILE_ROWS;
// Rows that a product reads at a time, and to a multiple of what a batch's rows are filled up with zeros.
constexpr int READ_ROWS = ROWS, BATCH_ROWS = DEEP;

// What a thread needs for its products.
struct Tiles {
  Tiles() {}
};

// Whether the CPU has what the products are made by.
#if !defined(FLOAT32)
inline bool productsAllowed() { return hasBfloat16(); }
#elif defined(__AVX512F__)
inline bool productsAllowed() { return hasAvx512(); }
#else
inline bool productsAllowed() { return hasAvx2(); }
#endif

// Puts a panel's rows of a gradient where the product over the batch's rows finds them.
void keepTurned(const Number* dy, size_t stride, int rows, int width, Cell* to, size_t cells, int first) {
  layOut<ROWS>(dy, stride, rows, width, to, cells, first / DEEP);
}

// Rows of halves times columns.
template <class Take>
void multiplyPanel(const Number* a, size_t stride, const Cell* b, Shape shape, const Take& take) {
  multiplyRows(a, stride, b, shape, take);
}

// What `keepTurned()` kept of some outputs, times columns of the same rows.
template <class Take>
void multiplyTurned(const Cell* a, const Cell* b, Shape shape, const Take& take) {
  multiply<true>(a, 0, b, shape, take);
}

// The sum over the batch's rows for some outputs.
void sumTurned(const Cell* a, int count, int batchRows, float* sums) {
  const int cells = parts(batchRows, DEEP);
  for (int strip = 0; strip < count; strip += ROWS) {
    Floats sum = floats(0);
    const Cell* cell = a + static_cast<size_t>(strip) * cells;
    for (int k = 0; k < cells; k++, cell += ROWS) sum = addCells(sum, cell, firstOf(ROWS));
    storeOnly(sums + strip, firstOf(std::min(ROWS, count - strip)), sum);
  }
}

#else

}  // namespace

#include "amx.h"

namespace {

// As above. A weight goes through the cache once for each panel, so that panels are larger where products are faster.
constexpr int PANEL = 96, STRIP = 64;
constexpr int READ_ROWS = AMX_ROWS, BATCH_ROWS = 32;

// The tiles of the calling thread.
class Tiles {
 public:
  Tiles() { openTiles(); }
  ~Tiles() { closeTiles(); }
  Tiles(const Tiles&) = delete;
};

// Whether the CPU multiplies tiles of bfloat16, and this process may have it do so.
inline bool productsAllowed() { return hasBfloat16() && hasBfloat16Tiles() && amxAllowed(); }

// 32 rows times 32 columns, to [32, 32] sums; the axis is a multiple of 32.
inline void multiplyTile32(const Number* a, size_t stride, const Cell* b, int axis, float* to) {
  constexpr size_t ROW = TILE_COLUMNS * sizeof(float), HALF = 16;
  asm volatile("" ::: "memory");  // GCC does not know that loads of tiles read what was written before
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int k = 0; k < axis; k += 32, a += 32, b += 16 * TILE_COLUMNS) {
    _tile_loadd(4, a, stride * sizeof(Number));
    _tile_loadd(6, b, ROW);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + LANES, ROW);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + HALF * stride, stride * sizeof(Number));
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, to, ROW);
  _tile_stored(1, to + LANES, ROW);
  _tile_stored(2, to + HALF * TILE_COLUMNS, ROW);
  _tile_stored(3, to + HALF * TILE_COLUMNS + LANES, ROW);
}

template <class Take>
void multiplyPanel(const Number* a, size_t stride, const Cell* b, Shape shape, const Take& take) {
  const int rows = shape.rows;
  alignas(64) float tile[AMX_ROWS * TILE_COLUMNS];
  for (int column = 0; column < shape.columns; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += AMX_ROWS) {
      multiplyTile32(a + row * stride, stride, b + static_cast<size_t>(column) * shape.axis / 2, shape.axis, tile);
      for (int r = row; r < std::min(row + AMX_ROWS, rows); r++) {
        const float* sums = tile + (r - row) * TILE_COLUMNS;
        take(r, column, load(sums), load(sums + LANES));
      }
    }
  }
}

// Turns 16 vectors of 16 cells about the diagonal.
inline void transpose(__m512i (&x)[16]) {
  __m512i y[16];
  for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; j++) {
      x[i + 2 * j] = _mm512_unpacklo_epi64(y[i + j], y[i + j + 2]);
      x[i + 2 * j + 1] = _mm512_unpackhi_epi64(y[i + j], y[i + j + 2]);
    }
  }
  // Each vector holds four columns of four rows, one in each quarter.
  for (int j = 0; j < 4; j++) {
    y[j] = _mm512_shuffle_i32x4(x[j], x[j + 4], 0x88);
    y[j + 4] = _mm512_shuffle_i32x4(x[j], x[j + 4], 0xdd);
    y[j + 8] = _mm512_shuffle_i32x4(x[j + 8], x[j + 12], 0x88);
    y[j + 12] = _mm512_shuffle_i32x4(x[j + 8], x[j + 12], 0xdd);
  }
  for (int j = 0; j < 4; j++) {
    x[j] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0x88);
    x[j + 8] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0xdd);
    x[j + 4] = _mm512_shuffle_i32x4(y[j + 4], y[j + 12], 0x88);
    x[j + 12] = _mm512_shuffle_i32x4(y[j + 4], y[j + 12], 0xdd);
  }
}

// To rows of outputs, [width, 2 * cells]; a multiple of 32 rows is written.
inline void keepTurned(const Number* dy, size_t stride, int rows, int width, Cell* to, size_t cells, int first) {
  for (int r = 0; r < rows; r += 32) {
    for (int i = 0; i < width; i += LANES) {
      __m512i block[16];
      for (int k = 0; k < 16; k++) {
        const int row = r + 2 * k;
        const Number* even = dy + row * stride + i;
        block[k] = row >= rows ? _mm512_setzero_si512() : pairUp(even, row + 1 < rows ? even + stride : nullptr);
      }
      transpose(block);
      for (int k = 0; k < 16; k++) _mm512_storeu_si512(to + (i + k) * cells + (first + r) / 2, block[k]);
    }
  }
}

template <class Take>
void multiplyTurned(const Cell* a, const Cell* b, Shape shape, const Take& take) {
  const int axis = roundUp(shape.axis, BATCH_ROWS);
  multiplyPanel(reinterpret_cast<const Number*>(a), axis, b, {shape.rows, axis, shape.columns}, take);
}

inline void sumTurned(const Cell* a, int count, int batchRows, float* sums) {
  const size_t cells = roundUp(batchRows, BATCH_ROWS) / 2;
  for (int i = 0; i < count; i++, a += cells) {
    Floats sum = floats(0);
    for (size_t k = 0; k < cells; k += LANES) sum = addCells(sum, a + k, firstOf(LANES));
    sums[i] = sumOf(sum);
  }
}

#endif

}  // namespace

// The products of a linear layer, by AVX-512's pairs of bfloat16, or where AMX_TILES is defined by AMX's tiles: those of rows, forward and
// back, and those that sum over a batch's rows, of which a weight's gradient is one. AMX sums even and odd places apart, so that its last
// digits are others.

#pragma once

#include "bfloat16.h"

namespace {

#ifndef AMX_TILES

// Rows that go through a chain of layers together: whole tiles, and an even number, as sums over rows take them in pairs.
constexpr int PANEL = 3 * TILE_ROWS;
// Rows of a weight whose gradient is one item of work.
constexpr int STRIP = 4 * TILE_ROWS;
// Rows that a product reads at a time, and to a multiple of what a batch's rows are filled up with zeros.
constexpr int READ_ROWS = TILE_ROWS, BATCH_ROWS = 2;

// What a thread needs for its products.
struct Tiles {
  Tiles() {}
};

inline bool tilesAllowed() { return true; }

// Puts a panel's rows of a gradient where the product over the batch's rows finds them.
void keepTurned(const Half* dy, size_t stride, int rows, int width, Pair* to, size_t pairs, int first) {
  layOut<TILE_ROWS>(dy, stride, rows, width, to, pairs, first / 2);
}

// Rows of halves times columns.
template <class Take>
void multiplyPanel(const Half* a, size_t stride, const Pair* b, Shape shape, const Take& take) {
  multiplyRows(a, stride, b, shape, take);
}

// What `keepTurned()` kept of some outputs, times columns of the same rows.
template <class Take>
void multiplyTurned(const Pair* a, const Pair* b, Shape shape, const Take& take) {
  multiply<true>(a, 0, b, shape, take);
}

// The sum over the batch's rows for some outputs.
void sumTurned(const Pair* a, int count, int batchRows, float* sums) {
  const int pairs = parts(batchRows, 2);
  const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
  for (int strip = 0; strip < count; strip += TILE_ROWS) {
    __m512 sum = _mm512_setzero_ps();
    const Pair* pair = a + static_cast<size_t>(strip) * pairs;
    for (int k = 0; k < pairs; k++, pair += TILE_ROWS)
      sum = _mm512_dpbf16_ps(sum, ones, (__m512bh)_mm512_maskz_loadu_epi32(0xfff, pair));
    const int few = std::min(TILE_ROWS, count - strip);
    _mm512_mask_storeu_ps(sums + strip, (1 << few) - 1, sum);
  }
}

#else

}  // namespace

#include "amx.h"
#include "cpu.h"

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
inline bool tilesAllowed() { return hasBfloat16Tiles() && amxAllowed(); }

// 32 rows times 32 columns, to [32, 32] sums; the axis is a multiple of 32.
inline void multiplyTile32(const Half* a, size_t stride, const Pair* b, int axis, float* to) {
  constexpr size_t ROW = TILE_COLUMNS * sizeof(float), HALF = 16;
  asm volatile("" ::: "memory");  // GCC does not know that loads of tiles read what was written before
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int k = 0; k < axis; k += 32, a += 32, b += 16 * TILE_COLUMNS) {
    _tile_loadd(4, a, stride * sizeof(Half));
    _tile_loadd(6, b, ROW);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + LANES, ROW);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + HALF * stride, stride * sizeof(Half));
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, to, ROW);
  _tile_stored(1, to + LANES, ROW);
  _tile_stored(2, to + HALF * TILE_COLUMNS, ROW);
  _tile_stored(3, to + HALF * TILE_COLUMNS + LANES, ROW);
}

template <class Take>
void multiplyPanel(const Half* a, size_t stride, const Pair* b, Shape shape, const Take& take) {
  const int rows = shape.rows;
  alignas(64) float tile[AMX_ROWS * TILE_COLUMNS];
  for (int column = 0; column < shape.columns; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += AMX_ROWS) {
      multiplyTile32(a + row * stride, stride, b + static_cast<size_t>(column) * shape.axis / 2, shape.axis, tile);
      for (int r = row; r < std::min(row + AMX_ROWS, rows); r++) {
        const float* sums = tile + (r - row) * TILE_COLUMNS;
        take(r, column, _mm512_load_ps(sums), _mm512_load_ps(sums + LANES));
      }
    }
  }
}

// Turns 16 vectors of 16 pairs about the diagonal.
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

// To rows of outputs, [width, 2 * pairs]; a multiple of 32 rows is written.
inline void keepTurned(const Half* dy, size_t stride, int rows, int width, Pair* to, size_t pairs, int first) {
  for (int r = 0; r < rows; r += 32) {
    for (int i = 0; i < width; i += LANES) {
      __m512i block[16];
      for (int k = 0; k < 16; k++) {
        const int row = r + 2 * k;
        const Half* even = dy + row * stride + i;
        block[k] = row >= rows ? _mm512_setzero_si512() : pairUp(even, row + 1 < rows ? even + stride : nullptr);
      }
      transpose(block);
      for (int k = 0; k < 16; k++) _mm512_storeu_si512(to + (i + k) * pairs + (first + r) / 2, block[k]);
    }
  }
}

template <class Take>
void multiplyTurned(const Pair* a, const Pair* b, Shape shape, const Take& take) {
  const int axis = roundUp(shape.axis, BATCH_ROWS);
  multiplyPanel(reinterpret_cast<const Half*>(a), axis, b, {shape.rows, axis, shape.columns}, take);
}

inline void sumTurned(const Pair* a, int count, int batchRows, float* sums) {
  const size_t pairs = roundUp(batchRows, BATCH_ROWS) / 2;
  const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
  for (int i = 0; i < count; i++, a += pairs) {
    __m512 sum = _mm512_setzero_ps();
    for (size_t k = 0; k < pairs; k += LANES) sum = _mm512_dpbf16_ps(sum, ones, (__m512bh)_mm512_loadu_si512(a + k));
    sums[i] = _mm512_reduce_add_ps(sum);
  }
}

#endif

}  // namespace

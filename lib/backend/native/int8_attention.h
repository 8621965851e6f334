// Attention in bytes, for int8.cc.
//
// Queries are rounded as rows of bytes, keys and values to int8 about their means: a part that all keys share moves no weight, and one
// that all values share comes out whole, since weights add up to 1. Weights are rounded to 16 bits, in two bytes. Sums are
// whole numbers; what lies between them is in float32.

#pragma once

#include "int8_parts.h"

namespace {

// What a thread works in with one head of one image: N tokens, K head width.
class HeadDesk {
 public:
  HeadDesk(int tokens, int width, ByteTiles tiles)
      : N(tokens),
        K(width),
        tiles_(tiles),
        inner_(tiles.inner(K)),
        room_(tiles.inner(N)),
        columns_(roundUp(N, TILE_COLUMNS)),
        queries_(zeros<uint8_t>(static_cast<size_t>(roundUp(N, tiles.rows())) * inner_)),
        keys_(zeros<int8_t>(static_cast<size_t>(columns_) * inner_)),
        values_(zeros<int8_t>(static_cast<size_t>(K) * room_)),
        high_(zeros<uint8_t>(static_cast<size_t>(tiles.rows()) * room_)),
        low_(zeros<uint8_t>(static_cast<size_t>(tiles.rows()) * room_)),
        scores_(zeros<float>(static_cast<size_t>(tiles.rows()) * columns_)),
        queryLow_(zeros<float>(N)),
        queryStep_(zeros<float>(N)),
        keyScale_(zeros<float>(columns_)),
        keySum_(zeros<float>(columns_)),
        mean_(zeros<float>(K)),
        valueScale_(zeros<float>(K)) {}

  // Queries, keys and values side by side, [N, 3K], to columns of mixed [N, D].
  void attend(const float* qkv, float* mixed, int D) {
    const size_t stride = 3 * static_cast<size_t>(K);
    for (int n = 0; n < N; n++) {
      const auto load = [&](int i) { return _mm512_loadu_ps(qkv + n * stride + i); };
      roundRow(load, K, queries_.get() + tiles_.start(n, inner_), tiles_.apart(), queryLow_[n], queryStep_[n]);
    }
    roundKeys(qkv + K, stride);
    roundValues(qkv + 2 * K, stride);
    for (int row = 0; row < N; row += tiles_.rows()) {
      const int rows = std::min(tiles_.rows(), N - row);
      compare(row, rows);
      int32_t totals[AMX_ROWS];
      for (int r = 0; r < rows; r++) totals[r] = weigh(r);
      mix(mixed + static_cast<size_t>(row) * D, D, rows, totals);
    }
  }

 private:
  const int N, K;
  const ByteTiles tiles_;
  const int inner_, room_, columns_;
  const Buffer<uint8_t> queries_;         // [N, inner]
  const Buffer<int8_t> keys_, values_;    // [N / 32, inner / 4, 32, 4] and [K / 32, room / 4, 32, 4]
  const Buffer<uint8_t> high_, low_;      // the weights' bytes, [rows, room]
  const Buffer<float> scores_;            // [rows, columns]
  const Buffer<float> queryLow_, queryStep_, keyScale_, keySum_, mean_, valueScale_;
  alignas(64) int32_t sums_[2][AMX_ROWS * TILE_COLUMNS];

  template <class T>
  static Buffer<T> zeros(size_t count) {
    Buffer<T> all = allocate<T>(count);
    std::fill(all.get(), all.get() + count, T{});
    return all;
  }

  // The mean over tokens of 16 columns.
  __m512 meanOf(const float* x, size_t stride) const {
    __m512 sum = _mm512_setzero_ps();
    for (int n = 0; n < N; n++) sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + n * stride));
    return _mm512_mul_ps(sum, _mm512_set1_ps(1 / static_cast<float>(N)));
  }

  // Each token's, with a scale of its own that has attention's in it, and that of powers of two.
  void roundKeys(const float* x, size_t stride) {
    for (int k = 0; k < K; k += LANES) _mm512_store_ps(mean_.get() + k, meanOf(x + k, stride));
    const float scale = 1.44269504f / std::sqrt(static_cast<float>(K));
    for (int n = 0; n < N; n++) {
      const float* row = x + n * stride;
      __m512 largest = _mm512_setzero_ps();
      for (int k = 0; k < K; k += LANES) largest = _mm512_max_ps(largest, _mm512_abs_ps(apart(row, k)));
      const float most = _mm512_reduce_max_ps(largest);
      const __m512 inverse = _mm512_set1_ps(most > 0 ? 127 / most : 0);
      int8_t* to = keys_.get() + static_cast<size_t>(n / TILE_COLUMNS) * TILE_COLUMNS * inner_ + n % TILE_COLUMNS * 4;
      __m512i total = _mm512_setzero_si512();
      for (int k = 0; k < K; k += LANES) {
        const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(apart(row, k), inverse));
        total = _mm512_add_epi32(total, rounded);
        alignas(16) int8_t bytes[LANES];
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtsepi32_epi8(rounded));
        for (int i = 0; i < LANES; i += 4) std::memcpy(to + (k + i) * TILE_COLUMNS, bytes + i, 4);
      }
      keyScale_[n] = most / 127 * scale;
      keySum_[n] = static_cast<float>(_mm512_reduce_add_epi32(total));
    }
  }

  // 16 numbers of a row without the mean.
  __m512 apart(const float* row, int k) const { return _mm512_sub_ps(_mm512_loadu_ps(row + k), _mm512_load_ps(mean_.get() + k)); }

  // Each column's over all tokens, with a scale and a mean of its own.
  void roundValues(const float* x, size_t stride) {
    for (int k = 0; k < K; k += LANES) {
      const __m512 mean = meanOf(x + k, stride);
      __m512 most = _mm512_setzero_ps();
      for (int n = 0; n < N; n++) most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_sub_ps(_mm512_loadu_ps(x + n * stride + k), mean)));
      const __mmask16 any = _mm512_cmp_ps_mask(most, _mm512_setzero_ps(), _CMP_GT_OQ);
      const __m512 inverse = _mm512_maskz_div_ps(any, _mm512_set1_ps(127), most);
      _mm512_store_ps(mean_.get() + k, mean);
      _mm512_store_ps(valueScale_.get() + k, _mm512_mul_ps(most, _mm512_set1_ps(1.f / 127)));
      int8_t* to = values_.get() + static_cast<size_t>(k / TILE_COLUMNS) * TILE_COLUMNS * room_ + k % TILE_COLUMNS * 4;
      const __m512i byte = _mm512_set1_epi32(255);
      for (int n = 0; n < N; n += 4, to += 4 * TILE_COLUMNS) {
        __m512i four = _mm512_setzero_si512();
        for (int i = std::min(4, N - n) - 1; i >= 0; i--) {
          const __m512 from = _mm512_sub_ps(_mm512_loadu_ps(x + (n + i) * stride + k), mean);
          const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(from, inverse));
          four = _mm512_or_si512(_mm512_slli_epi32(four, 8), _mm512_and_si512(rounded, byte));
        }
        _mm512_store_si512(to, four);
      }
    }
  }

  // Queries' scores with all keys.
  void compare(int row, int rows) {
    for (int column = 0; column < columns_; column += TILE_COLUMNS) {
      tiles_.product(queries_.get() + tiles_.start(row, inner_), inner_,
                     keys_.get() + static_cast<size_t>(column) * inner_, sums_[0]);
      for (int j = 0; j < TILE_COLUMNS; j += LANES) {
        const __m512 sum = _mm512_load_ps(keySum_.get() + column + j), scale = _mm512_load_ps(keyScale_.get() + column + j);
        for (int r = 0; r < rows; r++) {
          const __m512 product = _mm512_cvtepi32_ps(_mm512_load_si512(sums_[0] + r * TILE_COLUMNS + j));
          const __m512 offset = _mm512_mul_ps(_mm512_set1_ps(queryLow_[row + r]), sum);
          const __m512 whole = _mm512_fmadd_ps(_mm512_set1_ps(queryStep_[row + r]), product, offset);
          _mm512_store_ps(scores_.get() + static_cast<size_t>(r) * columns_ + column + j, _mm512_mul_ps(whole, scale));
        }
      }
    }
  }

  // 65535 times 2 to the x, for x up to 0, in whole numbers; the polynomial is 2 to the x's series, within 3e-6.
  static __m512i powerOfTwo(__m512 x) {
    const __m512 whole = _mm512_roundscale_ps(x, 0), rest = _mm512_sub_ps(x, whole);
    __m512 y = _mm512_set1_ps(65535 * 1.33335581e-3f);
    for (float c : {9.61812911e-3f, 5.55041087e-2f, 2.40226507e-1f, 6.93147181e-1f, 1.f}) {
      y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(65535 * c));
    }
    return _mm512_cvtps_epi32(_mm512_scalef_ps(y, whole));
  }

  // A row of scores, in powers of two, to weights in 65535ths of the largest; gives their sum.
  int32_t weigh(int r) {
    float* x = scores_.get() + static_cast<size_t>(r) * columns_;
    uint8_t *high = high_.get() + tiles_.start(r, room_), *low = low_.get() + tiles_.start(r, room_);
    const int whole = roundUp(N, LANES);
    const __m512 most = largestOf(x, N, -1e30f);
    __m512i total = _mm512_setzero_si512();
    for (int i = 0; i < whole; i += LANES) {
      const __m512i weight = powerOfTwo(_mm512_sub_ps(_mm512_load_ps(x + i), most));
      total = _mm512_add_epi32(total, weight);
      const size_t place = i / PIECE * tiles_.apart() + i % PIECE;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(high + place), _mm512_cvtepi32_epi8(_mm512_srli_epi32(weight, 8)));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(low + place), _mm512_cvtepi32_epi8(weight));
    }
    return _mm512_reduce_add_epi32(total);
  }

  // The values' mean by their weights.
  void mix(float* mixed, int D, int rows, const int32_t* totals) {
    for (int column = 0; column < K; column += TILE_COLUMNS) {
      const int8_t* values = values_.get() + static_cast<size_t>(column) * room_;
      tiles_.product(high_.get(), room_, values, sums_[0]);
      tiles_.product(low_.get(), room_, values, sums_[1]);
      for (int j = 0; j < TILE_COLUMNS; j += LANES) {
        const __m512 scale = _mm512_load_ps(valueScale_.get() + column + j), mean = _mm512_load_ps(mean_.get() + column + j);
        for (int r = 0; r < rows; r++) {
          const __m512 high = _mm512_cvtepi32_ps(_mm512_load_si512(sums_[0] + r * TILE_COLUMNS + j));
          const __m512 low = _mm512_cvtepi32_ps(_mm512_load_si512(sums_[1] + r * TILE_COLUMNS + j));
          const __m512 sum = _mm512_fmadd_ps(high, _mm512_set1_ps(256), low);
          const __m512 share = _mm512_mul_ps(sum, _mm512_set1_ps(1 / static_cast<float>(totals[r])));
          _mm512_storeu_ps(mixed + static_cast<size_t>(r) * D + column + j, _mm512_fmadd_ps(share, scale, mean));
        }
      }
    }
  }
};

}  // namespace

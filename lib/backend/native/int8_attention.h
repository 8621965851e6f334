// Attention in bytes, for int8.h.
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
        queries_(zeros<Byte>(tiles.size(roundUp(N, tiles.rows()), inner_))),
        keys_(zeros<int8_t>(static_cast<size_t>(columns_) * inner_)),
        values_(zeros<int8_t>(static_cast<size_t>(K) * room_)),
        high_(zeros<Byte>(tiles.size(tiles.rows(), room_))),
        low_(zeros<Byte>(tiles.size(tiles.rows(), room_))),
        scores_(zeros<float>(static_cast<size_t>(tiles.rows()) * columns_)),
        queryLow_(zeros<float>(N)),
        queryStep_(zeros<float>(N)),
        keyScale_(zeros<float>(columns_)),
        keySum_(zeros<float>(columns_)),
        mean_(zeros<float>(K)),
        valueScale_(zeros<float>(K)),
        keyColumns_(columns_, inner_),
        valueColumns_(K, room_) {}

  // Queries, keys and values side by side, [N, 3K], to columns of mixed [N, D].
  void attend(const float* qkv, float* mixed, int D) {
    const size_t stride = 3 * static_cast<size_t>(K);
    for (int n = 0; n < N; n++) {
      const auto query = [&](int i) { return load(qkv + n * stride + i); };
      roundRow(query, K, queries_.get() + tiles_.start(n, inner_), tiles_.apart(), queryLow_[n], queryStep_[n]);
    }
    roundKeys(qkv + K, stride);
    roundValues(qkv + 2 * K, stride);
    keyColumns_.take(keys_.get(), columns_, inner_);
    valueColumns_.take(values_.get(), K, room_);
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
  const Buffer<Byte> queries_;            // [N, inner]
  const Buffer<int8_t> keys_, values_;    // [N / 32, inner / 4, 32, 4] and [K / 32, room / 4, 32, 4]
  const Buffer<Byte> high_, low_;         // the weights' bytes, [rows, room]
  const Buffer<float> scores_;            // [rows, columns]
  const Buffer<float> queryLow_, queryStep_, keyScale_, keySum_, mean_, valueScale_;
  Columns keyColumns_, valueColumns_;
  alignas(64) int32_t sums_[2][AMX_ROWS * TILE_COLUMNS];

  template <class T>
  static Buffer<T> zeros(size_t count) {
    Buffer<T> all = allocate<T>(count);
    std::fill(all.get(), all.get() + count, T{});
    return all;
  }

  // The mean over tokens of 16 columns.
  Floats meanOf(const float* x, size_t stride) const {
    Floats sum = floats(0);
    for (int n = 0; n < N; n++) sum = sum + load(x + n * stride);
    return sum * floats(1 / static_cast<float>(N));
  }

  // Each token's, with a scale of its own that has attention's in it, and that of powers of two.
  void roundKeys(const float* x, size_t stride) {
    for (int k = 0; k < K; k += LANES) store(mean_.get() + k, meanOf(x + k, stride));
    const float scale = 1.44269504f / std::sqrt(static_cast<float>(K));
    for (int n = 0; n < N; n++) {
      const float* row = x + n * stride;
      Floats largest = floats(0);
      for (int k = 0; k < K; k += LANES) largest = most(largest, positive(apart(row, k)));
      const float peak = mostOf(largest);
      const Floats inverse = floats(peak > 0 ? 127 / peak : 0);
      int8_t* to = keys_.get() + static_cast<size_t>(n / TILE_COLUMNS) * TILE_COLUMNS * inner_ + n % TILE_COLUMNS * 4;
      Ints total = ints(0);
      for (int k = 0; k < K; k += LANES) {
        const Ints whole = toInts(apart(row, k) * inverse);
        total = add(total, whole);
        alignas(16) int8_t bytes[LANES];
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes), lowBytes(whole));
        for (int i = 0; i < LANES; i += 4) std::memcpy(to + (k + i) * TILE_COLUMNS, bytes + i, 4);
      }
      keyScale_[n] = peak / 127 * scale;
      keySum_[n] = static_cast<float>(sumOf(total));
    }
  }

  // 16 numbers of a row without the mean.
  Floats apart(const float* row, int k) const { return load(row + k) - load(mean_.get() + k); }

  // Each column's over all tokens, with a scale and a mean of its own.
  void roundValues(const float* x, size_t stride) {
    for (int k = 0; k < K; k += LANES) {
      const Floats mean = meanOf(x + k, stride);
      Floats largest = floats(0);
      for (int n = 0; n < N; n++) largest = most(largest, positive(load(x + n * stride + k) - mean));
      const Floats inverse = floats(127) / most(largest, floats(1e-30f));  // values that are all alike come out as 0
      store(mean_.get() + k, mean);
      store(valueScale_.get() + k, largest * floats(1.f / 127));
      int8_t* to = values_.get() + static_cast<size_t>(k / TILE_COLUMNS) * TILE_COLUMNS * room_ + k % TILE_COLUMNS * 4;
      const Ints byte = ints(255);
      for (int n = 0; n < N; n += 4, to += 4 * TILE_COLUMNS) {
        Ints four = ints(0);
        for (int i = std::min(4, N - n) - 1; i >= 0; i--) {
          const Floats from = load(x + (n + i) * stride + k) - mean;
          const Ints whole = toInts(from * inverse);
          four = bitsOr(shiftLeft<8>(four), bitsAnd(whole, byte));
        }
        store(to, four);
      }
    }
  }

  // Queries' scores with all keys.
  void compare(int row, int rows) {
    for (int column = 0; column < columns_; column += TILE_COLUMNS) {
      tiles_.product(queries_.get() + tiles_.start(row, inner_), inner_,
                     keyColumns_.from(keys_.get(), column, inner_), sums_[0]);
      for (int j = 0; j < TILE_COLUMNS; j += LANES) {
        const Floats sum = load(keySum_.get() + column + j), scale = load(keyScale_.get() + column + j);
        for (int r = 0; r < rows; r++) {
          const Floats product = toFloats(load(sums_[0] + r * TILE_COLUMNS + j));
          const Floats offset = (floats(queryLow_[row + r]) * sum);
          const Floats whole = fma(floats(queryStep_[row + r]), product, offset);
          store(scores_.get() + static_cast<size_t>(r) * columns_ + column + j, (whole * scale));
        }
      }
    }
  }

  // 65535 times 2 to the x, for x up to 0, in whole numbers; the polynomial is 2 to the x's series, within 3e-6.
  static Ints powerOfTwo(Floats x) {
    const Floats whole = rounded(x), rest = x - whole;
    Floats y = floats(65535 * 1.33335581e-3f);
    for (float c : {9.61812911e-3f, 5.55041087e-2f, 2.40226507e-1f, 6.93147181e-1f, 1.f}) {
      y = fma(y, rest, floats(65535 * c));
    }
    return toInts(timesPower(y, whole));
  }

  // A row of scores, in powers of two, to weights in 65535ths of the largest; gives their sum.
  int32_t weigh(int r) {
    float* x = scores_.get() + static_cast<size_t>(r) * columns_;
    Byte *high = high_.get() + tiles_.start(r, room_), *low = low_.get() + tiles_.start(r, room_);
    const int whole = roundUp(N, LANES);
    const Floats largest = largestOf(x, N, -1e30f);
    Ints total = ints(0);
    for (int i = 0; i < whole; i += LANES) {
      const Ints weight = powerOfTwo(load(x + i) - largest);
      total = add(total, weight);
      const size_t place = i / PIECE * tiles_.apart() + i % PIECE;
      storeRow(high + place, shiftRight<8>(weight));
      storeRow(low + place, bitsAnd(weight, ints(255)));
    }
    endRow(high, room_);
    endRow(low, room_);
    return sumOf(total);
  }

  // The values' mean by their weights.
  void mix(float* mixed, int D, int rows, const int32_t* totals) {
    for (int column = 0; column < K; column += TILE_COLUMNS) {
      const Weight* values = valueColumns_.from(values_.get(), column, room_);
      tiles_.product(high_.get(), room_, values, sums_[0]);
      tiles_.product(low_.get(), room_, values, sums_[1]);
      for (int j = 0; j < TILE_COLUMNS; j += LANES) {
        const Floats scale = load(valueScale_.get() + column + j), mean = load(mean_.get() + column + j);
        for (int r = 0; r < rows; r++) {
          const Floats high = toFloats(load(sums_[0] + r * TILE_COLUMNS + j));
          const Floats low = toFloats(load(sums_[1] + r * TILE_COLUMNS + j));
          const Floats sum = fma(high, floats(256), low);
          const Floats share = sum * floats(1 / static_cast<float>(totals[r]));
          store(mixed + static_cast<size_t>(r) * D + column + j, fma(share, scale, mean));
        }
      }
    }
  }
};

}  // namespace

// Pillow's resize, to the byte, of rows as they come: what resizeBy() in lib/images/resize.ts does, without the whole image.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace resizing {

constexpr int PRECISION = 22, CHANNELS = 3;
constexpr int32_t HALF = 1 << (PRECISION - 1);  // rounds to nearest when shifted back
constexpr int PADDING = 64;                     // bytes that may be read after the last row
constexpr int STRIP = 8;                        // rows that are resized at a time

// A filter as resize.ts packs it: outputs, stride, then for each output its first input, its taps, and `stride` weights.
struct Filter {
  int outputs, stride;
  const int32_t *first, *taps, *weights;

  explicit Filter(const int32_t* packed)
      : outputs(packed[0]), stride(packed[1]), first(packed + 2), taps(first + outputs), weights(taps + outputs) {}

  int32_t weight(int output, int tap) const {
    return tap >= 0 && tap < taps[output] ? weights[static_cast<size_t>(output) * stride + tap] : 0;
  }

  int last(int output) const { return first[output] + taps[output] - 1; }
};

inline uint8_t rounded(int32_t sum) { return static_cast<uint8_t>(std::max(std::min(sum >> PRECISION, 255), 0)); }

inline bool has_vnni() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

// The weights of a row's filter in parts that a product of bytes or 16-bit numbers takes. The parts' sums are put together modulo 2^32, as
// which the sum of Pillow's products is exact.
class Across {
  static constexpr int PIXELS = 8;  // that are paired at a time

 public:
  Across(const Filter& filter, bool vnni) : filter_(filter), vnni_(vnni) {
    const int taps = *std::max_element(filter.taps, filter.taps + filter.outputs);
    steps_ = vnni_ ? (taps + 19) / 20 : (taps + 2) / 2;
    parts_.resize(static_cast<size_t>(filter.outputs) * steps_ * (vnni_ ? 192 : 8) + 64);
    if (!vnni_) pairs_.resize((static_cast<size_t>(filter.last(filter.outputs - 1)) / PIXELS + 1) * PIXELS * CHANNELS * STRIP);
    uint8_t* part = aligned();
    for (int x = 0; x < filter.outputs; x++) {
      for (int step = 0; step < steps_; step++) {
        if (vnni_) part = bytes_of(x, step * 20, reinterpret_cast<int8_t*>(part));
        else part = halves_of(x, step * 2 - filter.first[x] % 2, reinterpret_cast<int32_t*>(part));
      }
    }
  }

  int outputs() const { return filter_.outputs; }

  // `count` rows of RGB, at most STRIP, to as many of sums [STRIP, stride], of which the rest is overwritten; reads up to PADDING bytes after
  // the last row's end, writes one number after a row's last.
  void operator()(const uint8_t* rows, int count, size_t length, int32_t* sums, size_t stride) {
    if (vnni_) by_bytes(rows, count, length, sums, stride);
    else by_halves(rows, count, length, sums, stride);
  }

 private:
  uint8_t* aligned() {
    return reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(parts_.data()) + 63) & ~uintptr_t{63});
  }
  const uint8_t* aligned() const { return const_cast<Across*>(this)->aligned(); }

  // Twenty weights as three signed bytes each, w = c·2^16 + b·2^8 + a, for five groups of four pixels, each red, green, blue.
  uint8_t* bytes_of(int x, int tap, int8_t* part) const {
    std::memset(part, 0, 192);
    for (int t = 0; t < 20; t++) {
      const int32_t w = filter_.weight(x, tap + t);
      const int8_t a = static_cast<int8_t>(w), b = static_cast<int8_t>((w - a) >> 8);
      const int8_t c = static_cast<int8_t>(((w - a) / 256 - b) >> 8);
      for (int channel = 0; channel < CHANNELS; channel++) {
        const int place = (t / 4 * CHANNELS + channel) * 4 + t % 4;
        part[place] = a;
        part[64 + place] = b;
        part[128 + place] = c;
      }
    }
    return reinterpret_cast<uint8_t*>(part + 192);
  }

  // Two weights side by side, of both the lower half and then the higher one, w = high·2^15 + low.
  uint8_t* halves_of(int x, int tap, int32_t* part) const {
    const int32_t one = filter_.weight(x, tap), other = filter_.weight(x, tap + 1);
    part[0] = (one & 0x7fff) | (other & 0x7fff) << 16;
    part[1] = (one >> 15 & 0xffff) | static_cast<uint32_t>(other >> 15) << 16;
    return reinterpret_cast<uint8_t*>(part + 2);
  }

  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni"))) void by_bytes(
      const uint8_t* rows, int count, size_t length, int32_t* sums, size_t stride) const {
    alignas(64) uint8_t order[64] = {};
    for (int lane = 0; lane < 15; lane++) {
      for (int j = 0; j < 4; j++) order[lane * 4 + j] = (lane / 3 * 4 + j) * CHANNELS + lane % 3;
    }
    const __m512i apart = _mm512_load_si512(order);
    const uint8_t* part = aligned();
    for (int x = 0; x < filter_.outputs; x++, part += 192 * static_cast<size_t>(steps_)) {
      const uint8_t* pixel = rows + static_cast<size_t>(filter_.first[x]) * CHANNELS;
      const int taps = filter_.taps[x];
      for (int y = 0; y < count; y++, pixel += length) {
        __m512i a = _mm512_setzero_si512(), b = a, c = a;
        for (int step = 0; step * 20 < taps; step++) {
          const __m512i values = _mm512_permutexvar_epi8(apart, _mm512_loadu_si512(pixel + step * 60));
          const uint8_t* weights = part + step * 192;
          a = _mm512_dpbusd_epi32(a, values, _mm512_load_si512(weights));
          b = _mm512_dpbusd_epi32(b, values, _mm512_load_si512(weights + 64));
          c = _mm512_dpbusd_epi32(c, values, _mm512_load_si512(weights + 128));
        }
        const __m512i all = _mm512_add_epi32(a, _mm512_slli_epi32(_mm512_add_epi32(b, _mm512_slli_epi32(c, 8)), 8));
        const __m512i two = _mm512_add_epi32(all, _mm512_alignr_epi32(all, all, 6));
        const __m512i three = _mm512_add_epi32(two, _mm512_alignr_epi32(all, all, 12));
        const __m512i one = _mm512_add_epi32(three, _mm512_alignr_epi32(two, two, 3));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + y * stride + x * CHANNELS), _mm512_castsi512_si128(one));
      }
    }
  }

  // All rows of a strip together: a vector has two neighbouring samples of each.
  void by_halves(const uint8_t* rows, int count, size_t length, int32_t* sums, size_t stride) {
    const int32_t* part = reinterpret_cast<const int32_t*>(aligned());
    int ready = filter_.first[0] / PIXELS * PIXELS;
    for (int x = 0; x < filter_.outputs; x++, part += 2 * static_cast<size_t>(steps_)) {
      for (; ready <= filter_.last(x); ready += PIXELS) {
        pair_up(rows + ready * CHANNELS, count, length, pairs_.data() + ready * CHANNELS * STRIP);
      }
      const int steps = filter_.last(x) / 2 - filter_.first[x] / 2 + 1;
      const __m128i* pair = reinterpret_cast<const __m128i*>(pairs_.data()) + filter_.first[x] / 2 * CHANNELS;
      __m256i low[CHANNELS] = {}, high[CHANNELS] = {};
      for (int step = 0; step < steps; step++, pair += CHANNELS) {
        const __m256i low_weights = _mm256_set1_epi32(part[2 * step]);
        const __m256i high_weights = _mm256_set1_epi32(part[2 * step + 1]);
        for (int channel = 0; channel < CHANNELS; channel++) {
          const __m256i values = _mm256_cvtepu8_epi16(_mm_loadu_si128(pair + channel));
          low[channel] = _mm256_add_epi32(low[channel], _mm256_madd_epi16(values, low_weights));
          high[channel] = _mm256_add_epi32(high[channel], _mm256_madd_epi16(values, high_weights));
        }
      }
      for (int channel = 0; channel < CHANNELS; channel++) {
        low[channel] = _mm256_add_epi32(low[channel], _mm256_slli_epi32(high[channel], 15));
      }
      put_down(low, sums + x * CHANNELS, stride);
    }
  }

  // PIXELS of each row to pairs of neighbours, [PIXELS / 2, CHANNELS, STRIP, 2]; of fewer rows the last one again.
  static void pair_up(const uint8_t* rows, int count, size_t length, uint8_t* pairs) {
    const __m256i apart = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, -1, -1, -1, -1));
    __m256i x[STRIP], two[STRIP], four[6];  // of one row, two and four
    for (int y = 0; y < STRIP; y++, rows += y < count ? length : 0) {
      const __m128i* first = reinterpret_cast<const __m128i*>(rows);
      const __m128i* last = reinterpret_cast<const __m128i*>(rows + PIXELS / 2 * CHANNELS);
      const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)), _mm_loadu_si128(last), 1);
      x[y] = _mm256_shuffle_epi8(both, apart);
    }
    for (int i = 0; i < STRIP / 2; i++) {
      two[i] = _mm256_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
      two[STRIP / 2 + i] = _mm256_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
      four[i] = _mm256_unpacklo_epi32(two[2 * i], two[2 * i + 1]);
      four[2 + i] = _mm256_unpackhi_epi32(two[2 * i], two[2 * i + 1]);
      four[4 + i] = _mm256_unpacklo_epi32(two[STRIP / 2 + 2 * i], two[STRIP / 2 + 2 * i + 1]);
    }
    __m128i* out = reinterpret_cast<__m128i*>(pairs);
    for (int i = 0; i < 6; i++) {
      const __m256i* of = four + i / 2 * 2;
      const __m256i all = i % 2 ? _mm256_unpackhi_epi64(of[0], of[1]) : _mm256_unpacklo_epi64(of[0], of[1]);
      _mm_storeu_si128(out + i, _mm256_castsi256_si128(all));
      _mm_storeu_si128(out + 6 + i, _mm256_extracti128_si256(all, 1));
    }
  }

  // A pixel's sums of all rows, one below the other.
  static void put_down(const __m256i (&rgb)[CHANNELS], int32_t* sums, size_t stride) {
    const __m256i a = _mm256_unpacklo_epi32(rgb[0], rgb[1]), b = _mm256_unpackhi_epi32(rgb[0], rgb[1]);
    const __m256i c = _mm256_unpacklo_epi32(rgb[2], rgb[2]), d = _mm256_unpackhi_epi32(rgb[2], rgb[2]);
    const __m256i rows[] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c), _mm256_unpacklo_epi64(b, d),
                            _mm256_unpackhi_epi64(b, d)};
    for (int y = 0; y < STRIP / 2; y++, sums += stride) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(sums), _mm256_castsi256_si128(rows[y]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + STRIP / 2 * stride), _mm256_extracti128_si256(rows[y], 1));
    }
  }

  const Filter& filter_;
  const bool vnni_;
  int steps_;
  std::vector<uint8_t> parts_, pairs_;
};

// Rows go in from the first to the last, in strips, and what they make comes out in `target`. A null filter leaves its axis as it is.
class Resizer {
 public:
  // `vnni` is off where the instructions that other machines have are to be tried.
  Resizer(int width, const int32_t* across, const int32_t* down, uint8_t* target, bool vnni = has_vnni())
      : length_(static_cast<size_t>(width) * CHANNELS), target_(target) {
    if (across) {
      across_filter_.emplace(across);
      across_.emplace(*across_filter_, vnni);
      sums_.resize(STRIP * sum_stride());
      narrow_.resize(STRIP * row_length());
    }
    if (!down) return;
    down_.emplace(down);
    for (int from = 0, to = 0; from < down_->outputs; from++) {
      while (to < down_->outputs && down_->first[to] <= down_->last(from)) to++;
      held_ = std::max(held_, to - from);
    }
    columns_.resize(held_ * row_length());
  }
  Resizer(const Resizer&) = delete;  // its parts point to each other

  // The next `count` rows of RGB, at most STRIP, after which PADDING bytes can be read.
  void take(const uint8_t* rows, int count) {
    const int from = down_ ? std::min(std::max(down_->first[0] - row_, 0), count) : 0;
    const int to = down_ ? std::max(std::min(down_->last(down_->outputs - 1) + 1 - row_, count), from) : count;
    row_ += from;
    rows += from * length_;
    if (across_ && to > from) {
      (*across_)(rows, to - from, length_, sums_.data(), sum_stride());
      for (int y = 0; y < to - from; y++) round(sums_.data() + y * sum_stride(), narrow_.data() + y * row_length());
      rows = narrow_.data();
    }
    for (int y = from; y < to; y++, row_++, rows += row_length()) {
      if (down_) weigh(rows);
      else put(rows);
    }
    row_ += count - to;
  }

 private:
  // Bytes of a row of the result.
  size_t row_length() const { return across_ ? static_cast<size_t>(across_->outputs()) * CHANNELS : length_; }
  size_t sum_stride() const { return (row_length() + 31) / 16 * 16; }

  void round(const int32_t* sums, uint8_t* row) const {
    for (size_t i = 0, length = row_length(); i < length; i++) row[i] = rounded(HALF + sums[i]);
  }

  void put(const uint8_t* row) {
    std::memcpy(target_, row, row_length());
    target_ += row_length();
  }

  // Adds a row to all rows of the result that it is a part of, and puts out those whose last it is.
  void weigh(const uint8_t* row) {
    const size_t length = row_length();
    for (int y = done_; y < down_->outputs && down_->first[y] <= row_; y++) {
      int32_t* sums = columns_.data() + y % held_ * length;
      const int32_t weight = down_->weight(y, row_ - down_->first[y]);
      if (down_->first[y] == row_) {
        for (size_t x = 0; x < length; x++) sums[x] = row[x] * weight;
      } else {
        for (size_t x = 0; x < length; x++) sums[x] += row[x] * weight;
      }
    }
    for (; done_ < down_->outputs && down_->last(done_) == row_; done_++, target_ += length) {
      round(columns_.data() + done_ % held_ * length, target_);
    }
  }

  const size_t length_;
  uint8_t* target_;
  std::optional<Filter> across_filter_, down_;
  std::optional<Across> across_;
  std::vector<int32_t> sums_, columns_;
  std::vector<uint8_t> narrow_;
  int held_ = 0, row_ = 0, done_ = 0;
};

}  // namespace resizing

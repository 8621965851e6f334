// Pillow's bilinear resize, to the byte, in a thread beside JavaScript's: what resizeBilinear() in lib/images/resize.ts does.

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int PRECISION = 22, CHANNELS = 3;
constexpr int32_t HALF = 1 << (PRECISION - 1);  // rounds to nearest when shifted back

// A filter as resize.ts packs it: outputs, stride, then for each output its first input, its taps, and `stride` weights.
struct Filter {
  int outputs, stride;
  const int32_t *first, *taps, *weights;

  explicit Filter(const int32_t* packed)
      : outputs(packed[0]), stride(packed[1]), first(packed + 2), taps(first + outputs), weights(taps + outputs) {}
};

uint8_t rounded(int32_t sum) { return static_cast<uint8_t>(std::min(sum >> PRECISION, 255)); }

// One pixel: red, green, blue, and what follows them.
__m128i pixel_at(const uint8_t* pixel) {
  int32_t bytes;
  std::memcpy(&bytes, pixel, sizeof(bytes));
  return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes));
}

// The sum of a filter's inputs from `pixel` on: red, green, blue, and nothing of use.
__m128i weigh(const uint8_t* pixel, const int32_t* weights, int taps) {
  const __m128i apart = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i lanes = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  __m256i pairs = _mm256_setzero_si256();
  int t = 0;
  for (; t + 1 < taps; t += 2, pixel += 2 * CHANNELS) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel));
    const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + t));
    const __m256i values = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(bytes, apart));
    const __m256i factors = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(both), lanes);
    pairs = _mm256_add_epi32(pairs, _mm256_mullo_epi32(values, factors));
  }
  __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  if (t < taps) sums = _mm_add_epi32(sums, _mm_mullo_epi32(pixel_at(pixel), _mm_set1_epi32(weights[t])));
  return sums;
}

// [height, width, 3] to [height, filter.outputs, 3].
void resize_rows(const uint8_t* source, int height, int width, const Filter& filter, uint8_t* target) {
  std::vector<uint8_t> row(width * CHANNELS + 8);  // more is read than the last pixels
  for (int y = 0; y < height; y++) {
    std::memcpy(row.data(), source + static_cast<size_t>(y) * width * CHANNELS, width * CHANNELS);
    for (int x = 0; x < filter.outputs; x++, target += CHANNELS) {
      const int32_t* weights = filter.weights + static_cast<size_t>(x) * filter.stride;
      alignas(16) int32_t sums[4];
      _mm_store_si128(reinterpret_cast<__m128i*>(sums),
                      weigh(row.data() + filter.first[x] * CHANNELS, weights, filter.taps[x]));
      for (int c = 0; c < CHANNELS; c++) target[c] = rounded(HALF + sums[c]);
    }
  }
}

// [height, width, 3] to [filter.outputs, width, 3].
void resize_columns(const uint8_t* source, int width, const Filter& filter, uint8_t* target) {
  const int length = width * CHANNELS;
  std::vector<int32_t> sums(length);
  for (int y = 0; y < filter.outputs; y++, target += length) {
    std::fill(sums.begin(), sums.end(), HALF);
    for (int t = 0; t < filter.taps[y]; t++) {
      const int32_t weight = filter.weights[static_cast<size_t>(y) * filter.stride + t];
      const uint8_t* row = source + static_cast<size_t>(filter.first[y] + t) * length;
      for (int x = 0; x < length; x++) sums[x] += row[x] * weight;
    }
    for (int x = 0; x < length; x++) target[x] = rounded(sums[x]);
  }
}

}  // namespace

extern "C" {

int resize_supported() { return __builtin_cpu_supports("avx2"); }

// sizes: height and width of the source; a null filter leaves that axis as it is.
void resize(const uint8_t* source, const int32_t* sizes, const int32_t* across, const int32_t* down, uint8_t* target) {
  const int height = sizes[0], width = sizes[1];
  if (!down) return resize_rows(source, height, width, Filter(across), target);
  const Filter columns(down);
  if (!across) return resize_columns(source, width, columns, target);
  const Filter rows(across);
  std::vector<uint8_t> narrow(static_cast<size_t>(height) * rows.outputs * CHANNELS);
  resize_rows(source, height, width, rows, narrow.data());
  resize_columns(narrow.data(), rows.outputs, columns, target);
}
}

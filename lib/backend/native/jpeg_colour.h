// Rows of luma and chroma to RGB as libjpeg makes them: chroma smoothed where it is subsampled ("fancy upsampling").
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace jpeg {

constexpr int AT_A_TIME = 32;  // pixels

// Three times 32 samples to 96 bytes of RGB.
inline void interleave(__m256i r, __m256i g, __m256i b, uint8_t* rgb) {
  alignas(16) static constexpr int8_t ORDER[9][16] = {
      {0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5}, {-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1},
      {-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1}, {-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1},
      {5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10}, {-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1},
      {-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1}, {-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1},
      {10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15}};
  const auto part = [](__m256i x, int i) {
    return _mm256_shuffle_epi8(
        x, _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(ORDER[i]))));
  };
  __m128i* out = reinterpret_cast<__m128i*>(rgb);
  for (int i = 0; i < 3; i++) {  // a third of the first 16 pixels, and of the last
    const __m256i all = _mm256_or_si256(_mm256_or_si256(part(r, 3 * i), part(g, 3 * i + 1)), part(b, 3 * i + 2));
    _mm_storeu_si128(out + i, _mm256_castsi256_si128(all));
    _mm_storeu_si128(out + 3 + i, _mm256_extracti128_si256(all, 1));
  }
}

// 16 pixels: luma, and chroma less 128, as 16-bit numbers, to their red, green and blue; by the products of libjpeg's tables.
inline void to_rgb(__m256i y, __m256i cb, __m256i cr, __m256i& r, __m256i& g, __m256i& b) {
  const __m256i one = _mm256_set1_epi16(1), half = _mm256_set1_epi32(1 << 15);
  const auto times = [&](__m256i x, int factor) {  // (x·factor + 2^15) >> 16
    return _mm256_srai_epi16(
        _mm256_add_epi16(_mm256_mulhi_epi16(_mm256_add_epi16(x, x), _mm256_set1_epi16(static_cast<int16_t>(factor))), one), 1);
  };
  r = _mm256_add_epi16(y, _mm256_add_epi16(cr, times(cr, 91881 - 65536)));
  b = _mm256_add_epi16(y, _mm256_add_epi16(_mm256_add_epi16(cb, cb), times(cb, 116130 - 131072)));
  const __m256i factors = _mm256_set1_epi32((-22554 & 0xffff) | (65536 - 46802) << 16);
  const auto less = [&](__m256i pairs) {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_madd_epi16(pairs, factors), half), 16);
  };
  const __m256i both = _mm256_packs_epi32(less(_mm256_unpacklo_epi16(cb, cr)), less(_mm256_unpackhi_epi16(cb, cr)));
  g = _mm256_add_epi16(y, _mm256_sub_epi16(both, cr));
}

// AT_A_TIME pixels of luma bytes and 16-bit chroma, in the pixels' order.
inline void put_pixels(const uint8_t* y, const __m256i (&cb)[2], const __m256i (&cr)[2], uint8_t* rgb) {
  const __m256i middle = _mm256_set1_epi16(128);
  __m256i r[2], g[2], b[2];
  for (int i = 0; i < 2; i++) {
    const __m256i luma = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(y) + i));
    to_rgb(luma, _mm256_sub_epi16(cb[i], middle), _mm256_sub_epi16(cr[i], middle), r[i], g[i], b[i]);
  }
  const auto bytes = [](const __m256i(&x)[2]) {
    return _mm256_permute4x64_epi64(_mm256_packus_epi16(x[0], x[1]), 0xd8);
  };
  interleave(bytes(r), bytes(g), bytes(b), rgb);
}

// Sixteen sums of chroma from `x` on, to 32 samples between them: three parts of the nearer one and one of the other.
template <int SHIFT>
void doubled(const int16_t* x, __m256i (&out)[2]) {
  const auto at = [&](int i) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)); };
  const __m256i here = at(0), thrice = _mm256_add_epi16(here, _mm256_add_epi16(here, here));
  const __m256i even = _mm256_set1_epi16(SHIFT == 4 ? 8 : 1), odd = _mm256_set1_epi16(SHIFT == 4 ? 7 : 2);
  const __m256i left = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(thrice, at(-1)), even), SHIFT);
  const __m256i right = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(thrice, at(1)), odd), SHIFT);
  const __m256i low = _mm256_unpacklo_epi16(left, right), high = _mm256_unpackhi_epi16(left, right);
  out[0] = _mm256_permute2x128_si256(low, high, 0x20);
  out[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

// A row of chroma, or three parts of it and one of another, with its ends repeated; of a place before `sums` and one after `count`.
inline void sum_rows(const uint8_t* near, const uint8_t* other, int count, int16_t* sums) {
  if (other) {
    for (int x = 0; x < count; x++) sums[x] = static_cast<int16_t>(3 * near[x] + other[x]);
  } else {
    for (int x = 0; x < count; x++) sums[x] = near[x];
  }
  sums[-1] = sums[0];
  sums[count] = sums[count - 1];
}

// A row with half as many samples of chroma; shift is 4 for sums of two rows, 2 for those of one.
template <int SHIFT>
void row_of_half(const uint8_t* y, const int16_t* cb, const int16_t* cr, int width, uint8_t* rgb) {
  for (int x = 0; x < width; x += AT_A_TIME, rgb += AT_A_TIME * 3) {
    __m256i blue[2], red[2];
    doubled<SHIFT>(cb + x / 2, blue);
    doubled<SHIFT>(cr + x / 2, red);
    put_pixels(y + x, blue, red, rgb);
  }
}

// A row with as many samples of chroma as of luma.
inline void row_of_whole(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int width, uint8_t* rgb) {
  for (int x = 0; x < width; x += AT_A_TIME, rgb += AT_A_TIME * 3) {
    __m256i blue[2], red[2];
    for (int i = 0; i < 2; i++) {
      blue[i] = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(cb + x) + i));
      red[i] = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(cr + x) + i));
    }
    put_pixels(y + x, blue, red, rgb);
  }
}

inline void row_of_grey(const uint8_t* y, int width, uint8_t* rgb) {
  for (int x = 0; x < width; x++, rgb += 3) rgb[0] = rgb[1] = rgb[2] = y[x];
}

}  // namespace jpeg

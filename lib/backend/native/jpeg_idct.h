// libjpeg's accurate integer inverse DCT of two blocks at a time, with the instructions, and so the bytes, of its x86 version.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace jpeg {

// Two blocks side by side: row i of one in the lower half of i, of the other in the upper.
using Block = __m256i[8];

inline __m256i pair_of(int a, int b) { return _mm256_set1_epi32((a & 0xffff) | static_cast<int>(static_cast<unsigned>(b) << 16)); }

// a·x + b·y, of 16-bit numbers to 32-bit ones, in two halves.
struct Wide {
  __m256i low, high;
};
inline Wide weighed(__m256i a, __m256i b, __m256i factors) {
  return {_mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), factors), _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), factors)};
}
inline Wide shifted(__m256i a) {
  const __m256i zero = _mm256_setzero_si256();
  return {_mm256_srai_epi32(_mm256_unpacklo_epi16(zero, a), 3), _mm256_srai_epi32(_mm256_unpackhi_epi16(zero, a), 3)};
}
inline Wide operator+(Wide a, Wide b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline Wide operator-(Wide a, Wide b) { return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)}; }

template <int SHIFT>
__m256i narrowed(Wide a) {
  const __m256i half = _mm256_set1_epi32(1 << (SHIFT - 1));
  return _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(a.low, half), SHIFT),
                            _mm256_srai_epi32(_mm256_add_epi32(a.high, half), SHIFT));
}

// Along columns; factors are of 13 bits, as jidctint.c names them.
template <int SHIFT>
__attribute__((always_inline)) inline void transform(Block& x) {
  const Wide even3 = weighed(x[2], x[6], pair_of(4433 + 6270, 4433));
  const Wide even2 = weighed(x[2], x[6], pair_of(4433, 4433 - 15137));
  const Wide even0 = shifted(_mm256_add_epi16(x[0], x[4])), even1 = shifted(_mm256_sub_epi16(x[0], x[4]));
  const __m256i z3 = _mm256_add_epi16(x[7], x[3]), z4 = _mm256_add_epi16(x[5], x[1]);
  const Wide third = weighed(z3, z4, pair_of(9633 - 16069, 9633)), fourth = weighed(z3, z4, pair_of(9633, 9633 - 3196));
  const Wide odd0 = weighed(x[7], x[1], pair_of(2446 - 7373, -7373)) + third;
  const Wide odd1 = weighed(x[5], x[3], pair_of(16819 - 20995, -20995)) + fourth;
  const Wide odd2 = weighed(x[5], x[3], pair_of(-20995, 25172 - 20995)) + third;
  const Wide odd3 = weighed(x[7], x[1], pair_of(-7373, 12299 - 7373)) + fourth;
  const Wide a = even0 + even3, b = even1 + even2, c = even1 - even2, d = even0 - even3;
  x[0] = narrowed<SHIFT>(a + odd3);
  x[7] = narrowed<SHIFT>(a - odd3);
  x[1] = narrowed<SHIFT>(b + odd2);
  x[6] = narrowed<SHIFT>(b - odd2);
  x[2] = narrowed<SHIFT>(c + odd1);
  x[5] = narrowed<SHIFT>(c - odd1);
  x[3] = narrowed<SHIFT>(d + odd0);
  x[4] = narrowed<SHIFT>(d - odd0);
}

// The bits that any of the numbers has, less their signs.
inline __m256i sizes(const Block& x) {
  __m256i all = _mm256_abs_epi16(x[0]);
  for (int i = 1; i < 8; i++) all = _mm256_or_si256(all, _mm256_abs_epi16(x[i]));
  return all;
}

inline void transpose(Block& x) {
  __m256i a[8], b[8];
  for (int i = 0; i < 4; i++) {
    a[2 * i] = _mm256_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) {
      b[4 * i + 2 * j] = _mm256_unpacklo_epi32(a[4 * i + j], a[4 * i + 2 + j]);
      b[4 * i + 2 * j + 1] = _mm256_unpackhi_epi32(a[4 * i + j], a[4 * i + 2 + j]);
    }
  }
  for (int i = 0; i < 4; i++) {
    x[2 * i] = _mm256_unpacklo_epi64(b[i], b[4 + i]);
    x[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[4 + i]);
  }
}

// The greatest coefficient whose product is surely none of a damaged file.
inline uint16_t limit_of(uint16_t factor) { return factor ? 4095 / factor : 4095; }

// Coefficients of two blocks times their tables to 8 × 8 samples each; false where numbers are so large that not all of libjpeg's versions
// would agree, which no picture's are.
inline bool inverse_dct(const int16_t* blocks, const __m256i* tables, const __m256i* limits, uint8_t* first, size_t first_stride, uint8_t* second,
                        size_t second_stride) {
  Block x;
  __m256i above = _mm256_setzero_si256();
  for (int i = 0; i < 8; i++) {
    const __m128i* row = reinterpret_cast<const __m128i*>(blocks) + i;
    const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(row[0]), row[8], 1);
    above = _mm256_or_si256(above, _mm256_subs_epu16(_mm256_abs_epi16(both), limits[i]));
    x[i] = _mm256_mullo_epi16(both, tables[i]);
  }
  transform<11>(x);
  const __m256i half = sizes(x);
  transpose(x);
  transform<18>(x);
  const __m256i whole = sizes(x);
  transpose(x);
  for (int i = 0; i < 8; i += 2) {
    const __m256i two = _mm256_add_epi8(_mm256_packs_epi16(x[i], x[i + 1]), _mm256_set1_epi8(-128));
    const __m128i one = _mm256_castsi256_si128(two), other = _mm256_extracti128_si256(two, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(first + i * first_stride), one);
    _mm_storeh_pd(reinterpret_cast<double*>(first + (i + 1) * first_stride), _mm_castsi128_pd(one));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(second + i * second_stride), other);
    _mm_storeh_pd(reinterpret_cast<double*>(second + (i + 1) * second_stride), _mm_castsi128_pd(other));
  }
  above = _mm256_or_si256(above, _mm256_and_si256(half, _mm256_set1_epi16(static_cast<int16_t>(0xc000))));
  above = _mm256_or_si256(above, _mm256_and_si256(whole, _mm256_set1_epi16(static_cast<int16_t>(0xfe00))));
  return _mm256_testz_si256(above, above);
}

}  // namespace jpeg

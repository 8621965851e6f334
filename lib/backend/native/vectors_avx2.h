// Vectors of 16 numbers as two of AVX2's, for vectors.h: each function gives the bits that vectors_avx512.h gives.

#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

struct Floats {
  __m256 left, right;
};
struct Ints {
  __m256i left, right;
};

inline Floats load(const float* x) { return {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }
inline void store(float* to, Floats x) {
  _mm256_storeu_ps(to, x.left);
  _mm256_storeu_ps(to + 8, x.right);
}
inline Floats floats(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.left, b.left), _mm256_add_ps(a.right, b.right)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.left, b.left), _mm256_sub_ps(a.right, b.right)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.left, b.left), _mm256_mul_ps(a.right, b.right)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm256_div_ps(a.left, b.left), _mm256_div_ps(a.right, b.right)}; }
inline Floats fma(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.left, b.left, c.left), _mm256_fmadd_ps(a.right, b.right, c.right)};
}
inline Floats fnma(Floats a, Floats b, Floats c) {
  return {_mm256_fnmadd_ps(a.left, b.left, c.left), _mm256_fnmadd_ps(a.right, b.right, c.right)};
}
inline Floats fms(Floats a, Floats b, Floats c) {
  return {_mm256_fmsub_ps(a.left, b.left, c.left), _mm256_fmsub_ps(a.right, b.right, c.right)};
}
inline Floats squareRoot(Floats x) { return {_mm256_sqrt_ps(x.left), _mm256_sqrt_ps(x.right)}; }
inline Floats least(Floats a, Floats b) { return {_mm256_min_ps(a.left, b.left), _mm256_min_ps(a.right, b.right)}; }
inline Floats most(Floats a, Floats b) { return {_mm256_max_ps(a.left, b.left), _mm256_max_ps(a.right, b.right)}; }
inline Floats positive(Floats x) {
  const __m256 sign = _mm256_set1_ps(-0.f);
  return {_mm256_andnot_ps(sign, x.left), _mm256_andnot_ps(sign, x.right)};
}
inline Floats rounded(Floats x) {
  constexpr int NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.left, NEAREST), _mm256_round_ps(x.right, NEAREST)};
}
inline Floats whereNegative(Floats x, Floats a, Floats b) {
  const auto one = [](__m256 x, __m256 a, __m256 b) {
    return _mm256_blendv_ps(a, b, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GE_OQ));
  };
  return {one(x.left, a.left, b.left), one(x.right, a.right, b.right)};
}
inline Floats whereAbove0(Floats y, Floats x) {
  const auto one = [](__m256 y, __m256 x) { return _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_GT_OQ), x); };
  return {one(y.left, x.left), one(y.right, x.right)};
}
// All bits of a number for each of the first eight bits.
inline __m256i wholeBits(int which) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(which), bits), bits);
}
inline Floats only(Which which, Floats x) {
  const auto one = [](int which, __m256 x) { return _mm256_and_ps(_mm256_castsi256_ps(wholeBits(which)), x); };
  return {one(which, x.left), one(which >> 8, x.right)};
}
// Moves of some numbers alone are slow on some processors.
inline Floats loadOnly(Which which, const float* x) {
  if (which == 0xffff) return load(x);
  return {_mm256_maskload_ps(x, wholeBits(which)), _mm256_maskload_ps(x + 8, wholeBits(which >> 8))};
}
inline void storeOnly(float* to, Which which, Floats x) {
  if (which == 0xffff) return store(to, x);
  _mm256_maskstore_ps(to, wholeBits(which), x.left);
  _mm256_maskstore_ps(to + 8, wholeBits(which >> 8), x.right);
}
// For powers up to 127; below -126 next to nothing is taken for it.
inline Floats timesPower(Floats x, Floats power) {
  const auto one = [](__m256 x, __m256 power) {
    const __m256i whole = _mm256_cvtps_epi32(_mm256_max_ps(power, _mm256_set1_ps(-126)));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(whole, _mm256_set1_epi32(127)), 23)));
  };
  return {one(x.left, power.left), one(x.right, power.right)};
}

// As compilers fold a vector of AVX-512: half onto half.
template <class Fold>
inline float folded(Floats x, const Fold& fold) {
  const __m256 eight = fold(x.right, x.left);
  const __m256 four = fold(_mm256_permute2f128_ps(eight, eight, 1), eight);
  const __m256 two = fold(_mm256_permute_ps(four, 0x4e), four);
  return _mm256_cvtss_f32(fold(two, _mm256_permute_ps(two, 0xb1)));
}
inline float leastOf(Floats x) { return folded(x, [](__m256 a, __m256 b) { return _mm256_min_ps(a, b); }); }
inline float mostOf(Floats x) { return folded(x, [](__m256 a, __m256 b) { return _mm256_max_ps(a, b); }); }
inline float sumOf(Floats x) { return folded(x, [](__m256 a, __m256 b) { return _mm256_add_ps(a, b); }); }

inline Floats fromHalves(const uint16_t* x) {
  const auto eight = [](const uint16_t* x) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))); };
  return {eight(x), eight(x + 8)};
}
inline void storeHalves(uint16_t* to, Floats x) {
  __m128i* at = reinterpret_cast<__m128i*>(to);
  _mm_storeu_si128(at, _mm256_cvtps_ph(x.left, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(at + 1, _mm256_cvtps_ph(x.right, _MM_FROUND_TO_NEAREST_INT));
}

inline Ints ints(int x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline Ints load(const int32_t* x) {
  const __m256i* at = reinterpret_cast<const __m256i*>(x);
  return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
inline Ints toInts(Floats x) { return {_mm256_cvtps_epi32(x.left), _mm256_cvtps_epi32(x.right)}; }
inline Floats toFloats(Ints x) { return {_mm256_cvtepi32_ps(x.left), _mm256_cvtepi32_ps(x.right)}; }
inline Ints add(Ints a, Ints b) { return {_mm256_add_epi32(a.left, b.left), _mm256_add_epi32(a.right, b.right)}; }
inline Ints bitsOr(Ints a, Ints b) { return {_mm256_or_si256(a.left, b.left), _mm256_or_si256(a.right, b.right)}; }
inline Ints bitsAnd(Ints a, Ints b) { return {_mm256_and_si256(a.left, b.left), _mm256_and_si256(a.right, b.right)}; }
template <int n>
inline Ints shiftLeft(Ints x) { return {_mm256_slli_epi32(x.left, n), _mm256_slli_epi32(x.right, n)}; }
template <int n>
inline Ints shiftRight(Ints x) { return {_mm256_srli_epi32(x.left, n), _mm256_srli_epi32(x.right, n)}; }
inline Ints exclusiveOr(Ints a, Ints b) { return {_mm256_xor_si256(a.left, b.left), _mm256_xor_si256(a.right, b.right)}; }
inline Ints timesWide(Ints a, Ints b) { return {_mm256_mul_epu32(a.left, b.left), _mm256_mul_epu32(a.right, b.right)}; }
inline Ints toEven(Ints x) { return {_mm256_srli_epi64(x.left, 32), _mm256_srli_epi64(x.right, 32)}; }
inline Ints toOdd(Ints x) { return {_mm256_slli_epi64(x.left, 32), _mm256_slli_epi64(x.right, 32)}; }
inline Ints inTurn(Ints even, Ints odd) {
  return {_mm256_blend_epi32(even.left, odd.left, 0xaa), _mm256_blend_epi32(even.right, odd.right, 0xaa)};
}
inline Ints firstInTurn(Ints a, Ints b) {
  return {_mm256_unpacklo_epi32(a.left, b.left), _mm256_unpacklo_epi32(a.right, b.right)};
}
inline Ints lastInTurn(Ints a, Ints b) {
  return {_mm256_unpackhi_epi32(a.left, b.left), _mm256_unpackhi_epi32(a.right, b.right)};
}
inline Ints firstPairs(Ints a, Ints b) {
  return {_mm256_unpacklo_epi64(a.left, b.left), _mm256_unpacklo_epi64(a.right, b.right)};
}
inline Ints lastPairs(Ints a, Ints b) {
  return {_mm256_unpackhi_epi64(a.left, b.left), _mm256_unpackhi_epi64(a.right, b.right)};
}
inline uint64_t bytesFrom(Ints x, uint8_t least) {
  const __m256i from = _mm256_set1_epi8(least);
  const auto one = [&](__m256i x) -> uint64_t {
    return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(x, from), x)));
  };
  return one(x.left) | one(x.right) << 32;
}
inline int32_t sumOf(Ints x) {
  const __m256i eight = _mm256_add_epi32(x.left, x.right);
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
inline void store(void* to, Ints x) {
  __m256i* at = static_cast<__m256i*>(to);
  _mm256_storeu_si256(at, x.left);
  _mm256_storeu_si256(at + 1, x.right);
}
// 16 bits of each, which are numbers of 16 bits without a sign.
inline __m256i lowWords(Ints x) { return _mm256_permute4x64_epi64(_mm256_packus_epi32(x.left, x.right), 0xd8); }
inline __m128i lowBytes(Ints x) {
  const __m256i words = lowWords(bitsAnd(x, ints(255)));
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

}  // namespace

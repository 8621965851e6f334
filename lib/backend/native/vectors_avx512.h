// Vectors of 16 numbers with AVX-512, for vectors.h.

#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

using Floats = __m512;
using Ints = __m512i;

inline Floats load(const float* x) { return _mm512_loadu_ps(x); }
inline void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
inline Floats floats(float x) { return _mm512_set1_ps(x); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }    // a * b + c
inline Floats fnma(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a * b
inline Floats fms(Floats a, Floats b, Floats c) { return _mm512_fmsub_ps(a, b, c); }    // a * b - c
inline Floats squareRoot(Floats x) { return _mm512_sqrt_ps(x); }
inline Floats least(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats most(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats positive(Floats x) { return _mm512_abs_ps(x); }
inline Floats rounded(Floats x) { return _mm512_roundscale_ps(x, 0); }
// a where x is below 0, else b.
inline Floats whereNegative(Floats x, Floats a, Floats b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ), a, b);
}
// x where y is above 0, else 0.
inline Floats whereAbove0(Floats y, Floats x) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ), x);
}
// Those that are meant, and 0 for the others, of which memory is neither read nor written.
inline Floats only(Which which, Floats x) { return _mm512_maskz_mov_ps(which, x); }
inline Floats loadOnly(Which which, const float* x) { return _mm512_maskz_loadu_ps(which, x); }
inline void storeOnly(float* to, Which which, Floats x) { _mm512_mask_storeu_ps(to, which, x); }
// x times 2 to the power, a whole number.
inline Floats timesPower(Floats x, Floats power) { return _mm512_scalef_ps(x, power); }
inline float leastOf(Floats x) { return _mm512_reduce_min_ps(x); }
inline float mostOf(Floats x) { return _mm512_reduce_max_ps(x); }
inline float sumOf(Floats x) { return _mm512_reduce_add_ps(x); }

inline Floats fromHalves(const uint16_t* x) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }
inline void storeHalves(uint16_t* to, Floats x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

inline Ints ints(int x) { return _mm512_set1_epi32(x); }
inline Ints load(const int32_t* x) { return _mm512_loadu_si512(x); }
inline Ints toInts(Floats x) { return _mm512_cvtps_epi32(x); }  // to the nearest, of two equally near the even one
inline Floats toFloats(Ints x) { return _mm512_cvtepi32_ps(x); }
inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints bitsOr(Ints a, Ints b) { return _mm512_or_si512(a, b); }
inline Ints bitsAnd(Ints a, Ints b) { return _mm512_and_si512(a, b); }
template <int n>
inline Ints shiftLeft(Ints x) { return _mm512_slli_epi32(x, n); }
template <int n>
inline Ints shiftRight(Ints x) { return _mm512_srli_epi32(x, n); }
inline Ints exclusiveOr(Ints a, Ints b) { return _mm512_xor_si512(a, b); }
// Products of 64 bits, of the numbers at even places.
inline Ints timesWide(Ints a, Ints b) { return _mm512_mul_epu32(a, b); }
// Numbers from odd to even places and back; 0 comes in.
inline Ints toEven(Ints x) { return _mm512_srli_epi64(x, 32); }
inline Ints toOdd(Ints x) { return _mm512_slli_epi64(x, 32); }
inline Ints inTurn(Ints even, Ints odd) { return _mm512_mask_blend_epi32(0xaaaa, even, odd); }
// Of each four numbers the first two, or the last two, of a and b in turn; and the same of pairs.
inline Ints firstInTurn(Ints a, Ints b) { return _mm512_unpacklo_epi32(a, b); }
inline Ints lastInTurn(Ints a, Ints b) { return _mm512_unpackhi_epi32(a, b); }
inline Ints firstPairs(Ints a, Ints b) { return _mm512_unpacklo_epi64(a, b); }
inline Ints lastPairs(Ints a, Ints b) { return _mm512_unpackhi_epi64(a, b); }
// Which of the 64 bytes are at least so much, a bit for each.
inline uint64_t bytesFrom(Ints x, uint8_t least) { return _mm512_cmpge_epu8_mask(x, _mm512_set1_epi8(least)); }
inline int32_t sumOf(Ints x) { return _mm512_reduce_add_epi32(x); }
inline void store(void* to, Ints x) { _mm512_storeu_si512(to, x); }
// The lowest byte of each.
inline __m128i lowBytes(Ints x) { return _mm512_cvtepi32_epi8(x); }

}  // namespace

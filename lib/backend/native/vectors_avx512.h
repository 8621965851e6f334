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
inline Floats least(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats most(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats positive(Floats x) { return _mm512_abs_ps(x); }
inline Floats rounded(Floats x) { return _mm512_roundscale_ps(x, 0); }
// a where x is below 0, else b.
inline Floats whereNegative(Floats x, Floats a, Floats b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ), a, b);
}
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
inline int32_t sumOf(Ints x) { return _mm512_reduce_add_epi32(x); }
inline void store(void* to, Ints x) { _mm512_storeu_si512(to, x); }
// The lowest byte of each.
inline __m128i lowBytes(Ints x) { return _mm512_cvtepi32_epi8(x); }

}  // namespace

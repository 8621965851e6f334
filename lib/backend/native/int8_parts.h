// What products of bytes are made of: rounded rows, and tiles by AVX-512 VNNI or AMX, whose sums are the same whole numbers.

#pragma once

#include <cstring>

#include "amx.h"

namespace {

// Rounds a row, of which `load` gives 16 numbers, to bytes, 256 values from its least number to its most: a byte stands for low + step *
// byte. Its pieces of 64 bytes go `apart` from each other.
template <class Load>
inline void roundRow(const Load& load, int width, uint8_t* to, size_t apart, float& low, float& step) {
  __m512 least = load(0), most = least;
  for (int i = LANES; i < width; i += LANES) {
    const __m512 v = load(i);
    least = _mm512_min_ps(least, v);
    most = _mm512_max_ps(most, v);
  }
  low = _mm512_reduce_min_ps(least);
  const float range = _mm512_reduce_max_ps(most) - low;
  step = range / 255;
  const __m512 offset = _mm512_set1_ps(low), inverse = _mm512_set1_ps(range > 0 ? 255 / range : 0);
  for (int i = 0; i < width; i += LANES) {
    const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(load(i), offset), inverse);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i / PIECE * apart + i % PIECE), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(scaled)));
  }
}

template <int... I>
inline void vnniTile(const uint8_t* a, int inner, const int8_t* b, int32_t* to, std::integer_sequence<int, I...>) {
  __m512i left[] = {(void(I), _mm512_setzero_si512())...}, right[] = {(void(I), _mm512_setzero_si512())...};
  const size_t stride = inner;
  for (int k = 0; k < inner; k += 4, a += 4, b += 4 * TILE_COLUMNS) {
    const __m512i b0 = _mm512_load_si512(b), b1 = _mm512_load_si512(b + 64);
    (
        [&] {
          int32_t four;
          std::memcpy(&four, a + I * stride, 4);
          left[I] = _mm512_dpbusd_epi32(left[I], _mm512_set1_epi32(four), b0);
          right[I] = _mm512_dpbusd_epi32(right[I], _mm512_set1_epi32(four), b1);
        }(),
        ...);
  }
  (_mm512_store_si512(to + I * TILE_COLUMNS, left[I]), ...);
  (_mm512_store_si512(to + I * TILE_COLUMNS + LANES, right[I]), ...);
}

// How bytes lie and are multiplied here. AMX's tiles are read whole, 16 rows of 64 bytes: with the rows themselves one after another,
// each tile would come from 16 places, which no cache foresees.
struct ByteTiles {
  bool amx;

  int rows() const { return amx ? AMX_ROWS : TILE_ROWS; }
  // What the inner side is a multiple of.
  int inner(int side) const { return roundUp(side, amx ? PIECE : LANES); }
  // Where a row of `inner` bytes begins, and how far apart its pieces are.
  size_t start(int row, int inner) const {
    return amx ? static_cast<size_t>(row / AMX_TILE) * AMX_TILE * inner + row % AMX_TILE * PIECE : static_cast<size_t>(row) * inner;
  }
  size_t apart() const { return amx ? AMX_TILE * PIECE : PIECE; }
  // `rows()` rows of `inner` bytes times 32 columns of a packed weight [inner / 4, 32, 4], to sums [rows(), 32].
  void product(const uint8_t* a, int inner, const int8_t* b, int32_t* to) const {
    if (amx) amxTile(a, inner, b, to);
    else vnniTile(a, inner, b, to, TileRows{});
  }
};

}  // namespace

// What products of bytes are made of: rounded rows, and tiles by AVX2, AVX-512 VNNI or AMX, whose sums are the same whole numbers.

#pragma once

#include <cstring>

#include "amx.h"

namespace {

#ifdef __AVX512VNNI__

// A number of 0 to 255 as it is multiplied.
using Byte = uint8_t;

inline void storeRow(Byte* to, Ints x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), lowBytes(x)); }

template <int... I>
inline void byteTile(const Byte* a, int inner, const int8_t* b, int32_t* to, std::integer_sequence<int, I...>) {
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

inline void rowsTile(const Byte* a, int inner, const int8_t* b, int32_t* to) { byteTile(a, inner, b, to, TileRows{}); }

#else

// A number of 0 to 255 as it is multiplied: in 16 bits, since AVX2's product of bytes cuts sums off. Of each four the middle two have
// changed places, as even and odd bytes of a weight are multiplied apart.
using Byte = uint16_t;

inline void storeRow(Byte* to, Ints x) {
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_shuffle_epi8(lowWords(x), order));
}

// sum += the products of pairs. In two instructions that stay together: left to itself, GCC computes many products before it adds any, and
// keeps sums in memory for want of registers.
inline void addProducts(__m256i& sum, __m256i pairs, __m256i with) {
  __m256i products;
  asm("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=&x"(products) : "x"(pairs), "x"(with));
}

// As above for two of a row's numbers and 16 columns.
inline void addProducts(__m256i& left, __m256i& right, const Byte* a, __m256i b0, __m256i b1) {
  int32_t two;
  std::memcpy(&two, a, sizeof(two));
  const __m256i pair = _mm256_set1_epi32(two);
  addProducts(left, pair, b0);
  addProducts(right, pair, b1);
}

// Some rows times 16 columns, which are 12 sums of six rows: with the factors they fill the 16 registers.
template <int... I>
inline void byteTile(const Byte* a, size_t stride, int inner, const int8_t* b, int32_t* to, std::integer_sequence<int, I...>) {
  __m256i left[] = {(void(I), _mm256_setzero_si256())...}, right[] = {(void(I), _mm256_setzero_si256())...};
  for (int k = 0; k < inner; k += 4, b += 4 * TILE_COLUMNS) {
    const __m256i* at = reinterpret_cast<const __m256i*>(b);
    for (int odd = 0; odd < 2; odd++, a += 2) {
      const auto wide = [&](__m256i bytes) { return _mm256_srai_epi16(odd ? bytes : _mm256_slli_epi16(bytes, 8), 8); };
      const __m256i b0 = wide(_mm256_load_si256(at)), b1 = wide(_mm256_load_si256(at + 1));
      (addProducts(left[I], right[I], a + I * stride, b0, b1), ...);
    }
  }
  (_mm256_store_si256(reinterpret_cast<__m256i*>(to + I * TILE_COLUMNS), left[I]), ...);
  (_mm256_store_si256(reinterpret_cast<__m256i*>(to + I * TILE_COLUMNS + 8), right[I]), ...);
}

inline void rowsTile(const Byte* a, int inner, const int8_t* b, int32_t* to) {
  constexpr int HALF = TILE_ROWS / 2;
  for (int column = 0; column < TILE_COLUMNS; column += LANES) {
    for (int row = 0; row < TILE_ROWS; row += HALF) {
      byteTile(a + static_cast<size_t>(row) * inner, inner, inner, b + 4 * column, to + row * TILE_COLUMNS + column,
               std::make_integer_sequence<int, HALF>{});
    }
  }
}

#endif

// Rounds a row, of which `load` gives 16 numbers, to bytes, 256 values from its least number to its most: a byte stands for low + step *
// byte. Its pieces of 64 bytes go `apart` from each other.
template <class Load>
inline void roundRow(const Load& load, int width, Byte* to, size_t apart, float& low, float& step) {
  Floats smallest = load(0), largest = smallest;
  for (int i = LANES; i < width; i += LANES) {
    const Floats v = load(i);
    smallest = least(smallest, v);
    largest = most(largest, v);
  }
  low = leastOf(smallest);
  const float range = mostOf(largest) - low;
  step = range / 255;
  const Floats offset = floats(low), inverse = floats(range > 0 ? 255 / range : 0);
  for (int i = 0; i < width; i += LANES) storeRow(to + i / PIECE * apart + i % PIECE, toInts((load(i) - offset) * inverse));
}

// How rows of bytes lie and are multiplied. AMX's tiles are read whole, 16 rows of 64 bytes: with the rows themselves one after another,
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
  void product(const Byte* a, int inner, const int8_t* b, int32_t* to) const {
    if (amx) amxTile(a, inner, b, to);
    else rowsTile(a, inner, b, to);
  }
};

}  // namespace

// What products of bytes are made of: rounded rows, and tiles by AVX2, AVX-512 VNNI or AMX, whose sums are the same whole numbers.

#pragma once

#include <cstring>

#include "amx.h"

namespace {

#ifdef __AVX512VNNI__

// A number of 0 to 255 as it is multiplied, and a weight.
using Byte = uint8_t;
using Weight = int8_t;

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

// Nothing follows a row, and columns are multiplied as they are packed.
constexpr int ROW_END = 0;
inline void endRow(Byte*, int) {}
struct Columns {
  Columns(int, int) {}
  void take(const int8_t*, int, int) const {}
  const Weight* from(const int8_t* packed, int column, int inner) const { return packed + static_cast<size_t>(column) * inner; }
};

#else

// AVX2's product of bytes cuts sums off, so numbers are multiplied in 16 bits, and since those have room, by Winograd's rule for inner
// products (1968),
//   a0 b0 + a1 b1 = (a0 + b1) (a1 + b0) - a0 a1 - b0 b1,
// of which the last two are summed once for each row and each column. Two additions stand for a multiplication and its addition: no fewer
// instructions, but more of a processor's ports add than multiply.

// A number of 0 to 255 as it is multiplied, and a weight. Of each four numbers of a row the middle two have changed places, so that even
// ones lie side by side, and odd ones.
using Byte = uint16_t;
using Weight = int16_t;

// Behind a row is the sum of its numbers' products in pairs, in 32 bits.
constexpr int ROW_END = LANES;

inline void storeRow(Byte* to, Ints x) {
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_shuffle_epi8(lowWords(x), order));
}

// Writes what is behind a row of `inner` numbers.
inline void endRow(Byte* row, int inner) {
  __m256i sums = _mm256_setzero_si256();
  for (int k = 0; k < inner; k += LANES) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + k));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x, _mm256_srli_epi64(x, 32)));
  }
  const int32_t sum = sumOf(Ints{sums, _mm256_setzero_si256()});
  std::memcpy(row + inner, &sum, sizeof(sum));
}

// Columns of a packed weight [columns / 32, inner / 4, 32, 4] as they are multiplied: of each 16 columns odd numbers and even ones, in 16
// bits, [columns / 32, 2, inner / 4, 2, 2, 8, 2], and behind each 32 columns the sums of their numbers' products in pairs.
class Columns {
 public:
  Columns(int columns, int inner) : room_(allocate<Weight>(columns / TILE_COLUMNS * size(inner))) {}

  void take(const int8_t* packed, int columns, int inner) {
    const __m256i* from = reinterpret_cast<const __m256i*>(packed);
    for (int column = 0; column < columns; column += TILE_COLUMNS) {
      Weight* const to = room_.get() + column / TILE_COLUMNS * size(inner);
      __m256i sums[4] = {};
      for (int k = 0; k < inner; k += 4, from += 4) {
        for (int eight = 0; eight < 4; eight++) {
          __m256i* at = reinterpret_cast<__m256i*>(to + (eight / 2 * inner + k) * LANES) + eight % 2 * 2;
          const __m256i bytes = _mm256_load_si256(from + eight);
          const __m256i odd = _mm256_srai_epi16(bytes, 8), even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
          _mm256_store_si256(at, odd);
          _mm256_store_si256(at + 1, even);
          sums[eight] = _mm256_add_epi32(sums[eight], _mm256_madd_epi16(odd, even));
        }
      }
      std::memcpy(to + TILE_COLUMNS * inner, sums, sizeof(sums));
    }
  }

  // Those from one on, which begins 32, of what was taken.
  const Weight* from(const int8_t*, int column, int inner) const { return room_.get() + column / TILE_COLUMNS * size(inner); }

 private:
  const Buffer<Weight> room_;

  // Numbers that 32 columns take.
  static size_t size(int inner) { return TILE_COLUMNS * (inner + sizeof(int32_t) / sizeof(Weight)); }
};

// Adds the products of four of a row's numbers with 16 columns. In assembly, since GCC, left to itself, computes many products before it
// adds any, and keeps sums in memory for want of registers, and loads by `vpbroadcastd`, which on AMD's Zen 3 takes an addition's port.
inline void addProducts(__m256i& left, __m256i& right, const Byte* a, const __m256i (&b)[4]) {
  __m256i even, odd, x, y;
  asm("vbroadcastss %[evens], %[even]\n\t"
      "vbroadcastss %[odds], %[odd]\n\t"
      "vpaddw %[b0], %[even], %[x]\n\t"
      "vpaddw %[b1], %[odd], %[y]\n\t"
      "vpmaddwd %[x], %[y], %[x]\n\t"
      "vpaddw %[b2], %[even], %[even]\n\t"
      "vpaddw %[b3], %[odd], %[odd]\n\t"
      "vpmaddwd %[even], %[odd], %[even]\n\t"
      "vpaddd %[x], %[left], %[left]\n\t"
      "vpaddd %[even], %[right], %[right]"
      : [left] "+x"(left), [right] "+x"(right), [even] "=&x"(even), [odd] "=&x"(odd), [x] "=&x"(x), [y] "=&x"(y)
      : [b0] "x"(b[0]), [b1] "x"(b[1]), [b2] "x"(b[2]), [b3] "x"(b[3]), [evens] "m"(*reinterpret_cast<const Byte(*)[2]>(a)),
        [odds] "m"(*reinterpret_cast<const Byte(*)[2]>(a + 2)));
}

// Some rows times 16 columns, with `pairs` what the columns' pairs come to. Four rows' sums with the factors fill the 16 registers.
template <int... I>
inline void byteTile(const Byte* a, int inner, const Weight* b, const __m256i* pairs, int32_t* to, std::integer_sequence<int, I...>) {
  const size_t stride = inner + ROW_END;
  const auto less = [&](int row, __m256i pairs) {
    int32_t own;
    std::memcpy(&own, a + row * stride + inner, sizeof(own));
    return _mm256_sub_epi32(_mm256_set1_epi32(-own), pairs);
  };
  __m256i left[] = {less(I, pairs[0])...}, right[] = {less(I, pairs[1])...};
  for (int k = 0; k < inner; k += LANES) {  // unrolled, since a loop's own instructions have no room beside these
    for (int four = 0; four < LANES / 4; four++, a += 4, b += 4 * LANES) {
      const auto eight = [&](int i) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(b) + i); };
      const __m256i factors[] = {eight(0), eight(1), eight(2), eight(3)};
      (addProducts(left[I], right[I], a + I * stride, factors), ...);
    }
  }
  (_mm256_store_si256(reinterpret_cast<__m256i*>(to + I * TILE_COLUMNS), left[I]), ...);
  (_mm256_store_si256(reinterpret_cast<__m256i*>(to + I * TILE_COLUMNS + 8), right[I]), ...);
}

inline void rowsTile(const Byte* a, int inner, const Weight* b, int32_t* to) {
  constexpr int SOME = 4;
  for (int column = 0; column < TILE_COLUMNS; column += LANES) {
    const __m256i* pairs = reinterpret_cast<const __m256i*>(b + TILE_COLUMNS * inner) + column / 8;
    for (int row = 0; row < TILE_ROWS; row += SOME) {
      byteTile(a + static_cast<size_t>(row) * (inner + ROW_END), inner, b + column * inner, pairs, to + row * TILE_COLUMNS + column,
               std::make_integer_sequence<int, SOME>{});
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
  endRow(to, width);
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
    return amx ? static_cast<size_t>(row / AMX_TILE) * AMX_TILE * inner + row % AMX_TILE * PIECE : size(row, inner);
  }
  // What some whole tiles' rows take.
  static size_t size(size_t rows, int inner) { return rows * (inner + ROW_END); }
  size_t apart() const { return amx ? AMX_TILE * PIECE : PIECE; }
  // `rows()` rows of `inner` bytes times 32 columns, as `Columns` has them, to sums [rows(), 32].
  void product(const Byte* a, int inner, const Weight* b, int32_t* to) const {
    if (amx) amxTile(a, inner, b, to);
    else rowsTile(a, inner, b, to);
  }
};

}  // namespace

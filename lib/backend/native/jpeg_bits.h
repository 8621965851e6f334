// Huffman codes of a JPEG's scan, as libjpeg reads them. What is not as it should be is told by `bad`, and left to others.
#pragma once

#include <cstdint>
#include <cstring>

namespace jpeg {

// Places of coefficients in their order within a scan; those after the last are of damaged blocks.
constexpr uint8_t NATURAL[80] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,
    6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31,
    39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

// The bits of a scan, as many as a register holds; zeros after its end, which `missing` counts.
struct Bits {
  const uint8_t *next, *end;
  uint64_t held = 0;  // from the highest on
  int count = 0, missing = 0;

  // At least 56 bits.
  void fill() {
    if (end - next >= 8) {
      uint64_t eight;
      std::memcpy(&eight, next, 8);
      const bool has_ff = (~eight - 0x0101010101010101) & eight & 0x8080808080808080;
      if (!has_ff) {
        held |= __builtin_bswap64(eight) >> count;
        next += (63 - count) >> 3;
        count |= 56;
        return;
      }
    }
    while (count <= 56) {
      uint64_t byte = 0;
      if (next < end && *next != 0xff) {
        byte = *next++;
      } else if (end - next >= 2 && next[1] == 0) {
        byte = 0xff;
        next += 2;
      } else {
        missing += 8;
      }
      held |= byte << (56 - count);
      count += 8;
    }
  }

  void drop(int bits) {
    held <<= bits;
    count -= bits;
  }

  bool overrun() const { return count < missing; }

  // Whether the data end here, with `marker`, which is passed over.
  bool ends_with(int marker) {
    if (count - missing >= 8 || overrun() || end - next < 2 || next[0] != 0xff || next[1] != marker) return false;
    next += 2;
    held = 0;
    count = missing = 0;
    return true;
  }
};

// What a code and the number after it say: a coefficient, or the difference of two first ones, after some zeros.
struct Coefficient {
  int16_t value;
  uint8_t zeros, bits;  // END at a block's end, RUN where no coefficient follows; the bits of code and number
};
constexpr int END = 64, RUN = 16;

// What one code or two say together: two coefficients by their places from here on, of which those that are none are 0, and how far
// all that reaches; ENDED more at a block's end.
struct Pair {
  int16_t first, second;
  uint8_t first_place, second_place, reach, bits;
};
constexpr int ENDED = 128;

// Codes by the bits that may come.
class Huffman {
 public:
  static constexpr int LOOK = 11;  // bits; tables of more would leave the cache

  bool ready() const { return ready_; }

  // As in a DHT segment; false where libjpeg would refuse it or nobody writes it.
  bool set(const uint8_t counts[16], const uint8_t* values, bool is_dc) {
    std::memset(singles_, 0, sizeof(singles_));
    is_dc_ = is_dc;
    int code = 0, place = 0;
    for (int length = 1; length <= 16; length++, code <<= 1) {
      offset_[length] = place - code;
      for (int i = 0; i < counts[length - 1]; i++, code++, place++) {
        values_[place] = values[place];
        if (is_dc && values[place] > 15) return false;
        if (length <= LOOK && code < 1 << length) put(code, length, values[place]);
      }
      if (code >= 1 << length) return false;
      after_[length] = code;
    }
    for (int i = 0; i < 1 << LOOK && !is_dc; i++) pairs_[i] = pair_of(i);
    return ready_ = true;
  }

  // What the next bits say, of which 31 must be there; no bits where they say nothing.
  Coefficient single(uint64_t held) const {
    const Coefficient one = singles_[held >> (64 - LOOK)];
    return __builtin_expect(one.bits != 0, 1) ? one : long_one(one, held);
  }

  // No bits where the first code and its number are longer than LOOK.
  const Pair& pair(uint64_t held) const { return pairs_[held >> (64 - LOOK)]; }

 private:
  static int number(uint64_t bits, int size) {
    return static_cast<int>(bits) - (bits >> (size - 1) ? 0 : (1 << size) - 1);
  }

  uint8_t zeros_of(int symbol) const { return is_dc_ ? 0 : symbol & 15 ? symbol >> 4 : symbol >> 4 == 15 ? RUN : END; }

  void put(int code, int length, int symbol) {
    const int size = symbol & 15, rest = LOOK - length;
    for (int i = 0; i < 1 << rest; i++) {
      Coefficient& one = singles_[(code << rest) + i];
      if (size > rest) {  // the number is still to come: the symbol and its code's length, for long_one()
        one = {static_cast<int16_t>(symbol), static_cast<uint8_t>(length), 0};
      } else {
        const int value = size ? number(i >> (rest - size), size) : 0;
        one = {static_cast<int16_t>(value), zeros_of(symbol), static_cast<uint8_t>(length + size)};
      }
    }
  }

  Pair pair_of(int bits) const {
    const Coefficient one = singles_[bits];
    if (!one.bits) return {};
    if (one.zeros == END) return {0, 0, 0, 0, ENDED, one.bits};
    const bool is_run = one.zeros == RUN;
    const uint8_t place = is_run ? 0 : one.zeros, next = is_run ? RUN : one.zeros + 1;
    const Coefficient two = singles_[bits << one.bits & ((1 << LOOK) - 1)];
    const uint8_t both = one.bits + two.bits;
    if (!two.bits || both > LOOK) return {one.value, 0, place, next, next, one.bits};
    if (two.zeros >= RUN) {
      const int reach = next + (two.zeros == END ? ENDED : RUN);
      return {one.value, 0, place, next, static_cast<uint8_t>(reach), both};
    }
    const uint8_t second = next + two.zeros;
    return {one.value, two.value, place, second, static_cast<uint8_t>(second + 1), both};
  }

  __attribute__((noinline)) Coefficient long_one(Coefficient begun, uint64_t held) const {
    int symbol = begun.value, length = begun.zeros;
    for (int l = LOOK + 1; length == 0 && l <= 16; l++) {
      const int code = static_cast<int>(held >> (64 - l));
      if (code >= after_[l]) continue;
      symbol = values_[(offset_[l] + code) & 255];
      length = l;
    }
    if (length == 0) return {0, END, 0};
    const int size = symbol & 15;
    const int value = size ? number(held << length >> (64 - size), size) : 0;
    return {static_cast<int16_t>(value), zeros_of(symbol), static_cast<uint8_t>(length + size)};
  }

  Pair pairs_[1 << LOOK];
  Coefficient singles_[1 << LOOK];
  uint8_t values_[256] = {};
  int offset_[17], after_[17];
  bool is_dc_ = false, ready_ = false;
};

// One block's coefficients into zeros; false where there are none, or more than a block has.
inline bool read_block(Bits& all, const Huffman& dc, const Huffman& ac, int& last, int16_t* block) {
  Bits bits = all;  // in registers
  bits.fill();
  const Coefficient first = dc.single(bits.held);
  bits.drop(first.bits);
  last += first.value;
  block[0] = static_cast<int16_t>(last);
  if (!first.bits) return false;
  int k = 1;
  do {
    // Of two codes the first never ends the block here, where the second would be the next one's.
    while (__builtin_expect(k < 64 - RUN, 1)) {
      if (bits.count < 32) bits.fill();
      const Pair& pair = ac.pair(bits.held);
      if (__builtin_expect(pair.bits == 0, 0)) break;
      bits.drop(pair.bits);
      block[NATURAL[k + pair.first_place]] = pair.first;
      block[NATURAL[k + pair.second_place]] = pair.second;
      k += pair.reach;
    }
    if (k >= 64) break;
    if (bits.count < 32) bits.fill();
    const Coefficient one = ac.single(bits.held);
    if (!one.bits) return false;
    bits.drop(one.bits);
    if (one.zeros >= RUN) {
      k += one.zeros == END ? ENDED : RUN;
    } else {
      k += one.zeros;
      block[NATURAL[k++]] = one.value;
    }
  } while (k < 64);
  all = bits;
  return k == 64 || k >= ENDED && k < ENDED + 64;
}

}  // namespace jpeg

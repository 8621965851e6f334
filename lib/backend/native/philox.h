// The masks of dropout, drawn as TensorFlow draws random numbers.

#pragma once

#include <cstring>

#include "vectors.h"

namespace {

// The mask of 16 numbers from `index` on.
Which kept(const uint8_t* mask, size_t index) {
  uint32_t bits;
  std::memcpy(&bits, mask + index / 8, sizeof(bits));
  return static_cast<Which>(bits >> index % 8);
}

// Philox 4x32-10 (Salmon et al., SC 2011), as TensorFlow's stateless generators start it from a seed.
struct Philox {
  static constexpr int BLOCK = 256;  // bytes that are drawn together

  uint32_t key[2], counter[4];

  explicit Philox(int32_t seed) : key{0x3ec8f720, 0x02461e29}, counter{static_cast<uint32_t>(seed), seed < 0 ? ~0u : 0u, 0, 0} {
    uint32_t mixed[4][LANES];
    draw(ints(counter[0]), counter[1], mixed);
    key[0] = mixed[0][0], key[1] = mixed[1][0];
    counter[0] = counter[1] = 0;
    counter[2] = mixed[2][0], counter[3] = mixed[3][0];
  }

  // Both halves of the products of 32 bits by 32.
  static void multiplyWide(Ints x, uint32_t factor, Ints& low, Ints& high) {
    const Ints by = ints(factor), even = timesWide(x, by), odd = timesWide(toEven(x), by);
    low = inTurn(even, toOdd(odd));
    high = inTurn(toEven(even), odd);
  }

  // Ten rounds for 16 counters that differ in their first number.
  void draw(Ints first, uint32_t second, uint32_t (*to)[LANES]) const {
    Ints c[] = {first, ints(second), ints(counter[2]), ints(counter[3])};
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9, k1 += 0xbb67ae85) {
      Ints low0, high0, low1, high1;
      multiplyWide(c[0], 0xd2511f53, low0, high0);
      multiplyWide(c[2], 0xcd9e8d57, low1, high1);
      c[0] = exclusiveOr(exclusiveOr(high1, c[1]), ints(k0));
      c[2] = exclusiveOr(exclusiveOr(high0, c[3]), ints(k1));
      c[1] = low1;
      c[3] = low0;
    }
    for (int i = 0; i < 4; i++) store(to[i], c[i]);
  }

  // The bits of 256 numbers, [32] bytes: whether byte 256·block + i is at least `least`.
  void mask(uint32_t block, uint8_t least, uint8_t* to) const {
    // Four numbers make a group, of four bytes each; lane 4·L + q takes group 4·q + L, so that whole vectors come out in order.
    alignas(64) static const int32_t groups[] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    alignas(64) uint32_t words[4][LANES];
    draw(add(ints(block * LANES), load(groups)), counter[1], words);
    Ints w[4];
    for (int i = 0; i < 4; i++) w[i] = load(reinterpret_cast<const int32_t*>(words[i]));
    const Ints low01 = firstInTurn(w[0], w[1]), low23 = firstInTurn(w[2], w[3]);
    const Ints high01 = lastInTurn(w[0], w[1]), high23 = lastInTurn(w[2], w[3]);
    const Ints bytes[] = {firstPairs(low01, low23), lastPairs(low01, low23), firstPairs(high01, high23), lastPairs(high01, high23)};
    for (int i = 0; i < 4; i++) {
      const uint64_t bits = bytesFrom(bytes[i], least);
      std::memcpy(to + 8 * i, &bits, 8);
    }
  }
};

}  // namespace

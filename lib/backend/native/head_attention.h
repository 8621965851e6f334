// One head's attention over the tokens of one image, in bfloat16, with dropout on its weights, and the way back.

#pragma once

#include "bfloat16.h"
#include "philox.h"

namespace {

// Shapes: N tokens, K head width, an even number. Rows of queries, keys and values are `apart` from each other.
struct Attention {
  int tokens, width;
  const Half *q, *k, *v;  // [N, K]
  size_t apart;
  Half* weights;        // [N, N], with room between rows: what softmax gives
  const uint8_t* mask;  // of dropout, from bit `index` on
  size_t index;
  float keepScale;

  int room() const { return roundUp(tokens, TILE_COLUMNS); }
  __m512 scale() const { return _mm512_set1_ps(1 / std::sqrt(static_cast<float>(width))); }
};

// What a thread attends with.
struct AttentionDesk {
  Buffer<float> likeness;          // [N, N], with room for whole tiles, as all of these
  Buffer<Half> dropped, gradient;  // [N, N]
  Buffer<Pair> turned;             // keys or values as columns, one a token
  Buffer<Pair> across, strips;     // others as columns, one a number, and weights as strips

  AttentionDesk(int tokens, int width) {
    const size_t room = roundUp(tokens, TILE_COLUMNS), rows = roundUp(tokens, TILE_ROWS);
    likeness = allocate<float>(rows * room);
    dropped = allocate<Half>(rows * room + LANES);
    gradient = allocate<Half>(rows * room + LANES);
    turned = allocate<Pair>(room * width / 2);
    across = allocate<Pair>(room / 2 * roundUp(width, TILE_COLUMNS));
    strips = allocate<Pair>(rows * room / 2);
  }
};

// What dropout leaves of 16 of a row's numbers, from column i on; nothing behind the last token's.
__m512 dropWeights(const Attention& p, int row, int i, __m512 x) {
  const int N = p.tokens;
  const __mmask16 inside = i + LANES <= N ? 0xffff : i < N ? (1 << (N - i)) - 1 : 0;
  const __mmask16 left = inside & kept(p.mask, p.index + static_cast<size_t>(row) * N + std::min(i, N));
  return _mm512_maskz_mul_ps(left, x, _mm512_set1_ps(p.keepScale));
}

// Rows of a * b, 32 columns at a time, to float32.
auto intoFloats(float* to, size_t stride, __m512 scale) {
  return [=](int r, int c, __m512 left, __m512 right) {
    _mm512_storeu_ps(to + r * stride + c, _mm512_mul_ps(left, scale));
    _mm512_storeu_ps(to + r * stride + c + LANES, _mm512_mul_ps(right, scale));
  };
}

// The mean of values by softmax(q * k / sqrt K), [N, K], rows `stride` apart.
void attend(const Attention& p, Half* mixed, size_t stride, AttentionDesk& desk) {
  const int N = p.tokens, K = p.width, room = p.room();
  float* likeness = desk.likeness.get();
  Half* dropped = desk.dropped.get();
  turn(p.k, p.apart, N, K, desk.turned.get());
  multiplyRows(p.q, p.apart, desk.turned.get(), {N, K, room}, intoFloats(likeness, room, p.scale()));
  for (int n = 0; n < N; n++, likeness += room) {
    Half* weights = p.weights + n * room;
    softmaxRow(likeness, N);
    roundRow(likeness, room, weights);
    for (int i = 0; i < room; i += LANES) store(dropped + n * room + i, dropWeights(p, n, i, load(weights + i)));
  }
  layOut<TILE_COLUMNS>(p.v, p.apart, N, K, desk.across.get(), parts(N, 2), 0);
  multiplyRows(dropped, room, desk.across.get(), {N, N, K}, intoHalves(mixed, stride, K));
}

// From the gradient of what `attend()` gave to those of queries, keys and values, rows `apart` from each other like these.
void attendBack(const Attention& p, const Half* dMixed, size_t stride, Half* dQ, Half* dK, Half* dV, AttentionDesk& desk) {
  const int N = p.tokens, K = p.width, room = p.room(), pairs = parts(N, 2);
  float* likeness = desk.likeness.get();
  Half *dropped = desk.dropped.get(), *gradient = desk.gradient.get();
  Pair *across = desk.across.get(), *strips = desk.strips.get();
  turn(p.v, p.apart, N, K, desk.turned.get());
  multiplyRows(dMixed, stride, desk.turned.get(), {N, K, room}, intoFloats(likeness, room, _mm512_set1_ps(1)));
  for (int n = 0; n < N; n++, likeness += room) {
    const Half* weights = p.weights + n * room;
    __m512 along = _mm512_setzero_ps();  // the sum of weights times their gradients
    for (int i = 0; i < room; i += LANES) {
      const __m512 left = dropWeights(p, n, i, load(weights + i));
      store(dropped + n * room + i, left);
      along = _mm512_fmadd_ps(left, load(likeness + i), along);
    }
    along = _mm512_set1_ps(_mm512_reduce_add_ps(along));
    for (int i = 0; i < room; i += LANES) {
      const __m512 d = _mm512_sub_ps(dropWeights(p, n, i, load(likeness + i)), along);
      store(gradient + n * room + i, _mm512_mul_ps(_mm512_mul_ps(load(weights + i), d), p.scale()));
    }
  }
  layOut<TILE_ROWS>(dropped, room, N, N, strips, pairs, 0);
  layOut<TILE_COLUMNS>(dMixed, stride, N, K, across, pairs, 0);
  multiply<true>(strips, 0, across, {N, N, K}, intoHalves(dV, p.apart, K));
  layOut<TILE_COLUMNS>(p.k, p.apart, N, K, across, pairs, 0);
  multiplyRows(gradient, room, across, {N, N, K}, intoHalves(dQ, p.apart, K));
  layOut<TILE_ROWS>(gradient, room, N, N, strips, pairs, 0);
  layOut<TILE_COLUMNS>(p.q, p.apart, N, K, across, pairs, 0);
  multiply<true>(strips, 0, across, {N, N, K}, intoHalves(dK, p.apart, K));
}

}  // namespace

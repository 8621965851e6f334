// One head's attention over the tokens of one image, with dropout on its weights, and the way back.

#pragma once

#include "philox.h"
#include "products.h"

namespace {

// Shapes: N tokens, K head width, an even number. Rows of queries, keys and values are `apart` from each other.
struct Attention {
  int tokens, width;
  const Number *q, *k, *v;  // [N, K]
  size_t apart;
  Number* weights;      // [N, N], with room between rows: what softmax gives, kept for the way back
  const uint8_t* mask;  // of dropout, from bit `index` on; none where nothing is trained
  size_t index;
  float keepScale;

  int room() const { return roundUp(tokens, TILE_COLUMNS); }
  Floats scale() const { return floats(1 / std::sqrt(static_cast<float>(width))); }
};

// What a thread attends with.
struct AttentionDesk {
  Buffer<float> likeness;            // [N, N], with room for whole tiles, as all of these
  Buffer<Number> dropped, gradient;  // [N, N]
  Buffer<Cell> turned;               // keys or values as columns, one a token
  Buffer<Cell> across, strips;       // others as columns, one a number, and weights as strips

  AttentionDesk(int tokens, int width) {
    const size_t room = roundUp(tokens, TILE_COLUMNS), rows = roundUp(tokens, ROWS);
    likeness = allocate<float>(rows * room);
    dropped = allocate<Number>(rows * room + LANES);
    gradient = allocate<Number>(rows * room + LANES);
    turned = allocate<Cell>(room * width / DEEP);
    across = allocate<Cell>(room / DEEP * roundUp(width, TILE_COLUMNS));
    strips = allocate<Cell>(rows * room / DEEP);
  }
};

// What dropout leaves of 16 of a row's numbers, from column i on; nothing behind the last token's.
Floats dropWeights(const Attention& p, int row, int i, Floats x) {
  const int N = p.tokens;
  const Which left = firstOf(N - i) & kept(p.mask, p.index + static_cast<size_t>(row) * N + std::min(i, N));
  return only(left, x * floats(p.keepScale));
}

// Rows of a * b, 32 columns at a time, to float32.
auto intoFloats(float* to, size_t stride, Floats scale) {
  return [=](int r, int c, Floats left, Floats right) {
    store(to + r * stride + c, left * scale);
    store(to + r * stride + c + LANES, right * scale);
  };
}

// The mean of values by softmax(q * k / sqrt K), [N, K], rows `stride` apart.
void attend(const Attention& p, Number* mixed, size_t stride, AttentionDesk& desk) {
  const int N = p.tokens, K = p.width, room = p.room();
  float* likeness = desk.likeness.get();
  Number* dropped = desk.dropped.get();
  turn(p.k, p.apart, N, K, desk.turned.get());
  multiplyRows(p.q, p.apart, desk.turned.get(), {N, K, room}, intoFloats(likeness, room, p.scale()));
  for (int n = 0; n < N; n++, likeness += room) {
    softmaxRow(likeness, N);
    if (!p.mask) {
      roundRow(likeness, room, dropped + n * room);
      continue;
    }
    Number* weights = p.weights + n * room;
    roundRow(likeness, room, weights);
    for (int i = 0; i < room; i += LANES) store(dropped + n * room + i, dropWeights(p, n, i, load(weights + i)));
  }
  layOut<WIDE>(p.v, p.apart, N, K, desk.across.get(), parts(N, DEEP), 0);
  multiplyRows(dropped, room, desk.across.get(), {N, N, K}, intoNumbers(mixed, stride, K));
}

// From the gradient of what `attend()` gave to those of queries, keys and values, rows `apart` from each other like these.
void attendBack(const Attention& p, const Number* dMixed, size_t stride, Number* dQ, Number* dK, Number* dV, AttentionDesk& desk) {
  const int N = p.tokens, K = p.width, room = p.room(), cells = parts(N, DEEP);
  float* likeness = desk.likeness.get();
  Number *dropped = desk.dropped.get(), *gradient = desk.gradient.get();
  Cell *across = desk.across.get(), *strips = desk.strips.get();
  turn(p.v, p.apart, N, K, desk.turned.get());
  multiplyRows(dMixed, stride, desk.turned.get(), {N, K, room}, intoFloats(likeness, room, floats(1)));
  for (int n = 0; n < N; n++, likeness += room) {
    const Number* weights = p.weights + n * room;
    Floats along = floats(0);  // the sum of weights times their gradients
    for (int i = 0; i < room; i += LANES) {
      const Floats left = dropWeights(p, n, i, load(weights + i));
      store(dropped + n * room + i, left);
      along = fma(left, load(likeness + i), along);
    }
    along = floats(sumOf(along));
    for (int i = 0; i < room; i += LANES) {
      const Floats d = dropWeights(p, n, i, load(likeness + i)) - along;
      store(gradient + n * room + i, load(weights + i) * d * p.scale());
    }
  }
  layOut<ROWS>(dropped, room, N, N, strips, cells, 0);
  layOut<WIDE>(dMixed, stride, N, K, across, cells, 0);
  multiply<true>(strips, 0, across, {N, N, K}, intoNumbers(dV, p.apart, K));
  layOut<WIDE>(p.k, p.apart, N, K, across, cells, 0);
  multiplyRows(gradient, room, across, {N, N, K}, intoNumbers(dQ, p.apart, K));
  layOut<ROWS>(gradient, room, N, N, strips, cells, 0);
  layOut<WIDE>(p.q, p.apart, N, K, across, cells, 0);
  multiply<true>(strips, 0, across, {N, N, K}, intoNumbers(dK, p.apart, K));
}

}  // namespace

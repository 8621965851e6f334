// What a head is made of: linear layers and layer norms with their gradients, and AdamW.

#pragma once

#include "head_products.h"

namespace {

// A weight or bias: [count] in float32, and what AdamW keeps of it.
struct Parameter {
  int count;
  Buffer<float> value, m, v, gradient;

  explicit Parameter(int count)
      : count(count),
        value(allocate<float>(count)),
        m(allocate<float>(count)),
        v(allocate<float>(count)),
        gradient(allocate<float>(count)) {}
};

struct Linear {
  int in, out;
  Parameter weight, bias;
  Buffer<Pair> forward, backward;  // the weight as columns: of outputs, and of inputs
  Buffer<Pair> input, gradient;    // of the batch: the inputs as columns, the outputs' gradients turned

  Linear(int in, int out)
      : in(in),
        out(out),
        weight(in * out),
        bias(out),
        forward(allocate<Pair>(in * out / 2)),
        backward(allocate<Pair>(in * out / 2)) {}
};

struct Norm {
  Parameter weight, bias;
  Buffer<float> unit, scale;  // of the batch: [R, D] normalised, [R] what by
  Buffer<float> sums;         // [panels, 2, D]: the gradients of weight and bias, summed over each panel

  explicit Norm(int width) : weight(width), bias(width) {}
};

// AdamW's numbers for one step, filled in by head_native.ts in this order.
struct Update {
  float keep, beta1, beta2, stepSize, secondCorrection, epsilon;
};

// x * weight transposed + bias, for rows of inputs.
template <class Take>
void forward(const Linear& p, const Half* x, size_t stride, int rows, const Take& take) {
  const float* bias = p.bias.value.get();
  multiplyPanel(x, stride, p.forward.get(), {rows, p.in, p.out}, [&](int r, int c, __m512 left, __m512 right) {
    take(r, c, _mm512_add_ps(left, load(bias + c)), _mm512_add_ps(right, load(bias + c + LANES)));
  });
}

// The gradient of the inputs, for rows of the outputs'.
template <class Take>
void backward(const Linear& p, const Half* dy, size_t stride, int rows, const Take& take) {
  multiplyPanel(dy, stride, p.backward.get(), {rows, p.out, p.in}, take);
}

// Layer norm of rows from `first` on, in place.
void norm(Norm& p, float* x, int first, int rows, int width) {
  for (int r = first; r < first + rows; r++, x += width) {
    float* unit = p.unit.get() + static_cast<size_t>(r) * width;
    const Spread spread = spreadOf(x, width);
    p.scale[r] = spread.scale;
    for (int i = 0; i < width; i += LANES) {
      const __m512 u = spread.unit(x + i);
      _mm512_storeu_ps(unit + i, u);
      _mm512_storeu_ps(x + i, _mm512_fmadd_ps(u, load(p.weight.value.get() + i), load(p.bias.value.get() + i)));
    }
  }
}

// From the gradient of a norm's output to that of its input, in place, for a panel of rows.
void normBack(Norm& p, float* dy, int panel, int rows, int width) {
  float *dWeight = p.sums.get() + static_cast<size_t>(panel) * 2 * width, *dBias = dWeight + width;
  std::fill(dWeight, dWeight + 2 * width, 0.f);
  const float* weight = p.weight.value.get();
  for (int r = panel * PANEL; r < panel * PANEL + rows; r++, dy += width) {
    const float* unit = p.unit.get() + static_cast<size_t>(r) * width;
    __m512 sum = _mm512_setzero_ps(), along = sum;
    for (int i = 0; i < width; i += LANES) {
      const __m512 d = load(dy + i), u = load(unit + i), dUnit = _mm512_mul_ps(d, load(weight + i));
      _mm512_storeu_ps(dWeight + i, _mm512_fmadd_ps(d, u, load(dWeight + i)));
      _mm512_storeu_ps(dBias + i, _mm512_add_ps(d, load(dBias + i)));
      sum = _mm512_add_ps(sum, dUnit);
      along = _mm512_fmadd_ps(dUnit, u, along);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / width),
                 share = _mm512_set1_ps(_mm512_reduce_add_ps(along) / width);
    const __m512 scale = _mm512_set1_ps(p.scale[r]);
    for (int i = 0; i < width; i += LANES) {
      const __m512 centred = _mm512_fmsub_ps(load(dy + i), load(weight + i), mean);
      _mm512_storeu_ps(dy + i, _mm512_mul_ps(_mm512_fnmadd_ps(load(unit + i), share, centred), scale));
    }
  }
}

// Puts 32 weights of two outputs into both layouts.
void packPair(Linear& p, int o, int i, __m512 left, __m512 right, __m512 nextLeft, __m512 nextRight) {
  alignas(64) Half rows[2][TILE_COLUMNS];
  store(rows[0], left, right);
  store(rows[1], nextLeft, nextRight);
  Pair* to = p.backward.get() + (static_cast<size_t>(i) * p.out + static_cast<size_t>(o) * TILE_COLUMNS) / 2;
  _mm512_store_si512(to, pairUp(rows[0], rows[1]));
  _mm512_store_si512(to + LANES, pairUp(rows[0] + LANES, rows[1] + LANES));
  to = p.forward.get() + (static_cast<size_t>(o / TILE_COLUMNS) * p.in + i) / 2 * TILE_COLUMNS + o % TILE_COLUMNS;
  for (int j = 0; j < LANES; j++, to += TILE_COLUMNS) {
    std::memcpy(to, rows[0] + 2 * j, sizeof(Pair));
    std::memcpy(to + 1, rows[1] + 2 * j, sizeof(Pair));
  }
}

// Lays out a weight that was put in.
void pack(Linear& p) {
  for (int o = 0; o < p.out; o += 2) {
    const float* rows = p.weight.value.get() + static_cast<size_t>(o) * p.in;
    for (int i = 0; i < p.in; i += TILE_COLUMNS) {
      packPair(p, o, i, load(rows + i), load(rows + i + LANES), load(rows + p.in + i), load(rows + p.in + i + LANES));
    }
  }
}

// AdamW for 16 numbers from `i` on, or for the first of them; returns their new values.
__m512 adamW(Parameter& p, size_t i, __m512 gradient, const Update& u, __mmask16 which = 0xffff) {
  float *value = p.value.get() + i, *m = p.m.get() + i, *v = p.v.get() + i;
  const auto all = [](float x) { return _mm512_set1_ps(x); };
  const __m512 before = _mm512_maskz_loadu_ps(which, m), beforeSquare = _mm512_maskz_loadu_ps(which, v);
  const __m512 mean = _mm512_fmadd_ps(_mm512_sub_ps(gradient, before), all(1 - u.beta1), before);
  const __m512 square =
      _mm512_fmadd_ps(_mm512_mul_ps(gradient, gradient), all(1 - u.beta2), _mm512_mul_ps(beforeSquare, all(u.beta2)));
  const __m512 root = _mm512_fmadd_ps(_mm512_sqrt_ps(square), all(u.secondCorrection), all(u.epsilon));
  const __m512 decayed = _mm512_mul_ps(_mm512_maskz_loadu_ps(which, value), all(u.keep));
  const __m512 changed = _mm512_fnmadd_ps(_mm512_div_ps(mean, root), all(u.stepSize), decayed);
  _mm512_mask_storeu_ps(m, which, mean);
  _mm512_mask_storeu_ps(v, which, square);
  _mm512_mask_storeu_ps(value, which, changed);
  return changed;
}

// AdamW for numbers whose gradients lie with them.
void adamW(Parameter& p, int first, int count, const Update* update) {
  if (!update) return;
  for (int i = first; i < first + count; i += LANES) {
    const __mmask16 which = first + count - i < LANES ? (1 << (first + count - i)) - 1 : 0xffff;
    adamW(p, i, _mm512_maskz_loadu_ps(which, p.gradient.get() + i), *update, which);
  }
}

// The gradient of some outputs' weights and biases, summed over a batch's rows, and the step that they take if there is an
// update.
void change(Linear& p, int first, int count, int batchRows, const Update* update) {
  const Pair* gradients = p.gradient.get() + static_cast<size_t>(first) * (roundUp(batchRows, BATCH_ROWS) / 2);
  __m512 even[2];
  multiplyTurned(gradients, p.input.get(), {count, batchRows, p.in}, [&](int r, int c, __m512 left, __m512 right) {
    const size_t at = static_cast<size_t>(first + r) * p.in + c;
    if (!update) {
      _mm512_storeu_ps(p.weight.gradient.get() + at, left);
      _mm512_storeu_ps(p.weight.gradient.get() + at + LANES, right);
      return;
    }
    left = adamW(p.weight, at, left, *update);
    right = adamW(p.weight, at + LANES, right, *update);
    if (r % 2 == 0) even[0] = left, even[1] = right;
    else packPair(p, first + r - 1, c, even[0], even[1], left, right);
  });
  sumTurned(gradients, count, batchRows, p.bias.gradient.get() + first);
  adamW(p.bias, first, count, update);
}

// The same for a norm, from its sums over panels.
void change(Norm& p, int panels, const Update* update) {
  const int width = p.weight.count;
  float *dWeight = p.weight.gradient.get(), *dBias = p.bias.gradient.get();
  std::fill(dWeight, dWeight + width, 0.f), std::fill(dBias, dBias + width, 0.f);
  for (int panel = 0; panel < panels; panel++) {
    const float* sums = p.sums.get() + static_cast<size_t>(panel) * 2 * width;
    for (int i = 0; i < width; i++) dWeight[i] += sums[i], dBias[i] += sums[width + i];
  }
  adamW(p.weight, 0, width, update), adamW(p.bias, 0, width, update);
}

}  // namespace

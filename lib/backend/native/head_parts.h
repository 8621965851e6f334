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
  Buffer<Cell> forward, backward;  // the weight as columns: of outputs, and of inputs
  Buffer<Cell> input, gradient;    // of the batch: the inputs as columns, the outputs' gradients turned

  Linear(int in, int out)
      : in(in),
        out(out),
        weight(in * out),
        bias(out),
        forward(allocate<Cell>(in * out / DEEP)),
        backward(allocate<Cell>(in * out / DEEP)) {}
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
void forward(const Linear& p, const Number* x, size_t stride, int rows, const Take& take) {
  const float* bias = p.bias.value.get();
  multiplyPanel(x, stride, p.forward.get(), {rows, p.in, p.out}, [&](int r, int c, Floats left, Floats right) {
    take(r, c, left + load(bias + c), right + load(bias + c + LANES));
  });
}

// The gradient of the inputs, for rows of the outputs'.
template <class Take>
void backward(const Linear& p, const Number* dy, size_t stride, int rows, const Take& take) {
  multiplyPanel(dy, stride, p.backward.get(), {rows, p.out, p.in}, take);
}

// Layer norm of rows from `first` on, in place; `keeps` for the way back.
void norm(Norm& p, float* x, int first, int rows, int width, bool keeps) {
  for (int r = first; r < first + rows; r++, x += width) {
    float* unit = p.unit.get() + static_cast<size_t>(r) * width;
    const Spread spread = spreadOf(x, width);
    if (keeps) p.scale[r] = spread.scale;
    for (int i = 0; i < width; i += LANES) {
      const Floats u = spread.unit(x + i);
      if (keeps) store(unit + i, u);
      store(x + i, fma(u, load(p.weight.value.get() + i), load(p.bias.value.get() + i)));
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
    Floats sum = floats(0), along = sum;
    for (int i = 0; i < width; i += LANES) {
      const Floats d = load(dy + i), u = load(unit + i), dUnit = d * load(weight + i);
      store(dWeight + i, fma(d, u, load(dWeight + i)));
      store(dBias + i, d + load(dBias + i));
      sum = sum + dUnit;
      along = fma(dUnit, u, along);
    }
    const Floats mean = floats(sumOf(sum) / width), share = floats(sumOf(along) / width), scale = floats(p.scale[r]);
    for (int i = 0; i < width; i += LANES) {
      const Floats centred = fms(load(dy + i), load(weight + i), mean);
      store(dy + i, fnma(load(unit + i), share, centred) * scale);
    }
  }
}

// Puts 32 weights of two outputs into both layouts.
void pack(Linear& p, int o, int i, Floats left, Floats right, Floats nextLeft, Floats nextRight) {
  const int ins = p.in / DEEP, outs = p.out / DEEP;
  Cell* const ofInputs[] = {cellAt(p.backward.get(), outs, i, o / DEEP), cellAt(p.backward.get(), outs, i + LANES, o / DEEP)};
  packTwo(left, right, nextLeft, nextRight, cellAt(p.forward.get(), ins, o, i / DEEP), ofInputs);
}

// Lays out a weight that was put in.
void pack(Linear& p) {
  for (int o = 0; o < p.out; o += 2) {
    const float* rows = p.weight.value.get() + static_cast<size_t>(o) * p.in;
    for (int i = 0; i < p.in; i += TILE_COLUMNS) {
      pack(p, o, i, load(rows + i), load(rows + i + LANES), load(rows + p.in + i), load(rows + p.in + i + LANES));
    }
  }
}

// AdamW for 16 numbers from `i` on, or for the first of them; returns their new values.
Floats adamW(Parameter& p, size_t i, Floats gradient, const Update& u, Which which = firstOf(LANES)) {
  float *value = p.value.get() + i, *m = p.m.get() + i, *v = p.v.get() + i;
  const Floats before = loadOnly(which, m), beforeSquare = loadOnly(which, v);
  const Floats mean = fma(gradient - before, floats(1 - u.beta1), before);
  const Floats square = fma(gradient * gradient, floats(1 - u.beta2), beforeSquare * floats(u.beta2));
  const Floats root = fma(squareRoot(square), floats(u.secondCorrection), floats(u.epsilon));
  const Floats decayed = loadOnly(which, value) * floats(u.keep);
  const Floats changed = fnma(mean / root, floats(u.stepSize), decayed);
  storeOnly(m, which, mean);
  storeOnly(v, which, square);
  storeOnly(value, which, changed);
  return changed;
}

// AdamW for numbers whose gradients lie with them.
void adamW(Parameter& p, int first, int count, const Update* update) {
  if (!update) return;
  for (int i = first; i < first + count; i += LANES) {
    const Which which = firstOf(first + count - i);
    adamW(p, i, loadOnly(which, p.gradient.get() + i), *update, which);
  }
}

// The gradient of some outputs' weights and biases, summed over a batch's rows, and the step that they take if there is an
// update.
void change(Linear& p, int first, int count, int batchRows, const Update* update) {
  const Cell* gradients = p.gradient.get() + static_cast<size_t>(first) * (roundUp(batchRows, BATCH_ROWS) / DEEP);
  Floats even[2];
  multiplyTurned(gradients, p.input.get(), {count, batchRows, p.in}, [&](int r, int c, Floats left, Floats right) {
    const size_t at = static_cast<size_t>(first + r) * p.in + c;
    if (!update) {
      store(p.weight.gradient.get() + at, left);
      store(p.weight.gradient.get() + at + LANES, right);
      return;
    }
    left = adamW(p.weight, at, left, *update);
    right = adamW(p.weight, at + LANES, right, *update);
    if (r % 2 == 0) even[0] = left, even[1] = right;
    else pack(p, first + r - 1, c, even[0], even[1], left, right);
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

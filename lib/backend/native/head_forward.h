// The way through the ForgeLens head, for head.h: tokens to logits, and what the way back needs.
// Shapes as in head.h.

#pragma once

#include <array>

#include "head_state.h"
#include "philox.h"

namespace {

class HeadForward : public HeadState {
 public:
  using HeadState::HeadState;

  // The logits [B, 2] of tokens [B, N, D], without dropout: a few images at a time, as none depends on another.
  void logits(int images, const float* tokens, float* to) {
    for (int first = 0; first < images; first += TOGETHER) {
      const int some = std::min(TOGETHER, images - first);
      logitsOfSome(some, tokens + static_cast<size_t>(first) * s_.tokens * s_.width, to + 2 * first);
    }
  }

 protected:
  using Logits = std::array<double, 2>;
  // Enough images for many threads, and few enough that their rows take little memory.
  static constexpr int TOGETHER = 16;

  void logitsOfSome(int images, const float* tokens, float* to) {
    begin(images, false);
    Phases phases(s_.threads);
    together(s_.threads, [&] {
      Desk desk(s_);
      goForward(tokens, phases, desk);
      phases.each(images, [&](int image) {
        const Logits both = pool(image);
        for (int c : {0, 1}) to[2 * image + c] = static_cast<float>(both[c]);
      });
    });
  }

  // Room for a batch; what only a way back needs is kept where one follows.
  void begin(int images, bool trains) {
    makeRoom(images);
    images_ = images, rows_ = images * s_.tokens, trains_ = trains;
  }

  // Work on each panel of the batch's rows, as one phase.
  template <class Work>
  void eachPanel(Phases& phases, const Work& work) const {
    phases.each(parts(rows_, PANEL), [&](int panel) { work(panel, std::min(PANEL, rows_ - panel * PANEL)); });
  }

  // From tokens to the end of the last layer.
  void goForward(const float* tokens, Phases& phases, Desk& desk) {
    eachPanel(phases, [&](int panel, int rows) {
      guide(tokens, panel, rows, desk);
      enter(layers_[0], panel, rows, desk);
    });
    for (int i = 0; i < s_.depth; i++) {
      phases.each(images_ * s_.heads, [&](int item) { mix(layers_[i], item, desk); });
      eachPanel(phases, [&](int panel, int rows) {
        finish(layers_[i], panel, rows, desk);
        if (i + 1 < s_.depth) enter(layers_[i + 1], panel, rows, desk);
      });
    }
  }

  // A linear map of a panel's rows, which are kept for its weight's gradient where a way back follows.
  template <class Into>
  void apply(Linear& p, const Number* x, size_t stride, int panel, int rows, const Into& into) {
    if (trains_) keepInput(p, x, stride, panel, rows);
    forward(p, x, stride, rows, into);
  }

  // WSGM: norm(x + linear(gelu(linear(x)))).
  void guide(const float* tokens, int panel, int rows, Desk& desk) {
    const int D = s_.width, first = panel * PANEL;
    const size_t stride = strideOf(D);
    const float* from = tokens + static_cast<size_t>(first) * D;
    float* x = rowsOf(x_, panel);
    Number *narrow = desk.narrow.get(), *before = before_.get() + first * stride;
    for (int r = 0; r < rows; r++) roundRow(from + r * D, D, narrow + r * stride);
    apply(guidance0_, narrow, stride, panel, rows, intoNumbers(before, stride));
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < D; i += LANES) store(narrow + r * stride + i, gelu(load(before + r * stride + i)));
    }
    apply(guidance2_, narrow, stride, panel, rows, [&](int r, int c, Floats left, Floats right) {
      const float* token = from + r * D + c;
      store(x + r * D + c, left + load(token));
      store(x + r * D + c + LANES, right + load(token + LANES));
    });
    norm(norm_, x, first, rows, D, trains_);
  }

  // From the residual stream to queries, keys and values.
  void enter(Layer& p, int panel, int rows, Desk& desk) {
    const int D = s_.width;
    const size_t stride = strideOf(D), apart = strideOf(3 * D);
    const float* x = rowsOf(x_, panel);
    Number *narrow = desk.narrow.get(), *qkv = p.qkv.get() + panel * PANEL * apart;
    for (int r = 0; r < rows; r++) roundRow(x + r * D, D, narrow + r * stride);
    apply(p.inProj, narrow, stride, panel, rows, intoNumbers(qkv, apart));
  }

  // What of a dropout's input is left, for a whole vector from `index` on: all of it where nothing is trained.
  Floats drop(Floats x, const Buffer<uint8_t>& mask, size_t index) const {
    return trains_ ? only(kept(mask.get(), index), x * floats(keepScale_)) : x;
  }

  Attention attention(Layer& p, int item) const {
    const int N = s_.tokens, D = s_.width;
    const size_t apart = strideOf(3 * D), square = static_cast<size_t>(item) * N;
    const Number* q = p.qkv.get() + headAt(item, apart);
    Number* weights = p.weights.get() + square * roundUp(N, TILE_COLUMNS);
    return {N, D / s_.heads, q, q + D, q + 2 * D, apart, weights, trains_ ? p.masks[0].get() : nullptr, square * N, keepScale_};
  }

  // One head of one image, to its part of mixed_.
  void mix(Layer& p, int item, Desk& desk) {
    const size_t stride = strideOf(s_.width);
    attend(attention(p, item), mixed_.get() + headAt(item, stride), stride, desk.attention);
  }

  // From attention's output to the end of the layer.
  void finish(Layer& p, int panel, int rows, Desk& desk) {
    const int D = s_.width, F = s_.hidden, first = panel * PANEL;
    const size_t stride = strideOf(D), apart = strideOf(F);
    float* x = rowsOf(x_, panel);
    const Number* mixed = mixed_.get() + first * stride;
    Number *narrow = desk.narrow.get(), *hidden = p.hidden.get() + first * apart;
    const auto addDropped = [&](const Buffer<uint8_t>& mask) {
      return [&, first](int r, int c, Floats left, Floats right) {
        float* to = x + r * D + c;
        const size_t index = static_cast<size_t>(first + r) * D + c;
        store(to, load(to) + drop(left, mask, index));
        store(to + LANES, load(to + LANES) + drop(right, mask, index + LANES));
      };
    };
    apply(p.outProj, mixed, stride, panel, rows, addDropped(p.masks[1]));
    norm(p.norm1, x, first, rows, D, trains_);
    for (int r = 0; r < rows; r++) roundRow(x + r * D, D, narrow + r * stride);
    apply(p.linear1, narrow, stride, panel, rows, [&](int r, int c, Floats left, Floats right) {
      const size_t index = static_cast<size_t>(first + r) * F + c;
      // In this order of the two, what is no number stays so.
      const auto active = [&](Floats y, size_t at) { return drop(most(floats(0), y), p.masks[2], at); };
      store(hidden + r * apart + c, active(left, index), active(right, index + LANES));
    });
    apply(p.linear2, hidden, apart, panel, rows, addDropped(p.masks[3]));
    norm(p.norm2, x, first, rows, D, trains_);
  }

  // Class token + mean of the patch tokens of one image, and its logits.
  Logits pool(int image) {
    const int D = s_.width, N = s_.tokens;
    float* pooled = pooled_.get() + static_cast<size_t>(image) * D;
    const float *x = x_.get() + static_cast<size_t>(image) * N * D, *weight = clsWeight_.value.get();
    Logits logits{clsBias_.value[0], clsBias_.value[1]};
    for (int i = 0; i < D; i++) pooled[i] = 0;
    for (int n = 1; n < N; n++) {
      for (int i = 0; i < D; i++) pooled[i] += x[static_cast<size_t>(n) * D + i];
    }
    for (int i = 0; i < D; i++) {
      pooled[i] = x[i] + pooled[i] / (N - 1);
      for (int c : {0, 1}) logits[c] += static_cast<double>(pooled[i]) * weight[c * D + i];
    }
    return logits;
  }

  // Whether a way back follows.
  bool trains_ = false;
};

}  // namespace

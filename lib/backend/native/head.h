// A training step of the ForgeLens head for head_native.ts: forward, back, AdamW. Matrix products are in bfloat16 (AVX-512, or AMX where
// AMX_TILES is defined), or in float32 (AVX-512 or AVX2) where FLOAT32 is.
//
// The same mathematics and dropout masks as head_graph.ts. Factors of matrix products are rounded to their type; their sums, the
// residual stream, softmax, layer norms, weights and moments are in float32. Weights change in the last phase alone, each tile of
// a gradient going into AdamW as it is summed. No number depends on how many threads there are.
// Shapes: B images, N tokens, R rows (all tokens of a batch), D width, H heads, K head width, F feed-forward width.

#pragma once

#include "head_forward.h"

namespace {

// The way through a head and back.
class Head : public HeadForward {
 public:
  using HeadForward::HeadForward;

  // The mean loss of tokens [B, N, D] and labels [B]; then the gradients, which become a step of AdamW if there is an update.
  float step(int images, const float* tokens, const int32_t* labels, const int32_t* seeds, const int32_t* least, float dropout,
             const Update* update) {
    begin(images, true);
    keepScale_ = 1 / (1 - dropout);
    Phases phases(s_.threads);
    together(s_.threads, [&] {
      Desk desk(s_);
      phases.each(maskItems(images), [&](int item) {
        int i = 0;  // of the dropouts, to one of which the item belongs
        for (int here; item >= (here = parts(maskSize(i % 4, images), MASK_ITEM)); i++) item -= here;
        drawMask(i, item, seeds[i], least[i]);
      });
      goForward(tokens, phases, desk);
      phases.each(images, [&](int image) { classify(image, labels[image]); });
      eachPanel(phases, [&](int panel, int rows) {
        spread(panel, rows);
        finishBack(layers_[s_.depth - 1], panel, rows, desk);
      });
      for (int i = s_.depth - 1; i >= 0; i--) {
        phases.each(images * s_.heads, [&](int item) { mixBack(layers_[i], item, desk); });
        eachPanel(phases, [&](int panel, int rows) {
          enterBack(layers_[i], panel, rows);
          if (i > 0) finishBack(layers_[i - 1], panel, rows, desk);
          else guideBack(panel, rows, desk);
        });
      }
      phases.each(updates(), [&](int item) { changePart(item, update); });
    });
    double loss = 0;
    for (int i = 0; i < images; i++) loss += losses_[i];
    return static_cast<float>(loss / images);
  }

 private:
  // Draws a part of dropout number `i`'s mask.
  void drawMask(int i, int item, int32_t seed, uint8_t least) {
    const Philox philox(seed);
    uint8_t* mask = layers_[i / 4].masks[i % 4].get();
    const int blocks = MASK_ITEM / Philox::BLOCK;
    for (int block = item * blocks; block < (item + 1) * blocks; block++) {
      philox.mask(block, least, mask + block * (Philox::BLOCK / 8));
    }
  }

  // One image's loss, and the gradients of its logits and of what they are of.
  void classify(int image, int label) {
    const int D = s_.width;
    const Logits logits = pool(image);
    const double most = std::max(logits[0], logits[1]), sum = std::exp(logits[0] - most) + std::exp(logits[1] - most);
    losses_[image] = static_cast<float>(most + std::log(sum) - logits[label]);
    float *dLogits = dLogits_.get() + 2 * image, *dPooled = dPooled_.get() + static_cast<size_t>(image) * D;
    const float* weight = clsWeight_.value.get();
    for (int c : {0, 1}) dLogits[c] = static_cast<float>((std::exp(logits[c] - most) / sum - (c == label)) / images_);
    for (int i = 0; i < D; i++) dPooled[i] = dLogits[0] * weight[i] + dLogits[1] * weight[D + i];
  }

  // The gradient of a pooled image to its tokens.
  void spread(int panel, int rows) {
    const int D = s_.width, N = s_.tokens;
    float* dx = rowsOf(dx_, panel);
    for (int r = panel * PANEL; r < panel * PANEL + rows; r++, dx += D) {
      const float share = r % N == 0 ? 1 : 1.f / (N - 1);
      for (int i = 0; i < D; i++) dx[i] = share * dPooled_[static_cast<size_t>(r / N) * D + i];
    }
  }

  // What adds to rows of the residual stream, or of its gradient.
  auto addTo(float* x) const {
    return [x, D = s_.width](int r, int c, Floats left, Floats right) {
      float* to = x + r * D + c;
      store(to, load(to) + left);
      store(to + LANES, load(to + LANES) + right);
    };
  }

  // The way back through `finish()`: dx_ becomes the gradient of its residual stream, mixed_ that of attention's output.
  void finishBack(Layer& p, int panel, int rows, Desk& desk) {
    const int D = s_.width, F = s_.hidden, first = panel * PANEL;
    const size_t stride = strideOf(D), apart = strideOf(F);
    float* dx = rowsOf(dx_, panel);
    const Number* hidden = p.hidden.get() + first * apart;
    Number *narrow = desk.narrow.get(), *wide = desk.wide.get(), *dMixed = mixed_.get() + first * stride;
    const auto dropBack = [&](const Buffer<uint8_t>& mask) {
      for (int r = 0; r < rows; r++) {
        const size_t index = static_cast<size_t>(first + r) * D;
        for (int i = 0; i < D; i += LANES) store(narrow + r * stride + i, drop(load(dx + r * D + i), mask, index + i));
      }
    };
    normBack(p.norm2, dx, panel, rows, D);
    dropBack(p.masks[3]);
    keepGradient(p.linear2, narrow, stride, panel, rows);
    backward(p.linear2, narrow, stride, rows, [&](int r, int c, Floats left, Floats right) {
      // What was dropped is 0 too, so that ReLU's gradient is that of both.
      const auto through = [&](Floats d, const Number* y) { return whereAbove0(load(y), d * floats(keepScale_)); };
      const Number* y = hidden + r * apart + c;
      store(wide + r * apart + c, through(left, y), through(right, y + LANES));
    });
    keepGradient(p.linear1, wide, apart, panel, rows);
    backward(p.linear1, wide, apart, rows, addTo(dx));
    normBack(p.norm1, dx, panel, rows, D);
    dropBack(p.masks[1]);
    keepGradient(p.outProj, narrow, stride, panel, rows);
    backward(p.outProj, narrow, stride, rows, intoNumbers(dMixed, stride));
  }

  // The way back through `mix()`, from mixed_ to dQkv_.
  void mixBack(Layer& p, int item, Desk& desk) {
    const int D = s_.width;
    const size_t stride = strideOf(D);
    Number* dQ = dQkv_.get() + headAt(item, strideOf(3 * D));
    attendBack(attention(p, item), mixed_.get() + headAt(item, stride), stride, dQ, dQ + D, dQ + 2 * D, desk.attention);
  }

  // The way back through `enter()`.
  void enterBack(Layer& p, int panel, int rows) {
    const size_t apart = strideOf(3 * s_.width);
    const Number* dQkv = dQkv_.get() + panel * PANEL * apart;
    keepGradient(p.inProj, dQkv, apart, panel, rows);
    backward(p.inProj, dQkv, apart, rows, addTo(rowsOf(dx_, panel)));
  }

  // The way back through `guide()` to its first layer, whose inputs are frozen.
  void guideBack(int panel, int rows, Desk& desk) {
    const int D = s_.width;
    const size_t stride = strideOf(D);
    float* dx = rowsOf(dx_, panel);
    const Number* before = before_.get() + panel * PANEL * stride;
    Number *narrow = desk.narrow.get(), *through = desk.wide.get();
    normBack(norm_, dx, panel, rows, D);
    for (int r = 0; r < rows; r++) roundRow(dx + r * D, D, narrow + r * stride);
    keepGradient(guidance2_, narrow, stride, panel, rows);
    const Floats height = floats(0.3989422804f);  // of the normal density, 1 / sqrt(2 pi)
    backward(guidance2_, narrow, stride, rows, [&](int r, int c, Floats left, Floats right) {
      const auto slope = [&](const Number* at) {
        const Floats x = load(at), fall = exponential(x * x * floats(-0.5f));
        return fma(x * height, fall, normalShare(x));
      };
      const Number* at = before + r * stride + c;
      store(through + r * stride + c, left * slope(at), right * slope(at + LANES));
    });
    keepGradient(guidance0_, through, stride, panel, rows);
  }

  int updates() const {
    int count = 1;
    for (const Linear* p : linears_) count += parts(p->out, STRIP);
    return count;
  }

  // An item of the last phase: some outputs of a weight, or all norms and the classifier.
  void changePart(int item, const Update* update) {
    for (Linear* p : linears_) {
      const int strips = parts(p->out, STRIP);
      if (item < strips) return change(*p, item * STRIP, std::min(STRIP, p->out - item * STRIP), rows_, update);
      item -= strips;
    }
    for (Norm* p : norms_) change(*p, parts(rows_, PANEL), update);
    const int D = s_.width;
    for (int c : {0, 1}) {
      float* dWeight = clsWeight_.gradient.get() + c * D;
      clsBias_.gradient[c] = 0;
      for (int i = 0; i < D; i++) dWeight[i] = 0;
      for (int image = 0; image < images_; image++) {
        const float d = dLogits_[2 * image + c];
        clsBias_.gradient[c] += d;
        for (int i = 0; i < D; i++) dWeight[i] += d * pooled_[static_cast<size_t>(image) * D + i];
      }
    }
    adamW(clsWeight_, 0, 2 * D, update), adamW(clsBias_, 0, 2, update);
  }

};

}  // namespace

extern "C" {

int32_t head_supported() { return productsAllowed(); }

Head* head_open(const Sizes* sizes) { return new Head(*sizes); }

void head_close(Head* head) { delete head; }

// Parameter `index`, in the order of PyTorch's state dict, to or from `values`: 0 its value, 1 and 2 its moments, 3 its gradient.
void head_copy(Head* head, int32_t index, int32_t slot, float* values, int32_t out) {
  Parameter& p = head->parameter(index);
  float* own = (slot == 0 ? p.value : slot == 1 ? p.m : slot == 2 ? p.v : p.gradient).get();
  std::memcpy(out ? values : own, out ? own : values, p.count * sizeof(float));
}

// To be called when values were put in.
void head_pack(Head* head) { head->pack(); }

// The logits [images, 2] of tokens, without dropout.
void head_logits(Head* head, int32_t images, const float* tokens, float* to) { head->logits(images, tokens, to); }

float head_step(Head* head, int32_t images, const float* tokens, const int32_t* labels, const int32_t* seeds,
                const int32_t* least, float dropout, const Update* update) {
  return head->step(images, tokens, labels, seeds, least, dropout, update);
}
}

// What a training step works on: a head's parameters in the order of PyTorch's state dict, and the memory of a batch.
// Shapes as in head.h.

#pragma once

#include "head_attention.h"
#include "head_parts.h"

namespace {

struct Sizes {
  int32_t tokens, width, heads, hidden, depth, threads;
};

struct Layer {
  Linear inProj, outProj, linear1, linear2;
  Norm norm1, norm2;
  Buffer<Number> qkv, weights, hidden;  // [R, 3D], [B, H, N, N] and [R, F], with room between rows
  Buffer<uint8_t> masks[4];             // a bit a number: attention, its output, hidden layer, feed-forward's output

  explicit Layer(const Sizes& s)
      : inProj(s.width, 3 * s.width),
        outProj(s.width, s.width),
        linear1(s.width, s.hidden),
        linear2(s.hidden, s.width),
        norm1(s.width),
        norm2(s.width) {}
};

// What a thread works in.
struct Desk {
  Buffer<Number> narrow, wide;  // a panel's rows, of width D and of F or D
  AttentionDesk attention;
  Tiles tiles;

  explicit Desk(const Sizes& s)
      : narrow(allocate<Number>(PANEL * strideOf(s.width) + LANES)),
        wide(allocate<Number>(PANEL * std::max(strideOf(s.hidden), strideOf(s.width)) + LANES)),
        attention(s.tokens, s.width / s.heads) {}
};

// A head, and room for the largest batch that it has seen.
class HeadState {
 public:
  explicit HeadState(const Sizes& s)
      : s_(s), guidance0_(s.width, s.width), guidance2_(s.width, s.width), norm_(s.width), clsWeight_(2 * s.width), clsBias_(2) {
    layers_.reserve(s.depth);
    for (int i = 0; i < s.depth; i++) layers_.emplace_back(s);
    linears_ = {&guidance0_, &guidance2_};
    norms_ = {&norm_};
    for (Layer& layer : layers_) {
      linears_.insert(linears_.end(), {&layer.inProj, &layer.outProj, &layer.linear1, &layer.linear2});
      norms_.insert(norms_.end(), {&layer.norm1, &layer.norm2});
    }
    // In the order of PyTorch's state dict.
    const auto add = [&](auto& part) { parameters_.insert(parameters_.end(), {&part.weight, &part.bias}); };
    add(guidance0_), add(guidance2_), add(norm_);
    for (Layer& p : layers_) add(p.inProj), add(p.outProj), add(p.linear1), add(p.linear2), add(p.norm1), add(p.norm2);
    parameters_.insert(parameters_.end(), {&clsWeight_, &clsBias_});
  }

  Parameter& parameter(int i) { return *parameters_[i]; }

  // To be called when weights were put in.
  void pack() {
    for (Linear* p : linears_) ::pack(*p);
  }

 protected:
  float* rowsOf(const Buffer<float>& x, int panel) const { return x.get() + static_cast<size_t>(panel) * PANEL * s_.width; }
  int cells() const { return roundUp(rows_, BATCH_ROWS) / DEEP; }

  // Memory for a batch, of which there is enough from the second one on.
  void makeRoom(int images) {
    if (images <= room_) return;
    room_ = images;
    const size_t D = s_.width, N = s_.tokens, R = static_cast<size_t>(images) * N;
    // Products read whole tiles of rows, and layouts a vector behind a row.
    const auto rows = [&](int width) { return allocate<Number>((R + std::max(READ_ROWS, ROWS)) * strideOf(width) + LANES); };
    x_ = allocate<float>(R * D), dx_ = allocate<float>(R * D);
    before_ = rows(D), mixed_ = rows(D), dQkv_ = rows(3 * D);
    pooled_ = allocate<float>(images * D), dPooled_ = allocate<float>(images * D), dLogits_ = allocate<float>(2 * images);
    losses_ = allocate<float>(images);
    for (Linear* p : linears_) {
      const size_t cells = roundUp(R, BATCH_ROWS) / DEEP;
      p->input = allocate<Cell>(cells * p->in);
      p->gradient = allocate<Cell>(cells * roundUp(p->out, READ_ROWS));
    }
    for (Norm* p : norms_) {
      p->unit = allocate<float>(R * D), p->scale = allocate<float>(R);
      p->sums = allocate<float>(parts(R, PANEL) * 2 * D);
    }
    for (Layer& layer : layers_) {
      layer.qkv = rows(3 * D), layer.hidden = rows(s_.hidden);
      layer.weights = allocate<Number>(images * s_.heads * N * roundUp(N, TILE_COLUMNS));
      for (int i = 0; i < 4; i++) layer.masks[i] = allocate<uint8_t>(roundUp(maskSize(i, images), MASK_ITEM) / 8 + 8);
    }
  }

  static constexpr int MASK_ITEM = 1 << 16;

  int maskSize(int place, int images) const {
    const int R = images * s_.tokens;
    return place == 0 ? R * s_.heads * s_.tokens : R * (place == 2 ? s_.hidden : s_.width);
  }

  // Items that all masks of a batch are drawn in.
  int maskItems(int images) const {
    int items = 0;
    for (int i = 0; i < 4; i++) items += parts(maskSize(i, images), MASK_ITEM);
    return items * s_.depth;
  }

  // Puts the inputs of a layer, a panel's rows, where its weight's gradient finds them.
  void keepInput(Linear& p, const Number* x, size_t stride, int panel, int rows) {
    layOut<WIDE, BATCH_ROWS>(x, stride, rows, p.in, p.input.get(), cells(), panel * PANEL / DEEP);
  }
  void keepGradient(Linear& p, const Number* dy, size_t stride, int panel, int rows) {
    keepTurned(dy, stride, rows, p.out, p.gradient.get(), cells(), panel * PANEL);
  }

  // Where a head of an image begins in rows of its batch, `stride` apart.
  size_t headAt(int item, size_t stride) const {
    return static_cast<size_t>(item / s_.heads) * s_.tokens * stride + item % s_.heads * (s_.width / s_.heads);
  }

  const Sizes s_;
  Linear guidance0_, guidance2_;
  Norm norm_;
  std::vector<Layer> layers_;
  Parameter clsWeight_, clsBias_;
  std::vector<Parameter*> parameters_;
  std::vector<Linear*> linears_;
  std::vector<Norm*> norms_;
  // Of a batch: the residual stream and its gradient [R, D], what enters GELU, what leaves attention (and then its gradient), the
  // gradients of queries, keys and values, and what becomes of each image.
  int room_ = 0, images_ = 0, rows_ = 0;
  float keepScale_ = 1;
  Buffer<float> x_, dx_, pooled_, dPooled_, dLogits_, losses_;
  Buffer<Number> before_, mixed_, dQkv_;
};

}  // namespace

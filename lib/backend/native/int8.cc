// CLIP's vision transformer with matrix products in 8 bits (AVX-512 VNNI, or AMX with the same numbers), for clip_int8.ts.
//
// Weights are int8 with a scale for each output. What is multiplied with them is rounded to bytes with a scale and an offset for
// each row, which is a token, so that no row depends on another and no data set needs to be seen first. The first product, of
// pixels, the residual stream, layer norms, attention and activations are in float32.
// Shapes: B images, S pixels a side, P a patch's, N tokens, R rows (all tokens of a batch), D width, H heads, K head width, F
// feed-forward width.

#include <cstring>

#include "amx.h"

namespace {

// Rows that go through an MLP together, so that their hidden layer stays in the second-level cache; CPUs with AMX have a larger one.
constexpr int PANEL = 4 * TILE_ROWS, AMX_PANEL = 2 * AMX_ROWS;

// These five are filled in by clip_int8.ts, in this order.
struct Linear {
  const int8_t* weight;  // [out / 32, in / 4, 32, 4]
  const float* scale;    // [out]
  const float* sum;      // [out], of the rounded weights
  const float* bias;     // [out]
};
struct Norm {
  const float *weight, *bias;  // [D]
};
struct Block {
  Norm ln1;
  Linear inProj, outProj;
  Norm ln2;
  Linear cFc, cProj;
};
struct Ends {
  const float* patchFilter;     // [P, P, 3, D]
  const float* classEmbedding;  // [D]
  const float* positions;       // [N, D]
  Norm lnPre, lnPost;
};
struct Sizes {
  int32_t images, imageSize, patchSize, width, heads, hidden, layers, quick, threads, isWhole, amx;

  int panel() const { return amx ? AMX_PANEL : PANEL; }
  int grid() const { return imageSize / patchSize; }
  int tokens() const { return 1 + grid() * grid(); }
};

// Rows of bytes and what they stand for: low + step * byte.
struct Bytes {
  uint8_t* values;
  float *low, *step;
  bool amx;
};

void quantizeRow(const float* x, int width, const Bytes& to, int row) {
  __m512 least = _mm512_loadu_ps(x), most = least;
  for (int i = LANES; i < width; i += LANES) {
    const __m512 v = _mm512_loadu_ps(x + i);
    least = _mm512_min_ps(least, v);
    most = _mm512_max_ps(most, v);
  }
  const float low = _mm512_reduce_min_ps(least), range = _mm512_reduce_max_ps(most) - low;
  to.low[row] = low;
  to.step[row] = range / 255;
  const __m512 offset = _mm512_set1_ps(low), inverse = _mm512_set1_ps(range > 0 ? 255 / range : 0);
  uint8_t* out = to.values + static_cast<size_t>(row) * width;
  for (int i = 0; i < width; i += LANES) {
    const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), offset), inverse);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(scaled)));
  }
}

void normRow(const Norm& p, const float* x, int width, float* y) {
  const Spread spread = spreadOf(x, width);
  for (int i = 0; i < width; i += LANES) {
    _mm512_storeu_ps(y + i, _mm512_fmadd_ps(spread.unit(x + i), _mm512_loadu_ps(p.weight + i), _mm512_loadu_ps(p.bias + i)));
  }
}

__m512 quickGelu(__m512 x) {
  const __m512 e = exponential(_mm512_mul_ps(x, _mm512_set1_ps(-1.702f)));
  return _mm512_div_ps(x, _mm512_add_ps(e, _mm512_set1_ps(1)));
}

__m512 identity(__m512 x) { return x; }

template <int... I>
inline void byteTile(const uint8_t* a, int inner, const int8_t* b, int32_t* to, std::integer_sequence<int, I...>) {
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

template <int... I>
inline void floatTile(const float* a, size_t lda, const float* b, size_t ldb, int inner, float* to,
                      std::integer_sequence<int, I...>) {
  __m512 left[] = {(void(I), _mm512_setzero_ps())...}, right[] = {(void(I), _mm512_setzero_ps())...};
  for (int k = 0; k < inner; k++, a++, b += ldb) {
    const __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + LANES);
    (
        [&] {
          const __m512 one = _mm512_set1_ps(a[I * lda]);
          left[I] = _mm512_fmadd_ps(one, b0, left[I]);
          right[I] = _mm512_fmadd_ps(one, b1, right[I]);
        }(),
        ...);
  }
  (_mm512_store_ps(to + I * TILE_COLUMNS, left[I]), ...);
  (_mm512_store_ps(to + I * TILE_COLUMNS + LANES, right[I]), ...);
}

struct Shape {
  int rows, in, out;
};

// y = activate(x * weight transposed + bias), to which y is added if `add`; y's rows are `ldy` apart.
template <bool add, __m512 activate(__m512)>
void linear(const Linear& p, const Bytes& x, Shape shape, float* y, size_t ldy) {
  const auto [rows, in, out] = shape;
  const int step = x.amx ? AMX_ROWS : TILE_ROWS;
  alignas(64) int32_t tile[AMX_ROWS * TILE_COLUMNS];
  for (int column = 0; column < out; column += TILE_COLUMNS) {
    const int8_t* weight = p.weight + static_cast<size_t>(column) * in;
    for (int row = 0; row < rows; row += step) {
      const uint8_t* values = x.values + static_cast<size_t>(row) * in;
      if (x.amx) amxTile(values, in, in, weight, tile);
      else byteTile(values, in, weight, tile, TileRows{});
      for (int r = row; r < std::min(row + step, rows); r++) {
        for (int j = 0; j < TILE_COLUMNS; j += LANES) {
          const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(tile + (r - row) * TILE_COLUMNS + j));
          const __m512 offset = _mm512_mul_ps(_mm512_set1_ps(x.low[r]), _mm512_loadu_ps(p.sum + column + j));
          const __m512 product = _mm512_fmadd_ps(_mm512_set1_ps(x.step[r]), sum, offset);
          const __m512 scale = _mm512_loadu_ps(p.scale + column + j), bias = _mm512_loadu_ps(p.bias + column + j);
          const __m512 value = activate(_mm512_fmadd_ps(product, scale, bias));
          float* to = y + r * ldy + column + j;
          _mm512_storeu_ps(to, add ? _mm512_add_ps(value, _mm512_loadu_ps(to)) : value);
        }
      }
    }
  }
}

// y = a * b in float32, [rows, in] * [in, out]; a has room for whole tiles, `out` is a multiple of theirs.
void product(const float* a, size_t lda, const float* b, size_t ldb, Shape shape, float* y, size_t ldy) {
  const auto [rows, in, out] = shape;
  alignas(64) float tile[TILE_ROWS * TILE_COLUMNS];
  for (int column = 0; column < out; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += TILE_ROWS) {
      floatTile(a + row * lda, lda, b + column, ldb, in, tile, TileRows{});
      for (int r = row; r < std::min(row + TILE_ROWS, rows); r++) {
        std::memcpy(y + r * ldy + column, tile + (r - row) * TILE_COLUMNS, TILE_COLUMNS * sizeof(float));
      }
    }
  }
}

// What a thread works in.
struct Desk {
  Buffer<float> patches, normed, hidden, low, step, likeness, keys;
  Buffer<uint8_t> values;
  Bytes bytes;

  explicit Desk(const Sizes& s)
      : patches(allocate<float>(static_cast<size_t>(roundUp(s.tokens() - 1, TILE_ROWS)) * 3 * s.patchSize * s.patchSize)),
        normed(allocate<float>(s.width)),
        hidden(allocate<float>(static_cast<size_t>(s.panel()) * s.hidden)),
        low(allocate<float>(s.panel())),
        step(allocate<float>(s.panel())),
        likeness(allocate<float>(static_cast<size_t>(roundUp(s.tokens(), TILE_ROWS)) * roundUp(s.tokens(), TILE_COLUMNS))),
        keys(allocate<float>(static_cast<size_t>(s.width / s.heads) * roundUp(s.tokens(), TILE_COLUMNS))),
        values(allocate<uint8_t>(static_cast<size_t>(s.panel()) * std::max(s.hidden, s.width))),
        bytes{values.get(), low.get(), step.get(), s.amx != 0} {
    if (s.amx) openTiles();
  }
  ~Desk() {
    if (bytes.amx) closeTiles();
  }

  void quantize(const float* x, int rows, int width) {
    for (int r = 0; r < rows; r++) quantizeRow(x + static_cast<size_t>(r) * width, width, bytes, r);
  }
  void normalize(const Norm& p, const float* x, int rows, int width) {
    for (int r = 0; r < rows; r++) {
      normRow(p, x + static_cast<size_t>(r) * width, width, normed.get());
      quantizeRow(normed.get(), width, bytes, r);
    }
  }
};

// One image's pixels [S, S, 3] to what enters the first block, x [N, D].
void embed(const Ends& p, const float* pixels, float* x, const Sizes& s, Desk& desk) {
  const int D = s.width, N = s.tokens(), row = 3 * s.patchSize, in = row * s.patchSize;
  float* patches = desk.patches.get();  // [N - 1, P, P, 3]
  for (int n = 0; n < N - 1; n++) {
    const int top = n / s.grid() * s.patchSize, left = n % s.grid() * s.patchSize;
    for (int i = 0; i < s.patchSize; i++) {
      const float* from = pixels + 3 * (static_cast<size_t>(top + i) * s.imageSize + left);
      std::copy(from, from + row, patches + static_cast<size_t>(n) * in + i * row);
    }
  }
  product(patches, in, p.patchFilter, D, {N - 1, in, D}, x + D, D);
  std::copy(p.classEmbedding, p.classEmbedding + D, x);
  for (int i = 0; i < N * D; i++) x[i] += p.positions[i];
  for (int n = 0; n < N; n++) normRow(p.lnPre, x + static_cast<size_t>(n) * D, D, x + static_cast<size_t>(n) * D);
}

// From attention's output to the end of the block, for rows of the residual stream x.
void finishBlock(const Block& p, const float* mixed, float* x, int rows, const Sizes& s, Desk& desk) {
  const int D = s.width, F = s.hidden;
  desk.quantize(mixed, rows, D);
  linear<true, identity>(p.outProj, desk.bytes, {rows, D, D}, x, D);
  desk.normalize(p.ln2, x, rows, D);
  float* hidden = desk.hidden.get();
  if (s.quick) linear<false, quickGelu>(p.cFc, desk.bytes, {rows, D, F}, hidden, F);
  else linear<false, gelu>(p.cFc, desk.bytes, {rows, D, F}, hidden, F);
  desk.quantize(hidden, rows, F);
  linear<true, identity>(p.cProj, desk.bytes, {rows, F, D}, x, D);
}

// One head of one image: queries, keys and values lie side by side in qkv [N, 3D], from where its own begin.
void attend(const float* qkv, float* mixed, const Sizes& s, Desk& desk) {
  const int N = s.tokens(), D = s.width, K = D / s.heads, room = roundUp(N, TILE_COLUMNS);
  const size_t stride = 3 * D;
  const float scale = 1 / std::sqrt(static_cast<float>(K));
  float *keys = desk.keys.get(), *likeness = desk.likeness.get();
  for (int i = 0; i < K; i++) {
    for (int n = 0; n < N; n++) keys[i * room + n] = scale * qkv[n * stride + D + i];
    std::fill(keys + i * room + N, keys + (i + 1) * room, 0.f);
  }
  product(qkv, stride, keys, room, {N, K, room}, likeness, room);
  for (int n = 0; n < N; n++) softmaxRow(likeness + static_cast<size_t>(n) * room, N);
  product(likeness, room, qkv + 2 * D, stride, {N, N, K}, mixed, D);
}

}  // namespace

extern "C" {

int32_t int8_supported() {
  return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}

// Whether products with `width` and `hidden` on their inner sides can be AMX's, which Linux is asked for here.
int32_t int8_amx(int32_t width, int32_t hidden) {
  return width % AMX_INNER == 0 && hidden % AMX_INNER == 0 && amxAllowed();
}

// Rounds a weight [out, in] to int8, the largest of each output to 127, and lays it out for `byteTile()`.
void int8_pack(const float* weight, int32_t out, int32_t in, int8_t* packed, float* scale, float* sum) {
  for (int n = 0; n < out; n++) {
    const float* row = weight + static_cast<size_t>(n) * in;
    float most = 0;
    for (int k = 0; k < in; k++) most = std::max(most, std::abs(row[k]));
    const float inverse = most > 0 ? 127 / most : 0;
    int8_t* column = packed + static_cast<size_t>(n / TILE_COLUMNS) * TILE_COLUMNS * in + n % TILE_COLUMNS * 4;
    int total = 0;
    for (int k = 0; k < in; k++) {
      const int rounded = static_cast<int>(std::nearbyint(row[k] * inverse));
      column[static_cast<size_t>(k / 4) * 4 * TILE_COLUMNS + k % 4] = static_cast<int8_t>(rounded);
      total += rounded;
    }
    scale[n] = most / 127;
    sum[n] = static_cast<float>(total);
  }
}

// Pixels [B, S, S, 3] to the tokens after all blocks, x [B, N, D], where they are the whole tower's after its last norm; and to
// the class token after each block and that norm, clsTokens [B, L, D].
void int8_encode(const float* pixels, float* x, float* clsTokens, const Ends* ends, const Block* blocks, const Sizes* sizes) {
  const Sizes& s = *sizes;
  const int D = s.width, N = s.tokens(), R = s.images * N, K = D / s.heads;
  const size_t stride = 3 * D, image = static_cast<size_t>(3) * s.imageSize * s.imageSize;
  // The rows behind the last image's are read as part of whole tiles; what becomes of them is not kept.
  const auto qkv = allocate<float>((static_cast<size_t>(R) + TILE_ROWS) * stride);
  const auto mixed = allocate<float>(static_cast<size_t>(R) * D);
  Phases phases(s.threads);
  together(s.threads, [&] {
    Desk desk(s);
    phases.each(s.images, [&](int i) { embed(*ends, pixels + i * image, x + static_cast<size_t>(i) * N * D, s, desk); });
    for (int layer = 0; layer <= s.layers; layer++) {
      phases.each(parts(R, s.panel()), [&](int panel) {
        const int first = panel * s.panel(), rows = std::min(s.panel(), R - first);
        float* residual = x + static_cast<size_t>(first) * D;
        if (layer > 0) finishBlock(blocks[layer - 1], mixed.get() + static_cast<size_t>(first) * D, residual, rows, s, desk);
        if (layer > 0) {
          for (int r = roundUp(first, N); r < first + rows; r += N) {
            const size_t place = static_cast<size_t>(r / N) * s.layers + layer - 1;
            normRow(ends->lnPost, x + static_cast<size_t>(r) * D, D, clsTokens + place * D);
          }
        }
        if (layer < s.layers) {
          desk.normalize(blocks[layer].ln1, residual, rows, D);
          linear<false, identity>(blocks[layer].inProj, desk.bytes, {rows, D, 3 * D}, qkv.get() + first * stride, stride);
        } else if (s.isWhole) {
          for (int r = 0; r < rows; r++, residual += D) normRow(ends->lnPost, residual, D, residual);
        }
      });
      if (layer == s.layers) break;
      phases.each(s.images * s.heads, [&](int item) {
        const size_t row = static_cast<size_t>(item / s.heads) * N, head = item % s.heads * K;
        attend(qkv.get() + row * stride + head, mixed.get() + row * D + head, s, desk);
      });
    }
  });
}
}

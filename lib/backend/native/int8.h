// CLIP's vision transformer with matrix products in 8 bits, by AVX2, AVX-512 VNNI or AMX with the same numbers, for clip_int8.ts.
//
// Weights are int8 with a scale for each output, in two bytes where a few large ones would leave an output's others too few values. What is
// multiplied with them is rounded to bytes with a scale and an offset for each row, which is a token, so that no row depends on another and
// no data set needs to be seen first. The first product, of pixels, the residual stream, layer norms, softmax and activations are in
// float32.
// Shapes: B images, S pixels a side, P a patch's, N tokens, R rows (all tokens of a batch), D width, H heads, K head width, F
// feed-forward width.

#include "cpu.h"
#include "int8_attention.h"

namespace {

// Weights come from far, so many rows share them: as many as the second-level cache holds with their MLP's hidden layer, and images whose
// queries, keys and values of a head it holds. CPUs with AMX have a larger one.
constexpr int PANEL = 8 * TILE_ROWS, AMX_PANEL = 9 * AMX_ROWS, GROUP_BYTES = 5 << 18;

// Of what one is in a rounded weight, the parts that its rest is counted in: half of one makes 127.
constexpr int REST_PARTS = 254;

// These five are filled in by clip_int8.ts, in this order.
struct Linear {
  const int8_t* weight;       // [out / 32, in / 4, 32, 4]
  const int8_t* const* rest;  // [out / 32], what rounding left of 32 outputs' weights, in parts of 254; null where one byte is enough
  const float* scale;         // [out]
  const float* sum;           // [out], of the rounded weights
  const float* bias;          // [out]

  // The outputs from one on, which begins a panel of 32; the inner side is `in`.
  Linear from(int first, int in) const {
    return {weight + static_cast<size_t>(first) * in, rest + first / TILE_COLUMNS, scale + first, sum + first, bias + first};
  }
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

  ByteTiles tiles() const { return {amx != 0}; }
  int rows() const { return images * tokens(); }
  // A panel's rows at most; all rows are in so many panels, the same number for each thread.
  int panel() const { return amx ? AMX_PANEL : PANEL; }
  int panels() const { return threads * parts(roundUp(rows(), tiles().rows()), threads * panel()); }
  // Images whose attention to a head is computed together.
  int group() const {
    const int most = GROUP_BYTES / (tokens() * (width + 3 * width / heads * static_cast<int>(sizeof(float))));
    return std::max(1, std::min(most, images / threads));
  }
  int grid() const { return imageSize / patchSize; }
  int tokens() const { return 1 + grid() * grid(); }
};

// Some rows, one after another.
struct Rows {
  int first, count;

  // The i-th of n equal shares, in whole tiles.
  Rows share(int i, int n, int tile) const {
    const int64_t tiles = parts(count, tile);
    const int from = tiles * i / n * tile, to = std::min<int64_t>(tiles * (i + 1) / n * tile, count);
    return {first + from, std::max(0, to - from)};
  }
};

// Rows of bytes and what they stand for: low + step * byte.
struct Bytes {
  Byte* values;
  float *low, *step;
  ByteTiles tiles;

  // Rounds a row, of which `load` gives 16 numbers.
  template <class Load>
  void round(int row, int width, const Load& load) const {
    roundRow(load, width, values + tiles.start(row, width), tiles.apart(), low[row], step[row]);
  }
  // The rows from one on, which begins a tile of `padded` ones.
  Bytes from(int row, size_t padded, int width) const { return {values + tiles.size(padded, width), low + row, step + row, tiles}; }
};

// 32 outputs' weights, and what rounding left of them.
struct Factors {
  Columns whole, rest;

  explicit Factors(int inner) : whole(TILE_COLUMNS, inner), rest(TILE_COLUMNS, inner) {}
};

void normRow(const Norm& p, const float* x, int width, float* y) {
  const Spread spread = spreadOf(x, width);
  for (int i = 0; i < width; i += LANES) {
    store(y + i, fma(spread.unit(x + i), load(p.weight + i), load(p.bias + i)));
  }
}

struct Pair {
  Floats left, right;
};

// x times the sigmoid of 1.702 x. A division takes as long as all the rest, so the two share one; what is below -25 is nothing either way.
Pair quickGelu(Pair x) {
  const auto one = [](Floats x) {
    const Floats power = least(x * floats(-1.702f), floats(43));
    return exponential(power) + floats(1);
  };
  const Floats left = one(x.left), right = one(x.right);
  const Floats both = floats(1) / (left * right);
  return {x.left * both * right, x.right * both * left};
}

Pair exactGelu(Pair x) { return {gelu(x.left), gelu(x.right)}; }

template <int... I>
inline void floatTile(const float* a, size_t lda, const float* b, size_t ldb, int inner, float* to,
                      std::integer_sequence<int, I...>) {
  Floats left[] = {(void(I), floats(0))...}, right[] = {(void(I), floats(0))...};
  for (int k = 0; k < inner; k++, a++, b += ldb) {
    const Floats b0 = load(b), b1 = load(b + LANES);
    (
        [&] {
          const Floats one = floats(a[I * lda]);
          left[I] = fma(one, b0, left[I]);
          right[I] = fma(one, b1, right[I]);
        }(),
        ...);
  }
  (store(to + I * TILE_COLUMNS, left[I]), ...);
  (store(to + I * TILE_COLUMNS + LANES, right[I]), ...);
}

// Rows of a tile whose sums the registers hold.
constexpr int FLOAT_ROWS = alignof(Floats) == 64 ? TILE_ROWS : TILE_ROWS / 4;

struct Shape {
  int rows, in, out;
};

// x * weight transposed + bias, in the room of `factors`; `keep` takes each row's numbers 32 at a time.
template <class Keep>
void linear(const Linear& p, const Bytes& x, Shape shape, Factors& factors, const Keep& keep) {
  const auto [rows, in, out] = shape;
  const int step = x.tiles.rows();
  const size_t size = static_cast<size_t>(TILE_COLUMNS) * in, share = size / parts(rows, step);
  alignas(64) int32_t tile[AMX_ROWS * TILE_COLUMNS], restTile[AMX_ROWS * TILE_COLUMNS];
  for (int column = 0; column < out; column += TILE_COLUMNS) {
    const int8_t *weight = p.weight + column / TILE_COLUMNS * size, *next = weight + size, *rest = p.rest[column / TILE_COLUMNS];
    const auto of = [&](const float* from, int j) { return load(from + column + j); };
    const Floats sums[] = {of(p.sum, 0), of(p.sum, LANES)}, scales[] = {of(p.scale, 0), of(p.scale, LANES)};
    const Floats biases[] = {of(p.bias, 0), of(p.bias, LANES)};
    factors.whole.take(weight, TILE_COLUMNS, in);
    if (rest) factors.rest.take(rest, TILE_COLUMNS, in);
    for (int row = 0; row < rows; row += step, next += share) {
      // The next columns' weights are on their way meanwhile.
      if (column + TILE_COLUMNS < out) {
        for (size_t i = 0; i < share; i += 64) _mm_prefetch(reinterpret_cast<const char*>(next + i), _MM_HINT_T1);
      }
      x.tiles.product(x.values + x.tiles.start(row, in), in, factors.whole.from(weight, 0, in), tile);
      if (rest) x.tiles.product(x.values + x.tiles.start(row, in), in, factors.rest.from(rest, 0, in), restTile);
      for (int r = row; r < std::min(row + step, rows); r++) {
        const Floats low = floats(x.low[r]), step = floats(x.step[r]);
        const auto value = [&](int half) {
          const int place = (r - row) * TILE_COLUMNS + half * LANES;
          Floats sum = toFloats(load(tile + place));
          if (rest) sum = fma(toFloats(load(restTile + place)), floats(1.f / REST_PARTS), sum);
          return fma(fma(step, sum, (low * sums[half])), scales[half], biases[half]);
        };
        keep(r, column, value(0), value(1));
      }
    }
  }
}

// y += x * weight transposed + bias, y [rows, out].
void addLinear(const Linear& p, const Bytes& x, Shape shape, Factors& factors, float* y) {
  linear(p, x, shape, factors, [&](int row, int column, Floats left, Floats right) {
    float* to = y + static_cast<size_t>(row) * shape.out + column;
    store(to, left + load(to));
    store(to + LANES, right + load(to + LANES));
  });
}

// y = a * b in float32, [rows, in] * [in, out]; a has room for whole tiles, `out` is a multiple of theirs.
void product(const float* a, size_t lda, const float* b, size_t ldb, Shape shape, float* y, size_t ldy) {
  const auto [rows, in, out] = shape;
  alignas(64) float tile[FLOAT_ROWS * TILE_COLUMNS];
  for (int column = 0; column < out; column += TILE_COLUMNS) {
    for (int row = 0; row < rows; row += FLOAT_ROWS) {
      floatTile(a + row * lda, lda, b + column, ldb, in, tile, std::make_integer_sequence<int, FLOAT_ROWS>{});
      for (int r = row; r < std::min(row + FLOAT_ROWS, rows); r++) {
        std::memcpy(y + r * ldy + column, tile + (r - row) * TILE_COLUMNS, TILE_COLUMNS * sizeof(float));
      }
    }
  }
}

// What a thread works in.
struct Desk {
  Buffer<float> patches, normed, low, step;
  Buffer<uint16_t> hidden;
  Buffer<Byte> values;
  Bytes bytes;
  Factors factors;
  HeadDesk head;
  Buffer<float> qkv;  // a head's, [rows of a group, 3K]

  explicit Desk(const Sizes& s)
      : patches(allocate<float>(static_cast<size_t>(roundUp(s.tokens() - 1, TILE_ROWS)) * 3 * s.patchSize * s.patchSize)),
        normed(allocate<float>(s.width)),
        low(allocate<float>(s.panel())),
        step(allocate<float>(s.panel())),
        hidden(allocate<uint16_t>(static_cast<size_t>(s.panel()) * s.hidden)),
        values(allocate<Byte>(s.tiles().size(s.panel(), std::max(s.width, s.hidden)))),
        bytes{values.get(), low.get(), step.get(), s.tiles()},
        factors(std::max(s.width, s.hidden)),
        head(s.tokens(), s.width / s.heads, s.tiles()),
        qkv(allocate<float>(static_cast<size_t>(s.group()) * s.tokens() * 3 * (s.width / s.heads))) {
    if (s.amx) openTiles();
  }
  ~Desk() {
    if (bytes.tiles.amx) closeTiles();
  }

  void quantize(const float* x, int rows, int width) {
    for (int r = 0; r < rows; r++, x += width) bytes.round(r, width, [&](int i) { return load(x + i); });
  }
  void normalize(const Norm& p, const float* x, int rows, int width) {
    for (int r = 0; r < rows; r++, x += width) normalizeRow(p, x, width, bytes, r);
  }
  void normalizeRow(const Norm& p, const float* x, int width, const Bytes& to, int row) {
    normRow(p, x, width, normed.get());
    to.round(row, width, [&](int i) { return load(normed.get() + i); });
  }
  void quantizeHidden(int rows, int width) {
    const uint16_t* x = hidden.get();
    for (int r = 0; r < rows; r++, x += width) {
      bytes.round(r, width, [&](int i) { return fromHalves(x + i); });
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

// The hidden layer's numbers in 16 bits, which rounding to bytes does not notice.
template <Pair activate(Pair)>
void openMlp(const Linear& p, Shape shape, Desk& desk) {
  linear(p, desk.bytes, shape, desk.factors, [&](int row, int column, Floats left, Floats right) {
    const Pair active = activate({left, right});
    uint16_t* to = desk.hidden.get() + static_cast<size_t>(row) * shape.out + column;
    storeHalves(to, active.left);
    storeHalves(to + LANES, active.right);
  });
}

// From attention's output to the end of the block, for rows of the residual stream x.
void finishBlock(const Block& p, const float* mixed, float* x, int rows, const Sizes& s, Desk& desk) {
  const int D = s.width, F = s.hidden;
  desk.quantize(mixed, rows, D);
  addLinear(p.outProj, desk.bytes, {rows, D, D}, desk.factors, x);
  desk.normalize(p.ln2, x, rows, D);
  if (s.quick) openMlp<quickGelu>(p.cFc, {rows, D, F}, desk);
  else openMlp<exactGelu>(p.cFc, {rows, D, F}, desk);
  desk.quantizeHidden(rows, F);
  addLinear(p.cProj, desk.bytes, {rows, F, D}, desk.factors, x);
}

// Queries, keys and values of one head, from rows of bytes, to the desk's [rows, 3K].
void projectHead(const Linear& p, const Bytes& x, int rows, int head, const Sizes& s, Desk& desk) {
  const int D = s.width, K = D / s.heads;
  for (int i = 0; i < 3; i++) {
    linear(p.from(i * D + head * K, D), x, {rows, D, K}, desk.factors, [&](int row, int column, Floats left, Floats right) {
      float* to = desk.qkv.get() + static_cast<size_t>(row) * 3 * K + i * K + column;
      store(to, left);
      store(to + LANES, right);
    });
  }
}

}  // namespace

extern "C" {

// Whether this processor has what the library was compiled for.
int32_t int8_supported() {
#ifdef __AVX512VNNI__
  return hasVnni();
#else
  return hasAvx2();
#endif
}

// Whether products with `width` and `hidden` on their inner sides can be AMX's, which Linux is asked for here.
int32_t int8_amx(int32_t width, int32_t hidden) {
  return width % PIECE == 0 && hidden % PIECE == 0 && amxAllowed();
}

// Rounds a weight [out, in] to int8, the largest of each output to 127, and lays it out for `byteTile()`; what rounding leaves likewise, in
// parts of 254. Says of each 32 outputs whether they need that: rounding errs by more than a 64th of an output's weights, as vectors.
// Weights from a normal distribution err by half as much.
void int8_pack(const float* weight, int32_t out, int32_t in, int8_t* packed, int8_t* rest, uint8_t* needsRest, float* scale, float* sum) {
  for (int first = 0; first < out; first += TILE_COLUMNS, packed += TILE_COLUMNS * in, rest += TILE_COLUMNS * in) {
    int32_t totals[2][TILE_COLUMNS] = {};
    bool isCoarse = false;
    for (int n = 0; n < TILE_COLUMNS; n++, weight += in) {
      float most = 0;
      for (int k = 0; k < in; k++) most = std::max(most, std::abs(weight[k]));
      const float inverse = most > 0 ? 127 / most : 0;
      int64_t squares[2] = {};
      for (int k = 0; k < in; k++) {
        const float whole = std::nearbyint(weight[k] * inverse);
        const float left = std::nearbyint(std::fma(weight[k], inverse, -whole) * REST_PARTS);
        const int place = k / 4 * 4 * TILE_COLUMNS + n * 4 + k % 4, bytes[] = {static_cast<int>(whole), static_cast<int>(left)};
        packed[place] = static_cast<int8_t>(bytes[0]);
        rest[place] = static_cast<int8_t>(bytes[1]);
        for (int i = 0; i < 2; i++) {
          totals[i][n] += bytes[i];
          squares[i] += bytes[i] * bytes[i];
        }
      }
      isCoarse |= squares[1] * 64 * 64 > squares[0] * REST_PARTS * REST_PARTS;
      scale[first + n] = most / 127;
    }
    needsRest[first / TILE_COLUMNS] = isCoarse;
    for (int n = 0; n < TILE_COLUMNS; n++) {
      sum[first + n] = std::fma(static_cast<float>(isCoarse ? totals[1][n] : 0), 1.f / REST_PARTS, static_cast<float>(totals[0][n]));
    }
  }
}

// Multiplies a tile by 32 columns so many times on each thread, out of the nearest cache: what products could reach at most. Gives the
// multiplications of one time.
int32_t int8_peak(int32_t threads, int32_t amx, int32_t times) {
  constexpr int INNER = 256;
  const ByteTiles tiles{amx != 0};
  together(threads, [&] {
    const size_t count = tiles.size(tiles.rows(), INNER), size = TILE_COLUMNS * INNER;
    const auto rows = allocate<Byte>(count);
    const auto packed = allocate<int8_t>(size);
    const auto sums = allocate<int32_t>(tiles.rows() * TILE_COLUMNS);
    std::fill_n(rows.get(), count, 100), std::fill_n(packed.get(), size, -50);
    Columns columns(TILE_COLUMNS, INNER);
    columns.take(packed.get(), TILE_COLUMNS, INNER);
    if (amx) openTiles();
    for (int i = 0; i < times; i++) {
      tiles.product(rows.get(), INNER, columns.from(packed.get(), 0, INNER), sums.get());
      asm volatile("" ::: "memory");  // each is computed, whatever the one before it gave
    }
    if (amx) closeTiles();
  });
  return threads * tiles.rows() * TILE_COLUMNS * INNER;
}

// Pixels [B, S, S, 3] to the tokens after all blocks, x [B, N, D], where they are the whole tower's after its last norm; and to
// the class token after each block and that norm, clsTokens [B, L, D].
void int8_encode(const float* pixels, float* x, float* clsTokens, const Ends* ends, const Block* blocks, const Sizes* sizes) {
  const Sizes& s = *sizes;
  const int D = s.width, N = s.tokens(), R = s.rows(), K = D / s.heads;
  const int G = s.group() * N, padded = roundUp(G, s.tiles().rows());  // rows of a group, and in whole tiles
  const size_t image = static_cast<size_t>(3) * s.imageSize * s.imageSize;
  const auto mixed = allocate<float>(static_cast<size_t>(R) * D);
  // What enters attention.
  const auto values = allocate<Byte>(s.tiles().size(static_cast<size_t>(parts(R, G)) * padded, D));
  const auto low = allocate<float>(R), step = allocate<float>(R);
  const Bytes entering{values.get(), low.get(), step.get(), s.tiles()};
  const auto groupOf = [&](int row) { return entering.from(row / G * G, static_cast<size_t>(row / G) * padded, D); };
  Phases phases(s.threads);
  together(s.threads, [&] {
    Desk desk(s);
    phases.each(s.images, [&](int i) { embed(*ends, pixels + i * image, x + static_cast<size_t>(i) * N * D, s, desk); });
    for (int layer = 0; layer <= s.layers; layer++) {
      phases.each(s.panels(), [&](int panel) {
        const auto [first, rows] = Rows{0, R}.share(panel, s.panels(), s.tiles().rows());
        if (rows == 0) return;
        float* residual = x + static_cast<size_t>(first) * D;
        if (layer > 0) finishBlock(blocks[layer - 1], mixed.get() + static_cast<size_t>(first) * D, residual, rows, s, desk);
        if (layer > 0) {
          for (int r = roundUp(first, N); r < first + rows; r += N) {
            const size_t place = static_cast<size_t>(r / N) * s.layers + layer - 1;
            normRow(ends->lnPost, x + static_cast<size_t>(r) * D, D, clsTokens + place * D);
          }
        }
        for (int r = first; r < first + rows; r++, residual += D) {
          if (layer < s.layers) desk.normalizeRow(blocks[layer].ln1, residual, D, groupOf(r), r % G);
          else if (s.isWhole) normRow(ends->lnPost, residual, D, residual);
        }
      });
      if (layer == s.layers) break;
      phases.each(parts(R, G) * s.heads, [&](int item) {
        const int first = item / s.heads * G, rows = std::min(G, R - first), head = item % s.heads;
        projectHead(blocks[layer].inProj, groupOf(first), rows, head, s, desk);
        for (int r = 0; r < rows; r += N) {
          desk.head.attend(desk.qkv.get() + static_cast<size_t>(r) * 3 * K, mixed.get() + static_cast<size_t>(first + r) * D + head * K, D);
        }
      });
    }
  });
}
}

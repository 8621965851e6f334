/**
 * Pieces of graphs that are trained: layers with their way back, and the masks of dropout.
 *
 * Shapes: R rows (all tokens of a batch), D width.
 *
 * @module
 */
import { DTYPE } from "../backend/raw.ts";
import type { Graph, Ref } from "../backend/graph.ts";
import { graphOps } from "../backend/graph_ops.ts";

/** The output of a layer, and its gradient's way back: that of the output to that of the input. */
export type GraphLayer = { readonly y: Ref; readonly back: (dy: Ref) => Ref };

/** The sum over rows, [R, D] → [D], added up in float32: in bfloat16 by a matrix product, which does. */
export function sumRows(graph: Graph, x: Ref): Ref {
  if (x.dtype === DTYPE.float32) return graph.op("BiasAddGrad", [x], { attrs: { T: { type: x.dtype } } });
  const o = graphOps(graph);
  const ones = o.unary("OnesLike", o.slice(x, [0, 0], [-1, 1])); // [R, 1]
  return o.reshape(o.matMul(ones, x, { transposeA: true }), [-1]);
}

/** What a dropout's mask is a function of: the seed of TensorFlow's stateless generator [2], and the least byte that is kept. */
export type Draw = { readonly seed: Ref; readonly least: Ref };

/**
 * The mask of `dropout()` for something of x's shape: 1 where it is kept, 0 where not, in `dtype`; what is kept is still to be
 * scaled.
 *
 * @param options.part where x is a part of what is dropped: how many numbers that has, and how many come before x's, int32 [1]
 */
export function writeMask(
  graph: Graph,
  x: Ref,
  { seed, least, dtype, part }: Draw & {
    readonly dtype: number;
    readonly part?: { readonly count: Ref; readonly begin: Ref };
  },
): Ref {
  const { uint8, int32, bool } = DTYPE;
  const o = graphOps(graph);
  const type = (dtype: number) => ({ type: dtype });
  const shape = graph.op("Shape", [x], {
    attrs: { T: type(x.dtype), out_type: type(int32) },
    dtype: int32,
  });
  const count = graph.op("Prod", [shape, o.ints([0])], {
    attrs: { T: type(int32), Tidx: type(int32), keep_dims: true },
  }); // [1]
  const { count: all, begin } = part ?? { count, begin: o.ints([0]) };
  const quarter = o.binary("FloorDiv", o.add(all, 3), 4);
  // As `seededBytes()`: each drawn number of 32 bits makes four bytes.
  const drawn = graph.op("StatelessRandomUniformFullInt", [quarter, seed], {
    attrs: { dtype: type(int32), T: type(int32), Tseed: type(int32) },
    dtype: int32,
  });
  const bytes = graph.op("Bitcast", [drawn], { attrs: { T: type(int32), type: type(uint8) }, dtype: uint8 });
  const flat = graph.op("Slice", [o.reshape(bytes, [-1]), begin, count], {
    attrs: { T: type(uint8), Index: type(int32) },
  });
  const numbers = graph.op("Reshape", [flat, shape], { attrs: { T: type(uint8), Tshape: type(int32) } });
  const kept = graph.op("GreaterEqual", [numbers, o.cast(least, uint8)], {
    attrs: { T: type(uint8) },
    dtype: bool,
  });
  return o.cast(kept, dtype);
}

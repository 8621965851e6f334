/**
 * The ops that graphs of transformers are made of.
 *
 * Shapes: R rows (all tokens of a batch), D width; one dimension of a reshape may be −1.
 *
 * @module
 */
import { DTYPE } from "./raw.ts";
import { type Graph, outputOf, type Ref } from "./graph.ts";

/** A variable of a graph: what `assign` fills and ops on resources take, its dtype, and the op that fills it from its input. */
export type Variable = { readonly handle: Ref; readonly dtype: number; readonly assigned: Ref };

/** Ops on one graph, each with the dtype of its first input unless said otherwise. */
export type GraphOps = {
  /** Names `x` as an output of the graph; it is there when the ops in `after` have run too. */
  output(name: string, x: Ref, after?: readonly Ref[]): Ref;
  /** A variable, and an input named `name` that it is filled from. */
  variable(name: string, options: { dtype: number; shape: readonly number[] }): Variable;
  /** What a variable holds when the ops in `after` have run. */
  read(variable: Variable, options?: { readonly after?: readonly Ref[]; readonly name?: string }): Ref;
  /** Puts `x` into the variable of a handle. */
  assign(handle: Ref, x: Ref): Ref;
  /** An op of one tensor, by TensorFlow's name for it. */
  unary(op: string, x: Ref): Ref;
  /** An op of two tensors, or of one and a number. */
  binary(op: string, a: Ref, b: Ref | number): Ref;
  /** A number as a tensor without axes. */
  scalar(value: number, dtype: number): Ref;
  /** Whole numbers in int32. */
  ints(values: readonly number[], shape?: readonly number[]): Ref;
  /** The numbers in another dtype. */
  cast(x: Ref, to: number): Ref;
  add(a: Ref, b: Ref | number): Ref;
  sub(a: Ref, b: Ref | number): Ref;
  mul(a: Ref, b: Ref | number): Ref;
  /** Over an axis, which stays with a size of 1 unless `keep` is false. */
  mean(x: Ref, axis: number, keep?: boolean): Ref;
  /** Over an axis, which stays with a size of 1 unless `keep` is false. */
  sum(x: Ref, axis: number, keep?: boolean): Ref;
  reshape(x: Ref, shape: readonly number[]): Ref;
  transpose(x: Ref, order: readonly number[]): Ref;
  /** Matrix product; with `transposeA` or `transposeB`, of the transposed matrix. */
  matMul(a: Ref, b: Ref, options?: Transposed): Ref;
  /** Matrix products over the last two axes. */
  batchMatMul(a: Ref, b: Ref, options?: Transposed): Ref;
  /** [..., D] + [D]. */
  addBias(x: Ref, bias: Ref): Ref;
  /** Equal parts along an axis. */
  split(x: Ref, parts: number, axis: number): Ref[];
  concat(parts: readonly Ref[], axis: number): Ref;
  /** From `begin` on, `size` of each axis (−1: all that is left). */
  slice(x: Ref, begin: readonly number[], size: readonly number[]): Ref;
  /** Zeros before and after, a pair for each axis. */
  pad(x: Ref, paddings: readonly (readonly [number, number])[]): Ref;
};

/** Which factors of a matrix product are transposed; neither unless given. */
export type Transposed = { readonly transposeA?: boolean; readonly transposeB?: boolean };

/** The ops of `graph`. */
export function graphOps(graph: Graph): GraphOps {
  const { int32 } = DTYPE;
  const type = (dtype: number) => ({ type: dtype });
  const ints = (values: readonly number[], shape?: readonly number[]) =>
    graph.constant(values, { dtype: int32, shape });
  const unary = (op: string, x: Ref) => graph.op(op, [x], { attrs: { T: type(x.dtype) } });
  const binary = (op: string, a: Ref, b: Ref | number) =>
    graph.op(op, [a, typeof b === "number" ? scalar(b, a.dtype) : b], { attrs: { T: type(a.dtype) } });
  const scalar = (value: number, dtype: number) => graph.constant([value], { dtype, shape: [] });
  const reduce = (op: string, x: Ref, axis: number, keep: boolean) =>
    graph.op(op, [x, ints([axis])], {
      attrs: { T: type(x.dtype), Tidx: type(int32), keep_dims: keep },
    });
  const cast = (x: Ref, to: number): Ref =>
    x.dtype === to ? x : graph.op("Cast", [x], { attrs: { SrcT: type(x.dtype), DstT: type(to) }, dtype: to });
  const assign = (handle: Ref, x: Ref) =>
    graph.op("AssignVariableOp", [handle, x], { attrs: { dtype: type(x.dtype) } });
  return {
    output: (name, x, after = []) => graph.op("Identity", [x], { attrs: { T: type(x.dtype) }, name, after }),
    variable: (name, { dtype, shape }) => {
      const handle = graph.op("VarHandleOp", [], {
        attrs: { dtype: type(dtype), shape: { shape: [...shape] }, shared_name: name },
        dtype: DTYPE.resource,
      });
      return { handle, dtype, assigned: assign(handle, graph.input(name, { dtype, shape })) };
    },
    read: ({ handle, dtype }, { after, name } = {}) =>
      graph.op("ReadVariableOp", [handle], { attrs: { dtype: type(dtype) }, dtype, after, name }),
    assign,
    unary,
    binary,
    scalar,
    ints,
    cast,
    add: (a, b) => binary("AddV2", a, b),
    sub: (a, b) => binary("Sub", a, b),
    mul: (a, b) => binary("Mul", a, b),
    mean: (x, axis, keep = true) => reduce("Mean", x, axis, keep),
    sum: (x, axis, keep = true) => reduce("Sum", x, axis, keep),
    reshape: (x, shape) =>
      graph.op("Reshape", [x, ints(shape)], { attrs: { T: type(x.dtype), Tshape: type(int32) } }),
    transpose: (x, order) =>
      graph.op("Transpose", [x, ints(order)], { attrs: { T: type(x.dtype), Tperm: type(int32) } }),
    matMul: (a, b, { transposeA = false, transposeB = false } = {}) =>
      graph.op("MatMul", [a, b], {
        attrs: { T: type(a.dtype), transpose_a: transposeA, transpose_b: transposeB },
      }),
    batchMatMul: (a, b, { transposeA = false, transposeB = false } = {}) =>
      graph.op("BatchMatMulV2", [a, b], {
        attrs: { T: type(a.dtype), adj_x: transposeA, adj_y: transposeB },
      }),
    addBias: (x, bias) =>
      graph.op("BiasAdd", [x, bias], { attrs: { T: type(x.dtype), data_format: "NHWC" } }),
    split: (x, parts, axis) => {
      const first = graph.op("Split", [ints([axis], []), x], {
        attrs: { T: type(x.dtype), num_split: { int: parts } },
        dtype: x.dtype,
      });
      return Array.from({ length: parts }, (_, i) => outputOf(first, i));
    },
    concat: (parts, axis) =>
      graph.op("ConcatV2", [...parts, ints([axis], [])], {
        attrs: { N: { int: parts.length }, T: type(parts[0].dtype), Tidx: type(int32) },
      }),
    slice: (x, begin, size) =>
      graph.op("Slice", [x, ints(begin), ints(size)], { attrs: { T: type(x.dtype), Index: type(int32) } }),
    pad: (x, paddings) =>
      graph.op("Pad", [x, ints(paddings.flat(), [paddings.length, 2])], {
        attrs: { T: type(x.dtype), Tpaddings: type(int32) },
      }),
  };
}

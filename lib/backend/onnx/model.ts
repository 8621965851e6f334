/**
 * Graphs that were written for TensorFlow as ONNX models, op by op.
 *
 * Only the ops of `graph_ops.ts` and of graphs in float32 are known. TensorFlow's int32 becomes int64, in which ONNX has sizes and
 * axes. A variable is an initializer where its values are given, else an input.
 *
 * @module
 */
import type { Constant, Graph, GraphNode, Ref } from "../graph.ts";
import { DTYPE } from "../raw.ts";
import {
  attributeMessage,
  modelBytes,
  type NodeMessage,
  ONNX_DTYPE,
  type TensorMessage,
  type ValueMessage,
} from "./messages.ts";

/** The values of a variable, little-endian as in memory, by the name that it is filled by. */
export type Held = ReadonlyMap<string, { readonly values: Float32Array; readonly shape: readonly number[] }>;

/**
 * The bytes of a model that computes some of a graph's outputs, named without TensorFlow's `:0`, and of the rest of the graph nothing.
 *
 * @param options.held the variables that are part of it
 * @throws {Error} for an op that has no counterpart here
 */
export function onnxModel(
  graph: Graph,
  { outputs, held }: { readonly outputs: readonly Ref[]; readonly held: Held },
): Uint8Array {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const node: NodeMessage[] = [];
  const initializer: TensorMessage[] = [];
  const input: ValueMessage[] = [];
  const written = new Set<string>();
  let extra = 0;
  const hold = (constant: Constant, name = `c${extra++}`) => {
    initializer.push({ name, dims: constant.shape, ...rawOf(constant) });
    return name;
  };
  const ints = (values: readonly number[]) => hold({ values, dtype: DTYPE.int32, shape: [values.length] });
  const floats = (values: readonly number[], shape: readonly number[]) =>
    hold({ values, dtype: DTYPE.float32, shape });
  const add: Add = (opType, inputs, { output = `x${extra++}`, attrs = {} } = {}) => {
    const attribute = Object.entries(attrs).map(([name, value]) => attributeMessage(name, value));
    node.push({ opType, input: inputs, output: typeof output === "string" ? [output] : output, attribute });
    return typeof output === "string" ? output : output[0];
  };
  const constantAt = (ref: string): number[] => {
    const { value, op } = nodes.get(nameOf(ref))!;
    if (!value) throw new Error(`Cannot write an ONNX model: expected a constant ${ref} but found ${op}`);
    return Array.from(value.values);
  };
  const write = (name: string): void => {
    if (written.has(name)) return;
    written.add(name);
    const found = nodes.get(name)!;
    const inputs = found.inputs.filter((ref) => !ref.startsWith("^"));
    if (found.op === "ReadVariableOp") {
      const { name, shape } = variableOf(nodes.get(nameOf(inputs[0]))!);
      const values = held.get(name);
      const [output] = [valueOf(`${found.name}:0`)];
      if (values) hold({ values: values.values, dtype: DTYPE.float32, shape: values.shape }, output);
      else {
        if (!written.has(name)) input.push(valueMessage(name, { dtype: DTYPE.float32, shape }));
        written.add(name);
        add("Identity", [name], { output });
      }
      return;
    }
    for (const ref of inputs) write(nameOf(ref));
    if (found.op === "Placeholder") {
      const { dtype, shape } = placeholderOf(found);
      input.push(valueMessage(valueOf(`${name}:0`), { dtype, shape }));
    } else if (found.value) hold(found.value, valueOf(`${name}:0`));
    else {
      const translate = ops[found.op];
      if (!translate) {
        throw new Error(`Cannot write an ONNX model: expected ops in float32 but found ${found.op}`);
      }
      translate({ node: found, inputs: inputs.map(valueOf), output: valueOf(`${name}:0`) }, {
        add,
        ints,
        floats,
        constants: inputs.map((ref) => () => constantAt(ref)),
      });
    }
  };
  for (const { ref } of outputs) write(nameOf(ref));
  const output = outputs.map(({ ref, dtype }) => valueMessage(valueOf(ref), { dtype }));
  return modelBytes({ name: "graph", node, initializer, input, output });
}

/** The name of a node in TensorFlow's notation `name:index`. */
function nameOf(ref: string): string {
  return ref.split(":")[0];
}

/** What an output is called in ONNX: a node's first one as the node. */
export function valueOf(ref: string): string {
  return ref.replace(/:0$/, "");
}

function variableOf({ attrs }: GraphNode): { name: string; shape: readonly number[] } {
  const { shared_name: name, shape } = attrs as { shared_name: string; shape: { shape: number[] } };
  return { name, shape: shape.shape };
}

function placeholderOf({ attrs }: GraphNode): { dtype: number; shape: readonly number[] } {
  const { dtype, shape } = attrs as { dtype: { type: number }; shape: { shape: number[] } };
  return { dtype: dtype.type, shape: shape.shape };
}

function dtypeOf(dtype: number): number {
  if (dtype === DTYPE.float32) return ONNX_DTYPE.float32;
  if (dtype === DTYPE.int32) return ONNX_DTYPE.int64;
  if (dtype === DTYPE.uint8) return ONNX_DTYPE.uint8;
  throw new Error(`Cannot write an ONNX model: expected float32, int32 or uint8 but found dtype ${dtype}`);
}

/** An output says its dtype alone: its shape follows. */
function valueMessage(
  name: string,
  { dtype, shape }: { readonly dtype: number; readonly shape?: readonly number[] },
): ValueMessage {
  const dim = shape?.map((size, i) => size < 0 ? { dimParam: `${name}.${i}` } : { dimValue: size });
  return { name, type: { tensorType: { elemType: dtypeOf(dtype), ...(dim && { shape: { dim } }) } } };
}

function rawOf({ values, dtype }: Constant): Pick<TensorMessage, "dataType" | "rawData"> {
  const array = dtype === DTYPE.int32
    ? BigInt64Array.from(Array.from(values, BigInt))
    : values instanceof Float32Array
    ? values
    : Float32Array.from(values);
  const rawData = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return { dataType: dtypeOf(dtype), rawData };
}

type Attrs = Readonly<Record<string, number | bigint | readonly number[]>>;

/** Adds an op and gives its first output. */
type Add = (
  opType: string,
  inputs: readonly string[],
  options?: { readonly output?: string | readonly string[]; readonly attrs?: Attrs },
) => string;

/** What a translation of an op has at hand. */
type Writer = {
  readonly add: Add;
  readonly ints: (values: readonly number[]) => string;
  readonly floats: (values: readonly number[], shape: readonly number[]) => string;
  /** The values of each input that is a constant. */
  readonly constants: readonly (() => number[])[];
};

type Translate = (
  op: { readonly node: GraphNode; readonly inputs: readonly string[]; readonly output: string },
  writer: Writer,
) => void;

/** An op that has another name at most. */
function same(opType: string, attrs: Attrs = {}): Translate {
  return ({ inputs, output }, { add }) => {
    add(opType, inputs, { output, attrs });
  };
}

function reduce(opType: string): Translate {
  return ({ node, inputs: [x], output }, { add, ints, constants }) => {
    add(opType, [x, ints(constants[1]())], { output, attrs: { keepdims: node.attrs.keep_dims ? 1n : 0n } });
  };
}

/** Slices reach to the end by an end beyond it. */
const END = 2 ** 31 - 1;

/** How each of TensorFlow's ops is written in ONNX. */
const ops: Readonly<Record<string, Translate>> = {
  Identity: same("Identity"),
  AddV2: same("Add"),
  BiasAdd: same("Add"),
  Sub: same("Sub"),
  Mul: same("Mul"),
  Erf: same("Erf"),
  Exp: same("Exp"),
  Relu: same("Relu"),
  Sigmoid: same("Sigmoid"),
  Softmax: same("Softmax", { axis: -1n }),
  LogSoftmax: same("LogSoftmax", { axis: -1n }),
  Mean: reduce("ReduceMean"),
  Sum: reduce("ReduceSum"),
  Reshape: same("Reshape"),
  Square: ({ inputs: [x], output }, { add }) => {
    add("Mul", [x, x], { output });
  },
  Rsqrt: ({ inputs, output }, { add }) => {
    add("Reciprocal", [add("Sqrt", inputs)], { output });
  },
  BiasAddGrad: ({ inputs: [x], output }, { add, ints }) => {
    add("ReduceSum", [x, ints([0])], { output, attrs: { keepdims: 0n } });
  },
  ReluGrad: ({ inputs: [dy, y], output }, { add, floats }) => {
    const zero = floats([0], []);
    add("Where", [add("Greater", [y, zero]), dy, zero], { output });
  },
  Cast: ({ inputs, node, output }, { add }) => {
    const { DstT } = node.attrs as { DstT: { type: number } };
    add("Cast", inputs, { output, attrs: { to: BigInt(dtypeOf(DstT.type)) } });
  },
  Transpose: ({ inputs: [x], output }, { add, constants }) => {
    add("Transpose", [x], { output, attrs: { perm: constants[1]() } });
  },
  MatMul: ({ inputs, node, output }, { add }) => {
    const { transpose_a, transpose_b } = node.attrs;
    if (!transpose_a && !transpose_b) add("MatMul", inputs, { output });
    else {
      const attrs = { transA: transpose_a ? 1n : 0n, transB: transpose_b ? 1n : 0n };
      add("Gemm", inputs, { output, attrs });
    }
  },
  BatchMatMulV2: ({ inputs: [a, b], node, output }, { add }) => {
    const { adj_x, adj_y } = node.attrs;
    const turned = (x: string) => add("Transpose", [x], { attrs: { perm: [0, 1, 3, 2] } }); // [B, H, n, m]
    add("MatMul", [adj_x ? turned(a) : a, adj_y ? turned(b) : b], { output });
  },
  Split: ({ inputs: [, x], node, output }, { add, constants }) => {
    const { num_split: { int: parts } } = node.attrs as { num_split: { int: number } };
    const names = Array.from({ length: parts }, (_, i) => valueOf(`${node.name}:${i}`));
    const attrs = { axis: BigInt(constants[0]()[0]), num_outputs: BigInt(parts) };
    add("Split", [x], { output: [output, ...names.slice(1)], attrs });
  },
  ConcatV2: ({ inputs, output }, { add, constants }) => {
    const axis = BigInt(constants.at(-1)!()[0]);
    add("Concat", inputs.slice(0, -1), { output, attrs: { axis } });
  },
  Slice: ({ inputs: [x], output }, { add, ints, constants }) => {
    const [begin, size] = [constants[1](), constants[2]()];
    const ends = begin.map((from, axis) => size[axis] < 0 ? END : from + size[axis]);
    add("Slice", [x, ints(begin), ints(ends)], { output });
  },
  Pad: ({ inputs: [x], output }, { add, ints, constants }) => {
    const pairs = constants[1]();
    const pads = [0, 1].flatMap((side) => pairs.filter((_, i) => i % 2 === side));
    add("Pad", [x, ints(pads)], { output });
  },
  OneHot: ({ inputs: [indices, depth], output }, { add, floats }) => {
    add("OneHot", [indices, depth, floats([0, 1], [2])], { output });
  },
  // Channels last in TensorFlow, first in ONNX.
  Conv2D: ({ inputs: [x, filter], node, output }, { add }) => {
    const { list } = node.attrs.strides as { list: readonly { int: number }[] };
    const channelsFirst = add("Transpose", [x], { attrs: { perm: [0, 3, 1, 2] } });
    const turned = add("Transpose", [filter], { attrs: { perm: [3, 2, 0, 1] } });
    const strides = [list[1].int, list[2].int];
    const y = add("Conv", [channelsFirst, turned], { attrs: { strides } });
    add("Transpose", [y], { output, attrs: { perm: [0, 2, 3, 1] } });
  },
  _MklLayerNorm: ({ inputs, node, output }, { add }) => {
    const { epsilon: { float } } = node.attrs as { epsilon: { float: number } };
    add("LayerNormalization", inputs, { output, attrs: { epsilon: float } });
  },
};

/**
 * TensorFlow graphs written from TypeScript, and run as one call: no op of them passes through JavaScript.
 *
 * A graph goes to TensorFlow as a SavedModel, a protobuf of nodes, which is the form that tfjs-node's addon loads. Only
 * what a graph needs of that format is written here. Weights are no part of it: they live in its variables, put in by a run
 * of their own. As constants they would be copied several times over while TensorFlow loads.
 *
 * @module
 */
import { join } from "node:path";
import type * as tf from "@tensorflow/tfjs";
import { inTemporaryFolder } from "../base/temporary.ts";
import { dtypeNamed } from "../weights/dtypes.ts";
import { DTYPE, loadSavedModel, type OpAttr, type RawTensor } from "./raw.ts";

/** The value of a node's attribute. */
export type GraphAttr = OpAttr | { readonly list: readonly OpAttr[] };

/** Numbers of a constant. */
export type Constant = {
  readonly values: ArrayLike<number>;
  readonly dtype: number;
  readonly shape: readonly number[];
};

/** An op of a graph: its inputs in TensorFlow's notation, after `^` those that only come before it; a constant has a value. */
export type GraphNode = {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: Readonly<Record<string, GraphAttr>>;
  readonly value?: Constant;
};

/** The output of a node, in TensorFlow's notation `name:index`, and its dtype. */
export type Ref = { readonly ref: string; readonly dtype: number };

/** A graph in the making. */
export type Graph = {
  /**
   * Adds an op and returns its first output (`outputOf()` gives the others), of the first input's dtype unless `dtype` says
   * another. Every attribute without a default must be given, types too; the op runs when those in `after` have.
   */
  op(
    op: string,
    inputs: readonly Ref[],
    options?: {
      readonly attrs?: Readonly<Record<string, GraphAttr>>;
      readonly dtype?: number;
      readonly name?: string;
      readonly after?: readonly Ref[];
    },
  ): Ref;
  /** An input, filled at each run. */
  input(name: string, options: { dtype: number; shape: readonly number[] }): Ref;
  /** A few numbers inside the graph; weights are variables. */
  constant(
    values: ArrayLike<number>,
    options?: { dtype?: number; shape?: readonly number[] },
  ): Ref;
  /** What it is made of so far, each node behind those that it takes from. */
  readonly nodes: readonly GraphNode[];
};

/** The output `index` of the node that `x` is an output of. */
export function outputOf(x: Ref, index: number): Ref {
  return { ref: `${nodeOf(x)}:${index}`, dtype: x.dtype };
}

function nodeOf(x: Ref): string {
  return x.ref.split(":")[0];
}

/** Starts an empty graph. */
export function createGraph(): Graph {
  const nodes: GraphNode[] = [];
  let unnamed = 0; // TensorFlow orders sums by names, so that other names are other last digits
  const add = (node: Omit<GraphNode, "name">, { dtype, name }: { dtype: number; name?: string }): Ref => {
    const named = { name: name ?? `n${unnamed++}`, ...node };
    nodes.push(named);
    return { ref: `${named.name}:0`, dtype };
  };
  return {
    nodes,
    op: (op, inputs, { attrs = {}, dtype, name, after = [] } = {}) =>
      add({
        op,
        inputs: [...inputs.map(({ ref }) => ref), ...after.map((other) => `^${nodeOf(other)}`)],
        attrs,
      }, { dtype: dtype ?? inputs[0]?.dtype ?? DTYPE.float32, name }),
    input: (name, { dtype, shape }) =>
      add({
        op: "Placeholder",
        inputs: [],
        attrs: { dtype: { type: dtype }, shape: { shape: [...shape] } },
      }, { dtype, name }),
    constant: (values, { dtype = DTYPE.float32, shape = [values.length] } = {}) =>
      add({
        op: "Const",
        inputs: [],
        attrs: { dtype: { type: dtype } },
        value: { values, dtype, shape },
      }, { dtype }),
  };
}

/** The bytes of a graph's `saved_model.pb`. */
function savedModel({ nodes }: Graph): Uint8Array {
  const versions = message(varint(1, GRAPH_VERSION));
  const graph = message(...nodes.map((node) => nested(1, nodeMessage(node))), nested(4, versions));
  const metaGraph = message(nested(1, message(text(4, TAG))), nested(2, graph));
  const { size, chunks } = message(varint(1, 1), nested(2, metaGraph));
  const model = new Uint8Array(size);
  let filled = 0;
  for (const chunk of chunks) {
    model.set(chunk, filled);
    filled += chunk.length;
  }
  return model;
}

function nodeMessage({ name, op, inputs, attrs, value }: GraphNode): Message {
  const fields = Object.entries(attrs).map(([key, attr]): [string, Message] => [key, attribute(attr)]);
  if (value) fields.push(["value", nested(8, constantMessage(value))]);
  return message(
    text(1, name),
    text(2, op),
    ...inputs.map((input) => text(3, input)),
    ...fields.map(([key, field]) => nested(5, message(text(1, key), nested(2, field)))),
  );
}

function constantMessage({ values, dtype, shape }: Constant): Message {
  return message(varint(1, dtype), nested(2, shapeMessage(shape)), bytes(4, contentOf(values, dtype)));
}

/** A loaded graph; `close()` frees it and what its variables hold. */
export type LoadedGraph = {
  /** Computes `outputs` from the inputs by name; whoever calls owns the results. */
  run(inputs: Readonly<Record<string, tf.Tensor | RawTensor>>, outputs: readonly Ref[]): RawTensor[];
  /** Frees it. */
  close(): void;
};

/** Hands a graph to TensorFlow. @throws {Error} when TensorFlow cannot load it. */
export async function openGraph(graph: Graph): Promise<LoadedGraph> {
  return await inTemporaryFolder(async (folder) => {
    await Deno.writeFile(join(folder, "saved_model.pb"), savedModel(graph));
    const model = loadSavedModel(folder, TAG);
    return {
      run: (inputs, outputs) =>
        model.run(Object.values(inputs), {
          inputs: Object.keys(inputs).map((name) => `${name}:0`),
          outputs: outputs.map(({ ref }) => ref),
        }),
      close: model.close,
    };
  }, { prefix: "forgelens-graph-" });
}

const TAG = "serve";
const GRAPH_VERSION = 1087; // TF_GRAPH_DEF_VERSION of TensorFlow 2.9: older and newer ones read it

function contentOf(values: ArrayLike<number>, dtype: number): Uint8Array {
  if (dtype === DTYPE.int32) return new Uint8Array(Int32Array.from(values).buffer);
  const name = dtype === DTYPE.bfloat16 ? "bfloat16" : "float32";
  return dtypeNamed(name)!.encode(Float32Array.from(values));
}

// Protocol buffers: a message is its fields one after the other, each a key (number, wire type) and a value.

type Message = { readonly size: number; readonly chunks: readonly Uint8Array[] };

function message(...fields: readonly Message[]): Message {
  return {
    size: fields.reduce((sum, { size }) => sum + size, 0),
    chunks: fields.flatMap(({ chunks }) => chunks),
  };
}

function key(field: number, wire: number): number[] {
  return varintBytes(field * 8 + wire);
}

function varintBytes(value: number): number[] {
  const result: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // negative numbers take ten bytes
  for (; rest > 127n; rest >>= 7n) result.push(Number(rest & 127n) | 128);
  return [...result, Number(rest)];
}

function raw(...values: readonly number[]): Message {
  return { size: values.length, chunks: [Uint8Array.from(values)] };
}

function varint(field: number, value: number): Message {
  return raw(...key(field, 0), ...varintBytes(value));
}

function nested(field: number, value: Message): Message {
  return message(raw(...key(field, 2), ...varintBytes(value.size)), value);
}

function bytes(field: number, value: Uint8Array): Message {
  return nested(field, { size: value.length, chunks: [value] });
}

function text(field: number, value: string): Message {
  return bytes(field, new TextEncoder().encode(value));
}

function shapeMessage(shape: readonly number[]): Message {
  return message(...shape.map((size) => nested(2, message(varint(1, size)))));
}

function attribute(value: GraphAttr): Message {
  if (typeof value === "boolean") return varint(5, value ? 1 : 0);
  if (typeof value === "string") return text(2, value);
  if ("int" in value) return varint(3, value.int);
  if ("float" in value) {
    return message(raw(...key(4, 5), ...new Uint8Array(Float32Array.of(value.float).buffer)));
  }
  if ("type" in value) return varint(6, value.type);
  if ("shape" in value) return nested(7, shapeMessage(value.shape));
  return nested(1, message(...value.list.map(attribute))); // fields have the same numbers in a list as alone
}

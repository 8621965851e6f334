/**
 * The messages of an ONNX model that are written here: the fields of `onnx.proto` that these graphs need, as protobufjs takes them.
 *
 * @module
 */
import protobuf from "protobufjs/light";

/** By ONNX's numbers, the dtypes of tensors. */
export const ONNX_DTYPE = { float32: 1, uint8: 2, int64: 7, bool: 9 } as const;

/** By ONNX's numbers, the types of attributes. */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;

/** A tensor that a model holds, float32 or int64, as raw little-endian bytes. */
export type TensorMessage = {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
};

/** An input or output of a graph; without a shape, or with a dimension that has a name instead of a size, it may have any. */
export type ValueMessage = {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape?: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[];
      };
    };
  };
};

/** An op. */
export type NodeMessage = {
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly object[];
};

/** A model's graph. */
export type GraphMessage = {
  readonly name: string;
  readonly node: readonly NodeMessage[];
  readonly initializer: readonly TensorMessage[];
  readonly input: readonly ValueMessage[];
  readonly output: readonly ValueMessage[];
};

const message = (fields: Record<string, [id: number, type: string, rule?: "repeated"]>) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [id, type, rule]]) => [name, { id, type, ...(rule && { rule }) }]),
  ),
});

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: [1, "int64"],
      producerName: [2, "string"],
      graph: [7, "GraphProto"],
      opsetImport: [8, "OperatorSetIdProto", "repeated"],
    }),
    OperatorSetIdProto: message({ domain: [1, "string"], version: [2, "int64"] }),
    GraphProto: message({
      node: [1, "NodeProto", "repeated"],
      name: [2, "string"],
      initializer: [5, "TensorProto", "repeated"],
      input: [11, "ValueInfoProto", "repeated"],
      output: [12, "ValueInfoProto", "repeated"],
    }),
    NodeProto: message({
      input: [1, "string", "repeated"],
      output: [2, "string", "repeated"],
      opType: [4, "string"],
      attribute: [5, "AttributeProto", "repeated"],
    }),
    AttributeProto: message({
      name: [1, "string"],
      f: [2, "float"],
      i: [3, "int64"],
      ints: [8, "int64", "repeated"],
      type: [20, "int32"],
    }),
    TensorProto: message({
      dims: [1, "int64", "repeated"],
      dataType: [2, "int32"],
      name: [8, "string"],
      rawData: [9, "bytes"],
    }),
    ValueInfoProto: message({ name: [1, "string"], type: [2, "TypeProto"] }),
    TypeProto: message({ tensorType: [1, "TensorTypeProto"] }),
    TensorTypeProto: message({ elemType: [1, "int32"], shape: [2, "TensorShapeProto"] }),
    TensorShapeProto: message({ dim: [1, "DimensionProto", "repeated"] }),
    DimensionProto: message({ dimValue: [1, "int64"], dimParam: [2, "string"] }),
  },
});

/** Of the operators; those here are the same in every later version. */
const OPSET = 18;
/** Of the format. */
const IR_VERSION = 8;

/** The bytes of a model of one graph. */
export function modelBytes(graph: GraphMessage): Uint8Array {
  return root.lookupType("ModelProto").encode({
    irVersion: IR_VERSION,
    producerName: "forgelens-bench",
    opsetImport: [{ domain: "", version: OPSET }],
    graph,
  }).finish();
}

/** An attribute of an op: whole numbers as `number[]`, one as a bigint, and a number that may have a fraction as a number. */
export function attributeMessage(name: string, value: number | bigint | readonly number[]): object {
  if (typeof value === "bigint") return { name, i: Number(value), type: ATTRIBUTE.int };
  if (typeof value === "number") return { name, f: value, type: ATTRIBUTE.float };
  return { name, ints: value, type: ATTRIBUTE.ints };
}

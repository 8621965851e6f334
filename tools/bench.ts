/**
 * Measures the backend: `deno task bench [--backend auto|tensorflow|wasm] [--json]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import {
  type BackendName,
  disposeRaw,
  DTYPE,
  executeOp,
  fromRaw,
  initBackend,
  isTensorFlow,
  type RawTensor,
} from "../lib/backend.ts";

// Eight images through the first half of ViT-B/16's MLP: 8·197 tokens, width 768 to 3072.
const [ROWS, INNER, COLUMNS] = [1576, 768, 3072];

/** The best of several runs of `body`, in seconds: other work on the machine only ever makes one slower. */
async function bestOf(runs: number, body: () => tf.Tensor): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    const result = body();
    // A GPU returns before it has computed; one value read back waits for it and costs next to nothing.
    const corner = tf.tidy(() => tf.slice(result, [0, 0], [1, 1]));
    await corner.data();
    best = Math.min(best, performance.now() - start);
    tf.dispose([result, corner]);
  }
  return best / 1000;
}

/** Float32 and, on TensorFlow, bfloat16 matmul rates in GFLOP/s. */
async function matmul(): Promise<{ [name: string]: number }> {
  const work = 2 * ROWS * INNER * COLUMNS / 1e9;
  const x = tf.randomUniform<tf.Rank.R2>([ROWS, INNER], -1, 1, "float32", 1);
  const weights = tf.randomUniform<tf.Rank.R2>([INNER, COLUMNS], -1, 1, "float32", 2);
  const rates: { [name: string]: number } = {
    "float32 matmul": work / await bestOf(20, () => tf.matMul(x, weights)),
  };
  if (isTensorFlow()) {
    // As a frozen model would: its weights are cast once, its activations each time, there and back.
    const weights16 = cast(weights, "float32", "bfloat16");
    const seconds = await bestOf(20, () => {
      const x16 = cast(x, "float32", "bfloat16");
      const attrs = { T: { type: DTYPE.bfloat16 }, transpose_a: false, transpose_b: false };
      const [product16] = executeOp("MatMul", [x16, weights16], { attrs });
      const product = fromRaw(cast(product16, "bfloat16", "float32"));
      disposeRaw(x16, product16);
      return product;
    });
    rates["bfloat16 matmul"] = work / seconds;
    disposeRaw(weights16);
  }
  tf.dispose([x, weights]);
  return rates;
}

function cast(input: tf.Tensor | RawTensor, from: keyof typeof DTYPE, to: keyof typeof DTYPE): RawTensor {
  const attrs = { SrcT: { type: DTYPE[from] }, DstT: { type: DTYPE[to] }, Truncate: false };
  return executeOp("Cast", [input], { attrs })[0];
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, backend: { type: "string" } } });
  try {
    const backend = await initBackend({ backend: values.backend as BackendName | undefined });
    const rates = await matmul();
    if (values.json) console.log(JSON.stringify({ backend, gflops: rates }));
    else {
      if (backend.note) console.log(backend.note);
      console.log(`${backend.name} ${backend.version} on ${backend.device}`);
      for (const [name, rate] of Object.entries(rates)) {
        console.log(`${name} ${ROWS}×${INNER} by ${INNER}×${COLUMNS}: ${Math.round(rate)} GFLOP/s`);
      }
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

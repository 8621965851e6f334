import * as tf from "@tensorflow/tfjs";
import { assertEquals, assertThrows } from "@std/assert";
import { disposeRaw, DTYPE, executeOp, fromRaw, isTensorFlow } from "../../lib/backend/raw.ts";
import { initBackend } from "../../lib/backend/start.ts";

await initBackend();

Deno.test({
  name: "executeOp() multiplies in bfloat16, leaks nothing",
  ignore: !isTensorFlow(),
  fn: () => {
    const binding = (tf.backend() as unknown as { binding: { getNumOfTensors(): number } }).binding;
    const left = tf.tensor2d([[1, 2], [3, 4]]);
    const third = tf.tensor2d([[1 / 3, 0], [0, 1]]);
    left.dataSync();
    const cast = (input: Parameters<typeof executeOp>[1][0], from: number, to: number) =>
      executeOp("Cast", [input], { attrs: { SrcT: { type: from }, DstT: { type: to }, Truncate: false } })[0];
    let handles = 0;
    for (let i = 0; i < 3; i++) {
      const [a, b] = [cast(left, DTYPE.float32, DTYPE.bfloat16), cast(third, DTYPE.float32, DTYPE.bfloat16)];
      assertEquals(a.dtype, DTYPE.bfloat16);
      const attrs = { T: { type: DTYPE.bfloat16 }, transpose_a: false, transpose_b: false };
      const [product] = executeOp("MatMul", [a, b], { attrs });
      const result = fromRaw(cast(product, DTYPE.bfloat16, DTYPE.float32));
      // 1/3 is 0.333984375 in bfloat16's eight bits; three times it is 1.001953125, which rounds to 1.
      assertEquals(Array.from(result.dataSync()), [0.333984375, 2, 1, 4]);
      disposeRaw(a, b, product);
      result.dispose();
      if (i === 0) handles = binding.getNumOfTensors();
    }
    assertEquals(binding.getNumOfTensors(), handles);
    tf.dispose([left, third]);
  },
});

Deno.test({
  name: "executeOp() passes on what TensorFlow says about a wrong op",
  ignore: !isTensorFlow(),
  fn: () => {
    assertThrows(() => executeOp("NoSuchOp", []), Error, "NoSuchOp");
  },
});

import { assertEquals, assertThrows } from "@std/assert";
import { checkLoss, checkWeights } from "../../lib/runs/finite.ts";
import type { StateDict } from "../../lib/weights/state.ts";

const place = (...paths: string[]) => ({ epoch: 2, step: 14, samples: paths.map((path) => ({ path })) });

Deno.test("checkLoss() names epoch, step and the first files of the batch", () => {
  checkLoss(0.5, place("a.png"));
  const { message } = assertThrows(() => checkLoss(NaN, place("a", "b", "c", "d", "e", "f")), Error);
  assertEquals(
    message,
    "Cannot go on training: expected a finite loss but found NaN in epoch 2, step 14, on a, b, c, d and 2 more; " +
      "try a lower --learning-rate or --clip-gradients 1, and look at these files",
  );
  assertThrows(
    () => checkLoss(Infinity, place("a.png")),
    Error,
    "found Infinity in epoch 2, step 14, on a.png;",
  );
});

Deno.test("checkWeights() refuses weights that are no numbers, of those that are trained", () => {
  const weights: StateDict = new Map([
    ["frozen", { dtype: "float32", shape: [1], data: Float32Array.of(NaN) }],
    ["head.bias", { dtype: "float32", shape: [2], data: Float32Array.of(1, -Infinity) }],
  ]);
  checkWeights(weights, { keys: [], place: place() });
  assertThrows(
    () => checkWeights(weights, { keys: ["head.bias"], place: place() }),
    Error,
    "expected finite weights but found -Infinity in head.bias in epoch 2, step 14; try a lower --learning-rate or --clip-gradients 1",
  );
});

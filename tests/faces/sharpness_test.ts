import { assertEquals } from "@std/assert";
import { sharpness } from "../../lib/faces/sharpness.ts";

const grey = (values: readonly number[], width: number) => ({
  data: Uint8Array.from(values.flatMap((value) => [value, value, value])),
  width,
  height: values.length / width,
});

Deno.test("sharpness() is the variance of the Laplacian with mirrored edges, and nothing where there is one colour", () => {
  // The row 0 1 3: its Laplacian is 1+1-0, 0+3-2, 1+1-6 = 2, 1, -4; its mean -1/3, the mean of its squares 7.
  assertEquals(sharpness(grey([0, 1, 3], 3)).toFixed(12), (7 - 1 / 9).toFixed(12));
  assertEquals(sharpness(grey([0, 1, 3], 1)), sharpness(grey([0, 1, 3], 3)));
  assertEquals(sharpness(grey(Array(12).fill(90), 4)), 0);
  assertEquals(sharpness(grey([200], 1)), 0);
});

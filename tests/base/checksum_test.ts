import { assertEquals, assertThrows } from "@std/assert";
import { sealedJson, unsealed } from "../../lib/base/checksum.ts";

const value = { version: 1, seconds: [0.1, 1e-7], notes: ["ü"], left: undefined };

Deno.test("unsealed() gives back what sealedJson() wrote, and what has no checksum", () => {
  const { left: _, ...kept } = value;
  assertEquals(unsealed(JSON.parse(sealedJson(value)), { expected: "state" }), kept);
  assertEquals(unsealed(kept, { expected: "state" }), kept);
});

Deno.test("unsealed() refuses a changed digit, key or checksum", () => {
  const text = sealedJson(value);
  for (const [from, to] of [["0.1", "0.3"], ['"notes"', '"nodes"'], ['"sum": "', '"sum": "0']] as const) {
    const changed = text.replace(from, to);
    assertEquals(changed === text, false);
    assertThrows(
      () => unsealed(JSON.parse(changed), { expected: "state" }),
      Error,
      "expected the state that was written but found another: it is damaged",
    );
  }
});

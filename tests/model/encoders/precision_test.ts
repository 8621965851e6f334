import { assertEquals } from "@std/assert";
import type { EncoderPrecision } from "../../../lib/model/encoders/encoder.ts";
import { precisionFrom } from "../../../lib/model/encoders/precision.ts";

const alike = new Map<EncoderPrecision, number>([["bfloat16", 0.9999], ["int8", 0.9995]]);

Deno.test("precisionFrom() takes a lower precision only where it is faster beyond the spread of the rounds", () => {
  const even = (seconds: number) => Array.from({ length: 7 }, () => seconds);
  assertEquals(precisionFrom({ float32: even(4), bfloat16: even(2), int8: even(1) }, alike), {
    precision: "int8",
    head: "bfloat16",
  });
  assertEquals(precisionFrom({ float32: even(4), bfloat16: even(3.9), int8: even(2) }, alike), {
    precision: "int8",
    head: "float32",
  });
  // Load that lasts for three rounds falls on all three alike, and changes nothing.
  const loaded = (seconds: number) => even(seconds).map((each, i) => i < 3 ? 5 * each : each);
  assertEquals(
    precisionFrom({ float32: loaded(4), bfloat16: loaded(2), int8: loaded(1) }, alike).precision,
    "int8",
  );
  // Faster by the median, in three rounds of seven not at all: noise may have said so.
  const noisy = [2, 2, 2, 2, 4.5, 4.5, 4.5];
  assertEquals(precisionFrom({ float32: even(4), bfloat16: noisy }, alike).precision, "float32");
  const apart = new Map<EncoderPrecision, number>([["bfloat16", 0.99]]);
  assertEquals(precisionFrom({ float32: even(4), bfloat16: even(1) }, apart).precision, "float32");
});

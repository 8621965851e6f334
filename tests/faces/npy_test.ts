import { assertEquals, assertThrows } from "@std/assert";
import { readNpy, writeNpy } from "../../lib/faces/npy.ts";

function npy(points: readonly number[], type: "<i4" | "<f4" = "<i4"): Uint8Array {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${points.length / 2}, 2), }`;
  const padded = header.padEnd(128 - 10 - 1) + "\n";
  const head = new TextEncoder().encode(`\x93NUMPY\x01\x00`.slice(1));
  const numbers = type === "<i4" ? Int32Array.from(points) : Float32Array.from(points);
  return new Uint8Array([
    ...[0x93, ...head],
    ...[padded.length & 255, padded.length >> 8],
    ...new TextEncoder().encode(padded),
    ...new Uint8Array(numbers.buffer),
  ]);
}

Deno.test("readNpy() reads points of several types", () => {
  assertEquals([...readNpy(npy([1, 2, 30, -4, 5, 6]), "a.npy")], [1, 2, 30, -4, 5, 6]);
  assertEquals([...readNpy(npy([1.5, 2], "<f4"), "a.npy")], [1.5, 2]);
  const cut = npy([1, 2, 3, 4]);
  assertThrows(() => readNpy(cut.subarray(0, cut.length - 1), "a.npy"), Error, "found a cut array");
  assertThrows(
    () => readNpy(new TextEncoder().encode("not one at all"), "a.npy"),
    Error,
    "found no .npy file",
  );
  assertThrows(
    () => readNpy(npy([1, 2]).map((byte) => (byte === 0x32 ? 0x33 : byte)), "a.npy"),
    Error,
    "[N, 2]",
  );
});

Deno.test("writeNpy() keeps what readNpy() reads, and rounds to whole numbers where asked", () => {
  const points = Array.from({ length: 2 * 81 }, (_, i) => i * 1.25 - 20); // exact in float32
  assertEquals([...readNpy(writeNpy(points), "a.npy")], points);
  assertEquals([...readNpy(writeNpy([1.6, -2.6], { type: "int64" }), "a.npy")], [2, -3]);
});

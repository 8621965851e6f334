import { assertEquals } from "@std/assert";
import { blankOtherGpus } from "../../tools/gpu_pack.ts";

/** A fat binary as nvcc writes it, its entries' code filled with ones. */
function fatBinary(
  entries: readonly { readonly kind: number; readonly gpu: number; readonly size: number }[],
) {
  const header = 64;
  const bytes = new Uint8Array(16 + entries.reduce((sum, { size }) => sum + header + size, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xba55ed50, true);
  view.setUint16(4, 1, true);
  view.setUint16(6, 16, true);
  view.setBigUint64(8, BigInt(bytes.length - 16), true);
  const codes: Uint8Array[] = [];
  let at = 16;
  for (const { kind, gpu, size } of entries) {
    view.setUint16(at, kind, true);
    view.setUint32(at + 4, header, true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setUint32(at + 28, gpu, true);
    codes.push(bytes.subarray(at + header, at + header + size).fill(1));
    at += header + size;
  }
  return { bytes, codes };
}

Deno.test("blankOtherGpus() keeps the machine code of one GPU, its size and every header", () => {
  const { bytes, codes } = fatBinary([
    { kind: 2, gpu: 80, size: 16 },
    { kind: 2, gpu: 90, size: 24 },
    { kind: 1, gpu: 90, size: 8 },
  ]);
  const before = bytes.slice();
  assertEquals(blankOtherGpus(bytes, 90), 24);
  assertEquals(codes.map((code) => code.every((byte) => byte === 1)), [false, true, false]);
  for (const code of codes) code.fill(1);
  assertEquals(bytes, before);
});

Deno.test("blankOtherGpus() leaves a fat binary whole that has no machine code for the GPU", () => {
  const { bytes } = fatBinary([{ kind: 2, gpu: 80, size: 16 }, { kind: 1, gpu: 90, size: 8 }]);
  const before = bytes.slice();
  assertEquals(blankOtherGpus(bytes, 90), 0);
  assertEquals(bytes, before);
});

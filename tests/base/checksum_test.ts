import { assertEquals, assertThrows } from "@std/assert";
import { crc32c, sealedJson, sha256, unsealed } from "../../lib/base/checksum.ts";

const value = { version: 1, seconds: [0.1, 1e-7], notes: ["ü"], left: undefined };

Deno.test("sha256() is the standard's for abc, in one piece or several, and cut", () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, appendix B.1
  assertEquals(sha256("abc"), abc);
  assertEquals(sha256(["a", new Uint8Array([0x62]), "", "c"]), abc);
  assertEquals(sha256("abc", { digits: 8 }), "ba7816bf");
});

Deno.test("crc32c() has the values of RFC 3720, appendix B.4, and of the usual check", () => {
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array()), 0);
});

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

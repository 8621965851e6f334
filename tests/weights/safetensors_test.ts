import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { dtypeNamed } from "../../lib/weights/dtypes.ts";
import { readSafetensors, saveSafetensors } from "../../lib/weights/safetensors.ts";
import { InputError } from "../../lib/base/errors.ts";
import { loadStateDict, loadWeights } from "../../lib/weights/load.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { withFolder } from "../folders.ts";

function fileOf(header: unknown, data: Uint8Array | number, length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

Deno.test("saveSafetensors() and loadStateDict() give back every type of the format", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const dict: StateDict = new Map([
      ["flag", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ["byte", { dtype: "U8", shape: [1], data: Uint8Array.of(255) }],
      ["half", { dtype: "F16", shape: [2], data: Float32Array.of(0.5, -65504) }],
      ["brain", { dtype: "BF16", shape: [2], data: Float32Array.of(1.5, 3.3895313892515355e38) }],
      ["eight4", { dtype: "F8_E4M3", shape: [3], data: Float32Array.of(448, -0.001953125, 1.125) }],
      ["eight5", { dtype: "F8_E5M2", shape: [3], data: Float32Array.of(57344, -Infinity, 1.25) }],
      ["single", { dtype: "F32", shape: [1, 2], data: Float32Array.of(-0, 1e-40) }],
      ["double", { dtype: "F64", shape: [], data: Float32Array.of(0.1) }],
      ["i8", { dtype: "I8", shape: [2], data: Int32Array.of(-128, 127) }],
      ["i16", { dtype: "I16", shape: [2], data: Int32Array.of(-32768, 32767) }],
      ["u16", { dtype: "U16", shape: [1], data: Int32Array.of(65535) }],
      ["i32", { dtype: "I32", shape: [1], data: Int32Array.of(-(2 ** 31)) }],
      ["u32", { dtype: "U32", shape: [1], data: BigInt64Array.of(2n ** 32n - 1n) }],
      ["i64", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 63n)) }],
      ["u64", { dtype: "U64", shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) }],
      ["none", { dtype: "F32", shape: [2, 0], data: new Float32Array() }],
      ["__proto__", { dtype: "float32", shape: [1], data: Float32Array.of(7) }],
    ]);
    await saveSafetensors(path, dict, { metadata: { format: "pt", "größe": "1" } });
    using file = await Deno.open(path);
    const { tensors, metadata } = await readSafetensors(file, (await file.stat()).size);
    assertEquals(metadata, { format: "pt", "größe": "1" });
    assertEquals([...tensors.keys()], [...dict.keys()]);
    for (const [key, { dtype, shape, data }] of dict) {
      assertEquals(tensors.get(key), { dtype: dtypeNamed(dtype)!.loadsAs, shape, data }, key);
    }
  });
});

Deno.test("saveSafetensors() places each tensor at a multiple of its element size, the data at one of 8", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await saveSafetensors(
      path,
      new Map([
        ["a", { dtype: "bool", shape: [3], data: new Uint8Array(3) }],
        ["b", { dtype: "float32", shape: [1], data: new Float32Array(1) }],
        ["c", { dtype: "int64", shape: [1], data: new BigInt64Array(1) }],
      ]),
    );
    const bytes = await Deno.readFile(path);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    assertEquals(length % 8, 0);
    assertEquals([header.c, header.b, header.a].map((entry) => entry.data_offsets), [[0, 8], [8, 12], [
      12,
      15,
    ]]);
  });
});

Deno.test("float32 is rounded to nearest, ties to even, as bfloat16, float16 and the 8-bit floats", () => {
  const round = (name: string, ...values: number[]) => {
    const dtype = dtypeNamed(name)!;
    return Array.from(dtype.decode(dtype.encode(Float32Array.from(values)).slice()), Number);
  };
  // One bfloat16 step above 1 is 2^-7: a tie goes to the even neighbour, below at 1 and above at 1 + 2^-7.
  assertEquals(round("BF16", 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20), [
    1,
    1 + 2 ** -6,
    1 + 2 ** -7,
  ]);
  assertEquals(round("BF16", NaN, -Infinity, 3.4e38), [NaN, -Infinity, Infinity]);
  assertEquals(round("F16", 2049, 2051, 65519, 65520), [2048, 2052, 65504, Infinity]);
  assertEquals(round("F8_E4M3", 1.0625, 1.1875, 464, 465, -2000, 2 ** -10), [1, 1.25, 448, NaN, NaN, 0]);
  assertEquals(round("F8_E5M2", 1.125, 1.375, 61439, 61440, NaN), [1, 1.5, 57344, Infinity, NaN]);
});

Deno.test("loadStateDict() reads small tensors between large ones, in another order than the file's", async () => {
  await withFolder(async (folder) => {
    const sizes = [3, 700_000, 1, 0, 5, 300_000, 2];
    const dict: StateDict = new Map(sizes.map((size, i) => [`t${i}`, {
      dtype: i % 2 === 0 ? "float32" : "bool",
      shape: [size],
      data: i % 2 === 0
        ? Float32Array.from({ length: size }, (_, at) => at + i)
        : new Uint8Array(size).fill(i % 4),
    }]));
    await saveSafetensors(`${folder}/a.safetensors`, dict);
    assertEquals(await loadStateDict(`${folder}/a.safetensors`), dict);
  });
});

Deno.test("loadStateDict() refuses a safetensors header that does not fit its file", async () => {
  const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = "F32") => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const deep = (bracket: string, times: number) => fileOf(bracket.repeat(times), 0);
  const many = (count: number) =>
    fileOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, entry(0, 0)])), 0);
  const cases: [name: string, file: Uint8Array, found: RegExp][] = [
    ["short", new Uint8Array(7), /header length of 8 bytes but found a file of 7/],
    ["long header", fileOf({}, 0, 3n), /found a length of 3/],
    [
      "longer than the format allows",
      fileOf({}, 0, 2n ** 63n),
      /100000000 but found a length of 9223372036854775808/,
    ],
    ["no JSON", fileOf("{nonsense", 0), /header in JSON but found/],
    ["a list", fileOf("[]      ", 0), /JSON object/],
    ["not UTF-8", Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d), /text in UTF-8/],
    [
      "unknown type",
      fileOf({ w: entry(0, 4, [1], "F4") }, 4),
      /element type of the format for w but found "F4"/,
    ],
    ["PyTorch's type", fileOf({ w: entry(0, 4, [1], "float32") }, 4), /element type of the format for w/],
    ["no type", fileOf({ w: { shape: [1], data_offsets: [0, 4] } }, 4), /element type of the format for w/],
    ["null", fileOf({ w: null }, 4), /element type of the format for w/],
    [
      "negative side",
      fileOf({ w: entry(0, 4, [-1, -1]) }, 4),
      /shape of whole numbers for w but found \[-1,-1\]/,
    ],
    ["offsets", fileOf({ w: { dtype: "F32", shape: [1], data_offsets: [0] } }, 4), /two offsets for w/],
    ["size", fileOf({ w: entry(0, 4, [2]) }, 4), /8 bytes for w, F32 \[2\], but found offsets 0 to 4/],
    [
      "overflow",
      fileOf({ w: entry(0, 4, [2 ** 52, 2 ** 52]) }, 4),
      /2\^53 elements for w, F32 \[4503599627370496,4503599627370496\]/,
    ],
    ["overflow beside 0", fileOf({ w: entry(0, 0, [...Array(30).fill(2 ** 53 - 1), 0]) }, 0), /for w, F32/],
    ["nested", deep("[", 1_000_000), /a header of 3 levels/],
    ["nested objects", deep('{"a":', 1_000_000), /a header of 3 levels/],
    ["tensors", many(100_001), /at most 100000 tensors but found more/],
    ["many tensors", many(200_000), /at most 100000 tensors but found 200000/],
    ["long name", fileOf({ ["n".repeat(5000)]: entry(0, 4) }, 4), /names of at most 1000 characters/],
    [
      "gap",
      fileOf({ a: entry(0, 4), b: entry(8, 12) }, 12),
      /b to begin at offset 4 but found 8: a gap or an overlap/,
    ],
    ["overlap", fileOf({ a: entry(0, 8), b: entry(4, 12) }, 12), /b to begin at offset 8 but found 4/],
    ["rest", fileOf({ a: entry(0, 4) }, 5), /4 bytes of tensors after the header but found 5/],
    ["truncated", fileOf({ a: entry(0, 400) }, 399), /400 bytes of tensors after the header but found 399/],
    ["metadata", fileOf({ __metadata__: { a: 1 } }, 0), /__metadata__ of texts/],
  ];
  await withFolder(async (folder) => {
    for (const [name, bytes, found] of cases) {
      const path = `${folder}/${name}.safetensors`;
      await Deno.writeFile(path, bytes);
      const { message } = await assertRejects(() => loadStateDict(path), Error);
      assert(message.startsWith(`Cannot load ${path}: expected `), message);
      assertMatch(message, found, name);
      assert(message.length < 400 + path.length, name);
    }
  });
});

Deno.test("loadStateDict() reads a safetensors file whose header's length begins as a zip does", async () => {
  const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(0x4b50); // "PK" as bytes
  const bytes = new Uint8Array(8 + header.length + 4);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.safetensors`, bytes);
    assertEquals((await loadStateDict(`${folder}/a.safetensors`)).get("w")!.data, Float32Array.of(0));
  });
});

Deno.test("loadStateDict() gives any float32 tensors back as saveSafetensors() took them", async () => {
  const tensor = fc.array(fc.nat(4), { maxLength: 3 }).chain((shape) => {
    const count = shape.reduce((product, side) => product * side, 1);
    return fc.float32Array({ minLength: count, maxLength: count }).map((data) => ({
      dtype: "float32",
      shape,
      data,
    }));
  });
  const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: "binary", minLength: 1 }), tensor), {
    selector: ([key]) => key,
    maxLength: 6,
  });
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await fc.assert(
      fc.asyncProperty(entries, async (items) => {
        const dict: StateDict = new Map(items);
        await saveSafetensors(path, dict);
        assertEquals(await loadStateDict(path), dict);
      }),
      { numRuns: 60 },
    );
  });
});

Deno.test("saveSafetensors() replaces a file only when all is written", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await Deno.writeTextFile(path, "old");
    const wrong: [StateDict, RegExp][] = [
      [
        new Map([["w", { dtype: "F32", shape: [2], data: new Float32Array(1) }]]),
        /2 values for w \[2\] but found 1/,
      ],
      [
        new Map([["w", { dtype: "complex64", shape: [], data: new Float32Array(1) }]]),
        /for w but found complex64/,
      ],
      [
        new Map([["w", { dtype: "F32", shape: [1], data: Int32Array.of(1) }]]),
        /Float32Array but found a Int32Array in w/,
      ],
      [
        new Map([["w", { dtype: "U16", shape: [1], data: Int32Array.of(-1) }]]),
        /fit the type but found -1 in w/,
      ],
      [
        new Map([["__metadata__", { dtype: "F32", shape: [], data: new Float32Array(1) }]]),
        /a tensor's name/,
      ],
    ];
    for (const [dict, found] of wrong) {
      const { message } = await assertRejects(() => saveSafetensors(path, dict), Error);
      assert(message.startsWith(`Cannot save ${path}: expected `), message);
      assertMatch(message, found);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.safetensors"]);
    assertEquals(await Deno.readTextFile(path), "old");
    const { message } = await assertRejects(() => saveSafetensors(`${path}/b.safetensors`, new Map()), Error);
    assertMatch(message, /^Cannot save .*a\.safetensors\/b\.safetensors: /);
  });
});

Deno.test("a file with a checksum is refused after any of its bytes changed, and read as it was written", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const dict: StateDict = new Map([
      ["half", { dtype: "F16", shape: [2], data: Float32Array.of(0.5, 2) }],
      ["a", { dtype: "F32", shape: [3], data: Float32Array.of(1, 2, 3) }],
    ]);
    await saveSafetensors(path, dict, { metadata: { heads: "8", format: "pt" }, checksum: true });
    const bytes = await Deno.readFile(path);
    const { tensors, metadata } = await loadWeights(path);
    assertEquals([...tensors.keys()], ["half", "a"]);
    assertEquals(tensors.get("a")!.data, Float32Array.of(1, 2, 3));
    assertMatch(metadata["forgelens.checksum"], /^forgelens-1 sha256 [0-9a-f]{64}$/);
    const header = new TextDecoder().decode(bytes.subarray(8));
    const key = 8 + header.indexOf("forgelens.checksum");
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] ^= 1;
      await Deno.writeFile(path, changed);
      // The checksum's own name says nothing of the weights: it is found by its value all the same.
      if (at >= key && at < key + "forgelens.checksum".length) await loadWeights(path);
      else await assertRejects(() => loadWeights(path), InputError, `Cannot load ${path}: expected`);
    }
    const heads = 8 + header.indexOf('"8"') + 1;
    await Deno.writeFile(path, bytes.with(heads, "4".charCodeAt(0)));
    await assertRejects(() => loadWeights(path), InputError, "take another copy of it");
  });
});

Deno.test("a file without a checksum, or in another order with the same one, loads", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const [a, b] = [1, 2].map((x) => ({ dtype: "float32", shape: [1], data: Float32Array.of(x) }));
    await saveSafetensors(path, new Map([["b", b], ["a", a]]), { metadata: { note: "x" }, checksum: true });
    const { metadata } = await loadWeights(path);
    await saveSafetensors(path, new Map([["a", a], ["b", b]]), { metadata });
    assertEquals((await loadWeights(path)).metadata, metadata);
    const checksum = "0".repeat(64);
    await saveSafetensors(path, new Map([["a", b]]), { metadata: { checksum } }); // another program's word
    assertEquals((await loadWeights(path)).metadata, { checksum });
  });
});

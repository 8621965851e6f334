import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { loadCheckpoint, loadStateDict } from "../../lib/weights/load.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { withFolder } from "../folders.ts";

const fixtures = new URL("../fixtures/", import.meta.url).pathname;

async function refusal(path: string): Promise<string> {
  const { message } = await assertRejects(() => loadStateDict(path), Error);
  assert(message.startsWith(`Cannot load ${path}: expected `), message);
  assert(!message.includes("\n"), message);
  return message;
}

type Expected = Record<string, { dtype: string; shape: number[]; values: number[] }>;
const expected = JSON.parse(await Deno.readTextFile(`${fixtures}pickle.json`)) as Expected;

function assertPickled(dict: StateDict, prefix: string): void {
  for (const [name, { shape, values }] of Object.entries(expected)) {
    const found = dict.get(prefix + name);
    assertEquals(found?.shape, shape, name);
    // float64 is rounded to float32; all else is exact.
    assertEquals(
      Array.from(found!.data, Number),
      name === "float64" ? values.map(Math.fround) : values,
      name,
    );
  }
}

Deno.test("loadStateDict() reads views, strides, halves and every element type that torch.save wrote", async () => {
  const dict = await loadStateDict(`${fixtures}pickle_zoo.pth`);
  assertPickled(dict, "nested.tensors.");
  assertEquals(dict.get("parameter"), { dtype: "float32", shape: [2, 2], data: new Float32Array(4).fill(1) });
  const types = ["float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool"].map((name) =>
    dict.get(`nested.tensors.${name}`)!.dtype
  );
  assertEquals(types, ["float32", "float32", "float32", "int64", "int32", "uint8", "bool"]);
});

Deno.test("loadStateDict() reads the legacy format and an OrderedDict alike", async () => {
  const legacy = await loadStateDict(`${fixtures}pickle_legacy.pth`);
  assertPickled(legacy, "");
  assertEquals(legacy, await loadStateDict(`${fixtures}pickle_ordered.pth`));
});

Deno.test("loadStateDict() gives the same from .pth and .safetensors, in spite of their names", async () => {
  await withFolder(async (folder) => {
    await Deno.copyFile(`${fixtures}forgelens_head.pth`, `${folder}/head.safetensors`);
    await Deno.copyFile(`${fixtures}forgelens_head.safetensors`, `${folder}/head.pth`);
    const fromZip = await loadStateDict(`${folder}/head.safetensors`);
    const fromSafetensors = await loadStateDict(`${folder}/head.pth`);
    assertEquals(fromZip.size, 32);
    for (const [key, tensor] of fromSafetensors) assertEquals(fromZip.get(key), tensor, key);
  });
});

Deno.test("loadStateDict() finds the weights of a TorchScript archive's modules", async () => {
  const script = await loadStateDict(`${fixtures}clip_tiny_torchscript.pt`);
  const plain = await loadStateDict(`${fixtures}clip_tiny.safetensors`);
  assertEquals([...script.keys()].sort(), [...plain.keys()].sort());
  for (const [key, { shape }] of plain) assertEquals(script.get(key)!.shape, shape, key);
});

Deno.test("loadStateDict() unwraps what a training script saved, and loadCheckpoint() gives the rest", async () => {
  const path = `${fixtures}paper_stage2.pth`;
  const dict = await loadStateDict(path);
  assertEquals(dict.size, 107);
  assertEquals([...dict.keys()].filter((key) => key.startsWith("model_state_dict")), []);
  const checkpoint = await loadCheckpoint(path) as Record<string, unknown>;
  assertEquals(Object.keys(checkpoint), ["epoch", "model_state_dict", "loss"]);
  assertEquals(checkpoint.epoch, 3);
  assertEquals(checkpoint.model_state_dict, Object.fromEntries(dict));
});

Deno.test("loadCheckpoint() keeps numbers, texts, lists and None", async () => {
  const zoo = await loadCheckpoint(`${fixtures}pickle_zoo.pth`) as {
    epoch: number;
    nested: { list: unknown };
  };
  assertEquals(zoo.epoch, 2);
  assertEquals(zoo.nested.list, [1, 2.5, "x", null, true]);
});

Deno.test("loadStateDict() refuses a pickle that calls anything, names it and runs nothing", async () => {
  const message = await refusal(`${fixtures}evil.pth`);
  assertStringIncludes(
    message,
    "only tensors and plain containers but found a call of posix.system at offset 13",
  );
  await assertRejects(() => Deno.stat("pwned"), Deno.errors.NotFound);
});

const text = (value: string) => [0x58, value.length, 0, 0, 0, ...new TextEncoder().encode(value)];
const line = (value: string) => [...new TextEncoder().encode(value)];
const int = (value: number) => [0x4a, ...new Uint8Array(Int32Array.of(value).buffer)];
const tuple = (...items: number[][]) => [0x28, ...items.flat(), 0x74];
const list = (...items: number[][]) => [0x5d, 0x28, ...items.flat(), 0x65];
const storageOf = (elements: number) => [
  ...tuple(text("storage"), line("ctorch\nFloatStorage\n"), text("0"), text("cpu"), int(elements)),
  0x51,
];
const tensorOf = (elements: number, offset: number, shape: number[], strides: number[]) => [
  ...line("ctorch._utils\n_rebuild_tensor_v2\n"),
  ...tuple(storageOf(elements), int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), [0x89], [
    0x4e,
  ]),
  0x52,
];
const dictOf = (key: string, value: number[]) => [0x7d, ...text(key), ...value, 0x73];

const legacyHead = [
  ...[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
  ...[0x80, 2, ...int(1001), 0x2e],
  ...[0x80, 2, ...dictOf("little_endian", [0x88]), 0x2e],
];

/** A part many times over, between two others. */
function repeated(before: number[], part: number[], times: number, after: number[]): Uint8Array {
  const bytes = new Uint8Array(before.length + part.length * times + after.length);
  bytes.set(before);
  for (let i = 0; i < times; i++) bytes.set(part, before.length + i * part.length);
  bytes.set(after, bytes.length - after.length);
  return bytes;
}

/** A file in the legacy format without storages. */
function legacyOf(body: Uint8Array): Uint8Array {
  const end = [0x2e, 0x80, 2, 0x5d, 0x2e];
  const bytes = new Uint8Array(legacyHead.length + 2 + body.length + end.length);
  bytes.set([...legacyHead, 0x80, 2]);
  bytes.set(body, legacyHead.length + 2);
  bytes.set(end, bytes.length - end.length);
  return bytes;
}

/** A file in the legacy format: header, the given pickle, and storage "0" with its values. */
function legacy(body: number[], values: number[]): Uint8Array {
  const storage = new Uint8Array(8 + 4 * values.length);
  new DataView(storage.buffer).setBigInt64(0, BigInt(values.length), true);
  storage.set(new Uint8Array(Float32Array.from(values).buffer), 8);
  const keys = values.length > 0 ? list(text("0")) : [0x5d];
  return Uint8Array.from([
    ...legacyHead,
    ...[0x80, 2, ...body, 0x2e],
    ...[0x80, 2, ...keys, 0x2e],
    ...(values.length > 0 ? storage : []),
  ]);
}

Deno.test("loadStateDict() reads a hand-made pickle: a transposed view at an offset", async () => {
  await withFolder(async (folder) => {
    await Deno.writeFile(
      `${folder}/a.pt`,
      legacy(dictOf("w", tensorOf(7, 1, [3, 2], [1, 3])), [0, 1, 2, 3, 4, 5, 6]),
    );
    assertEquals((await loadStateDict(`${folder}/a.pt`)).get("w"), {
      dtype: "float32",
      shape: [3, 2],
      data: Float32Array.of(1, 4, 2, 5, 3, 6),
    });
  });
});

Deno.test("loadStateDict() refuses hostile pickles without allocating what their size does not justify", async () => {
  // Twenty lists of ten references each to the next: 10^20 values in 600 bytes.
  const laughs = [0x5d, 0x71, 0];
  for (let level = 1; level <= 20; level++) {
    laughs.push(...list(...Array.from({ length: 10 }, () => [0x68, level - 1])), 0x71, level);
  }
  const cases: [name: string, body: number[], values: number[], found: RegExp][] = [
    [
      "expanded",
      dictOf("w", tensorOf(1, 0, [2 ** 15, 2 ** 15], [0, 0])),
      [1],
      /in proportion to the file.* for w/,
    ],
    [
      "beyond its storage",
      dictOf("w", tensorOf(4, 2, [3], [1])),
      [1, 2, 3, 4],
      /within the 4 elements of storage 0/,
    ],
    ["a negative stride", dictOf("w", tensorOf(4, 3, [4], [-1])), [1, 2, 3, 4], /offset, shape and strides/],
    [
      "a huge storage",
      dictOf("w", tensorOf(2 ** 30, 0, [2 ** 30], [1])),
      [1],
      /1073741824 elements in storage 0/,
    ],
    ["a lost storage", dictOf("w", tensorOf(1, 0, [1], [1])), [], /storage 0 in the file but found none/],
    ["endless sharing", laughs.concat(0x30, 0x68, 20), [], /offset \d+|at most 64 levels and 1000000 values/],
    ["a cycle", [0x5d, 0x71, 0, 0x68, 0, 0x61], [], /at most 64 levels/],
    ["a huge text", [0x58, 255, 255, 255, 255], [], /4294967295 more bytes but found \d+ at offset/],
    ["a lost value", [0x68, 9], [], /kept under 9 but found none at offset/],
    ["an empty stack", [0x30], [], /empty stack at offset/],
    ["eval", line("cbuiltins\neval\n"), [], /found a call of builtins\.eval at offset/],
    [
      "eval by its stack name",
      [...text("builtins"), ...text("eval"), 0x93],
      [],
      /a call of builtins\.eval at offset/,
    ],
    ["an old-style instance", [0x28, ...line("ios\nsystem\n")], [], /a call of os\.system at offset/],
    ["an extension", [0x82, 1], [], /byte 0x82 at offset/],
    ["a state for a list", [0x5d, 0x5d, 0x62], [], /a state for a list/],
    [
      "a tensor's class called",
      [...line("ctorch\nTensor\n"), 0x29, 0x52],
      [],
      /a call of torch\.Tensor at offset/,
    ],
    [
      "a storage's class called",
      [...line("ctorch\nFloatStorage\n"), 0x29, 0x81],
      [],
      /a call of torch\.FloatStorage/,
    ],
  ];
  await withFolder(async (folder) => {
    for (const [name, body, values, found] of cases) {
      const path = `${folder}/${name}.pth`;
      await Deno.writeFile(path, legacy(body, values));
      assertMatch(await refusal(path), found, name);
    }
  });
});

Deno.test("loadStateDict() refuses one long list copied again and again", async () => {
  const pairs = list(...Array.from({ length: 500 }, () => tuple(int(1), int(2))));
  const copies = Array.from(
    { length: 500 },
    () => [...line("ccollections\nOrderedDict\n"), 0x68, 0, 0x85, 0x52],
  );
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.pth`, legacy(list([...pairs, 0x71, 0], ...copies), []));
    assertMatch(await refusal(`${folder}/a.pth`), /calls in proportion to the file/);
  });
});

Deno.test("loadStateDict() refuses what is no weights file, by content", async () => {
  await withFolder(async (folder) => {
    const cases: [name: string, content: Uint8Array, found: RegExp][] = [
      ["empty.pth", new Uint8Array(), /found an empty file$/],
      ["text.pt", new TextEncoder().encode("hello, world"), /found 12 bytes of another format$/],
      [
        "zip.pth",
        new TextEncoder().encode("PK\x03\x04 and no more"),
        /a whole zip archive but found a damaged one/,
      ],
      ["numpy.pkl", Uint8Array.of(0x80, 4, 0x4e, 0x2e), /another format$/],
    ];
    for (const [name, content, found] of cases) {
      await Deno.writeFile(`${folder}/${name}`, content);
      assertMatch(await refusal(`${folder}/${name}`), found);
    }
    assertMatch(await refusal(`${folder}/none.pth`), /expected a file but found none$/);
    assertMatch(await refusal(folder), /expected a file but found a folder$/);
  });
});

Deno.test("loadStateDict() reads a zip whose first entry has a name of 30 characters, as a file's stem of 21 gives", async () => {
  const dict = await loadStateDict(`${fixtures}cases/stem_of_21_characters.pth`);
  assertEquals([...dict].map(([name, { shape }]) => [name, shape]), [["a.weight", [3, 2]], ["a.bias", [3]]]);
  assertEquals(dict.get("a.weight")!.data, Float32Array.of(0, 1, 2, 3, 4, 5));
});

Deno.test("loadStateDict() notices a damaged byte in a zip and a file cut short", async () => {
  await withFolder(async (folder) => {
    const bytes = await Deno.readFile(`${fixtures}pickle_ordered.pth`);
    const path = `${folder}/a.pth`;
    const damaged = bytes.slice();
    damaged[1700] ^= 1; // in data/0
    await Deno.writeFile(path, damaged);
    assertMatch(await refusal(path), /checksum \d+ but found \d+: it is damaged for float32$/);
    for (const length of [bytes.length - 1, bytes.length >> 1, 30]) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      assertMatch(await refusal(path), /a whole zip archive/);
    }
  });
});

Deno.test("loadStateDict() either reads or refuses any damaged file, naming it", async () => {
  const bases = await Promise.all(
    ["pickle_legacy.pth", "pickle_zoo.pth", "evil.pth"].map((name) => Deno.readFile(fixtures + name)),
  );
  const flip = fc.record({
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    value: fc.nat(255),
  });
  await withFolder(async (folder) => {
    const path = `${folder}/a.pth`;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...bases),
        fc.array(flip, { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0.01, max: 4, noNaN: true }),
        async (base, flips, kept) => {
          const bytes = base.slice(0, Math.ceil(base.length * Math.min(1, kept)));
          for (const { place, value } of flips) bytes[Math.floor(place * bytes.length)] = value;
          await Deno.writeFile(path, bytes);
          await loadStateDict(path).catch(({ message }) => {
            assert(message.startsWith(`Cannot load ${path}: expected `), message);
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});

Deno.test("loadStateDict() refuses a shape whose product overflows beside a 0, as no limit would hold after it", async () => {
  assertMatch(
    await refusal(`${fixtures}beside/nan-shape.pth`),
    /a shape of at most 2\^53 elements but found \[9007199254740991,/,
  );
});

Deno.test("loadStateDict() refuses pickles that grow in memory, in seconds and in one short line", async () => {
  const bodies: [name: string, body: Uint8Array, found: RegExp][] = [
    [
      "a list that holds itself",
      repeated([0x5d, 0x71, 0, 0x28], [0x68, 0], 2_000_000, [0x65]),
      /at most 64 levels and/,
    ],
    ["empty lists", repeated([0x28], [0x5d], 5_000_000, [0x74]), /at most 5000000 instructions/],
    ["values kept", repeated([0x4e], [0x94], 2_000_001, []), /at most 2000000 values to be kept/],
  ];
  await withFolder(async (folder) => {
    for (const [name, body, found] of bodies) {
      const path = `${folder}/a.pth`;
      await Deno.writeFile(path, legacyOf(body));
      const begun = performance.now();
      const message = await refusal(path);
      assertMatch(message, found, name);
      assert(message.length < 400, message);
      assert(performance.now() - begun < 20_000, name); // 4 s on a slow machine; without limits a minute or a dead process
    }
  });
});

Deno.test("loadStateDict() refuses more tensors than any model has", async () => {
  const shared = [...line("ctorch._utils\n_rebuild_tensor_v2\n"), 0x71, 1];
  const rest = [...tuple(storageOf(0), int(0), tuple(int(0)), tuple(int(1)), [0x89], [0x4e]), 0x71, 2, 0x52];
  const body = repeated([0x5d, 0x28, ...shared, ...rest], [0x68, 1, 0x68, 2, 0x52], 100_000, [0x65]);
  await withFolder(async (folder) => {
    await Deno.writeFile(
      `${folder}/a.pth`,
      legacyOf(body),
    );
    assertMatch(await refusal(`${folder}/a.pth`), /at most 100000 tensors but found more$/);
  });
});

Deno.test("loadStateDict() reads the tensors beside harmless objects, and runs none of them", async () => {
  for (const name of ["counter.pth", "namespace.pth", "np_scalar.pth"]) {
    assertEquals(
      [...(await loadStateDict(`${fixtures}beside/${name}`)).keys()],
      ["a.weight", "a.bias"],
      name,
    );
  }
  const lightning = await loadStateDict(`${fixtures}beside/lightning_hparams.ckpt`);
  assertEquals([...lightning.keys()], ["model.a.weight", "model.a.bias"]);
  assertEquals([...(await loadStateDict(`${fixtures}beside/beside.pth`)).keys()], ["module.a"]);
});

Deno.test("loadCheckpoint() gives harmless objects as plain values", async () => {
  const { net: _, ...rest } = await loadCheckpoint(`${fixtures}beside/beside.pth`) as Record<string, unknown>;
  assertEquals(rest, {
    counts: { x: 2, "(1, 2)": 3 },
    default: { k: [1] },
    complex: { real: 1, imag: 2 },
    args: { lr: 0.5, out: "/a/b", nested: { deep: 1 } },
    path: "runs/1",
    windows: "C:\\a\\b",
    when: "2025-03-04T05:06:07.000089",
    date: "2025-03-04",
    time: "01:02:03.000000",
    took: { days: 1, seconds: 2, microseconds: 3 },
    utc: "2025-03-04T00:00:00.000000",
    auc: 0.625,
    half: Math.fround(0.1),
    count: 7,
    yes: true,
    array: { dtype: "int32", shape: [2, 3], data: Int32Array.of(0, 1, 2, 3, 4, 5) },
    big: { dtype: "float32", shape: [3], data: Float32Array.of(0, 1, 2) },
    turned: null,
    texts: null,
    objects: null,
    type: null,
  });
  const numpy = await loadCheckpoint(`${fixtures}beside/np_scalar.pth`) as Record<string, unknown>;
  assertEquals([numpy.best_auc, numpy.epoch], [0.93, 3]);
  const lightning = await loadCheckpoint(`${fixtures}beside/lightning_hparams.ckpt`) as Record<
    string,
    unknown
  >;
  assertEquals(lightning.hyper_parameters, { lr: 0.0001 });
});

Deno.test("loadStateDict() refuses names that are near the harmless ones", async () => {
  const names = [
    "collections.deque",
    "builtins.eval",
    "argparse.FileType",
    "pathlib.os",
    "numpy.load",
    "datetime.sys",
  ];
  await withFolder(async (folder) => {
    for (const name of names) {
      const [module, attribute] = name.split(".");
      const body = [...line(`c${module}\n${attribute}\n`), 0x29, 0x52];
      await Deno.writeFile(`${folder}/a.pth`, legacy(dictOf("x", body), []));
      assertMatch(await refusal(`${folder}/a.pth`), new RegExp(`found a call of ${name} at offset`));
    }
  });
});

Deno.test("loadStateDict() finds weights under the keys of other scripts, unless more weights are beside them", async () => {
  const tensor = tensorOf(1, 0, [1], [1]);
  const weights = dictOf("w", tensor);
  const both = (a: string, b: string) => [0x7d, 0x28, ...text(a), ...weights, ...text(b), ...weights, 0x75];
  const cases: [name: string, body: number[], keys: string[]][] = [
    ...["net", "network", "params", "weights", "model_ema", "model", "model.state_dict"].map((
      key,
    ): [string, number[], string[]] => [key, dictOf(key, weights), ["w"]]),
    ["model, state_dict", dictOf("model", dictOf("state_dict", weights)), ["w"]],
    ["an average", both("params", "params_ema"), ["w"]],
    ["two modules", both("net", "head"), ["net.w", "head.w"]],
    ["another key", dictOf("decoder", weights), ["decoder.w"]],
  ];
  await withFolder(async (folder) => {
    for (const [name, body, keys] of cases) {
      await Deno.writeFile(`${folder}/a.pth`, legacy(body, [5]));
      assertEquals([...(await loadStateDict(`${folder}/a.pth`)).keys()], keys, name);
    }
  });
});

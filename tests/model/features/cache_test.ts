import {
  cacheUse,
  hashImage,
  imageKey,
  openFeatureCache,
  pruneCache,
} from "../../../lib/model/features/cache.ts";
import { fitNames } from "../../../lib/images/fits/mod.ts";
import { ladderNames, parsePerturbations, perturbations } from "../../../lib/images/perturbations/mod.ts";
import { perturbationName } from "../../../lib/images/perturbations/perturbation.ts";
import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { loadStateDict } from "../../../lib/weights/load.ts";

const shape = [3, 4] as const;
const numbers = (seed: number) => Float16Array.from({ length: 12 }, (_, i) => seed + i / 8);
const key = (seed: number) => imageKey(hashImage(Uint8Array.of(seed)), { size: 224 });

async function withRoot(body: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await body(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function open(root: string, options: { encoder?: string; limit?: number } = {}) {
  const notes: string[] = [];
  const { encoder = "e", limit = 1e9 } = options;
  const cache = await openFeatureCache(root, {
    encoder,
    shape,
    keptIn: "float16",
    limit,
    onNote: (note) => notes.push(note),
  });
  return { cache, notes };
}

/** Writes a cache of one shard and resolves to its path. */
async function writeOne(root: string, options: { encoder?: string; seed?: number } = {}): Promise<string> {
  const { encoder = "e", seed = 1 } = options;
  const { cache } = await open(root, { encoder });
  await cache.put(key(seed), numbers(seed));
  await cache.close();
  const names = (await Array.fromAsync(Deno.readDir(join(root, encoder)))).map(({ name }) => name);
  return join(root, encoder, names[0]);
}

Deno.test("imageKey() differs between no perturbation and every level of every ladder", () => {
  const file = hashImage(Uint8Array.of(1, 2, 3));
  const all = ladderNames.flatMap((name) => parsePerturbations(name)!);
  const names = new Set(["none", ...all.map(perturbationName)]);
  const keys = [undefined, ...all].map((perturbation) => imageKey(file, { size: 224, perturbation }));
  assertEquals(new Set(keys).size, names.size);
});

Deno.test("imageKey() is that of the bytes, the size, the fit and the perturbation, from one hash of the file", () => {
  const { jpeg } = perturbations;
  const file = hashImage(Uint8Array.of(1, 2, 3));
  const keys = [
    imageKey(file, { size: 224 }),
    imageKey(file, { size: 224, perturbation: { kind: jpeg, level: 50 } }),
    imageKey(file, { size: 224, perturbation: { kind: jpeg, level: 30 } }),
    imageKey(file, { size: 224, perturbation: { kind: { ...jpeg, family: "other" }, level: 50 } }),
    imageKey(file, { size: 336 }),
    ...fitNames.filter((fit) => fit !== "resize").map((fit) => imageKey(file, { size: 224, fit })),
    imageKey(hashImage(Uint8Array.of(1, 2, 4)), { size: 224 }),
  ];
  assertEquals(new Set(keys).size, keys.length);
  assertEquals(imageKey(file, { size: 224, fit: "resize" }), keys[0]);
  // SHA-256 of the bytes and "[2,224,null]" or "[2,224,50]", by Python's hashlib: caches hold tokens under these.
  assertEquals(keys.slice(0, 2), [
    "2a90202256bb4d8d68a4c2fdce10ee35192cca24",
    "6bc9fce92b44dca45c1b5e453d3595b9e3e09f8e",
  ]);
});

Deno.test("a token cache gives back what was put in, at once and when opened again", async () => {
  await withRoot(async (root) => {
    const { cache } = await open(root);
    assertEquals(await cache.get(key(1)), undefined);
    for (const seed of [1, 2, 3]) await cache.put(key(seed), numbers(seed));
    assertEquals(await cache.get(key(2)), numbers(2));
    await cache.close();
    const { cache: again, notes } = await open(root);
    assert(again.has(key(1)));
    for (const seed of [3, 1, 2]) assertEquals(await again.get(key(seed)), numbers(seed));
    assertEquals(await again.get(key(4)), undefined);
    assertEquals(notes, []);
    const { cache: other } = await open(root, { encoder: "another" });
    assertEquals(await other.get(key(1)), undefined);
  });
});

Deno.test("a shard is a safetensors file with a key for each image", async () => {
  await withRoot(async (root) => {
    const dict = await loadStateDict(await writeOne(root));
    assertEquals([...dict.keys()], [key(1)]);
    assertEquals(dict.get(key(1))!.shape, [3, 4]);
    assertEquals([...dict.get(key(1))!.data as Float32Array], [...numbers(1)]);
  });
});

Deno.test("a token cache writes small features 20,000 at a time", async () => {
  await withRoot(async (root) => {
    const { cache } = await open(root);
    const put = (i: number) => cache.put(`${i}`.padStart(40, "0"), numbers(1));
    for (let i = 1; i < 20_000; i++) await put(i);
    assertEquals((await cacheUse(root))[0].images, 0);
    await put(20_000);
    assertEquals((await cacheUse(root))[0].images, 20_000);
    await cache.close();
  });
});

Deno.test("a changed byte is noticed when it is read, and the image encoded again", async () => {
  await withRoot(async (root) => {
    const shard = await writeOne(root);
    const bytes = await Deno.readFile(shard);
    bytes[bytes.length - 1] ^= 1;
    await Deno.writeFile(shard, bytes);
    const { cache, notes } = await open(root);
    assertEquals(await cache.get(key(1)), undefined);
    assertStringIncludes(notes[0], "is damaged");
    assertEquals(cache.has(key(1)), false);
    await cache.put(key(1), numbers(1));
    await cache.close();
    const { cache: again } = await open(root);
    assertEquals(await again.get(key(1)), numbers(1));
  });
});

Deno.test("a shard that is cut, and a file that is none, are left out with a note", async () => {
  await withRoot(async (root) => {
    const shard = await writeOne(root);
    await Deno.truncate(shard, (await Deno.stat(shard)).size - 1);
    await Deno.writeTextFile(join(root, "e", "other.safetensors"), "no such file");
    const { cache, notes } = await open(root);
    assertEquals(notes.length, 2);
    assertEquals(cache.has(key(1)), false);
  });
});

Deno.test("a damaged shard is named once, however many of its images are asked for, and its header is checked", async () => {
  await withRoot(async (root) => {
    const { cache } = await open(root);
    for (const seed of [1, 2, 3]) await cache.put(key(seed), numbers(seed));
    await cache.close();
    const [{ name }] = await Array.fromAsync(Deno.readDir(cache.folder));
    const shard = join(cache.folder, name);
    const bytes = await Deno.readFile(shard);
    await Deno.writeFile(shard, bytes.map((byte, i) => i > bytes.length - 72 ? byte ^ 1 : byte));
    const { cache: again, notes } = await open(root);
    for (const seed of [1, 2, 3]) assertEquals(await again.get(key(seed)), undefined);
    assertEquals(notes.length, 1);
    assertStringIncludes(notes[0], shard);
    const header = new TextDecoder().decode(bytes).replace('"data_offsets":[0,24]', '"data_offsets":[0,48]');
    await Deno.writeTextFile(shard, header);
    const { cache: third, notes: others } = await open(root);
    assertEquals(third.has(key(2)), false);
    assertEquals(others.length, 1);
    assertEquals((await open(root)).notes, []);
  });
});

Deno.test("a token cache whose folder cannot be made, or is lost for good, keeps nothing, says so once and goes on", async () => {
  await withRoot(async (root) => {
    await Deno.writeTextFile(join(root, "file"), "");
    const { cache, notes } = await open(join(root, "file"));
    for (const seed of [1, 2]) {
      await cache.put(key(seed), numbers(seed));
      await cache.flush();
      assertEquals(await cache.get(key(seed)), undefined);
    }
    const { cache: lost, notes: others } = await open(root);
    await Deno.remove(join(root, "e"));
    await Deno.writeTextFile(join(root, "e"), "");
    for (const seed of [1, 2]) {
      await lost.put(key(seed), numbers(seed));
      await lost.flush();
    }
    for (const each of [notes, others]) {
      assertEquals(each.length, 1);
      assertStringIncludes(each[0], "tokens cannot be kept");
    }
  });
});

Deno.test("a token cache that is pruned by another process between its shards goes on keeping", async () => {
  await withRoot(async (root) => {
    const { cache, notes } = await open(root);
    for (const seed of [1, 2, 3]) {
      await cache.put(key(seed), numbers(seed));
      await cache.flush();
      await pruneCache(root, 0);
      await assertRejects(() => Deno.stat(join(root, "e")), Deno.errors.NotFound);
      assertEquals(await cache.get(key(seed)), undefined);
    }
    await cache.put(key(4), numbers(4));
    await cache.close();
    assertEquals(await (await open(root)).cache.get(key(4)), numbers(4));
    assertEquals(notes, []);
  });
});

Deno.test("an encoder's tokens push out those not used for longest, and then nothing more is kept", async () => {
  await withRoot(async (root) => {
    const old = await writeOne(root, { encoder: "old" });
    const newer = await writeOne(root, { encoder: "newer" });
    await Deno.utime(old, new Date(2020, 1), new Date(2020, 1));
    const { size } = await Deno.stat(newer);
    const { cache, notes } = await open(root, { limit: 2.5 * size });
    await cache.put(key(1), numbers(1));
    await cache.flush();
    await assertRejects(() => Deno.stat(old), Deno.errors.NotFound);
    await Deno.stat(newer);
    await cache.put(key(2), numbers(2));
    await cache.flush();
    await assertRejects(() => Deno.stat(newer), Deno.errors.NotFound);
    await cache.put(key(3), numbers(3));
    await cache.flush();
    assertStringIncludes(notes[0], "The token cache is full");
    await cache.put(key(4), numbers(4));
    assertEquals(cache.has(key(4)), false);
    assertEquals(await cache.get(key(2)), numbers(2));
  });
});

/** Writes a cache of a shard for each seed; resolves to their names. */
async function writeMany(root: string, seeds: readonly number[]): Promise<string[]> {
  const { cache } = await open(root);
  for (const seed of seeds) {
    await cache.put(key(seed), numbers(seed));
    await cache.flush();
  }
  return (await Array.fromAsync(Deno.readDir(cache.folder))).map(({ name }) => name);
}

Deno.test("a cache of many shards gets an index, which finds every key, what came later and not what is gone", async () => {
  await withRoot(async (root) => {
    const seeds = Array.from({ length: 40 }, (_, i) => i);
    await writeMany(root, seeds);
    const path = join(root, "e", "index.bin");
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    await open(root);
    const written = await Deno.readFile(path);
    await writeMany(root, [100, 101]);
    const { cache, notes } = await open(root);
    assertEquals(await Deno.readFile(path), written); // two shards are read by their headers
    for (const seed of [...seeds, 100, 101]) assertEquals(await cache.get(key(seed)), numbers(seed));
    assertEquals(cache.has(key(200)), false);
    const [use] = await cacheUse(root);
    assertEquals(use.images, 42);
    await Deno.remove(await shardOf(root, 7));
    const { cache: less } = await open(root);
    assertEquals(seeds.filter((seed) => !less.has(key(seed))), [7]);
    await pruneCache(root, 0);
    assertEquals([await less.get(key(8)), less.has(key(8))], [undefined, false]);
    await assertRejects(() => Deno.stat(join(root, "e")), Deno.errors.NotFound);
    assertEquals(notes, []);
  });
});

/** The shard that has a seed's numbers. */
async function shardOf(root: string, seed: number): Promise<string> {
  for await (const { name } of Deno.readDir(join(root, "e"))) {
    const path = join(root, "e", name);
    if (name.endsWith(".safetensors") && (await loadStateDict(path)).has(key(seed))) return path;
  }
  throw new Error("expected a shard");
}

Deno.test("an index that was changed, cut or is another file is noticed, and made again", async () => {
  await withRoot(async (root) => {
    const seeds = Array.from({ length: 20 }, (_, i) => i);
    await writeMany(root, seeds);
    await open(root);
    const path = join(root, "e", "index.bin");
    const whole = await Deno.readFile(path);
    const damaged = [
      whole.map((byte, i) => i === whole.length >> 1 ? byte ^ 1 : byte),
      whole.subarray(0, 500),
    ];
    for (const bytes of [...damaged, new Uint8Array(), new Uint8Array(3)]) {
      await Deno.writeFile(path, bytes);
      const { cache, notes } = await open(root);
      assertEquals(notes.length, 1);
      assertStringIncludes(notes[0], `index ${path} is damaged`);
      for (const seed of seeds) assertEquals(await cache.get(key(seed)), numbers(seed));
      assertEquals(await Deno.readFile(path), whole);
    }
  });
});

Deno.test("a key in two shards is read from the other when one is gone or damaged", async () => {
  await withRoot(async (root) => {
    const [one, other] = await Promise.all([open(root), open(root)]);
    for (const [i, { cache }] of [one, other].entries()) {
      for (const seed of [1, 10 + i]) await cache.put(key(seed), numbers(seed));
      await cache.close();
    }
    const { cache, notes } = await open(root);
    const shard = await shardOf(root, 10);
    const bytes = await Deno.readFile(shard);
    await Deno.writeFile(shard, bytes.map((byte, i) => i > bytes.length - 49 ? byte ^ 1 : byte));
    assertEquals(await cache.get(key(1)), numbers(1));
    assertEquals(await cache.get(key(10)), undefined);
    assertEquals(await cache.get(key(11)), numbers(11));
    await Deno.remove(await shardOf(root, 11));
    assertEquals(await cache.get(key(1)), undefined);
    assertEquals(notes.length, 1);
  });
});

Deno.test("a token cache that is full does not push out what another writer began after it", async () => {
  await withRoot(async (root) => {
    const { size } = await Deno.stat(await writeOne(root, { encoder: "old" }));
    const { cache, notes } = await open(root, { limit: 2.5 * size });
    const later = await writeOne(root, { encoder: "later" });
    await Deno.utime(later, new Date(2020, 1), new Date(2020, 1));
    for (const seed of [1, 2]) {
      await cache.put(key(seed), numbers(seed));
      await cache.flush();
    }
    await Deno.stat(later);
    assertEquals([...Deno.readDirSync(join(root, "old"))], []);
    assertEquals(notes.length, 1);
  });
});

Deno.test("cacheUse() counts, pruneCache() removes, and neither minds a cache that is not there", async () => {
  await withRoot(async (root) => {
    assertEquals(await cacheUse(join(root, "none")), []);
    assertEquals(await pruneCache(join(root, "none"), 0), 0);
    const shard = await writeOne(root);
    const { size } = await Deno.stat(shard);
    const [use] = await cacheUse(root);
    assertEquals([use.encoder, use.images, use.bytes], ["e", 1, size]);
    assertEquals(await pruneCache(root, size), 0);
    assertEquals(await pruneCache(root, size - 1), size);
    assertEquals(await cacheUse(root), []);
  });
});

Deno.test("a token cache refuses tokens of another shape", async () => {
  await withRoot(async (root) => {
    const { cache } = await open(root);
    await assertRejects(
      () => cache.put(key(1), new Float16Array(3)),
      Error,
      "expected 12 numbers but found 3",
    );
    assertNotEquals(key(1), key(2));
  });
});

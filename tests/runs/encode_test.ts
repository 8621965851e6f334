import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import type { Sample } from "../../lib/data/sample.ts";
import { cacheUse } from "../../lib/model/features/cache.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { encodeRun } from "../../lib/runs/encode/encode.ts";
import { progressTables, readProgress } from "../../lib/runs/encode/progress.ts";
import { imagesOf } from "../../lib/runs/encode/share.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { weightsPath } from "../../lib/runs/folder/folder.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { commandLine, smallRun } from "../command_line.ts";
import { writeFiles, writePictures } from "../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const folders = await writePictures(join(root, "faces"), { videos: 8 });
const tests = await writePictures(join(root, "tests"), { videos: 3, seed: 1 });
const images = 32 + 12;
const small = {
  clip: "demo",
  feedForward: 32,
  depth: 1,
  epochs: 1,
  batchSize: 4,
  precision: "float32",
} as const;

/** A configuration whose tokens are kept in a folder of its own. */
function config(cache: string, changes: RunInput = {}): RunInput {
  const data = {
    ...folders,
    testReal: tests.real,
    testFake: tests.fake,
    out: join(root, "runs"),
    run: cache,
  };
  return { ...small, ...data, jpegQualities: [], cacheFolder: join(root, cache), ...changes };
}

const kinds = async (cache: string) => await cacheUse(join(root, cache));
const count = async (cache: string) => (await kinds(cache)).reduce((sum, { images }) => sum + images, 0);

/** All that a cache holds, by encoder and key, whichever shards it is in; and how often. */
async function contentOf(cache: string): Promise<{ arrays: Map<string, number[]>; written: number }> {
  const arrays = new Map<string, number[]>();
  let written = 0;
  for (const { encoder } of await kinds(cache)) {
    for await (const { name } of Deno.readDir(join(root, cache, encoder))) {
      if (!name.endsWith(".safetensors")) continue;
      for (const [key, { data }] of await loadStateDict(join(root, cache, encoder, name))) {
        arrays.set(`${encoder} ${key}`, [...data as Float32Array]);
        written++;
      }
    }
  }
  return { arrays: new Map([...arrays].sort(([a], [b]) => a < b ? -1 : 1)), written };
}

Deno.test("encodeRun() in shards encodes each image once, and the features are the bits of a run that encoded itself", async () => {
  const perturb = { perturb: ["jpeg-50"] };
  const parts: number[] = [];
  for (const number of [1, 3, 2]) {
    const shard = { number, count: 3 };
    const done = await encodeRun(config("shards", perturb), { shard });
    assertEquals(done, { images: done.encoded, encoded: done.encoded, unreadable: 0 });
    parts.push(done.encoded);
  }
  assertEquals(parts.reduce((a, b) => a + b), images + 12);
  assert(parts.every((part) => part > 0));
  const { arrays, written } = await contentOf("shards");
  assertEquals([arrays.size, written], [images + 12, images + 12]);
  await Array.fromAsync(trainRun(config("alone", perturb)));
  await evaluateRun(config("alone", perturb));
  assertEquals((await contentOf("alone")).arrays, arrays);
  await Array.fromAsync(trainRun(config("shards", perturb)));
  const report = await evaluateRun(config("shards", perturb));
  assert(report.results.some(({ perturbation }) => perturbation === "jpeg-50"));
  assertEquals((await contentOf("shards")).written, written); // training and testing encoded nothing
  const [one, other] = await Promise.all(
    ["alone", "shards"].map(async (run) => (await loadStateDict(weightsPath(join(root, "runs", run), 0)))),
  );
  assertEquals(one, other);
});

Deno.test("encodeRun() encodes what the probe beside a detector takes, and training images as they are augmented", async () => {
  const tapped = { detector: "linear-probe", tap: "embedding" } as const;
  await encodeRun(config("tapped", tapped));
  assertEquals(await count("tapped"), images);
  const augmented: RunInput = {
    ...{ detector: "ln-tuned", blocks: 1, augment: ["jpeg-50"], augmentShare: 0.5 },
  };
  const { images: all } = await encodeRun(config("augmented", augmented));
  const before = await kinds("augmented");
  assertEquals(before.map(({ encoder }) => /cls|entering/.exec(encoder)?.[0]).sort(), ["cls", "entering"]);
  assertEquals(await count("augmented"), all);
  assert(
    all > images + 32,
    "class tokens of all images, and what enters a block of some training images twice",
  );
  await Array.fromAsync(trainRun(config("augmented", augmented)));
  assertEquals(await count("augmented"), all);
  await evaluateRun(config("augmented", augmented));
  const after = await kinds("augmented");
  const left = after.filter(({ encoder }) => before.some((each) => each.encoder === encoder));
  assertEquals(left.reduce((sum, { images }) => sum + images, 0), all);
});

Deno.test("encodeRun() goes on with a stopped share, does no harm beside another of its number, and decodes nothing twice", async () => {
  const stop = new AbortController();
  const shard = { number: 1, count: 2 };
  const stopAfter = (event: RunEvent) => {
    if (event.type === "progress" && event.task === "Encoding shard 1/2" && event.done > 0) stop.abort();
  };
  await assertRejects(() => encodeRun(config("again"), { shard, signal: stop.signal, report: stopAfter }));
  const before = await count("again");
  assert(before > 0 && before < images / 2);
  const [progress] = await progressOf("again");
  assertEquals([progress.done, progress.error], [before, "stopped by a signal; the same command goes on"]);
  const twice = await Promise.all([1, 2].map(() => encodeRun(config("again"), { shard })));
  const whole = await encodeRun(config("again"));
  assertEquals(twice.map((each) => each.images), [twice[0].images, twice[0].images]);
  assertEquals(whole, { images, encoded: images - twice[0].images, unreadable: 0 });
  assertEquals(await count("again"), images);
  const [ended] = await progressOf("again");
  assert(ended.finished !== undefined && ended.error === undefined && ended.done === ended.total);
  assertEquals(await encodeRun(config("again")), { images, encoded: 0, unreadable: 0 });
});

async function progressOf(cache: string) {
  const [{ name }] = await Array.fromAsync(Deno.readDir(join(root, cache, "progress")));
  return await readProgress(join(root, cache, "progress", name));
}

Deno.test("encodeRun() skips what cannot be read, as training does, and says so", async () => {
  await writeFiles(join(root, "tests"), { "fake/f0/broken.png": "no image" });
  const events: RunEvent[] = [];
  const done = await encodeRun(config("broken"), { report: (event) => events.push(event) });
  await Deno.remove(join(root, "tests", "fake/f0/broken.png"));
  assertEquals(done, { images: images + 1, encoded: images, unreadable: 1 });
  const said = events.flatMap((event) => event.type === "warning" ? [event.message] : []);
  assert(said.some((message) => message.includes("broken.png")), said.join());
  const [table] = await progressTables(join(root, "broken"));
  assertMatch(table.rows[0].join(" "), /1\/1 45\/45 .*done, 1 unreadable .*float32/);
});

Deno.test("encodeRun() refuses what is not kept, and a cache that is too small", async () => {
  const refused: [RunInput, string][] = [
    [{ cache: false }, "found --no-cache"],
    [{ detector: "ln-tuned", blocks: 3 }, "found pixels"],
    [{ cacheLimit: 0.001 }, "--cache-limit 0.001 (gigabytes) but found such of"],
  ];
  for (const [changes, message] of refused) {
    await assertRejects(() => encodeRun(config("refused", changes)), InputError, message);
  }
});

Deno.test("encodeRun() fails where the cache cannot be written to", async () => {
  await Deno.writeTextFile(join(root, "file"), "");
  const cacheFolder = join(root, "file", "cache");
  await assertRejects(() => encodeRun(config("nowhere", { cacheFolder })), Error, "Cannot keep features");
});

Deno.test("imagesOf() deals alike wherever the folders lie and whatever else is there, about as many to each", () => {
  const items = (at: string, length: number) =>
    Array.from({ length }, (_, i): { sample: Sample } => ({
      sample: { path: `${at}/v${i >> 3}/${i % 8}.png`, label: 0, set: "faces", video: `v${i >> 3}` },
    }));
  const nameOf = ({ sample: { video, path } }: { sample: Sample }) => `${video}/${path.split("/").at(-1)}`;
  const here = items("/here", 3000);
  const shares = [1, 2, 3].map((number) => imagesOf(here, { number, count: 3 }));
  assertEquals(shares.flat().length, 3000);
  assertEquals(new Set(shares.flat()).size, 3000);
  for (const [i, share] of shares.entries()) {
    assert(Math.abs(share.length - 1000) < 120, "four standard deviations of a fair deal");
    const there = imagesOf(items("/mnt/there", 2000).reverse(), { number: i + 1, count: 3 }).map(nameOf);
    assertEquals(
      there.sort(),
      share.map(nameOf).filter((name) => here.slice(0, 2000).map(nameOf).includes(name)).sort(),
    );
  }
});

const flags = (cache: string) => [
  ...["--real", folders.real, "--fake", folders.fake, "--jpeg-qualities", "none", ...smallRun],
  ...["--test-real", tests.real, "--test-fake", tests.fake, "--cache-folder", join(root, cache)],
];

Deno.test("encode is killed, stops at SIGTERM with 143, goes on as a task of a Slurm array or in processes of its own, and says how far it is", async () => {
  const cache = join(root, "data");
  const line = (args: readonly string[], env?: Record<string, string>) =>
    commandLine(["encode", ...args], { cache, env });
  const bad = await line([...flags("line"), "--shard", "4/3"]);
  assertEquals([bad.code, bad.err.trim().split("\n").length], [2, 1]);
  const killed = await commandLine(["encode", ...flags("line")], {
    cache,
    interruptAt: /Encoder:/,
    signal: "SIGKILL",
  });
  assertEquals(killed.code, 137);
  const stopped = await commandLine(["encode", ...flags("line")], {
    cache,
    interruptAt: /Encoder:/,
    signal: "SIGTERM",
  });
  assertEquals(stopped.code, 143, stopped.err);
  assertStringIncludes(stopped.err, "the same command goes on");
  const slurm = await line(flags("line"), {
    SLURM_ARRAY_TASK_ID: "1",
    SLURM_ARRAY_TASK_MIN: "0",
    SLURM_ARRAY_TASK_MAX: "1",
    SLURM_ARRAY_TASK_COUNT: "2",
  });
  assertEquals([slurm.code, slurm.err], [0, ""]);
  assertStringIncludes(slurm.out, "This is a task of a Slurm array: shard 2/2");
  const apart = await line([...flags("line"), "--shards", "2"]);
  assertEquals([apart.code, apart.err], [0, ""]);
  assertMatch(apart.out, /^\[1\/2\] Encoded \d+ of \d+ images/m);
  assertMatch(apart.out, /^\[2\/2\] Encoded 0 of \d+ images/m);
  assertEquals(await count("line"), images);
  const { out } = await line(["--status", "--cache-folder", join(root, "line")]);
  assertMatch(out, /1\/2 +\d+\/\d+ .* done /);
  await Deno.writeTextFile(join(root, "file"), "");
  const failed = await line([...flags("line").slice(0, -1), join(root, "file", "cache"), "--shards", "2"]);
  assertEquals(failed.code, 1);
  assertMatch(failed.err, /^\[1\/2\] Cannot keep features in /m);
});

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { inspectData, loadExperiment } from "../../../lib/runs/experiment.ts";
import type { Inspection } from "../../../lib/data/audit/inspect.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import { picture, writeFiles } from "../../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** `[set, split, label, videos]` → a manifest with a row a video, its pictures beside it. */
async function write(
  parts: readonly (readonly [string, string, 0 | 1, number])[],
  options: { readonly frames?: number } = {},
): Promise<string> {
  const { frames = 1 } = options;
  const lines = ["path,label,split,set,video"];
  const files: Record<string, Uint8Array> = {};
  for (const [set, split, label, videos] of parts) {
    for (let i = 0; i < videos * frames; i++) {
      const name = `${set}-${split}-${label}-${i}.png`;
      files[name] = await picture(label === 1, { seed: lines.length });
      lines.push(`${name},${label},${split},${set},${set}${split}${label}-${Math.floor(i / frames)}`);
    }
  }
  const path = join(root, "list.csv");
  await writeFiles(root, { ...files, "list.csv": `${lines.join("\n")}\n` });
  return path;
}

const both = (set: string, split: string, videos: number) =>
  [[set, split, 0, videos], [set, split, 1, videos]] as const;

const look = (input: RunInput): Promise<Inspection> =>
  inspectData(resolveConfig(input), { quick: true, cacheDir: join(root, "cache") });

const counts = ({ counts }: Inspection) =>
  counts.map(({ set, split, label, images }) => `${set} ${split} ${label} ${images}`);

Deno.test("inspectData() keeps a manifest's splits in any spelling, and tests on a set that has only Test", async () => {
  const manifest = await write([
    ...both("a", "Training", 3),
    ...both("a", "validation", 2),
    ...both("a", "testing", 1),
    ...both("b", "Test", 2),
  ]);
  const found = await look({ manifest });
  assertEquals(found.problems, []);
  assertEquals(counts(found), [
    "a train real 3",
    "a train fake 3",
    "a val real 2",
    "a val fake 2",
    "a test real 1",
    "a test fake 1",
    "b test real 2",
    "b test fake 2",
  ]);
  assertEquals(found.sets.map(({ layout }) => layout), [
    "CSV manifest, its splits (train, val, test), trained on",
    "CSV manifest, its splits (test), only tested on",
  ]);
});

Deno.test("inspectData() trains on the first set of a manifest that has anything to train on, and says what it leaves out", async () => {
  const manifest = await write([
    ...both("b", "Test", 2),
    ...both("a", "train", 4),
    ...both("a", "val", 1),
    ...both("a", "test", 1),
    ...both("c", "train", 3),
    ...both("c", "test", 1),
  ]);
  const found = await look({ manifest });
  assertEquals(found.problems, []);
  assertEquals(counts(found).filter((text) => text.includes("train")), ["a train real 4", "a train fake 4"]);
  assert(
    found.warnings.includes("c is only tested on: 6 images of its other splits (train) are not used"),
    `${found.warnings}`,
  );
  const other = await look({ manifest, set: "c" });
  // Of three videos a class one is dealt to validation; the test is the manifest's.
  assertEquals(counts(other).filter((text) => text.startsWith("c")), [
    "c train real 2",
    "c train fake 2",
    "c val real 1",
    "c val fake 1",
    "c test real 1",
    "c test fake 1",
  ]);
});

Deno.test("inspectData() refuses a manifest's set that has nothing to be tested or trained on", async () => {
  const untested = await write([...both("a", "train", 6), ...both("b", "val", 2)]);
  assertStringIncludes(
    (await look({ manifest: untested })).problems.join("\n"),
    "expected test rows of the set b, which is only tested on, but found only val",
  );
  const untrained = await write([...both("a", "val", 2), ...both("a", "test", 2)]);
  assertStringIncludes(
    (await look({ manifest: untrained })).problems.join("\n"),
    "expected train rows of the set a but found only val and test",
  );
});

Deno.test("loadExperiment() refuses to deal a manifest's test split anew when none of its images can be read", async () => {
  const manifest = await write([...both("a", "train", 6), ...both("a", "test", 1)]);
  for (const label of [0, 1]) await Deno.writeTextFile(join(root, `a-test-${label}-0.png`), "no image");
  await assertRejects(
    () => loadExperiment(resolveConfig({ manifest }), { cacheDir: join(root, "cache") }),
    InputError,
    "expected readable test images of the set a but found none",
  );
});

Deno.test("loadExperiment() counts what it skips of a set that is only tested on in its test", async () => {
  const manifest = await write([...both("a", "", 10), ...both("b", "", 3)]);
  await writeFiles(root, { "b--1-1.png": "no image" });
  const { data } = await loadExperiment(resolveConfig({ manifest }), { cacheDir: join(root, "cache") });
  assertEquals(data.map(({ set, split, fake, skipped }) => `${set} ${split} ${fake} ${skipped}`), [
    "a train 7 0",
    "a val 2 0",
    "a test 1 0",
    "b test 2 1",
  ]);
});

Deno.test("inspectData() refuses a --test by the name of a manifest's set: their results would be one", async () => {
  const manifest = await write([...both("a", "", 8), ...both("b", "test", 2)]);
  for (const name of ["a", "b"]) {
    await assertRejects(
      () => look({ manifest, test: [`${name}=${root},${root}`] }),
      InputError,
      `Cannot use --test ${name}: expected a name of its own but found that of a set of ${manifest}`,
    );
  }
});

Deno.test("inspectData() takes --frames-per-video of a manifest's videos too", async () => {
  const manifest = await write([...both("a", "train", 2), ...both("a", "val", 1), ...both("a", "test", 1)], {
    frames: 5,
  });
  assertEquals(counts(await look({ manifest, framesPerVideo: 2 })), [
    "a train real 4",
    "a train fake 4",
    "a val real 2",
    "a val fake 2",
    "a test real 2",
    "a test fake 2",
  ]);
});

import { runAll } from "./run_all.ts";
import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { InputError } from "../../lib/base/errors.ts";
import { readJson } from "../../lib/base/files.ts";
import type { Sample } from "../../lib/data/sample.ts";
import { modelCard } from "../../lib/report/model_card.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { loadExperiment } from "../../lib/runs/experiment.ts";
import { loadCarded } from "../../lib/runs/folder/card.ts";
import { trainedOn } from "../../lib/runs/compare/set_facts.ts";
import { imagesOfSets } from "../../lib/runs/scored_test.ts";
import { assertRejects } from "../assert.ts";
import { writePictures } from "../folders.ts";

await initBackend();
const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
await writePictures(join(root, "a"), { videos: 8 });
await writePictures(join(root, "b"), { videos: 5, seed: 1 });
await writePictures(join(root, "c"), { videos: 3, seed: 2 });

const at = (name: string) => join(root, name);

/** A small run on the 8 videos a class of `a` and the 5 of `b`, whose videos have the same names; tested on `c` too. */
function configure(run: string, changes: RunInput = {}): RunConfig {
  return resolveConfig({
    ...{ data: `a=${at("a")}`, also: [`b=${at("b")},weight=2`], test: [`c=${at("c")}`] },
    ...{ out: at("runs"), cacheFolder: at("tokens"), run, videos: "folder" },
    ...{ clip: "demo", feedForward: 32, depth: 1, epochs: 2, batchSize: 4, jpegQualities: [] },
    ...changes,
  });
}

const load = (changes: RunInput) => loadExperiment(configure("any", changes), { cacheDir: at("facts") });

const losses = (events: readonly RunEvent[]) =>
  events.flatMap((event) => event.type === "step" ? [event.loss] : []);
const weights = async (run: string) => (await loadCarded(join(at("runs"), run, "model.safetensors"))).dict;

Deno.test("loadExperiment() splits each training set by itself, and tests on the test part of each as within", async () => {
  const mixed = await load({});
  const alone = await load({ also: [] });
  const other = await load({ data: `b=${at("b")}`, also: [] });
  for (const part of ["train", "val"] as const) {
    assertEquals(mixed[part], [...alone[part], ...other[part]]);
  }
  assertEquals(mixed.tests.map(({ set, split, kind }) => [set, split, kind]), [
    ["a", "test", "within"],
    ["b", "test", "within"],
    ["c", "test", "cross"],
  ]);
  assertEquals(mixed.tests[1].samples, other.tests[0].samples);
  assertEquals(mixed.data.map(({ set, split }) => `${set} ${split}`), [
    ...["a train", "a val", "b train", "b val", "a test", "b test", "c test"],
  ]);
});

Deno.test("loadExperiment() refuses images of a further training set in a test, or in another set's validation part", async () => {
  const { train, val } = await load({});
  const copyOf = async (name: string, samples: readonly Sample[]) => {
    for (const [i, { label, path }] of samples.entries()) {
      const folder = join(at(name), label === 1 ? "fake" : "real", `copied${i}`);
      await Deno.mkdir(folder, { recursive: true });
      await Deno.copyFile(path, join(folder, "0.png"));
    }
  };
  const ofB = (samples: readonly Sample[], label: 0 | 1) =>
    samples.find((sample) => sample.set === "b" && sample.label === label)!;
  await copyOf("leaking", [ofB(train, 0), ofB(train, 1)]);
  const { message } = await assertRejects(() => load({ test: [`d=${at("leaking")},all`] }), InputError);
  assertStringIncludes(
    message,
    "Cannot use the data: expected nothing in two splits but found 2 files twice",
  );
  assertStringIncludes(message, `(b train: ${ofB(train, 0).path} and d test: `);
  // A video that the first set trains on has a frame that the second holds out for validation; it is dealt as before.
  await writePictures(at("copies"), { videos: 8, seed: 3 });
  const trained = train.find(({ set, label }) => set === "a" && label === 0)!;
  await Deno.copyFile(ofB(val, 0).path, trained.path.replace(at("a"), at("copies")));
  await assertRejects(() => load({ data: `a=${at("copies")}` }), InputError, "found 1 file twice (a train: ");
});

Deno.test("trainRun() on several sets says how they are mixed, and goes on after an interrupt with the same numbers", async () => {
  const straight = await runAll(configure("straight"));
  const notes = straight.flatMap((event) => event.type === "note" ? [event.message] : []);
  // 24 images of a, and 12 of b that count twice: half each.
  assert(
    notes.includes(
      "An epoch's 36 images: 18 of a (it has 24, its weight is 1) and 18 of b (it has 12, its weight is 2)",
    ),
    notes.join("\n"),
  );
  const config = configure("stopped");
  const before = losses(await runAll(config, { stopAfter: 5 }));
  const after = losses(await runAll(config, { resume: true }));
  assertEquals([...before, ...after], losses(straight));
  assertEquals(before.length + after.length, 2 * 36 / 4);
  assertEquals(await weights("stopped"), await weights("straight"));
  const other = await runAll(configure("lighter", { also: [`b=${at("b")}`], epochs: 1 }));
  assertNotEquals(losses(other), losses(straight).slice(0, 9));
});

Deno.test("trainRun() goes on where a further set has moved, and not with another weight", async () => {
  const config = configure("weighed");
  await runAll(config, { stopAfter: 2 });
  const file = join(at("runs"), "weighed", "config.json");
  const kept = await readJson(file) as Record<string, unknown>;
  const write = (also: string) => Deno.writeTextFile(file, JSON.stringify({ ...kept, also: [also] }));
  await write(`b=${at("b")},weight=3`);
  const { message } = await assertRejects(
    () => runAll(configure("weighed", { also: [`b=${at("b")},weight=3`] }), { resume: true }),
    InputError,
  );
  assertStringIncludes(
    message,
    "expected the configuration that the run was started with but found another also",
  );
  await Deno.symlink(at("b"), at("moved"));
  await write(`b=${at("moved")},weight=2`);
  const moved = configure("weighed", { also: [`b=${at("moved")},weight=2`] });
  assertEquals((await runAll(moved, { resume: true })).at(-1)?.type, "trained");
});

Deno.test("evaluateRun() of a run on several sets tests within each, and its card, report and model card name all of them", async () => {
  const config = configure("tested", { epochs: 1 });
  await runAll(config);
  const report = await evaluateRun(config);
  assertEquals(report.results.map(({ set, kind }) => [set, kind]), [
    ["a", "within"],
    ["b", "within"],
    ["c", "cross"],
  ]);
  assertEquals(trainedOn(report, []), { set: "a and b" });
  assertStringIncludes(modelCard(report), "how often the images of each were drawn: a 1 and b 2");
  const file = join(at("runs"), "tested", "model.safetensors");
  const { card } = await loadCarded(file);
  assertEquals([card?.set, card?.prior], ["a and b", 0.5]);
  // The file alone is tested on the run's own split of both sets.
  const alone = await evaluateRun(
    { out: config.out, cacheFolder: config.cacheFolder, batchSize: 4 },
    { checkpoint: file, into: at("alone") },
  );
  assertEquals(alone.results.filter(({ perturbation }) => perturbation === "none"), report.results);
});

for (const detector of ["linear-probe", "knn"] as const) {
  Deno.test(`a ${detector} is fitted to several sets, with the prior of what counts of them`, async () => {
    const folder = at(`uneven-${detector}`);
    await writePictures(folder, { videos: 5, seed: 4 });
    for (let i = 0; i < 5; i++) await Deno.remove(join(folder, `real/r${i}/1.png`)); // a frame a real, two a fake
    const changes: RunInput = { detector, also: [`d=${folder},weight=2`], balance: false };
    const events = await runAll(configure(`mixed-${detector}`, changes));
    const { card } = await loadCarded(join(at("runs"), `mixed-${detector}`, "model.safetensors"));
    assertEquals(card?.set, "a and d");
    // Of a 12 reals and 12 fakes, of d 3 and 6; an epoch of 33 would have 19 of a and 14 of d: 18.9 and 14.1.
    const prior = detector === "knn" ? (12 + 6) / 33 : (19 / 2 + 14 * 6 / 9) / 33;
    assertAlmostEquals(card!.prior!, prior, 1e-12);
    const warned = events.some((event) =>
      event.type === "warning" && event.message.includes("which weight= in --also does not change")
    );
    assertEquals(warned, detector === "knn");
  });
}

Deno.test("imagesOfSets() keeps videos of one name apart where they are of two sets", () => {
  const sample = (set: string): Sample => ({
    path: `${set}/0.png`,
    label: 0,
    set,
    video: "r0",
    method: "real",
  });
  assertEquals(imagesOfSets([sample("a")]).map(({ video }) => video), ["r0"]);
  assertEquals(imagesOfSets([sample("a"), sample("b")]).map(({ video }) => video), ["a/r0", "b/r0"]);
});

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { distances } from "../../lib/model/familiarity.ts";
import { calibrateRun, thresholdsFrom } from "../../lib/runs/calibrate.ts";
import type { Sample } from "../../lib/data/sample.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { Experiment } from "../../lib/runs/experiment.ts";
import { readFamiliar } from "../../lib/runs/familiar.ts";
import { loadCarded } from "../../lib/runs/folder/card.ts";
import { weightsPath } from "../../lib/runs/folder/folder.ts";
import { keptRunData } from "../../lib/runs/folder/run_data.ts";
import { trainedOn } from "../../lib/runs/folder/trained_on.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { commandLine } from "../command_line.ts";
import { writePictures } from "../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const train = await writePictures(join(root, "train"), { videos: 8 });
const held = await writePictures(join(root, "held"), { videos: 10, seed: 1 });
const small = { clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4 } as const;
const cacheFolder = join(root, "tokens");
const test = [`held=${held.real},${held.fake}`];

async function trained(run: string, changes: RunInput = {}): Promise<string> {
  const place = { real: train.real, fake: train.fake, out: join(root, "runs"), cacheFolder, run };
  const config = { ...place, ...small, ...changes };
  await Array.fromAsync(trainRun(config));
  await evaluateRun(config);
  return join(root, "runs", run);
}

const first = await trained("first", { runs: 2 });

Deno.test("calibrateRun() keeps in every seed's weights the scores that evaluateRun() gives those videos, and changes nothing else", async () => {
  const before = [0, 1].map((seed) => loadCarded(weightsPath(first, seed)));
  const unchanged = await Promise.all(before);
  const { thresholds, results, warnings } = await calibrateRun(first, {
    given: { test, cacheFolder },
    alpha: 0.2,
  });
  const { results: [measured] } = await evaluateRun(
    { out: join(root, "runs"), run: "first", test, cacheFolder, clip: "demo", batchSize: 4 },
    { named: true, folder: first, into: join(root, "held-results") },
  );
  const csv = await Deno.readTextFile(join(root, "held-results", "predictions.csv"));
  const [head, ...lines] = csv.trim().split("\n").map((line) => line.split(","));
  const rows = lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i]])));
  for (const seed of [0, 1]) {
    const { card, dict } = await loadCarded(weightsPath(first, seed));
    const { verdicts, ...rest } = card!;
    assertEquals(rest, unchanged[seed].card);
    assertEquals([...dict.keys()], [...unchanged[seed].dict.keys()]);
    assertEquals(verdicts!.set, "held test");
    const frames = rows.filter(({ run }) => run === `${seed}`);
    for (const [label, scores] of [["0", verdicts!.videos.real], ["1", verdicts!.videos.fake]] as const) {
      const byVideo = Map.groupBy(frames.filter((row) => row.label === label), ({ video }) => video);
      const means = [...byVideo.values()].map((some) =>
        some.reduce((sum, { score }) => sum + Number(score), 0) / some.length
      );
      assertEquals(scores.length, 10);
      means.sort((a, b) => a - b).forEach((mean, i) => assertAlmostEquals(mean, scores[i], 1e-12));
    }
    assertEquals(verdicts!.images.real.length, 10); // one frame a video
    for (const score of verdicts!.images.real) assert(frames.some((row) => Number(row.score) === score));
  }
  assert(measured.metrics.auc !== null);
  const { card } = await loadCarded(weightsPath(first, 0));
  assertEquals(thresholds, thresholdsFrom(card!.verdicts!.videos, { alpha: 0.2 }));
  assert(thresholds.notRealAbove !== null && thresholds.notFakeBelow !== null);
  // On the run's own test.
  assertEquals(results.map(({ test, kind }) => [test, kind]), [["data test", "within"]]);
  const [{ real, fake }] = results;
  assert(real.total > 0 && fake.total > 0);
  assertEquals(real.fake + real.real + real["not sure"], real.total);
  assertEquals(warnings, []);
});

Deno.test("calibrateRun() keeps what is familiar: the calibration's videos are, within the limits, which a few promise nothing for", async () => {
  await calibrateRun(first, { given: { test, cacheFolder } });
  const { card } = await loadCarded(weightsPath(first, 0));
  const familiar = await readFamiliar(weightsPath(first, 0), { encoderDigest: card!.encoderDigest! });
  const D = familiar!.familiarity.mean.length;
  assertEquals(D, 192);
  // 20 videos are too few for 1 %.
  assertEquals(familiar!.limits, { video: null, image: null });
  const [distance] = distances(familiar!.familiarity, { data: familiar!.familiarity.mean, shape: [1, D] });
  assertEquals(distance, 0);
  assertEquals(await readFamiliar(weightsPath(first, 0), { encoderDigest: "another" }), undefined);
});

Deno.test("calibrateRun() does not need the images that a run was tested on", async () => {
  const { tests } = (await keptRunData(first))!;
  const [{ path }] = tests[0].samples;
  await Deno.rename(path, `${path}.away`);
  try {
    const { warnings } = await calibrateRun(first, { given: { test, cacheFolder }, alpha: 0.2 });
    assertEquals(warnings, []);
  } finally {
    await Deno.rename(`${path}.away`, path);
  }
});

Deno.test("calibrateRun() refuses what the run was trained with, and no set at all, and says where videos are too few", async () => {
  await assertRejects(
    () => calibrateRun(first, { given: { cacheFolder } }),
    InputError,
    "name a set with --test",
  );
  const own = [`again=${train.real},${train.fake}`];
  await assertRejects(() => calibrateRun(first, { given: { test: own, cacheFolder } }), InputError, "train");
  await assertRejects(
    () => calibrateRun(first, { given: { test, cacheFolder }, alpha: 2 }),
    InputError,
    "expected a risk alpha",
  );
  const { warnings, thresholds } = await calibrateRun(first, { given: { test, cacheFolder }, alpha: 0.05 });
  assertEquals([thresholds.notRealAbove, thresholds.notFakeBelow], [null, null]);
  assertStringIncludes(
    warnings.join("\n"),
    "10 real videos are too few to promise a risk of 0.05, for which it takes 19",
  );
});

Deno.test("trainedOn() refuses other frames of a video that a run was trained with, and names its files instead where it has them", async () => {
  const kept = (await keptRunData(first))!;
  const [trained] = kept.train;
  const other = { ...trained, path: join(dirname(trained.path), "another.png") };
  const beside = { ...trained, path: join(root, "elsewhere", "another.png") }; // a name that begins anew in another folder
  const testOf = (...samples: readonly Sample[]): Experiment => ({
    ...kept,
    tests: [{ set: "held", split: "test", kind: "cross", samples }],
  });
  const refused = (experiment: Experiment, message: string) =>
    assertRejects(() => trainedOn(first, { experiment, allow: false }), InputError, message);
  await refused(
    testOf(other),
    `found 1 video or person (${trained.video} in the run's train: ${dirname(trained.path)}`,
  );
  await refused(testOf(other, trained), `found 1 file twice (the run's train: ${trained.path}`);
  assertEquals(await trainedOn(first, { experiment: testOf(beside), allow: false }), []);
  const [warning] = await trainedOn(first, { experiment: testOf(other), allow: true });
  assertStringIncludes(warning, "LEAK, allowed by --allow-leak");
});

Deno.test("calibrateRun() measures no verdicts on a test that it calibrates on, and says so", async () => {
  const { tests: [{ samples }] } = (await keptRunData(first))!;
  const own = join(root, "own");
  for (const { path } of samples) {
    const to = join(own, ...path.split("/").slice(-3));
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.copyFile(path, to);
  }
  const given = { test: [`own=${join(own, "real")},${join(own, "fake")}`], cacheFolder };
  const { results, warnings } = await calibrateRun(first, { given, alpha: 0.2 });
  assertEquals(results, []);
  assertStringIncludes(warnings.join("\n"), "data test has images that are calibrated on");
});

Deno.test("calibrate says on the command line what it came to, and refuses what is no run", async () => {
  const cache = join(root, "facts");
  const set = ["--test", test[0], "--cache-folder", cacheFolder];
  const { code, out } = await commandLine(["calibrate", first, ...set, "--alpha", "0.2"], { cache });
  assertEquals(code, 0);
  assertStringIncludes(out, "Verdicts at a risk of 20 %");
  assertStringIncludes(out, "Calibrated on 10 real and 10 fake videos");
  const refused = await commandLine(["calibrate", root, ...set], { cache });
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.err, "expected a run's folder but found a folder without config.json");
});

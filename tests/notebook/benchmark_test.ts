import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import {
  compareRuns,
  runBenchmark,
  scoreCsv,
  testPerturbed,
  writeMadeUpScores,
} from "../../lib/notebook/benchmark.ts";
import {
  benchmarkTable,
  comparisonView,
  foldersTable,
  robustnessView,
  scoreView,
  trainingTable,
} from "../../lib/notebook/benchmark_views.ts";
import type { Display } from "../../lib/notebook/display.ts";
import { assemble, configure } from "../../lib/notebook/run.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import { resultsTable } from "../../lib/report/tables/results.ts";
import { openEncoder } from "../../lib/runs/encoder.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { loadExperiment } from "../../lib/runs/experiment.ts";
import { readCheckpoint } from "../../lib/runs/folder/folder.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { writePictures } from "../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const faces = await writePictures(join(root, "train"), { videos: 8 });
const test = await writePictures(join(root, "test"), { videos: 12, seed: 1 });
const settings = {
  ...{ ...faces, testReal: test.real, testFake: test.fake, set: "FF++", clip: "demo", batchSize: 4 },
  ...{ feedForward: 32, depth: 1, epochs: 2, runs: 2, jpegQualities: [] },
};
const config = configure({ ...settings, out: join(root, "benchmark") });
const backend = await initBackend();
const data = await loadExperiment(config);
const session = assemble({ backend, data, encoder: await openEncoder(config) });
const detectors = {
  head: { detector: "notebook-head" },
  embedding: { detector: "linear-probe", tap: "embedding" },
} as const;

/** Takes what is shown, as text. */
function screen(): { display: Display; text(): string } {
  const outputs = new Map<string, string>();
  return {
    display: (bundle, options) => {
      outputs.set(options?.id ?? crypto.randomUUID(), `${bundle.data["text/plain"]}`);
      return Promise.resolve();
    },
    text: () => [...outputs.values()].join("\n"),
  };
}

const { display } = screen();
const runs = await runBenchmark(config, { session, detectors, display });

Deno.test("runBenchmark() gives the numbers of the command line, in its files", async () => {
  const own = configure({
    ...settings,
    ...detectors.embedding,
    runs: 1,
    out: join(root, "command"),
    run: "same",
  });
  for await (const _ of trainRun(own));
  await evaluateRun(own);
  const theirs = parseMetricsJson(await Deno.readTextFile(join(own.out, "same", "metrics.json")));
  assertEquals(runs.map(({ name }) => name), ["head", "embedding"]);
  assertEquals(runs[1].report.results, theirs.results);
  for (const { folder, report } of runs) {
    const text = await Deno.readTextFile(join(folder, "metrics.json"));
    assertEquals(report, parseMetricsJson(text));
  }
  const predictions = (folder: string) => Deno.readTextFile(join(folder, "predictions.csv"));
  assertEquals(await predictions(runs[1].folder), await predictions(join(root, "command", "same")));
});

Deno.test("runBenchmark() loads what was trained with the same settings, and gives others another name", async () => {
  const weights = join(runs[0].folder, "model.safetensors");
  const before = await Deno.stat(weights);
  const second = screen();
  const again = await runBenchmark(config, { session, detectors, display: second.display });
  assertEquals(again, runs);
  assertEquals((await Deno.stat(weights)).mtime, before.mtime);
  assertStringIncludes(second.text(), "trained and tested before with the same settings");
  const other = await runBenchmark({ ...config, epochs: 1 }, {
    session,
    detectors: { head: detectors.head },
    display,
  });
  assertEquals(other.map(({ name }) => name), ["head-2"]);
  assertEquals(other[0].report.history.length, 2, "an epoch of two seeds");
  assertEquals((await runBenchmark(config, { session, detectors, display })).map(({ name }) => name), [
    "head",
    "embedding",
  ]);
});

Deno.test("runBenchmark() refuses a detector on other data or another encoder than the open ones", async () => {
  const other = { wider: { detector: "notebook-head", activation: "gelu", seed: 1 } } as const;
  const error = await assertRejects(
    () => runBenchmark(config, { session, detectors: other, display }),
    Error,
    "Cannot train wider: expected the data, encoder and seed of all detectors but found another activation, seed",
  );
  assertEquals(error.name, "InputError");
});

Deno.test("runBenchmark() tests a run again where its metrics.json is gone, with the same numbers", async () => {
  const [{ folder, report }] = runs;
  await Deno.remove(join(folder, "metrics.json"));
  const [again] = await runBenchmark(config, { session, detectors: { head: detectors.head }, display });
  assertEquals(again.report.results, report.results);
});

Deno.test("runBenchmark() that is interrupted goes on with the numbers of runs that never were", async () => {
  const stopped = { ...config, out: join(root, "stopped") };
  const screened = screen();
  await assertRejects(
    () =>
      runBenchmark(stopped, { session, detectors, display: screened.display, signal: AbortSignal.abort() }),
    Error,
    "Run this cell again to go on",
  );
  const state = (await readCheckpoint(join(stopped.out, "head")))?.state;
  assertEquals([state?.epoch, state?.step], [1, 1], "stopped after the first step");
  const went = await runBenchmark(stopped, { session, detectors, display: screened.display });
  assertStringIncludes(screened.text(), "training goes on from its checkpoint");
  assertEquals(went.map(({ report }) => report.results), runs.map(({ report }) => report.results));
});

Deno.test("benchmarkTable() has the cells of each detector's own table, test by test at both levels", () => {
  const { rows, columns } = benchmarkTable(runs);
  assertEquals(rows.map((row) => row.slice(1, 3)), [
    ["video", "head"],
    ["video", "embedding"],
    ["frame", "head"],
    ["frame", "embedding"],
  ]);
  const auc = columns.findIndex(({ name }) => name === "AUC");
  for (const [i, { report }] of runs.entries()) {
    const own = resultsTable(report.results);
    const place = own.columns.findIndex(({ name }) => name === "AUC");
    assertEquals([rows[i][auc], rows[i + 2][auc]], own.rows.map((row) => row[place]));
  }
  assertStringIncludes(rows[0][auc], "±");
});

Deno.test("trainingTable() names seeds, kept epochs and what each detector stands on", () => {
  const { rows } = trainingTable(runs);
  assertEquals(rows.map((row) => row.slice(0, 4)), [
    ["head", "notebook head", "tokens", "0, 1"],
    ["embedding", "linear probe", "embedding", "–"],
  ]);
});

Deno.test("compareRuns() writes the comparison, and its view says where no published figure stands", async () => {
  const out = join(root, "comparison");
  const comparison = await compareRuns(runs, { out, display });
  const files = (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name).sort();
  assertEquals(files, ["comparison.csv", "comparison.html", "comparison.json", "comparison.md"]);
  assertEquals(JSON.parse(await Deno.readTextFile(join(out, "comparison.json"))).tests, comparison.tests);
  const demo = {
    ...comparison,
    demo: true,
    tests: comparison.tests.map((test) => ({ ...test, published: [] })),
  };
  assertStringIncludes(comparisonView(demo).join("\n"), "they are of demo data");
  assertStringIncludes(comparisonView({ ...demo, demo: false }).join("\n"), "none is known");
});

Deno.test("testPerturbed() leaves robustness.json with what is shown", async () => {
  const report = await testPerturbed(runs[1], { perturb: ["jpeg-30", "gaussian-blur-3"], display });
  const path = join(runs[1].folder, "robustness", "robustness.json");
  assertEquals(JSON.parse(await Deno.readTextFile(path)), JSON.parse(JSON.stringify(report)));
  assertEquals(robustnessView(report).length, 3, "sentences, the table, and two charts abreast");
});

Deno.test("scoreCsv() measures made-up scores as what they are called, and says where the report lies", async () => {
  const path = await writeMadeUpScores(join(root, "scores"));
  const scored = await scoreCsv(path, { display });
  const [result] = scored.report.results;
  assertEquals([result.set, result.metrics.real, result.metrics.fake], ["made-up", 80, 160]);
  assert((result.video?.metrics.auc ?? 0) > result.metrics.auc!, "frames average out");
  assertEquals(scoreView(scored).length, 2);
  const { rows } = await foldersTable([scored.folder]);
  assertStringIncludes(rows[0][1], "report.html");
});

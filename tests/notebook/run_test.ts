import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { openEncoder } from "../../lib/runs/encoder.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { loadExperiment } from "../../lib/runs/experiment.ts";
import type { RunReport } from "../../lib/report/report.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import { resultsTable } from "../../lib/report/tables/results.ts";
import { trainRun } from "../../lib/runs/train.ts";
import type { Bundle, Display } from "../../lib/notebook/display.ts";
import { mistakesGrid, pointingView } from "../../lib/notebook/gallery.ts";
import { assemble, configure, reload, train, watch } from "../../lib/notebook/run.ts";
import type { Table } from "../../lib/report/table.ts";
import { probeTable } from "../../lib/report/tables/probe.ts";
import { testAcross, testView, testWithin, writeReport } from "../../lib/notebook/testing.ts";
import { writePictures } from "../folders.ts";

const backend = await initBackend();
const root = await Deno.makeTempDir();
const faces = await writePictures(join(root, "train"), { videos: 8 });
const test = await writePictures(join(root, "test"), { videos: 3, seed: 1 });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const settings = {
  ...{ ...faces, testReal: test.real, testFake: test.fake, set: "FF++", clip: "demo" },
  ...{ feedForward: 32, depth: 1, epochs: 2, batchSize: 4, jpegQualities: [50], perturb: ["jpeg-30"] },
};
const config = configure({ ...settings, out: join(root, "notebook") });
const data = await loadExperiment(config);
const session = assemble({ backend, data, encoder: await openEncoder(config) });

/** Keeps what is shown, by output: the last of each. */
function screen(): { display: Display; outputs(): Bundle["data"][] } {
  const outputs = new Map<string, Bundle["data"]>();
  return {
    display: (bundle, options) => {
      outputs.set(options?.id ?? crypto.randomUUID(), bundle.data);
      return Promise.resolve();
    },
    outputs: () => [...outputs.values()],
  };
}

Deno.test("configure() takes blank folders for the demo data, and everything else at its default", () => {
  const demo = configure({ real: "", fake: "", set: "FF++", epochs: undefined });
  assertEquals([demo.real, demo.set, demo.epochs, demo.out], [undefined, "demo", 5, "../checkpoints"]);
  assertEquals(configure({ ...faces, set: "FF++" }).set, "FF++");
});

Deno.test("configure() refuses half a pair of folders in one line without a stack", () => {
  const error = assertThrows(() => configure({ real: "somewhere", fake: "" }), Error, "together");
  assert(!error.stack!.includes("\n"));
});

Deno.test("the notebook's steps give the metrics of the command line, and the same files", async () => {
  const { display, outputs } = screen();
  const trained = await train(config, session, { display });
  const detector = await reload(trained, session);
  const within = await testWithin(detector, { display });
  const jpeg = await testWithin(detector, { jpegQualities: [50], perturb: ["jpeg-50,jpeg-30"], display });
  const across = await testAcross(detector, {
    ...test,
    set: "Celeb-DF",
    demoSet: "demo-shift-a",
    display,
  });
  const report = await writeReport(detector, [within, jpeg, across]);

  const own = configure({
    ...settings,
    out: join(root, "command"),
    run: "same",
    test: [`Celeb-DF=${test.real},${test.fake}`],
  });
  for await (const _ of trainRun(own));
  const other = await evaluateRun(own);
  const timeless = ({ history }: RunReport) => history.map((each) => ({ ...each, seconds: 0 }));
  assertEquals(report.results, other.results);
  assertEquals(timeless(report), timeless(other));
  assertEquals(report.data, other.data);
  assertEquals(new Set(report.warnings), new Set(other.warnings));
  assertStringIncludes(report.warnings.join(), "Celeb-DF: only 3 real videos and 3 fake videos");
  const shown = outputs().map((data) => `${data["text/plain"]}`).join();
  assertStringIncludes(shown, "Warning: Celeb-DF: only 3 real videos and 3 fake videos");
  const read = async (folder: string, name: string) => await Deno.readTextFile(join(folder, name));
  assertEquals(
    await read(trained.folder, "predictions.csv"),
    await read(join(root, "command", "same"), "predictions.csv"),
  );
  assertEquals(parseMetricsJson(await read(trained.folder, "metrics.json")).results.length, 4);
  assertStringIncludes(await read(trained.folder, "report.html"), "Celeb-DF");

  const charts = outputs().filter((bundle) => bundle["application/vnd.vegalite.v5+json"]);
  assertEquals(charts.length, 1, "one live chart");
  assertGreater((charts[0]["image/png"] as string).length, 1000, "with a PNG once training is over");
  assertStringIncludes(outputs()[0]["text/plain"] as string, "Epoch 2: loss");

  const view = testView(across, resultsTable);
  assertEquals(view.length, 4, "two tables and two pairs of charts");
  assertEquals((view[1] as Table).rows, probeTable(across.results)!.rows);
  const mistakes = await mistakesGrid(detector, within);
  const wrong = report.results[0].metrics.confusion[0][1] + report.results[0].metrics.confusion[1][0];
  assertStringIncludes(
    typeof mistakes === "string" ? mistakes : mistakes.text,
    wrong ? `${wrong} of 12` : "No mistakes",
  );
  assertStringIncludes(`${(await pointingView(detector, within))[0]}`, "No masks");
});

Deno.test("testAcross() with blank folders tests nothing after training on one's own data, and says so", async () => {
  const trained = { config: { ...config, run: "none" }, folder: "", history: [] };
  const across = await testAcross({ ...trained, session, detectors: [] }, {
    ...{ set: "DFDC", real: "", fake: "", demoSet: "demo-shift-b" },
  });
  assertEquals(across.results, []);
  assertStringIncludes(`${testView(across, resultsTable)[0]}`, "Not tested on DFDC");
});

Deno.test("train() that is interrupted refuses, and run again goes on with the numbers of a run that never was", async () => {
  const stopped = configure({ ...settings, epochs: 6, out: join(root, "stopped") });
  const controller = new AbortController();
  let updates = 0;
  const { display } = screen();
  const stopping: Display = async (bundle, options) => {
    await display(bundle, options);
    if (++updates === 2) controller.abort();
  };
  const error = await assertRejects(
    () => train(stopped, session, { display: stopping, signal: controller.signal }),
    Error,
    "Run this cell again to go on",
  );
  assertEquals(error.name, "InputError");
  const went = await train(stopped, session, { display });
  const runs = (await Array.fromAsync(Deno.readDir(join(root, "stopped")))).length;
  assertEquals(runs, 1, "the same run");
  const whole = await train(configure({ ...settings, epochs: 6, out: join(root, "whole") }), session, {
    display,
  });
  const losses = (trained: typeof whole) => trained.history.map(({ loss, valAuc }) => ({ loss, valAuc }));
  assertEquals(losses(went), losses(whole));
});

Deno.test("watch() shows a task in place with rate and time left, and how long it took when it is over", async () => {
  const { display, outputs } = screen();
  await watch(async ({ report }) => {
    for (const done of [1, 50, 100]) {
      report({ type: "progress", task: "Reading", unit: "images", done, total: 100 });
      await new Promise((resolve) => setTimeout(resolve, 320));
      if (done === 50) {
        assertStringIncludes(outputs()[0]["text/plain"] as string, "█ Reading: 50/100".slice(2));
      }
    }
  }, { display });
  assertEquals(outputs().length, 1);
  assertStringIncludes(outputs()[0]["text/plain"] as string, "Reading: 100/100");
});

Deno.test("watch() makes an error one line", async () => {
  const error = await assertRejects(
    () => watch(() => Promise.reject(new TypeError("first\nsecond")), screen()),
    Error,
    "first",
  );
  assertEquals(error.stack, "TypeError: first");
});

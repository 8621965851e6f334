import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import {
  type EvaluationResult,
  metricsJson,
  predictionsCsv,
  type ScoreReport,
} from "../../lib/report/report.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { scoreFile, type ScoreOptions } from "../../lib/runs/score.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { commandLine } from "../command_line.ts";
import { withFolder, writeFiles, writePictures } from "../folders.ts";
import { makeReport } from "../report/made_report.ts";

const jsonOf = async (folder: string): Promise<ScoreReport> =>
  JSON.parse(await Deno.readTextFile(join(folder, "metrics.json")));

/** Scores a file of this text, and gives the report as it is written. */
async function score(text: string, options: ScoreOptions = {}): Promise<ScoreReport> {
  let report: ScoreReport | undefined;
  await withFolder(async (root) => {
    await writeFiles(root, { "mine.csv": text });
    await scoreFile(join(root, "mine.csv"), options);
    report = await jsonOf(join(root, "mine-report"));
  });
  return report!;
}

/** Twelve videos of three frames of each class, whose scores overlap, by two methods, at two seeds. */
function rowsOf(test: string, lift = 0): string[] {
  return Array.from({ length: 72 }, (_, i) => {
    const [label, video, frame] = [i % 2, (i >> 1) % 12, Math.floor(i / 24)];
    const group = video % 2 === 0 ? "even" : "odd";
    const method = label ? ["swap", "blend"][video % 2] : "youtube";
    const scoreAt = (seed: number) => (8 * label + (video * 7 + frame * 3 + seed + lift) % 11) / 20;
    const row = (seed: number) =>
      `${test},${label}/${video}/${frame}.png,v${video},${label},${scoreAt(seed)},${method},${seed},${group}`;
    return `${row(1)}\n${row(2)}`;
  });
}
const header = "set,split,perturbation,path,video,label,score,method,seed,group";
const table = [header, ...rowsOf("x,test,none"), ...rowsOf("x,test,jpeg-50", 1)].join("\n");

Deno.test("scoreFile() of a run's own predictions.csv gives the run's own numbers, to the last digit", async () => {
  await withFolder(async (root) => {
    const train = await writePictures(join(root, "train"), { videos: 8 });
    const other = await writePictures(join(root, "other"), { videos: 11, seed: 1 });
    const config: RunInput = {
      ...{ ...train, testReal: other.real, testFake: other.fake, out: root, run: "own", runs: 2 },
      ...{ clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4, jpegQualities: [50] },
      cacheFolder: join(root, "tokens"),
    };
    await Array.fromAsync(trainRun(config));
    await evaluateRun(config);
    await scoreFile(join(root, "own", "predictions.csv"));
    const own = await jsonOf(join(root, "own"));
    const scored = await jsonOf(join(root, "own", "predictions-report"));
    const numbers = ({ results }: ScoreReport) => {
      return results.map((
        { set, split, perturbation, metrics, intervals, drawnBy, runs, video, methods, origins },
      ) => (
        {
          set,
          split,
          perturbation,
          metrics,
          intervals,
          drawnBy,
          runs,
          methods,
          origins,
          video: { ...video, chosen: 0, probe: 0 }, // neither stands in a list of scores
        }
      ));
    };
    assertEquals(numbers(scored), numbers(own));
    assertEquals(scored.results.length, 2);
    assert(scored.results.some(({ intervals }) => intervals?.auc), "no test is large enough for intervals");
  });
});

Deno.test("scoreFile() measures each test at both levels, over seeds, and compares its groups at video level", async () => {
  const { name, head, results, data, warnings } = await score(table, { detector: "Xception", name: "mine" });
  assertEquals([name, head, warnings], ["mine", "Xception", []]);
  assertEquals(data, [{ set: "x", split: "test", real: 36, fake: 36, videos: 24, skipped: 0 }]);
  const [clean, perturbed] = results;
  assertEquals([clean.kind, clean.metrics.n, clean.video!.metrics.n], ["unknown", 72, 24]);
  assertEquals([clean.runs!.length, clean.video!.runs!.length], [2, 2]);
  assertEquals(clean.methods!.map(({ name }) => name).sort(), ["blend", "swap"]);
  const [{ column, groups, units }] = clean.groups!;
  assertEquals([column, units], ["group", 24]);
  assertEquals(groups.map(({ name, real, fake }) => `${name} ${real} ${fake}`).sort(), [
    "even 6 6",
    "odd 6 6",
  ]);
  assertEquals([perturbed.kind, perturbed.intervals, perturbed.groups], ["unknown", undefined, undefined]);
});

Deno.test("scoreFile() draws videos that share persons together, also by a chain", async () => {
  const persons = (video: number) => ["anna", "anna|ben", "ben", `${video}`][Math.min(video, 3)];
  const rows = Array.from({ length: 48 }, (_, i) => {
    const [label, video] = [i % 2, i >> 2];
    return `${i}.png,${video},${label},${(3 * label + (i * 7) % 11) / 20},${persons(video)},${
      i % 3 ? "a" : "b"
    }`;
  });
  const text = ["path,video,label,score,persons,side", ...rows].join("\n");
  const [{ drawnBy, intervals, video }] = (await score(text)).results;
  // The first three names, real and fake, are one unit; the other nine are one each.
  assertEquals([drawnBy, intervals!.units, video!.intervals!.units], ["persons", 10, 10]);
  const apart = (await score(text.replaceAll("anna", "").replaceAll("ben", ""))).results[0];
  assertEquals([apart.drawnBy, apart.intervals!.units], ["persons", 15]);
});

Deno.test("scoreFile() says what a test's numbers may not be read without", async () => {
  const rows = Array.from({ length: 12 }, (_, i) => [`train,${i}.png,${i % 2},0.5`, `dev,${i}.png,1,0.${i}`]);
  const text = ["split,path,label,score,camera,lens", ...rows.flat().map((row) => `${row},a,b`)].join("\n");
  const { warnings, results } = await score(text);
  const few = "videos say little (fewer than 10 of a class, single images counted as videos): no intervals";
  assertEquals(warnings.map((text) => text.split(", and the numbers")[0]), [
    "Columns that are not used: camera, lens; --group NAME compares groups by one.",
    "mine train: a detector that was trained on these images has seen them, so that this is no test of it.",
    `mine train: 6 real and 6 fake ${few}`,
    "mine train: all scores are 0.5, which tells nothing apart.",
    "mine dev: all images are fake, so that it has no AUC, AP and EER.",
  ]);
  assertEquals(results.map(({ metrics }) => metrics.auc), [0.5, null]);
});

Deno.test("scoreFile() asks about labels that are turned round, and about names of a real and of a fake video", async () => {
  const rows = Array.from(
    { length: 40 },
    (_, i) => `v${i >> 1},${i}.png,${i % 2},${(i % 2 ? 0.1 : 0.9) + i / 1000}`,
  );
  const { warnings } = await score(["video,path,label,score", ...rows].join("\n"));
  assertEquals(warnings, [
    "mine: its AUC is below chance: is 1 fake in the labels, and a higher score more likely fake?",
    "mine: 20 names are of a real and of a fake video: each is taken for two videos; where they are one, correct its labels.",
  ]);
});

Deno.test("scoreFile() knows the demo data by the report beside a run's own predictions", async () => {
  await withFolder(async (root) => {
    const { report, predictions } = makeReport({ demo: true });
    await Deno.writeTextFile(join(root, "predictions.csv"), predictionsCsv(predictions));
    assertEquals((await scoreFile(join(root, "predictions.csv"), { out: join(root, "a") })).demo, false);
    await Deno.writeTextFile(join(root, "metrics.json"), metricsJson(report));
    const { demo, results } = await scoreFile(join(root, "predictions.csv"), { out: join(root, "b") });
    assertEquals([demo, results.every(({ demo }) => demo)], [true, true]);
  });
});

Deno.test("scoreFile() takes a threshold, how videos are scored, and logits", async () => {
  const text = "path,video,label,score\n1,a,0,-3\n2,a,0,1\n3,b,1,-2\n4,b,1,2\n";
  const resultOf = async (options: ScoreOptions): Promise<EvaluationResult> =>
    (await score(text, { logits: true, ...options })).results[0];
  // The sigmoid of 1 is 0.73, of 2 0.88; their means with those of -3 and -2 are 0.39 and 0.5.
  assertEquals((await resultOf({ threshold: 0.8 })).metrics.confusion, [[2, 0], [1, 1]]);
  assertEquals((await resultOf({ how: "max", threshold: 0.7 })).video!.metrics.confusion, [[0, 1], [0, 1]]);
  assertEquals((await resultOf({ how: "median", threshold: 0.4 })).video!.metrics.confusion, [[1, 0], [
    0,
    1,
  ]]);
  await assertRejects(
    () => scoreFile("none.csv", { threshold: 2 }),
    InputError,
    "Cannot measure none.csv: expected a threshold in [0, 1] but found 2",
  );
});

Deno.test("score writes a report beside the file, another one beside that, and none over another", async () => {
  await withFolder(async (root) => {
    const file = join(root, "mine.csv");
    await writeFiles(root, { "mine.csv": table, "bad.csv": "path,label,score\na.png,0,nan\n" });
    const cli = (...args: string[]) => commandLine(["score", ...args], { cache: join(root, "cache") });
    const { code, out, err } = await cli(
      file,
      "--detector",
      "Xception",
      "--group",
      "group",
      "--group",
      "method",
    );
    assertEquals([code, err], [0, ""]);
    for (const title of ["Results", "By group", "Widest gaps between groups"]) {
      assert(out.includes(`\n${title}\n`), out);
    }
    assertEquals((await jsonOf(join(root, "mine-report"))).results[0].groups!.map(({ column }) => column), [
      ...["group", "method"],
    ]);
    const folder = join(root, "mine-report");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "metrics.json",
      "report.html",
      "results.csv",
    ]);
    const html = await Deno.readTextFile(join(folder, "report.html"));
    for (const text of ["<h1>Xception</h1>", "Widest gaps between groups", "By group, x test"]) {
      assert(html.includes(text));
    }
    assertEquals((await cli(file)).code, 0);
    const folders = [...Deno.readDirSync(root)].map(({ name }) => name).filter((name) =>
      name.includes("report")
    );
    assertMatch(folders.sort()[1], /^mine-report-\d/);
    const over = await cli(file, "--out", folder);
    assertEquals([over.code, over.err], [
      2,
      `Cannot write results to ${folder}: expected a folder without any but found metrics.json; name another --out\n`,
    ]);
    const bad = await cli(join(root, "bad.csv"));
    assertEquals([bad.code, bad.err], [
      2,
      `Cannot read the scores ${
        join(root, "bad.csv")
      }: expected a finite number as score in line 2 but found "nan"; score the image again, or leave the row out\n`,
    ]);
    assert(!(await Array.fromAsync(Deno.readDir(root))).some(({ name }) => name === "bad-report"));
  });
});

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../../lib/base/errors.ts";
import { evaluateScores } from "../../../lib/metrics/evaluate.ts";
import { videoScores } from "../../../lib/metrics/levels.ts";
import { metricsJson, predictionsCsv } from "../../../lib/report/report.ts";
import { compareScores } from "../../../lib/runs/compare/compare.ts";
import { scoreFile } from "../../../lib/runs/score.ts";
import { makeReport } from "../../report/made_report.ts";

const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** A run's folder as a test leaves it. */
async function writeRun(name: string, options: Parameters<typeof makeReport>[0] & { config?: object } = {}) {
  const folder = join(root, name);
  await Deno.mkdir(folder, { recursive: true });
  const { report, predictions } = makeReport(options);
  const config = { ...report.config, ...options.config };
  await Deno.writeTextFile(join(folder, "metrics.json"), metricsJson({ ...report, config }));
  await Deno.writeTextFile(join(folder, "predictions.csv"), predictionsCsv(predictions));
  return { folder, predictions };
}

/** Celeb-DF's test as a detector would score it: 178 reals and 340 fakes, of which some may be missing. */
async function writeCelebDf(name: string, { columns = true, missing = 0 } = {}): Promise<string> {
  const file = join(root, name);
  const rows = Array.from({ length: 518 - missing }, (_, i) => {
    const label = i < 178 ? 0 : 1;
    const method = label ? "Celeb-synthesis" : i % 2 ? "Celeb-real" : "YouTube-real";
    const score = (0.5 * label + ((i * 37 + name.length * 11) % 101) / 101) / 1.5;
    return [`${method}/v${i}`, label, score, ...(columns ? ["celebdf", "test", method] : [])].join(",");
  });
  const header = ["video", "label", "score", ...(columns ? ["set", "split", "method"] : [])].join(",");
  await Deno.writeTextFile(file, [header, ...rows].join("\n"));
  return file;
}

Deno.test("compareScores() measures at video level what evaluateScores() gives for the means of the frames", async () => {
  const { folder, predictions } = await writeRun("a", { runs: 2 });
  const { tests, inputs, demo, warnings } = await compareScores([folder, join(folder, "predictions.csv")]);
  assertEquals([demo, inputs[0].path, inputs[1].path], [false, folder, folder]);
  assertEquals(new Set(inputs.map(({ name }) => name)).size, 2);
  assertEquals(tests.map(({ set, level }) => [set, level]), [["first", "video"], ["second", "video"]]);
  const clean = predictions.filter(({ set, perturbation }) => set === "first" && perturbation === "none");
  const seeds = [0, 1].map((run) => {
    const { labels, scores } = videoScores(clean.filter((each) => each.run === run), { how: "mean" });
    return evaluateScores(labels, scores);
  });
  const [{ metrics, runs }] = tests[0].inputs;
  assertEquals(metrics, seeds[0]);
  assertEquals(runs, seeds);
  assertEquals(tests[0].pairs.map(({ difference, deLong }) => [difference, deLong!.p]), [[0, 1]]);
  assert(warnings.some((text) => text.includes("first test: 8 real and 13 fake videos say little")));
});

Deno.test("compareScores() gives a file without set and split those of the others' only test, and says so", async () => {
  const full = await writeCelebDf("full.csv");
  const bare = await writeCelebDf("bare.csv", { columns: false, missing: 3 });
  const { tests: [test], warnings } = await compareScores([full, bare]);
  assertEquals([test.set, test.split, test.real, test.fake], ["celebdf", "test", 178, 337]);
  assertEquals(warnings, [
    `${bare} does not say its set: taken for celebdf test`,
    "celebdf test: LEFT OUT 3 of the 518 videos of full, as another has not scored them; all numbers are of the 515 in common",
    "celebdf test: full and bare have the same scores",
  ]);
});

Deno.test("compareScores() makes a video's score as the reports do, and says where frames of the videos are others", async () => {
  const rows = (frames: number) =>
    Array.from(
      { length: 24 },
      (_, i) =>
        Array.from({ length: frames }, (_, j) => `v${i},f${i}-${j},${i % 2},${((i * 7 + j * 5) % 24) / 24}`),
    ).flat();
  const files: string[] = [];
  for (const frames of [3, 2]) {
    files.push(join(root, `frames-${frames}.csv`));
    await Deno.writeTextFile(files.at(-1)!, ["video,path,label,score", ...rows(frames)].join("\n"));
  }
  const [more, fewer] = files;
  const report = join(root, "max-report");
  const { results: [{ video }] } = await scoreFile(more, { how: "max", out: report });
  const { tests: [test], warnings } = await compareScores([report, fewer]);
  assertEquals([test.videoScore, test.inputs[0].metrics.auc], ["max", video!.metrics.auc]);
  assert(
    warnings.some((text) => text.endsWith("other frames with each: frames-3 72, frames-2 48")),
    warnings.join("\n"),
  );
  const median = join(root, "median-report");
  await scoreFile(fewer, { how: "median", out: median });
  const mixed = await compareScores([report, median]);
  assertEquals(mixed.tests[0].videoScore, "mean");
  assert(mixed.warnings.some((text) => text.includes("by max and by median; compared are means")));
});

Deno.test("compareScores() gives a file without a split that of files of which none says a set", async () => {
  const split = async (name: string, split?: string): Promise<string> => {
    const rows = Array.from({ length: 8 }, (_, i) => `${i},${i % 2},0.5${split ? `,${split}` : ""}`);
    await Deno.writeTextFile(
      join(root, name),
      [`path,label,score${split ? ",split" : ""}`, ...rows].join("\n"),
    );
    return join(root, name);
  };
  const paths = [await split("one.csv", "test"), await split("two.csv"), await split("three.csv", "test")];
  const { tests, warnings } = await compareScores(paths);
  assertEquals(tests.map(({ set, split, inputs }) => [set, split, inputs.length]), [["scores", "test", 3]]);
  assertEquals(warnings[0], `${paths[1]} does not say its split: taken for scores test`);
  await assertRejects(
    async () => await compareScores([paths[0], await split("four.csv", "val")]),
    InputError,
    "one has scores test; four has scores val",
  );
});

Deno.test("compareScores() holds one detector alone beside the published figures of its set, and calls none reproduced", async () => {
  const { tests: [{ pairs, published, inputs }] } = await compareScores([await writeCelebDf("alone.csv")]);
  assertEquals([pairs, inputs.length, published.length], [[], 1, 15]);
  const effort = published.find(({ model }) => model === "Effort")!;
  assertEquals(effort.standings, [{
    input: "alone",
    kind: "beside",
    differs: [
      "whether it is the official split not known",
      "of 8 frames a video",
      "our training set not known",
      "whether it is the same detector not known",
    ],
  }]);
});

Deno.test("compareScores() knows a run's training set by the names of its methods and its compression by its configuration", async () => {
  const { folder, predictions } = await writeRun("ffpp", { config: { data: "first=/data/ffpp,c23" } });
  const names = ["youtube", "Deepfakes"];
  await Deno.writeTextFile(
    join(folder, "predictions.csv"),
    predictionsCsv(predictions.map((each) => ({ ...each, method: names[each.label] }))),
  );
  const { inputs: [{ trainedOn }], tests } = await compareScores([folder]);
  assertEquals(trainedOn, { set: "FF++", compression: "c23" });
  const [{ standings: [{ differs }] }] = tests[0].published;
  assert(
    !differs.some((text) => text.includes("training set") || text.includes("compression")),
    differs.join(),
  );
  const { inputs: [other] } = await compareScores([(await writeRun("mine")).folder]);
  assertEquals(other.trainedOn, { set: "first" });
});

Deno.test("compareScores() never holds demo data beside a published figure, whatever its sets are called", async () => {
  const sets = [{ set: "celebdf", kind: "within" as const, perturbations: ["none"], real: 178, fake: 340 }];
  const { folder } = await writeRun("demo", { demo: true, sets });
  const { demo, tests } = await compareScores([folder]);
  assertEquals([demo, tests[0].demo, tests[0].published], [true, true, []]);
});

Deno.test("compareScores() says which test only one has, and refuses when none is shared", async () => {
  const { folder } = await writeRun("b");
  const sets = [{ set: "second", kind: "cross" as const, perturbations: ["none"], real: 20, fake: 20 }];
  const { folder: fewer } = await writeRun("c", { sets });
  const { tests, warnings } = await compareScores([folder, fewer]);
  assertEquals(tests.map(({ set }) => set), ["second"]);
  assert(warnings.some((text) => /^first test: only .* has it, so it is not compared$/.test(text)));
  const error = await assertRejects(
    async () => await compareScores([fewer, await writeCelebDf("other.csv")]),
    InputError,
    "expected a test that two share but found",
  );
  assertStringIncludes(error.message, "other has celebdf test");
});

Deno.test("compareScores() names runs of one name by their folders, and refuses what has no scores", async () => {
  const [{ folder: one }, { folder: other }] = [await writeRun("x/first"), await writeRun("y/first")];
  const { inputs } = await compareScores([one, other]);
  const { name } = makeReport().report;
  assertEquals(inputs.map((each) => each.name), [`${name} (x/first)`, `${name} (y/first)`]);
  await Deno.remove(join(one, "predictions.csv"));
  await assertRejects(() => compareScores([one]), InputError, "but found no predictions.csv in it");
  await assertRejects(() => compareScores([join(root, "none")]), InputError, "but found nothing there");
  await assertRejects(() => compareScores([]), InputError, "Cannot compare: expected folders of runs");
});

/** Forty images of two files, the second's scores those of the first as logits. */
async function writeImages(
  name: string,
  options: { logits?: boolean; persons?: boolean } = {},
): Promise<string> {
  const { logits = false, persons = false } = options;
  const file = join(root, name);
  const rows = Array.from({ length: 40 }, (_, i) => {
    const score = (0.5 * (i % 2) + ((i * 7) % 41 + 1) / 42) / 1.6;
    const cells = [`${i}.png`, i % 2 ? "Fake" : "real", logits ? Math.log(score / (1 - score)) : score];
    return [...cells, ...(persons ? [`p${i >> 1}|p${(i >> 1) + Number(i < 8)}`] : [])].join(",");
  });
  await Deno.writeTextFile(file, [`Image Path,Target,score${persons ? ",persons" : ""}`, ...rows].join("\n"));
  return file;
}

Deno.test("compareScores() takes what score takes: labels in words, AI-Face's header, names of persons, and logits", async () => {
  const [plain, logits] = [
    await writeImages("plain.csv", { persons: true }),
    await writeImages("logits.csv", { logits: true }),
  ];
  await assertRejects(() => compareScores([plain, logits]), InputError, "give --logits");
  const { tests: [test], warnings } = await compareScores([plain, logits], { logits: [logits] });
  assertEquals([test.level, test.real, test.fake, test.drawn], ["image", 20, 20, "persons"]);
  // Pairs 0 to 4 are joined by a chain, the other fifteen are groups of their own.
  assertEquals(test.pairs[0].byPersons!.units, 16);
  assertEquals(test.pairs[0].difference, 0);
  assertEquals(warnings, [
    `${logits}: The scores are logits: every number is of the probabilities that the sigmoid made.`,
  ]);
  await assertRejects(
    () => compareScores([plain], { logits: [logits] }),
    InputError,
    `Cannot compare: expected --logits to name a CSV file of those that are compared but found ${logits}`,
  );
});

Deno.test("compareScores() finds the file that a report of scores is of, and refuses one that has changed or is gone", async () => {
  const file = await writeImages("scored.csv", { logits: true });
  await scoreFile(file, { detector: "Xception", logits: true });
  const folder = join(root, "scored-report");
  const { inputs: [input, other], tests: [test] } = await compareScores([
    folder,
    await writeImages("same.csv"),
  ]);
  assertEquals([input.name, input.detector, input.path], ["Xception", "Xception", folder]);
  assertEquals([other.detector, input.trainedOn], [undefined, undefined]);
  assertEquals(test.pairs[0].difference, 0);

  const moved = join(root, "moved");
  await Deno.mkdir(moved);
  await Deno.rename(folder, join(moved, "report"));
  await Deno.rename(file, join(moved, "scored.csv"));
  const { tests: [again] } = await compareScores([join(moved, "report")]);
  assertEquals(again.inputs[0].metrics, test.inputs[0].metrics);
  await Deno.writeTextFile(join(moved, "scored.csv"), "41.png,fake,1\n", { append: true });
  await assertRejects(
    () => compareScores([join(moved, "report")]),
    InputError,
    `but found that ${
      join(moved, "scored.csv")
    } has changed since; score the file again, or compare the CSV file itself`,
  );
  await Deno.remove(join(moved, "scored.csv"));
  await assertRejects(
    () => compareScores([join(moved, "report")]),
    InputError,
    `but found nothing at ${file};`,
  );
});

Deno.test("compareScores() refuses a seed that left an image out, with its line", async () => {
  const file = join(root, "seeds.csv");
  await Deno.writeTextFile(file, "path,label,score,seed\na,0,0.1,1\nb,1,0.9,1\na,0,0.2,2\n");
  await assertRejects(
    () => compareScores([file]),
    InputError,
    "but found none of b (line 3) by seed 2; score it too, or leave it out",
  );
});

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { exists } from "../../lib/base/files.ts";
import { jpeg } from "../../lib/images/perturbations/jpeg.ts";
import { perturbationKinds } from "../../lib/images/perturbations/mod.ts";
import { chooseThreshold } from "../../lib/metrics/threshold.ts";
import type { RobustnessReport } from "../../lib/report/robustness/robustness.ts";
import { cleanThreshold } from "../../lib/runs/clean_threshold.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { perturbationsOf } from "../../lib/runs/config/perturbations.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { loadCarded } from "../../lib/runs/folder/card.ts";
import { weightsPath } from "../../lib/runs/folder/folder.ts";
import { readScores, type ScoresKey, writeScores } from "../../lib/runs/kept_scores.ts";
import { allLadders, testRobustness } from "../../lib/runs/robustness.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { commandLine } from "../command_line.ts";
import { withFolder, writePictures } from "../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const train = await writePictures(join(root, "train"), { videos: 12 });
const small = { clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4 } as const;
const cacheFolder = join(root, "tokens");

/** Trains a run of two seeds on folders of videos with two frames each; resolves to its folder. */
async function trained(run: string, changes: RunInput = {}): Promise<string> {
  const place = { real: train.real, fake: train.fake, out: join(root, "runs"), cacheFolder, run };
  await Array.fromAsync(trainRun({ ...place, ...small, runs: 2, ...changes }));
  return join(root, "runs", run);
}

const first = await trained("first");
const perturb = ["jpeg-50,gaussian-noise-0.05,brightness-0.7,brightness-1"];
const files = ["robustness.csv", "robustness.html", "robustness.json"];
const bytesIn = async (folder: string) =>
  await Promise.all(files.map((name) => Deno.readTextFile(join(folder, name))));

/** Tests it, and resolves to the report and what it said. */
async function tested(folder: string, into: string, given: RunInput = {}) {
  const events: RunEvent[] = [];
  const report = await testRobustness(folder, {
    ...{ given: { perturb, cacheFolder, ...given }, into: join(root, into) },
    report: (event) => events.push(event),
  });
  const said = events.flatMap((event) => event.type === "note" ? [event.message] : []);
  return { report, said, events };
}

Deno.test("testRobustness() measures what evaluateRun() does, with the threshold of clean validation", async () => {
  const { report, events } = await tested(first, "measured");
  assertEquals(report, JSON.parse(await Deno.readTextFile(join(root, "measured", "robustness.json"))));
  const names = ["none", "jpeg-50", "gaussian-noise-0.05", "brightness-0.7", "brightness-1"];
  assertEquals([...new Set(report.results.map(({ perturbation }) => perturbation))], names);
  const { results } = await evaluateRun(
    { out: join(root, "runs"), run: "first", real: train.real, fake: train.fake, cacheFolder, perturb },
    { into: join(root, "evaluated") },
  );
  for (const { perturbation, level, auc, runs } of report.results) {
    const other = results.find((result) => result.perturbation === perturbation)!;
    const metrics = level === "video" ? other.video!.runs! : other.runs!;
    assertEquals(runs.map(({ auc }) => auc), metrics.map(({ auc }) => auc), `${perturbation} ${level}`);
    assertEquals(auc?.mean, (metrics[0].auc! + metrics[1].auc!) / 2);
  }
  // A factor of 1 changes no pixel.
  const ofClean = ({ results }: RobustnessReport, name: string) =>
    results.filter(({ perturbation }) => perturbation === name).map(({ runs }) => runs);
  assertEquals(ofClean(report, "brightness-1"), ofClean(report, "none"));
  assertEquals(report.scores[0].families.map(({ family, levels }) => [family, levels]), [
    ["jpeg", 1],
    ["gaussian-noise", 1],
    ["brightness", 1],
  ]);
  assertEquals([report.seeds, report.threshold.by, report.threshold.level], [2, "eer", "video"]);
  // Training chose the same on the same images; its tensors round otherwise than those of a test.
  for (const [seed, value] of report.threshold.values.entries()) {
    const { card } = await loadCarded(weightsPath(first, seed));
    assertAlmostEquals(value, card!.chosen!.thresholds.eer!.video!, 1e-5);
  }
  const last = events.findLast((event) => event.type === "progress" && event.unit === "images");
  assert(last?.type === "progress" && last.done === last.total, "the bar ends full");
});

Deno.test("robustness --only-family scores a family alone, at once with others, and the whole call reads all", async () => {
  const into = join(root, "families");
  const flags = ["--out", into, "--cache-folder", cacheFolder];
  const line = async (id: string, ...more: readonly string[]) =>
    await commandLine(["robustness", first, ...flags, ...more], {
      cache: join(root, "data"),
      env: { SLURM_ARRAY_TASK_ID: id },
    });
  const ids = ["jpeg", "gaussian-noise"].map((name) => `${allLadders.indexOf(name) + 1}`);
  const tasks = await Promise.all([
    line(ids[0], "--only-family", "task"),
    line("", "--only-family", "gaussian-noise"),
  ]);
  assertEquals(tasks.map(({ code }) => code), [0, 0], tasks.map(({ err }) => err).join());
  assertStringIncludes(tasks[0].out, `Scores under jpeg are in ${into}`);
  assert(!await exists(join(into, "robustness.json")));
  const perturb = ["jpeg,gaussian-noise"];
  const { said } = await tested(first, "families", { perturb });
  const levels = perturbationsOf({ jpegQualities: [], perturb }).length;
  assert(
    said.includes(`Going on: the scores of ${levels + 2} of ${levels + 2} tests are in ${into}`),
    said.join(),
  );
  await tested(first, "at-once", { perturb });
  assertEquals(await bytesIn(into), await bytesIn(join(root, "at-once")));
  for (
    const more of [["--only-family", "blurr"], ["--only-family", "task"], [
      "--only-family",
      "jpeg",
      "--perturb",
      "jpeg",
    ]]
  ) {
    const { code, err } = await line("99", ...more);
    assertEquals(code, 2);
    assertStringIncludes(err, "Cannot score one family alone: expected --only-family");
  }
});

Deno.test("testRobustness() gives the same bytes twice, also from other tokens, and goes on from what is kept", async () => {
  const { said } = await tested(first, "one");
  assert(!said.some((text) => text.startsWith("Going on")));
  await tested(first, "two", { cacheFolder: join(root, "other tokens") });
  assertEquals(await bytesIn(join(root, "two")), await bytesIn(join(root, "one")));
  const again = await tested(first, "one");
  assertEquals(again.said.slice(-2), [
    `The report of 4 perturbed tests in ${join(root, "one")} gives way to this one; their scores are kept.`,
    `Going on: the scores of 6 of 6 tests are in ${join(root, "one")}`,
  ]);
  await assertRejects(
    () => tested(first, join("runs", "first")),
    InputError,
    "expected a folder without any but found config.json; name another --out",
  );
  assertEquals(await bytesIn(join(root, "one")), await bytesIn(join(root, "two")));
});

Deno.test("testRobustness() does not believe kept scores that are damaged, or of other weights or images", async () => {
  await tested(first, "kept");
  const expected = await bytesIn(join(root, "kept"));
  const scores = join(root, "kept", "scores", "test-1");
  const text = await Deno.readTextFile(join(scores, "jpeg-50.json"));
  await Deno.writeTextFile(join(scores, "jpeg-50.json"), text.replace(/(0\.\d)\d/, "$17"));
  await Deno.writeTextFile(join(scores, "none.json"), text.slice(0, 100));
  const { said } = await tested(first, "kept");
  const notes = said.filter((note) => note.startsWith("Scoring"));
  assertEquals(notes.length, 2);
  assertStringIncludes(notes[0], `Scoring none again, because ${join(scores, "none.json")} is not used`);
  assertStringIncludes(
    notes[1],
    "expected the file of scores that was written but found another: it is damaged",
  );
  assertEquals(await bytesIn(join(root, "kept")), expected);
  const other = await trained("other", { seed: 5 });
  await assertRejects(
    () => tested(other, "kept"),
    InputError,
    "expected its robustness.json to be of the same weights but found those of first",
  );
  assertEquals(await bytesIn(join(root, "kept")), expected);
  await Deno.remove(join(root, "kept", "robustness.json"));
  const { said: saidOfOther } = await tested(other, "kept");
  assertEquals(saidOfOther.filter((note) => note.includes("those of other weights")).length, 6);
  assertNotEquals(await bytesIn(join(root, "kept")), expected);
});

Deno.test("readScores() gives back every bit, and says which part of the key another file has", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "a.json");
    const key: ScoresKey = { weights: "w", images: "i", encoder: "e", perturbation: "none" };
    const scored = [Float64Array.of(0.1, 1 / 3, 5e-324, 1), Float64Array.of(0, 0.5, 1, 0.25)];
    await writeScores(path, key, scored);
    const notes: string[] = [];
    const read = (changes: Partial<ScoresKey> = {}) =>
      readScores(path, { ...key, ...changes }, { onNote: (note) => notes.push(note) });
    assertEquals(await read(), scored);
    assertEquals(notes, []);
    const others = {
      weights: "other weights",
      images: "other images",
      encoder: "another encoder or backend",
    };
    for (const [part, found] of Object.entries(others)) {
      assertEquals(await read({ [part]: "x" }), undefined);
      assertStringIncludes(notes.pop()!, `expected this run's scores but found those of ${found}`);
    }
    const { sum: _, ...unsealed } = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify(unsealed));
    assertEquals(await read(), undefined);
    assertStringIncludes(notes.pop()!, "expected kept scores with their checksum");
  });
});

Deno.test("cleanThreshold() is chosen by equal errors on videos, on images where each is one, and on nothing without both classes", () => {
  const images = ["a", "a", "b", "c"].map((video, i) => ({ label: i < 2 ? 0 as const : 1 as const, video }));
  const scored = [Float64Array.of(0.1, 0.5, 0.6, 0.4)];
  const ofVideos = chooseThreshold([0, 1, 1], [0.3, 0.6, 0.4], { by: "eer" })!;
  assertEquals(cleanThreshold(images, scored, { how: "mean", by: "eer" }), {
    by: "eer",
    level: "video",
    values: [ofVideos],
  });
  const single = images.map((image, i) => ({ ...image, video: `${i}` }));
  const { level } = cleanThreshold(single, scored, { how: "mean", by: "eer" });
  assertEquals(level, "image");
  const none = { by: "none", level: null, values: [0.5] } as const;
  assertEquals(cleanThreshold([], [new Float64Array()], { how: "mean", by: "eer" }), none);
  assertEquals(
    cleanThreshold(images.slice(0, 2), [scored[0].subarray(0, 2)], { how: "mean", by: "eer" }),
    none,
  );
});

Deno.test("testRobustness() says what was chosen on nothing and what changes nothing, and tests further sets beside the run's own", async () => {
  const other = await writePictures(join(root, "elsewhere"), { videos: 2, seed: 7 });
  const folder = await trained("no-validation", { valShare: 0, select: "last", runs: 1 });
  // So narrow a blur takes nothing from its neighbours.
  const given = { perturb: ["jpeg-50,gaussian-blur-0.01"], test: [`other=${other.real},${other.fake}`] };
  const { report } = await tested(folder, "further", given);
  assertEquals(report.threshold, { by: "none", level: null, values: [0.5] });
  assertEquals(report.scores.map(({ set, split }) => `${set} ${split}`), ["data test", "other test"]);
  const idle = report.warnings.filter((text) =>
    text.includes("under gaussian-blur-0.01 every score is the clean")
  );
  assertEquals(idle.map((text) => text.split(":")[0]), ["data test", "other test"]);
  assert(!report.warnings.some((text) => text.includes("under jpeg-50")));
  const html = await Deno.readTextFile(join(root, "further", "robustness.html"));
  assertStringIncludes(html, "chosen on nothing: clean validation images allow no choice");
});

Deno.test("testRobustness() refuses a folder without a run, a run without weights, and perturbations that there are none of", async () => {
  const none = join(root, "runs", "none");
  await assertRejects(
    () => testRobustness(none),
    InputError,
    "expected a run's configuration but found nothing there",
  );
  const empty = join(root, "runs", "empty");
  await Deno.mkdir(empty);
  await Deno.copyFile(join(first, "config.json"), join(empty, "config.json"));
  await assertRejects(() => testRobustness(empty), InputError, "expected trained weights in");
  assert(!(await exists(join(empty, "robustness"))), "nothing is left behind");
  const { message } = await assertRejects(
    () => testRobustness(first, { given: { perturb: ["gausian-blur"] } }),
    InputError,
    'but found "gausian-blur", did you mean "gaussian-blur"?',
  );
  assertStringIncludes(message, "Cannot use --perturb");
  await assertRejects(
    () => testRobustness(first, { given: { valShare: 0.4 } }),
    InputError,
    "expected its own data, split as they were",
  );
});

const cli = (args: readonly string[]) => commandLine(args, { cache: join(root, "cache") });

Deno.test("robustness tests every family at both JPEG ladders' levels, each once, and prints the table", async () => {
  const { code, out, err } = await cli(["robustness", first, "--cache-folder", cacheFolder]);
  assertEquals([code, err], [0, ""]);
  const { results, definition } = JSON.parse(
    await Deno.readTextFile(join(first, "robustness", "robustness.json")),
  ) as RobustnessReport;
  const names = results.filter(({ level }) => level === "video").map(({ perturbation }) => perturbation);
  const levels = [100, 90, 80, 75, 60, 50, 40, 30, 20, 10];
  assertEquals(names.slice(0, 11), ["none", ...levels.map((level) => `${jpeg.family}-${level}`)]);
  const families = new Set(results.map(({ family }) => family));
  for (const { family } of perturbationKinds) assertEquals(families.has(family), family !== "flip", family);
  assertStringIncludes(out, "FPR drift");
  assertStringIncludes(out, definition);
  assertStringIncludes(out, `Report: ${join(first, "robustness", "robustness.html")}`);
});

Deno.test("robustness says what it needs in one line", async () => {
  for (
    const [args, message] of [
      [[join(root, "nowhere")], "expected a run's folder but found nothing there"],
      [[root], "expected a run's folder but found a folder without config.json"],
      [[first, "--perturb", "fog"], "Cannot use --perturb: expected a perturbation"],
      [[first, "--real", root], "unknown option '--real'"],
      [
        [first, "--out", join(root, "runs", "other")],
        "expected a folder without any but found config.json; name another --out",
      ],
    ] as const
  ) {
    const { code, err } = await cli(["robustness", ...args]);
    assertEquals([code, err.trim().split("\n").length], [2, 1], err);
    assertStringIncludes(err, message);
  }
});

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  Deno.test(`robustness that ${signal} ends in its middle goes on, with the bytes of one that was never stopped`, async () => {
    const into = join(root, signal);
    const args = ["robustness", first, "--perturb", "gaussian-blur,webp,resize", "--out"];
    // Tokens of its own, so that there is something left to do.
    const own = (tokens: string) => ["--cache-folder", join(root, tokens)];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "lib/cli.ts", ...args, into, ...own(`${signal} tokens`)],
      cwd: new URL("../../", import.meta.url),
      env: { NO_COLOR: "1", FORGELENS_DATA_CACHE: join(root, "cache") },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const kept = join(into, "scores", "test-1", "none.json");
    while (!(await exists(kept))) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill(signal);
    const { code, stderr } = await child.output();
    assert(!(await exists(join(into, "robustness.json"))), "it was not stopped in its middle");
    if (signal === "SIGINT") {
      assertEquals(code, 130);
      assertStringIncludes(new TextDecoder().decode(stderr), "the same command goes on");
    }
    const resumed = await cli([...args, into, ...own(`${signal} tokens`)]);
    assertEquals([resumed.code, resumed.err], [0, ""]);
    assert(/Going on: the scores of \d+ of 14 tests/.test(resumed.out), resumed.out);
    const whole = await cli([...args, join(root, `${signal} whole`), ...own("whole tokens")]);
    assertEquals([whole.code, whole.err], [0, ""]);
    assertEquals(await bytesIn(into), await bytesIn(join(root, `${signal} whole`)));
  });
}

import { runAll } from "./run_all.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { parse } from "csv-parse/sync";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import { testRobustness } from "../../lib/runs/robustness.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { detectorNames, detectorTitle } from "../../lib/model/detectors/mod.ts";
import { InputError } from "../../lib/base/errors.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "../../lib/runs/folder/folder.ts";
import { readNumerics } from "../../lib/runs/folder/numerics.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import { picture, writeFiles, writePictures } from "../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
const train = await writePictures(join(root, "train"), { videos: 8 });
const test = await writePictures(join(root, "test"), { videos: 3, seed: 1 });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** A small run: 32 images, of which about four videos are held out, and a narrow feed-forward. */
function configure(run: string, changes: RunInput = {}): RunConfig {
  return resolveConfig({
    ...{
      real: train.real,
      fake: train.fake,
      testReal: test.real,
      testFake: test.fake,
      out: join(root, "runs"),
      cacheFolder: join(root, "tokens"),
      run,
    },
    ...{ clip: "demo", feedForward: 32, depth: 1, epochs: 3, batchSize: 4, jpegQualities: [50] },
    ...changes,
  });
}

/** Waits for what happens when nobody waits for it; at most 20 s. */
async function waitUntil(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !isSo(); turn++) await new Promise((resolve) => setTimeout(resolve, 100));
}

const losses = (events: readonly RunEvent[]) =>
  events.flatMap((event) => event.type === "step" ? [event.loss] : []);
const records = (events: readonly RunEvent[]) =>
  events.flatMap((event) => event.type === "epoch" ? [{ ...event.record, seconds: 0 }] : []);
const weights = (run: string) => loadStateDict(join(root, "runs", run, "model.safetensors"));

Deno.test("trainRun() gives the same losses and weights twice from one seed, and others from another", async () => {
  const first = await runAll(configure("once"));
  const again = await runAll(configure("again"));
  const other = await runAll(configure("other", { seed: 1 }));
  assertEquals(losses(again), losses(first));
  assertEquals(await weights("again"), await weights("once"));
  assertNotEquals(losses(other), losses(first));
  assert(losses(first).every(Number.isFinite));
  assertEquals(first.at(-1)?.type, "trained");
});

for (const detector of detectorNames) {
  Deno.test(`a ${detector} trains, goes on after an interrupt, is saved, and tests alike from its run and its file`, async () => {
    const changes = { detector, learningRate: 1e-3 };
    const straight = await runAll(configure(`${detector}-straight`, changes));
    const config = configure(`${detector}-stopped`, changes);
    const before = losses(await runAll(config, { stopAfter: 5 }));
    const after = losses(await runAll(config, { resume: true }));
    assertEquals([...before, ...after], losses(straight));
    assertEquals(await weights(`${detector}-stopped`), await weights(`${detector}-straight`));
    const ofRun = await evaluateRun(config);
    assertEquals(ofRun.head, detectorTitle(detector));
    const file = join(config.out, config.run!, "model.safetensors");
    const { results } = await evaluateRun(
      { out: config.out, cacheFolder: config.cacheFolder, batchSize: 4 },
      {
        checkpoint: file,
        into: join(root, `${detector}-file`),
      },
    );
    assertEquals(
      results.filter(({ perturbation }) => perturbation === "none"),
      ofRun.results.filter(({ perturbation }) => perturbation === "none"),
    );
    const other = detectorNames.find((name) => name !== detector);
    if (other === undefined) return;
    await assertRejects(
      () => evaluateRun({ ...config, detector: other }),
      InputError,
      `expected --detector ${detector}, which it was trained with, but found --detector ${other}`,
    );
  });
}

Deno.test("trainRun() with augmentation draws anew each epoch, and the same when it goes on after an interrupt", async () => {
  const changes = { augment: ["jpeg-30,gaussian-blur-2"], augmentShare: 0.5 };
  const straight = losses(await runAll(configure("augmented", changes)));
  const config = configure("augmented-stopped", changes);
  const before = losses(await runAll(config, { stopAfter: 5 }));
  assertEquals([...before, ...losses(await runAll(config, { resume: true }))], straight);
  const plain = losses(await runAll(configure("not-augmented")));
  assert(plain.some((loss, i) => loss !== straight[i]));
  const none = losses(await runAll(configure("augmented-none", { ...changes, augmentShare: 0 })));
  assertEquals(none, plain);
});

Deno.test("trainRun() resumed in the middle of an epoch goes on with the numbers of a run that was never stopped", async () => {
  const whole = await runAll(configure("whole"));
  const config = configure("stopped");
  const steps = losses(whole).length / config.epochs;
  const before = await runAll(config, { stopAfter: steps + 2 });
  assertEquals(before.at(-1), { type: "interrupted", run: "stopped" });
  const after = await runAll(config, { resume: true });
  assertEquals([...losses(before), ...losses(after)], losses(whole));
  assertEquals([...records(before), ...records(after)], records(whole));
  assertEquals(await weights("stopped"), await weights("whole"));
});

Deno.test("trainRun() stopped while it validates goes on after that epoch's steps, with the numbers of a run that was never stopped", async () => {
  const straight = await runAll(configure("validated"));
  const controller = new AbortController();
  const before: RunEvent[] = [];
  for await (const event of trainRun(configure("validating"), { signal: controller.signal })) {
    before.push(event);
    if (event.type === "progress" && event.task === "Validating epoch 2") controller.abort();
  }
  assertEquals(before.at(-1)?.type, "interrupted");
  const after = await runAll(configure("validating"), { resume: true });
  assertEquals([...losses(before), ...losses(after)], losses(straight));
  assertEquals([...records(before), ...records(after)], records(straight));
  assertEquals(await weights("validating"), await weights("validated"));
});

Deno.test("trainRun() that is left while it opens frees its encoder", async () => {
  const { numTensors } = tf.memory();
  for await (const event of trainRun(configure("left"))) {
    if (event.type === "note" && event.message.startsWith("Encoder: ")) break;
  }
  await waitUntil(() => tf.memory().numTensors === numTensors);
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("trainRun() resumed after its last step, or when all is done, trains no more", async () => {
  const config = configure("ended", { epochs: 1 });
  const steps = losses(await runAll(configure("ended-whole", { epochs: 1 }))).length;
  const before = await runAll(config, { stopAfter: steps });
  assertEquals(before.at(-1)?.type, "interrupted");
  const after = await runAll(config, { resume: true });
  assertEquals(losses(after), []);
  assertEquals(records(after).length, 1);
  assertEquals(losses(await runAll(config, { resume: true })), []);
  assertEquals(await weights("ended"), await weights("ended-whole"));
});

Deno.test("trainRun() keeps the best epoch by validation AUC, or the last", async () => {
  const best = records(await runAll(configure("best"))).filter((record) => record.best).at(-1)!;
  const aucs = records(await runAll(configure("aucs"))).map(({ valAuc }) => valAuc!);
  assertEquals(best.valAuc, Math.max(...aucs));
  assertEquals(best.epoch, 1 + aucs.indexOf(Math.max(...aucs)));
  const last = records(await runAll(configure("last", { select: "last" })));
  assertEquals(last.map((record) => record.best), [false, false, true]);
});

/** Every way of training that a plain run leaves out. */
const everyOption: RunInput = {
  ...{ optimizer: "adam", weightDecay: 0.01, accumulate: 3, clipGradients: 0.5, labelSmoothing: 0.1 },
  ...{ schedule: "cosine", warmup: 2, leastRate: 1e-5, learningRate: 1e-3, selectBy: "loss" },
};

Deno.test("trainRun() with every option goes on in the middle of an accumulation, and after an epoch's last batch, with the same numbers", async () => {
  const straight = await runAll(configure("options", everyOption));
  const config = configure("options-stopped", everyOption);
  const steps = losses(straight).length / config.epochs; // 7 batches: the last step of an epoch is of one
  assertEquals(steps % 3, 1);
  const parts = [
    await runAll(config, { stopAfter: 2 }),
    await runAll(config, { stopAfter: steps - 2, resume: true }),
    await runAll(config, { resume: true }),
  ];
  assertEquals(parts.flatMap(losses), losses(straight));
  assertEquals(parts.flatMap(records), records(straight));
  assertEquals(await weights("options-stopped"), await weights("options"));
  // Three optimizer steps an epoch, of nine: two of warm-up, then the cosine from its beginning.
  const found = records(straight);
  assertEquals(found.map(({ step }) => step), [3, 6, 9]);
  const rate = (step: number) => 1e-5 + (1e-3 - 1e-5) * (1 + Math.cos(Math.PI * (step - 2) / 7)) / 2;
  assertEquals(found.map(({ learningRate }) => learningRate), [2, 5, 8].map(rate));
  const best = found.filter((record) => record.best).at(-1)!;
  assertEquals(best.valLoss, Math.min(...found.map(({ valLoss }) => valLoss!)));
});

Deno.test("trainRun() stops when its patience is over, says so, and resumed it trains no more", async () => {
  // Once the rate has fallen to a billionth, no epoch is better than the first.
  const changes: RunInput = {
    schedule: "step",
    stepEvery: 1,
    stepFactor: 1e-9,
    patience: 2,
    epochs: 6,
    runs: 2,
  };
  const events = await runAll(configure("patient", changes));
  assertEquals(records(events).map(({ run, epoch, stopped }) => [run, epoch, stopped]), [
    ...[[0, 1, undefined], [0, 2, undefined], [0, 3, true]],
    ...[[1, 1, undefined], [1, 2, undefined], [1, 3, true]],
  ]);
  const notes = events.flatMap((event) => event.type === "note" ? [event.message] : []);
  const said =
    "Stopped after epoch 3 of 6: none of the last 2 epochs had a greater validation AUC than epoch 1";
  assertEquals(notes.filter((note) => note.startsWith(said)).length, 2);
  const config = configure("patient-left", { ...changes, runs: 1 });
  for await (const event of trainRun(config)) { // left before the seed is said to be finished
    if (event.type === "epoch" && event.record.stopped) break;
  }
  assertEquals(losses(await runAll(config, { resume: true })), []);
  assertEquals(await weights("patient-left"), await weights("patient"));
});

Deno.test("trainRun() that comes to a loss that is no number names the batch, and leaves the last checkpoint as it was", async () => {
  const changes: RunInput = { detector: "notebook-head", batchSize: 8 };
  const straight = await runAll(configure("finite", changes));
  const config = configure("infinite", changes);
  const before = losses(await runAll(config, { stopAfter: 2 }));
  const folder = join(config.out, "infinite");
  const good = (await readCheckpoint(folder)) as Required<Checkpoint>;
  const bias = good.weights.model.get("cls_head.bias")!;
  const broken = new Map(good.weights.model).set("cls_head.bias", {
    ...bias,
    data: Float32Array.of(3e38, -3e38), // so far apart that the loss of one image is infinite
  });
  await writeCheckpoint(folder, { ...good, weights: { ...good.weights, model: broken } });
  const file = await Deno.readFile(join(folder, "resume.safetensors"));
  const { message } = await assertRejects(() => runAll(config, { resume: true }), Error);
  assertMatch(
    message,
    /^Cannot go on training: expected a finite (loss|weights) but found .* in epoch 1, step 3, on .*\.png/,
  );
  assertStringIncludes(message, "and 4 more; try a lower --learning-rate");
  assertEquals(await Deno.readFile(join(folder, "resume.safetensors")), file);
  await writeCheckpoint(folder, good);
  assertEquals([...before, ...losses(await runAll(config, { resume: true }))], losses(straight));
});

Deno.test("trainRun() refuses a loss that is not for the detector, and a warm-up that never ends, before the first step", async () => {
  const cases: [RunInput, string][] = [
    [
      { loss: "binary-cross-entropy" },
      "expected one logit an image, of fake, but found 2; take cross-entropy",
    ],
    [{ loss: "uniformity-alignment" }, "expected a detector that has an embedding but found one without"],
    [{ warmup: 1000 }, "expected --warmup shorter than the 21 steps of this training but found 1000"],
  ];
  for (const [i, [changes, expected]] of cases.entries()) {
    const events: RunEvent[] = [];
    await assertRejects(
      async () => {
        for await (const event of trainRun(configure(`unfit-${i}`, changes))) events.push(event);
      },
      InputError,
      expected,
    );
    assertEquals(losses(events), []);
  }
});

Deno.test("trainRun() refuses a name that is taken, other images on resume, and another configuration on resume", async () => {
  const config = configure("taken", { epochs: 1 });
  await runAll(config, { stopAfter: 1 });
  await assertRejects(() => runAll(config), InputError, "Cannot start the run taken: expected a new name");
  await assertRejects(
    () => runAll(configure("taken", { epochs: 2 }), { resume: true }),
    InputError,
    "found another epochs",
  );
  const path = join(train.real, "r0", "0.png");
  const before = await Deno.readFile(path);
  await Deno.writeFile(path, await picture(false, { seed: 777 }));
  await assertRejects(
    () => runAll(config, { resume: true }),
    InputError,
    `expected its 44 files as they were but found 1 changed (${path})`,
  );
  await Deno.writeFile(path, before);
});

Deno.test("trainRun() goes on, and evaluateRun() tests, with the run's own split after its folders have grown", async () => {
  const folders = await writePictures(join(root, "growing"), { videos: 8, seed: 5 });
  const own = { ...folders, testReal: undefined, testFake: undefined, epochs: 1, jpegQualities: [] };
  const config = configure("growing", own);
  await runAll(config, { stopAfter: 2 });
  for (const [folder, fake] of [[folders.real, false], [folders.fake, true]] as const) {
    for (let i = 0; i < 6; i++) {
      await writeFiles(folder, { [`new${i}/0.png`]: await picture(fake, { seed: 6000 + i }) });
    }
  }
  await runAll(config, { resume: true });
  const first = await evaluateRun(config);
  const folder = join(root, "runs", "growing");
  const paths = async (path: string) =>
    (parse(await Deno.readTextFile(path), { columns: true }) as Record<string, string>[]).map(({ path }) =>
      path
    );
  const tested = await paths(join(folder, "predictions.csv"));
  assertEquals(tested.length, 4); // 2 frames of one real and of one fake video
  assert(tested.every((path) => !path.includes("new")), `${tested}`);
  assertEquals(first.data.map(({ split, videos }) => [split, videos]), [["train", 12], ["val", 2], [
    "test",
    2,
  ]]);

  // A second evaluation leaves the run's own report alone.
  const report = await Deno.readTextFile(join(folder, "metrics.json"));
  assertEquals((await evaluateRun(config)).results, first.results);
  assertEquals(await Deno.readTextFile(join(folder, "metrics.json")), report);
  const beside = (await Array.fromAsync(Deno.readDir(folder))).filter(({ name }) =>
    name.startsWith("evaluation-")
  );
  assertEquals(beside.length, 1);
  assertEquals(await paths(join(folder, beside[0].name, "predictions.csv")), tested);
});

Deno.test("evaluateRun() tests weights in a run's folder on the run's own split, however that is asked for, and deals nothing otherwise", async () => {
  const folders = await writePictures(join(root, "dealt"), { videos: 8, seed: 9 });
  const own = { ...folders, testReal: undefined, testFake: undefined, epochs: 1, jpegQualities: [] };
  const config = configure("dealt", own);
  await runAll(config);
  const { results } = await evaluateRun(config);
  await writePictures(join(root, "dealt"), { videos: 14, seed: 9 });
  const checkpoint = join(root, "runs", "dealt", "model.safetensors");
  const into = join(root, "dealt-results");
  assertEquals((await evaluateRun(config, { checkpoint, into })).results, results);
  const named = await evaluateRun({ jpegQualities: [] }, { checkpoint, into });
  assertEquals([named.results, named.config.real], [results, folders.real]);

  const shares = configure("dealt", { ...own, valShare: 0.3, test: [`x=${test.real},${test.fake}`] });
  for (const options of [{}, { checkpoint, into }]) {
    await assertRejects(
      () => evaluateRun(shares, options),
      InputError,
      "expected its own data, split as they were, or test sets named with --test or --test-real and --test-fake but found --val-share, --test",
    );
  }
});

Deno.test("evaluateRun() and testRobustness() test a run that is not trained to its end with one warning, which leaves the place of its report", async () => {
  const config = configure("early");
  const steps = losses(await runAll(config, { stopAfter: 9 })).length;
  assertEquals(steps, 9);
  const early = await evaluateRun(config);
  const perturbed = await testRobustness(join(root, "runs", "early"), {
    given: { perturb: ["brightness-0.7"] },
  });
  for (const { warnings } of [early, perturbed]) {
    assertStringIncludes(
      warnings.join(),
      "Training is not finished: it stands in epoch 2 of 3, and the weights are the best of those before it",
    );
  }
  assertEquals(early.history.map(({ epoch }) => epoch), [1]);
  await runAll(config, { resume: true });
  const finished = await evaluateRun(config);
  assertEquals(finished.warnings.filter((text) => text.includes("not finished")), []);
  const own = parseMetricsJson(await Deno.readTextFile(join(root, "runs", "early", "metrics.json")));
  assertEquals(own, JSON.parse(JSON.stringify(finished)));
});

Deno.test("trainRun() and evaluateRun() leave no tensor behind", async () => {
  const before = tf.memory().numTensors;
  const config = configure("clean", { epochs: 1 });
  const counts = new Set<number>();
  for await (const event of trainRun(config)) if (event.type === "step") counts.add(tf.memory().numTensors);
  await evaluateRun(config);
  assertEquals(tf.memory().numTensors, before);
  // The first step makes the optimizer's moments; after it the number stays.
  assert(counts.size <= 2, `the number of tensors changed from step to step: ${[...counts]}`);
});

Deno.test("evaluateRun() writes metrics, predictions, history and a report that agree with each other", async () => {
  const config = configure("report", {
    epochs: 2,
    test: [`other=${train.real},${train.fake}`],
    allowLeak: true,
  });
  const events = await runAll(config);
  const report = await evaluateRun(config);
  const folder = join(root, "runs", "report");
  assertEquals(
    report.results.map(({ set, split, perturbation, kind, demo }) => [set, split, perturbation, kind, demo]),
    [
      ["data", "test", "none", "within", false],
      ["data", "test", "jpeg-50", "perturbed", false],
      ["other", "test", "none", "cross", false],
    ],
  );
  assertEquals(report.history.length, 2);
  assertEquals(report.history.map(({ loss }) => loss), records(events).map(({ loss }) => loss));
  const saved = parseMetricsJson(await Deno.readTextFile(join(folder, "metrics.json")));
  assertEquals(saved.results[0].metrics.auc, report.results[0].metrics.auc);
  const rows: Record<string, string>[] = parse(await Deno.readTextFile(join(folder, "predictions.csv")), {
    columns: true,
  });
  const { real, fake } = report.results[0].metrics;
  assertEquals([real, fake], [6, 6]);
  assertEquals(rows.length, 12 + 12 + 32);
  assertEquals(Object.keys(rows[0]), [
    ...["set", "split", "perturbation", "video", "method", "label", "score", "path", "run"],
  ]);
  assertEquals(rows[0].path, "real/r0/0.png");
  const right =
    rows.slice(0, 12).filter(({ label, score }) => (Number(score) >= 0.5 ? "1" : "0") === label).length;
  assertEquals(right / 12, report.results[0].metrics.accuracy);
  assertStringIncludes(await Deno.readTextFile(join(folder, "history.csv")), "epoch");
  const html = await Deno.readTextFile(join(folder, "report.html"));
  assertStringIncludes(html, "demo encoder (spectral, not CLIP), float32");
  const { engine } = (await readNumerics(folder))!;
  assertStringIncludes(html, `<dt>Trained in</dt><dd>float32 (engine ${engine})</dd>`);
  assertStringIncludes(html, '<p class="demo">NOT CLIP: the built-in demo encoder makes the tokens');
  // Reloaded and scored again, the same weights give the same numbers.
  assertEquals((await evaluateRun(config)).results, report.results);
});

Deno.test("evaluateRun() gives mean and spread over training seeds, and repeats the same evaluation for the reference", async () => {
  const seeds = configure("seeds", { epochs: 1, runs: 2 });
  await runAll(seeds);
  const [result] = (await evaluateRun(seeds)).results;
  assertEquals(result.runs?.length, 2);
  assertEquals(result.runs?.[0], result.metrics);
  assertNotEquals(result.runs?.[1].logLoss, result.metrics.logLoss);
  const { runs: _, ...open } = seeds;
  assertEquals((await evaluateRun(open)).results[0].runs?.length, 2, "no seed is left out unsaid");
  const second = await loadStateDict(join(root, "runs", "seeds", "model-run2.safetensors"));
  assertNotEquals(second, await weights("seeds"));
  const repeats = configure("repeats", { preset: "reference", epochs: 1, runs: 2 });
  await runAll(repeats);
  const repeated = (await evaluateRun(repeats)).results[0];
  assertEquals(repeated.runs?.[1], repeated.metrics);
});

Deno.test("a score depends on its image alone with the corrected preset, and on its neighbours with the reference's", async () => {
  for (const [preset, alone] of [["corrected", true], ["reference", false]] as const) {
    const config = configure(`neighbours-${preset}`, { preset, epochs: 1, batchSize: 4 });
    await runAll(config);
    const scoresOf = async (batchSize: number) => {
      await evaluateRun({ ...config, batchSize }, { into: join(root, "into") });
      const rows: Record<string, string>[] = parse(
        await Deno.readTextFile(join(root, "into", "predictions.csv")),
        {
          columns: true,
        },
      );
      return rows.map(({ score }) => Number(score));
    };
    const [four, three] = [await scoresOf(4), await scoresOf(3)];
    const worst = Math.max(...four.map((score, i) => Math.abs(score - three[i])));
    // float32 sums in another order for another batch size; the reference's mixing moves scores far more.
    assertEquals(worst < 1e-5, alone, `${preset}: scores moved by ${worst}`);
  }
});

Deno.test("trainRun() and evaluateRun() let nobody else into the run's folder meanwhile", async () => {
  const config = configure("owned", { epochs: 1 });
  const folder = join(root, "runs/owned");
  const refused = (work: () => Promise<unknown>) =>
    assertRejects(
      work,
      InputError,
      `${folder}: expected no other process there but found one at work (train, `,
    );
  for await (const event of trainRun(config)) {
    if (event.type !== "epoch") continue;
    await refused(() => runAll(config, { resume: true }));
    await refused(() => evaluateRun(config)); // its weights are not the last
  }
  const folders: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === "written") folders.push(event.folder);
  };
  const reports = [evaluateRun(config, { onEvent }), evaluateRun(config, { onEvent })];
  const ended = await Promise.allSettled(reports);
  assertEquals(ended.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const [first, second] = await Promise.all([
    evaluateRun(config, { onEvent }),
    evaluateRun(config, { onEvent }),
  ]);
  assertEquals(first.results, second.results);
  assertEquals(new Set(folders).size, 3); // the run's own, and two beside it
  const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  assertEquals(left.filter((name) => name.endsWith(".lock")), []);
});

Deno.test("evaluateRun() says what is missing when nothing was trained", async () => {
  await assertRejects(() => evaluateRun(configure("never")), InputError, "expected trained weights in");
});

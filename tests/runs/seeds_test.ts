import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { InputError } from "../../lib/base/errors.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { seedFolder, seedWeights } from "../../lib/runs/folder/seeds.ts";
import { readNumerics, writeNumerics } from "../../lib/runs/folder/numerics.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import { commandLine } from "../command_line.ts";
import { writePictures } from "../folders.ts";

await initBackend();
const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const folders = await writePictures(join(root, "train"), { videos: 6 });

/** A small run of three seeds, each of two epochs. */
function configure(run: string, changes: RunInput = {}): RunConfig & { run: string } {
  const place = { ...folders, cacheFolder: join(root, "tokens"), run, out: join(root, "runs") };
  const small = { clip: "demo", feedForward: 32, depth: 1, batchSize: 4, jpegQualities: [] } as const;
  return { ...resolveConfig({ ...place, ...small, epochs: 2, runs: 3, ...changes }), run };
}

/** Trains; `stopAfter` so many steps it is stopped. */
async function train(
  config: RunConfig,
  options: { readonly resume?: boolean; readonly onlySeed?: number; readonly stopAfter?: number } = {},
): Promise<RunEvent[]> {
  const { stopAfter, ...rest } = options;
  const controller = new AbortController();
  const events: RunEvent[] = [];
  for await (const event of trainRun(config, { ...rest, signal: controller.signal })) {
    events.push(event);
    if (events.filter(({ type }) => type === "step").length === stopAfter) controller.abort();
  }
  return events;
}

const notes = (events: readonly RunEvent[]) =>
  events.flatMap((event) => event.type === "note" ? [event.message] : []);
const steps = (events: readonly RunEvent[]) => events.filter(({ type }) => type === "step").length;

/** What a run left that its numbers are in: all seeds' weights, predictions, results, and the epochs without their seconds. */
async function outcome(config: RunConfig & { run: string }) {
  const report = await evaluateRun(config);
  const folder = join(config.out, config.run);
  const weights = ["model", "model-run2", "model-run3"].map((name) => join(folder, `${name}.safetensors`));
  return {
    weights: await Promise.all(weights.map(loadStateDict)),
    predictions: await Deno.readTextFile(join(folder, "predictions.csv")),
    results: report.results,
    history: report.history.map((record) => ({ ...record, seconds: 0 })),
    warnings: report.warnings,
  };
}

const alone = configure("alone");
await train(alone);
const expected = await outcome(alone);

Deno.test("trainRun() takes seeds that were trained alone, in any order and one stopped in its middle, and ends as one process does", async () => {
  const config = configure("tasks");
  const before = tf.memory().numTensors;
  assertEquals(steps(await train(config, { onlySeed: 2 })), steps(await train(config, { onlySeed: 0 })));
  await train(config, { onlySeed: 1, stopAfter: 3 });
  assertEquals(await seedWeights(config, 1), undefined);
  await train(config, { onlySeed: 1, resume: true });
  assertEquals(await seedWeights(config, 1), join(seedFolder(config, 1), "model-run2.safetensors"));
  const events = await train(config);
  assertEquals(tf.memory().numTensors, before, "tensors leaked");
  assertEquals(steps(events), 0);
  assertEquals(
    notes(events).filter((note) => note.endsWith("was trained as a task of its own: taken")).length,
    3,
  );
  assertEquals(await outcome(config), expected);
  // The files are those of one process too, but for when they were trained.
  const names = async (folder: string) =>
    (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).filter((name) => !/^seed-/.test(name))
      .sort();
  assertEquals(await names(join(root, "runs/tasks")), await names(join(root, "runs/alone")));
  assertEquals(await seedWeights(config, 1), join(root, "runs/tasks/model-run2.safetensors"));
});

Deno.test("trainRun() trains the seeds itself that were not trained alone, or not to their end", async () => {
  const config = configure("some");
  await train(config, { onlySeed: 1 });
  await train(config, { onlySeed: 2, stopAfter: 1 });
  const events = await train(config);
  assertEquals(steps(events), 2 * steps(await train(configure("one"), { onlySeed: 0 })));
  assertEquals(await outcome(config), expected);
});

Deno.test("trainRun() takes seeds of both stages that were trained alone", async () => {
  const staged: RunInput = {
    ...{ clip: "demo-tower", detector: "forgelens", precision: "float32", epochs: 1, runs: 2 },
    ...{ faformerLayers: 1, stage1Epochs: 1, batchSize: 16 },
  };
  const whole = configure("whole", staged);
  await train(whole);
  const config = configure("parts", staged);
  for (const onlySeed of [1, 0]) await train(config, { onlySeed });
  assertEquals(steps(await train(config)), 0);
  for (const run of ["", "-stage1"]) {
    for (const name of ["model", "model-run2"]) {
      const [one, other] = ["whole", "parts"].map((each) =>
        join(root, "runs", each + run, `${name}.safetensors`)
      );
      assertEquals(await loadStateDict(other), await loadStateDict(one));
    }
  }
});

Deno.test("trainRun() refuses a seed that was trained otherwise, and says what to do", async () => {
  const config = configure("other", { runs: 2, epochs: 1 });
  await train(config, { onlySeed: 0 });
  await assertRejects(
    () => train(configure("other", { runs: 2, epochs: 1, learningRate: 1e-3 })),
    InputError,
    "found another learningRate",
  );
  await Deno.remove(join(root, "runs/other/config.json"));
  const folder = seedFolder(config, 0);
  const numerics = (await readNumerics(folder))!;
  const precision = { ...numerics.precision, head: "bfloat16" as const };
  await writeNumerics(folder, { ...numerics, precision });
  await assertRejects(
    () => train(config),
    InputError,
    `Cannot take the seed in ${folder}: expected the run's head's precision, float32, but found bfloat16; give all tasks one`,
  );
  await writeNumerics(folder, { ...numerics, engine: "eager" });
  await train(config, { onlySeed: 1 });
  const events = await train(config, { resume: true });
  const said = (await readNumerics(join(root, "runs/other")))!;
  assertEquals([said.engine, said.notes.length], ["eager", 1]);
  const note =
    `Seed 1 was trained with another engine than those before it: ${numerics.engine} instead of eager`;
  assertStringIncludes(said.notes[0], note);
  assertEquals(notes(events).filter((note) => note.endsWith("taken")).length, 2);
});

Deno.test("trainRun() refuses a seed that a run has not", async () => {
  await assertRejects(() => train(alone, { onlySeed: 3 }), InputError, "expected one of 1 to 3 but found 4");
  const repeats = configure("repeats", { preset: "reference" });
  await assertRejects(
    () => train(repeats, { onlySeed: 0 }),
    InputError,
    "expected one of several, as --runs",
  );
});

Deno.test("train --only-seed task takes the array's number, goes on by itself and does nothing twice", async () => {
  const flags = [
    ...[
      "train",
      "--real",
      folders.real,
      "--fake",
      folders.fake,
      "--out",
      join(root, "runs"),
      "--run",
      "line",
    ],
    ...["--clip", "demo", "--feed-forward", "32", "--depth", "1", "--batch-size", "4", "--epochs", "2"],
    ...["--jpeg-qualities", "none", "--cache-folder", join(root, "tokens"), "--runs", "3"],
  ];
  const task = async (id: string, ...more: readonly string[]) =>
    await commandLine([...flags, ...more], { cache: join(root, "data"), env: { SLURM_ARRAY_TASK_ID: id } });
  const stopped = await commandLine([...flags, "--only-seed", "2"], {
    cache: join(root, "data"),
    interruptAt: /Epoch|epoch/,
  });
  assertEquals(stopped.code, 130, stopped.err);
  for (const id of ["2", "3"]) {
    const { code, out } = await task(id, "--only-seed", "task");
    assertEquals(code, 0, out);
    assertStringIncludes(out, `Seed ${id} of 3 is trained, in `);
  }
  const again = await task("2", "--only-seed", "task", "--start-or-resume");
  assertEquals([again.code, again.out], [0, "Seed 2 of 3 is trained already\n"]);
  const { code, out } = await task("", "--start-or-resume");
  assertEquals(code, 0, out);
  const path = (run: string, name: string) => join(root, "runs", run, name);
  for (const name of ["model", "model-run2", "model-run3"]) {
    const [one, other] = ["alone", "line"].map((run) => loadStateDict(path(run, `${name}.safetensors`)));
    assertEquals(await other, await one);
  }
  assertEquals(
    await Deno.readTextFile(path("line", "predictions.csv")),
    await Deno.readTextFile(path("alone", "predictions.csv")),
  );
  const refused = await task("4", "--only-seed", "task");
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.err, "of 1 to 3, but found task with SLURM_ARRAY_TASK_ID=4");
});

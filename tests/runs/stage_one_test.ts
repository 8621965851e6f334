import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { InputError } from "../../lib/base/errors.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { unfinishedRun } from "../../lib/runs/folder/folder.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { loadStateDict, loadWeights } from "../../lib/weights/load.ts";
import { saveSafetensors } from "../../lib/weights/safetensors.ts";
import { writePictures } from "../folders.ts";
import { heldTensors } from "../tensors.ts";

await initBackend();
const root = await Deno.makeTempDir();
const { real, fake } = await writePictures(join(root, "train"), { videos: 6 });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const out = join(root, "runs");

/** A small run of both stages: the first's batches are larger, and its epochs fewer. */
function configure(run: string, changes: RunInput = {}): RunConfig & { readonly run: string } {
  const config = resolveConfig({
    ...{ real, fake, out, cacheFolder: join(root, "tokens"), run, detector: "forgelens", clip: "demo" },
    ...{ epochs: 2, batchSize: 4, stage1Epochs: 1, stage1BatchSize: 8, learningRate: 1e-3 },
    ...{ faformerLayers: 1, jpegQualities: [] },
    ...changes,
  });
  return { ...config, run };
}

async function runAll(
  config: RunConfig,
  options: { readonly resume?: boolean; readonly stopAfter?: number } = {},
): Promise<RunEvent[]> {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  for await (const event of trainRun(config, { resume: options.resume, signal: controller.signal })) {
    events.push(event);
    if (events.filter(({ type }) => type === "step").length === options.stopAfter) controller.abort();
  }
  return events;
}

const losses = (events: readonly RunEvent[]) =>
  events.flatMap((event) => event.type === "step" ? [event.loss] : []);
const weights = (run: string, file = "model.safetensors") => loadStateDict(join(out, run, file));
const guidance = "backbone.visual.transformer.WSGM_modules.0.down.weight";

Deno.test("stage 1 is trained first, with its own epochs and batches, for each seed of stage 2", async () => {
  const before = heldTensors();
  const events = await runAll(configure("both", { runs: 2 }));
  assertEquals(heldTensors(), before, "tensors leaked");
  const steps = events.flatMap((event) => event.type === "step" ? [[event.epochs, event.steps]] : []);
  const [ofFirst, ofSecond] = [1, 2].map((epochs) => steps.filter(([all]) => all === epochs));
  assertEquals(ofFirst.length, 2 * ofFirst[0][1]);
  assertEquals(ofSecond.length, 2 * 2 * ofSecond[0][1]);
  assert(ofFirst[0][1] < ofSecond[0][1]);
  for (const file of ["model.safetensors", "model-run2.safetensors"]) {
    const [first, second] = [await weights("both-stage1", file), await weights("both", file)];
    assertEquals(second.get(`backbone.${guidance}`), first.get(guidance), file);
    assertEquals(second.get("backbone.fc.1.weight"), first.get("fc.1.weight"), file);
  }
  const [one, two] = [await weights("both"), await weights("both", "model-run2.safetensors")];
  assertNotEquals(one.get(`backbone.${guidance}`), two.get(`backbone.${guidance}`));
  const { results: [{ runs }] } = await evaluateRun(configure("both", { runs: 2 }));
  assertEquals(runs?.length, 2);
});

Deno.test("a run stopped in either stage goes on with the numbers of one that was never stopped", async () => {
  const whole = losses(await runAll(configure("whole")));
  for (const stopAfter of [1, whole.length - 1]) {
    const config = configure(`stopped-${stopAfter}`);
    const before = await runAll(config, { stopAfter });
    assertEquals(before.at(-1), { type: "interrupted", run: config.run });
    assertEquals(await unfinishedRun(out), config.run);
    const after = await runAll(config, { resume: true });
    assertEquals([...losses(before), ...losses(after)], whole);
    assertEquals(await weights(config.run), await weights("whole"));
  }
});

Deno.test("a run as published goes on with its numbers after a stop, and says what it is", async () => {
  const before = heldTensors();
  const whole = losses(await runAll(configure("published", { asPublished: true })));
  assertEquals(heldTensors(), before, "tensors leaked");
  const config = configure("published-stopped", { asPublished: true });
  const first = await runAll(config, { stopAfter: whole.length - 1 });
  assertEquals(first.at(-1), { type: "interrupted", run: config.run });
  assertEquals([...losses(first), ...losses(await runAll(config, { resume: true }))], whole);
  assertEquals(await weights(config.run), await weights("published"));
  const said =
    "Trained as published, with images drawn with replacement and the frozen first stage's dropout on";
  const report = await evaluateRun(configure("published", { asPublished: true }));
  assertEquals(report.config.asPublished, true);
  assert(report.warnings.some((warning) => warning.startsWith(said)), report.warnings.join("\n"));
});

Deno.test("--stage-one takes a run, its folder or a file for what would be trained first, and none for the encoder alone", async () => {
  await runAll(configure("first", { detector: "forgelens-stage1", epochs: 1, batchSize: 8 }));
  await runAll(configure("straight"));
  for (
    const [i, stageOne] of ["first", join(out, "first"), join(out, "first", "model.safetensors")].entries()
  ) {
    await runAll(configure(`named-${i}`, { stageOne }));
    assertEquals(await weights(`named-${i}`), await weights("straight"), stageOne);
  }
  const events = await runAll(configure("other-seed", { stageOne: "first", seed: 5 }));
  const said = "Seed 5 stands on a first stage that was trained with seed 0.";
  assert(events.some((event) => event.type === "note" && event.message === said));
  const { metadata } = await loadWeights(join(out, "other-seed", "model.safetensors"));
  assert(JSON.parse(metadata.notes).includes(said), metadata.notes);
  await runAll(configure("alone", { stageOne: "none" }));
  const keys = [...(await weights("alone")).keys()];
  assertEquals(keys.filter((key) => /WSGM|wsgm|^backbone\.fc/.test(key)), []);
  await evaluateRun(configure("alone", { stageOne: "none" }));
});

Deno.test("a second stage that was stopped refuses to go on upon another first stage", async () => {
  const config = configure("moved");
  const all = losses(await runAll(configure("moved-whole"))).length;
  await runAll(config, { stopAfter: all - 1 });
  const file = join(out, "moved-stage1", "model.safetensors");
  const { tensors, metadata } = await loadWeights(file);
  await saveSafetensors(file, tensors, { metadata: { ...metadata, seed: "9" }, checksum: true });
  await assertRejects(
    () => runAll(config, { resume: true }),
    InputError,
    "expected the first stage that it was begun on (file ",
  );
});

Deno.test("--stage-one is refused without weights for each seed, of another kind, and of another encoder", async () => {
  let tries = 0;
  const refused = async (changes: RunInput, message: string) => {
    await assertRejects(() => runAll(configure(`refused-${tries++}`, changes)), InputError, message);
  };
  await refused({ stageOne: "nowhere" }, "for each of 1 seeds but found no");
  await runAll(configure("one", { detector: "forgelens-stage1", epochs: 1 }));
  await refused({ stageOne: "one", runs: 2 }, "for each of 2 seeds but found no");
  await runAll(configure("probe", { detector: "notebook-head", epochs: 1, depth: 0 }));
  await refused({ stageOne: "probe" }, "but found a notebook head");
  const { tensors, metadata } = await loadWeights(join(out, "one", "model.safetensors"));
  const file = join(root, "other.safetensors");
  await saveSafetensors(file, tensors, {
    metadata: { ...metadata, encoderDigest: "0".repeat(32) },
    checksum: true,
  });
  await refused({ stageOne: file }, "(weights 000000000000), which it was trained on, but found the demo");
});

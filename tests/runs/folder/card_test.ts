import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "csv-parse/sync";
import { join } from "node:path";
import { isTensorFlow } from "../../../lib/backend/raw.ts";
import { initBackend } from "../../../lib/backend/start.ts";
import { evaluateRun } from "../../../lib/runs/evaluate.ts";
import { compareCalibration } from "../../../lib/metrics/calibration.ts";
import { loadCarded } from "../../../lib/runs/folder/card.ts";
import { readNumerics } from "../../../lib/runs/folder/numerics.ts";
import { trainRun } from "../../../lib/runs/train.ts";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { fits } from "../../../lib/images/fits/mod.ts";
import { randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { loadStateDict, loadWeights } from "../../../lib/weights/load.ts";
import { savePth } from "../../../lib/weights/pth.ts";
import { saveSafetensors } from "../../../lib/weights/safetensors.ts";
import { writePictures } from "../../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
const many = await writePictures(join(root, "many"), { videos: 12 });
const few = await writePictures(join(root, "few"), { videos: 4, seed: 2 });
const test = await writePictures(join(root, "test"), { videos: 3, seed: 1 });
// What other tests and users measured is none of this file's business.
const cacheHome = Deno.env.get("XDG_CACHE_HOME");
Deno.env.set("XDG_CACHE_HOME", join(root, "cache"));
globalThis.addEventListener("unload", () => {
  if (cacheHome === undefined) Deno.env.delete("XDG_CACHE_HOME");
  else Deno.env.set("XDG_CACHE_HOME", cacheHome);
  Deno.removeSync(root, { recursive: true });
});

/** Two encoders of one width, as ViT-B/16 and ViT-B/32 are. */
for (const [name, patchSize] of [["clip-16", 16], ["clip-32", 32]] as const) {
  const sizes = { width: 24, layers: 2, heads: 1, imageSize: 64, patchSize, embedDim: 16 };
  await saveSafetensors(join(root, `${name}.safetensors`), randomClip(sizes, 0));
}

const data = { real: few.real, fake: many.fake, testReal: test.real, testFake: test.fake };
const small: RunInput = {
  ...{ ...data, out: join(root, "runs"), cacheFolder: join(root, "tokens"), clip: "demo" },
  ...{ feedForward: 32, depth: 1, epochs: 1, batchSize: 4, jpegQualities: [] },
};
const other = `other=${test.real},${test.fake}`;

async function train(run: string, changes: RunInput = {}): Promise<RunInput> {
  const config = { ...small, ...changes, run };
  for await (const _ of trainRun(config));
  return config;
}

const file = (run: string, name = "model.safetensors") => join(root, "runs", run, name);

/** What a user gives who has a file of weights and a test set, and knows no more. */
const bare: RunInput = {
  ...data,
  clip: "auto",
  cacheFolder: small.cacheFolder,
  batchSize: 4,
  jpegQualities: [],
};

Deno.test("evaluateRun() takes from the weights the share of fakes that training saw, on other sets too", async () => {
  const config = await train("prior", { balance: false });
  const { card } = await readOwn("prior");
  const [counts] = (await evaluateRun(config)).data;
  const share = counts.fake / (counts.real + counts.fake);
  assert(share > 0.7, `${share}`);
  assertAlmostEquals(JSON.parse(card.prior), share, 1e-12);
  const { results: [result] } = await evaluateRun({ ...config, test: [other] }, {
    named: true,
    into: join(root, "x"),
  });
  const rows: Record<string, string>[] = parse(await Deno.readTextFile(join(root, "x", "predictions.csv")), {
    columns: true,
  });
  const expected = compareCalibration(
    rows.map(({ label }) => Number(label)),
    rows.map(({ score }) => Number(score)),
    { from: share },
  );
  for (const key of ["brier", "logLoss", "ece"] as const) { // sums of float64 in another order
    assertAlmostEquals(result.calibration!.shifted![key], expected.shifted![key], 1e-12);
  }
  assertNotEquals(result.calibration?.shifted, result.calibration?.raw); // what a share of one half would give
});

Deno.test("a file of weights is run as it was trained, whatever the defaults are, and says what it is", async () => {
  const config = await train("shape", { heads: 4, activation: "gelu", pth: true });
  const own = await evaluateRun(config);
  const { card } = await readOwn("shape");
  assertEquals([card.detector, card.activation, card.attendAcross], ["notebook head", "gelu", "tokens"]);
  assertEquals(JSON.parse(card.head).heads, 4);
  assertMatch(card.encoderDigest, /^[0-9a-f]{32}$/);
  assertEquals(JSON.parse(card.preprocessing).size, 224);
  assertEquals(JSON.parse(card.precision).encoder, "float32");
  assertEquals([card.epoch, card.seed, card.set], ["1", "0", "data"]);
  for (const name of ["model.safetensors", "model.pth"]) { // which reads the one beside it
    const options = { checkpoint: file("shape", name), into: join(root, "y") };
    const report = await evaluateRun(bare, options);
    assertEquals(report.results, own.results);
    assertEquals(report.config.heads, 4);
    assertEquals(report.warnings.filter((text) => text.includes("how it was trained")), []);
    const { message } = await assertRejects(
      () => evaluateRun({ ...bare, heads: 8, activation: "quickgelu" }, options),
      InputError,
    );
    assertStringIncludes(
      message,
      "expected --heads 4, --activation gelu, which it was trained with, but found --heads 8, --activation quickgelu; leave",
    );
  }
});

/** Writes a run's weights again, one text of what they say of themselves changed. */
async function rewrite(run: string, key: string, change: (text: string) => string): Promise<string> {
  const { tensors, metadata } = await loadWeights(file(run));
  const path = join(root, `${run}-${key}.safetensors`);
  await saveSafetensors(path, tensors, {
    metadata: { ...metadata, [key]: change(metadata[key]) },
    checksum: true,
  });
  return path;
}

Deno.test("a file of weights is tested at its own threshold, and refused where images were prepared otherwise", async () => {
  await train("own-threshold", { seed: 1 });
  const { metadata } = await loadWeights(file("own-threshold"));
  assertEquals(metadata.threshold, "0.5");
  const options = { out: small.out, cacheFolder: small.cacheFolder, test: [other] };
  const checkpoint = await rewrite("own-threshold", "threshold", () => "0.25");
  const { results: [{ metrics }] } = await evaluateRun(options, {
    checkpoint,
    named: true,
    into: join(root, "quarter"),
  });
  assertEquals(metrics.threshold, 0.25);
  const prepared = await rewrite(
    "own-threshold",
    "preprocessing",
    (text) => text.replace("0.48145466", "0.5"),
  );
  await assertRejects(
    () => evaluateRun(options, { checkpoint: prepared, named: true, into: join(root, "prepared") }),
    InputError,
    "expected images prepared as it was trained",
  );
});

Deno.test("weights bring images to size as they were trained, and no flag may say otherwise", async () => {
  const config = await train("cropped", { fit: "crop" });
  const own = await evaluateRun(config);
  const { preprocessing } = (await loadCarded(file("cropped"))).card!;
  assertEquals(preprocessing!.resize, fits.crop.text);
  const options = { checkpoint: file("cropped"), into: join(root, "cropped") };
  const report = await evaluateRun(bare, options);
  assertEquals([report.config.fit, report.results], ["crop", own.results]);
  await assertRejects(
    () => evaluateRun({ ...bare, fit: "resize" }, options),
    InputError,
    "expected --fit crop, which it was trained with, but found --fit resize; leave --fit out",
  );
  const events = await Array.fromAsync(trainRun({ ...config, run: "cropped-2" }));
  const notes = events.flatMap((event) => event.type === "note" ? [event.message] : []);
  assertEquals(notes.filter((note) => note.includes("cut at their centre")).length, 1);
});

Deno.test("weights keep the thresholds chosen on validation videos, and tests measure at the one that is asked for", async () => {
  const config = await train("chosen", { seed: 1 });
  const { chosen } = (await loadCarded(file("chosen"))).card!;
  assertEquals(chosen!.videoScore, "mean");
  assertEquals(Object.keys(chosen!.thresholds), ["eer", "fpr-1", "fpr-5", "fpr-10"]);
  const scored = await evaluateRun(config, { into: join(root, "by-eer") });
  const [{ chosen: frames, metrics, video }] = scored.results;
  assertEquals(frames!.map(({ by, threshold }) => [by, threshold]), [[
    "eer",
    chosen!.thresholds.eer!.frame,
  ]]);
  assertEquals([metrics.threshold, video!.metrics.threshold], [0.5, 0.5]);
  assertEquals(video!.chosen![0].threshold, chosen!.thresholds.eer!.video);
  const other = await evaluateRun({ ...config, thresholdBy: "fpr-10", videoScore: "max" }, {
    into: join(root, "by-fpr"),
  });
  const [{ chosen: [{ by, threshold }], video: most }] = other.results as [
    Required<typeof scored.results[0]>,
  ];
  assertEquals([by, threshold], ["fpr-10", chosen!.thresholds["fpr-10"]!.frame]);
  assertEquals(most.chosen, undefined, "a threshold for means is none for maxima");
  assertMatch(other.warnings.join("\n"), /thresholds for videos were chosen for the mean, and are left out/);
});

Deno.test("weights and a run's data keep how prepare made the crops that they were trained on", async () => {
  const set = join(root, "prepared");
  await writePictures(set, { videos: 8, seed: 3 });
  const prepared = {
    ...{ version: 1, frames: 8, crop: "faces", margin: 1.3, layout: "folders" },
    faces: {
      ...{ align: "gend", finder: "MTCNN", finderDigest: "ab" },
      ...{ leastScore: 0.95, leastSide: 30 },
    },
  };
  await Deno.writeTextFile(join(set, "prepare.json"), JSON.stringify(prepared));
  const folders = { real: undefined, fake: undefined, testReal: undefined, testFake: undefined };
  await train("prepared", { ...folders, data: `s=${set}` });
  assertEquals((await loadCarded(file("prepared"))).card!.prepared as unknown, { s: prepared });
  const [head] = (await Deno.readTextFile(file("prepared", "data.jsonl"))).split("\n");
  assertEquals(JSON.parse(head).data[0].prepared, prepared);
});

Deno.test("weights are refused on an encoder of the same width that they were not trained on", async () => {
  const config = await train("b16", { clip: "auto", clipWeights: join(root, "clip-16.safetensors") });
  const options = { checkpoint: file("b16"), into: join(root, "z") };
  assertEquals((await evaluateRun(bare, options)).results, (await evaluateRun(config)).results);
  const { message } = await assertRejects(
    () => evaluateRun({ ...bare, clipWeights: join(root, "clip-32.safetensors") }, options),
    InputError,
  );
  assertMatch(
    message,
    /expected the CLIP of width 24, 2 layers, patches of 16 \(weights \w{12}\), which it was trained on, but found the CLIP of width 24, 2 layers, patches of 32 \(weights \w{12}\) in .*clip-32\.safetensors; name/,
  );
  await assertRejects(() => evaluateRun({ ...bare, clip: "demo" }, options), InputError, "but found width");
});

Deno.test("weights without a word of how they were trained are run by flags and defaults, and a warning says so", async () => {
  const config = await train("mute", { pth: true });
  const own = await evaluateRun(config);
  const { tensors } = await loadWeights(file("mute"));
  const [mute, pth] = [join(root, "mute.safetensors"), join(root, "mute.pth")];
  await saveSafetensors(mute, tensors);
  await Deno.mkdir(join(root, "alone"), { recursive: true });
  await savePth(pth, tensors);
  for (const checkpoint of [mute, pth]) {
    const report = await evaluateRun({ ...bare, clip: "demo" }, { checkpoint, into: join(root, "m") });
    assertEquals(report.results[0].metrics, own.results[0].metrics);
    assertStringIncludes(
      report.warnings.join("\n"),
      `${checkpoint} does not say how it was trained. Taken from flags and defaults: 8 heads, quickgelu, attention across the tokens, the demo encoder (spectral, not CLIP), a share of fakes in training of 0.50.`,
    );
  }
  // As the version before this one wrote them.
  const { card } = await readOwn("mute");
  const old = {
    format: "pt",
    head: card.head,
    encoder: card.encoder,
    epoch: "1",
    seed: "0",
    config: card.config,
  };
  await saveSafetensors(mute, tensors, { metadata: old });
  const report = await evaluateRun(bare, { checkpoint: mute, into: join(root, "m") });
  assertEquals(report.results[0].metrics, own.results[0].metrics);
  assertStringIncludes(report.warnings.join("\n"), "written by an older version and does not say all");
});

Deno.test("a .pth whose .safetensors has other weights is told apart", async () => {
  await train("two", { pth: true });
  const { tensors } = await loadWeights(file("two"));
  const bias = tensors.get("cls_head.bias")!;
  await savePth(
    file("two", "model.pth"),
    new Map(tensors).set("cls_head.bias", { ...bias, data: Float32Array.of(9, 0) }),
  );
  const { warnings } = await evaluateRun(bare, {
    checkpoint: file("two", "model.pth"),
    into: join(root, "t"),
  });
  assertStringIncludes(warnings.join("\n"), "has other weights");
});

Deno.test("a run goes on, and is tested, in the precision that it chose, whatever is measured later", async () => {
  if (!isTensorFlow()) return;
  const clipWeights = join(root, "clip-16.safetensors");
  const config = { ...small, run: "kept", clip: "auto", clipWeights, epochs: 3 } as const;
  const measured = join(root, "cache", "forgelens-bench", "measured");
  await Deno.remove(measured, { recursive: true }).catch(() => {});
  for await (const event of trainRun(config)) if (event.type === "epoch") break;
  const chosen = (await readNumerics(join(root, "runs", "kept")))!;
  assertEquals(chosen.precision.seconds!.float32.length % 7, 0);
  assertEquals(chosen.notes, []);
  const { precision: { encoder, head } } = chosen;
  const changed = encoder === "float32" ? "bfloat16" : "float32";
  for (const { name } of Deno.readDirSync(measured)) {
    const path = join(measured, name);
    const answer = JSON.parse(await Deno.readTextFile(path));
    if (answer.precision) {
      await Deno.writeTextFile(path, JSON.stringify({ ...answer, precision: changed, head: changed }));
    }
  }
  for await (const _ of trainRun(config, { resume: true }));
  assertEquals(await readNumerics(join(root, "runs", "kept")), chosen);
  assertEquals(JSON.parse((await readOwn("kept")).card.precision).encoder, encoder);
  await Deno.remove(measured, { recursive: true });
  const report = await evaluateRun(config);
  assert(report.encoder.endsWith(`, ${encoder}`), report.encoder);
  await assertRejects(() => Deno.stat(measured), Deno.errors.NotFound, undefined); // nothing was measured
  const asked = await evaluateRun({ ...config, precision: changed }, { into: join(root, "p") });
  assertStringIncludes(asked.warnings.join("\n"), `Tested in ${changed} as --precision asks`);
  assertEquals(head === "bfloat16" || head === "float32", true);
});

Deno.test("--head-precision and --engine win over what would be measured, and an engine that is not to be had is refused", async () => {
  if (!isTensorFlow()) return;
  const measured = join(root, "cache", "forgelens-bench", "measured");
  await Deno.remove(measured, { recursive: true }).catch(() => {});
  await train("pinned", { precision: "float32", headPrecision: "bfloat16", engine: "graph" });
  const { precision, engine } = (await readNumerics(join(root, "runs", "pinned")))!;
  assertEquals([precision.encoder, precision.head, engine], ["float32", "bfloat16", "graph"]);
  await assertRejects(() => Deno.stat(measured), Deno.errors.NotFound, undefined); // nothing was measured
  // Where the head's precision is the one that goes with the encoder's, no number is another.
  await train("left", { precision: "float32" });
  const { engine: found } = (await readNumerics(join(root, "runs", "left")))!; // as it was measured, where there are two
  await train("said", { precision: "float32", headPrecision: "float32", engine: found });
  const left = await loadStateDict(file("left"));
  assertEquals(await loadStateDict(file("said")), left);
  assertNotEquals(await loadStateDict(file("pinned")), left);
  await assertRejects(
    () => train("refused", { engine: "graph", loss: "focal" }), // which no accelerator takes
    InputError,
    "expected --engine graph but found that this machine has eager for these settings; give --engine eager",
  );
});

Deno.test("a test in the next precision, where this machine has not the run's, says so beside the scores", async () => {
  if (!isTensorFlow()) return;
  // 8 bits want heads of a multiple of 16, and these are 24 wide: a machine that cannot.
  await train("far", { clip: "auto", clipWeights: join(root, "clip-16.safetensors"), precision: "bfloat16" });
  const { tensors, card } = await readOwn("far");
  const metadata = { ...card, precision: JSON.stringify({ encoder: "int8", head: "bfloat16" }) };
  const config = { ...JSON.parse(card.config), precision: "auto" };
  await saveSafetensors(file("far"), tensors, {
    metadata: { ...metadata, config: JSON.stringify(config) },
    checksum: true,
  });
  const { encoder, warnings } = await evaluateRun({ ...bare, ...config });
  assert(encoder.endsWith(", bfloat16"), encoder);
  assertMatch(
    warnings.join("\n"),
    /This machine cannot compute in the run's precision: bfloat16 instead of int8 \(expected widths/,
  );
});

Deno.test("trainRun() refuses to go on with another encoder's weights in the same file", async () => {
  const clipWeights = join(root, "swapped.safetensors");
  await Deno.copyFile(join(root, "clip-16.safetensors"), clipWeights);
  const config = { ...small, run: "swapped", clip: "auto", clipWeights, epochs: 2 } as const;
  for await (const event of trainRun(config)) if (event.type === "epoch") break;
  const sizes = { width: 24, layers: 2, heads: 1, imageSize: 64, patchSize: 16, embedDim: 16 };
  await saveSafetensors(clipWeights, randomClip(sizes, 1));
  const resume = async () => {
    for await (const _ of trainRun(config, { resume: true }));
  };
  await assertRejects(resume, InputError, "which it was begun with, but found the CLIP of width 24");
});

Deno.test("readNumerics() names a damaged file, and says what to do", async () => {
  const folder = join(root, "damaged");
  await Deno.mkdir(folder);
  assertEquals(await readNumerics(folder), undefined);
  for (const text of ["", "{}", '{"version": 1, "notes": []}']) {
    await Deno.writeTextFile(join(folder, "numerics.json"), text);
    await assertRejects(() => readNumerics(folder), InputError, join(folder, "numerics.json"));
  }
  await assertRejects(() => readNumerics(folder), InputError, "remove it to go on with what is chosen anew");
});

Deno.test("readNumerics() refuses a digit, key or note that was changed since", async () => {
  const kept = await train("changed");
  const path = file("changed", "numerics.json");
  const text = await Deno.readTextFile(path);
  for (const [from, to] of [['"engine"', '"engima"'], ['"notes": []', '"notes": ["x"]'], ["demo", "demi"]]) {
    assertStringIncludes(text, from);
    await Deno.writeTextFile(path, text.replace(from, to));
    await assertRejects(() => readNumerics(join(root, "runs", kept.run!)), InputError, "it is damaged");
  }
});

Deno.test("weights and checkpoints of which a byte has changed are refused by name", async () => {
  const config = await train("byte");
  for await (const event of trainRun({ ...small, run: "half", epochs: 2 })) if (event.type === "epoch") break;
  for (
    const [path, use] of [
      [file("byte"), () => evaluateRun(config)],
      [file("half", "resume.safetensors"), async () => {
        for await (const _ of trainRun({ ...small, run: "half", epochs: 2 }, { resume: true }));
      }],
    ] as const
  ) {
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 5] ^= 4;
    await Deno.writeFile(path, bytes);
    await assertRejects(use, Error, path);
    await assertRejects(use, Error, "expected what the checksum");
  }
});

async function readOwn(run: string) {
  const { tensors, metadata: card } = await loadWeights(file(run));
  assertEquals(resolveConfig(JSON.parse(card.config)).run, run);
  return { tensors, card };
}

Deno.test("evaluateRun() says that tokens were kept in training and not in the test, which changes scores", async () => {
  const config = await train("rounded");
  const text = "Tested on tokens that are not rounded, as --no-cache asks";
  const said = async (input: RunInput) =>
    (await evaluateRun(input)).warnings.filter((each) => each.startsWith(text));
  assertEquals((await said({ ...config, cache: false })).length, 1);
  assertEquals(await said(config), []);
});

Deno.test("a probe's .pth without a card is bound as --detector says", async () => {
  await train("probe-pth", { detector: "linear-probe" });
  const { tensors } = await loadWeights(file("probe-pth"));
  const checkpoint = join(root, "probe.pth");
  await savePth(checkpoint, tensors);
  const options: RunInput = { out: small.out, cacheFolder: small.cacheFolder, clip: "demo", test: [other] };
  const { head, warnings } = await evaluateRun({ ...options, detector: "linear-probe" }, {
    checkpoint,
    named: true,
    into: join(root, "probe"),
  });
  assertEquals(head, "linear probe");
  assert(warnings.some((text) => text.includes("does not say how it was trained")));
  await assertRejects(
    () => evaluateRun(options, { checkpoint, named: true, into: join(root, "as-head") }),
    InputError,
    "Cannot bind ForgeLens",
  );
});

Deno.test("files of one run that say different things are not tested together", async () => {
  await train("two-seeds", { runs: 2 });
  const second = file("two-seeds", "model-run2.safetensors");
  const { tensors, metadata } = await loadWeights(second);
  await saveSafetensors(second, tensors, { metadata: { ...metadata, threshold: "0.25" }, checksum: true });
  await assertRejects(
    () => evaluateRun({ ...small, run: "two-seeds" }),
    InputError,
    "expected the settings and threshold of",
  );
});

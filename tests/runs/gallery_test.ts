import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import type { Sample, TestSet } from "../../lib/data/sample.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import type { EvaluationResult, Prediction } from "../../lib/report/report.ts";
import { resolveConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { createDetector } from "../../lib/runs/detectors.ts";
import { openEncoder } from "../../lib/runs/encoder.ts";
import { reportGallery } from "../../lib/runs/gallery.ts";
import { picture } from "../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const samples: Sample[] = [];
for (let i = 0; i < 16; i++) {
  const name = `${i}.png`;
  await Deno.writeFile(join(root, name), await picture(i >= 8, { seed: i }));
  const label = i < 8 ? 0 : 1;
  // Two images of each video; the fakes are made in two ways.
  samples.push({
    ...{ path: join(root, name), label, set: "faces", split: "test", video: `${label}/${i >> 1}` },
    method: label ? ["swap", "blend"][i % 2] : undefined,
  });
}
const test: TestSet = { set: "faces", split: "test", kind: "within", samples };
/** Wrong for every second image, and the surer the later. */
const scores = samples.map(({ label }, i) => {
  const right = 0.5 + (label ? 1 : -1) * (i + 1) / 40;
  return i % 2 ? 1 - right : right;
});
const predictions = samples.map(({ label, video = "", method = "", path }, i): Prediction => ({
  ...{
    set: "faces",
    split: "test",
    perturbation: "none",
    video,
    method,
    label,
    score: scores[i],
    path,
    run: 0,
  },
}));
const metrics = evaluateScores(samples.map(({ label }) => label), scores);
const results: EvaluationResult[] = [
  { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false, metrics },
];

async function galleryOf(changes: RunInput = {}, given: Partial<Parameters<typeof reportGallery>[2]> = {}) {
  const config = resolveConfig({
    ...{ clip: "demo", precision: "float32", cache: false, depth: 1, feedForward: 32 },
    ...changes,
  });
  const encoder = await openEncoder(config);
  const detector = createDetector(config, { encoder, seed: 0 });
  const said: string[] = [];
  try {
    const gallery = await reportGallery([detector], { encoder }, {
      ...{ config, test, results, predictions },
      report: (event) => event.type === "warning" && said.push(event.message),
      ...given,
    });
    return { gallery, said };
  } finally {
    detector.close();
    encoder.close();
  }
}

Deno.test("reportGallery() shows six samples of each class, and the surest mistakes, one a video, with their maps", async () => {
  const { gallery: [shown, mistakes], said } = await galleryOf();
  assertEquals(said, []);
  assertEquals(shown.title, "Samples of faces test");
  assertEquals(shown.photos.map(({ label }) => label), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  const methods = shown.photos.slice(6).map(({ captions: [[, method]] }) => method);
  assertEquals(methods.filter((method) => method === "swap").length, 3);
  assertEquals(mistakes.photos.length, 6);
  assertEquals(mistakes.photos[0].captions[0], ["fake, scored 0.100", "blend"]);
  const given = mistakes.photos.map(({ label, captions: [[first]] }) =>
    Math.abs(Number(first.slice(-5)) - label)
  );
  assertEquals(given, given.toSorted((a, b) => b - a));
  assertStringIncludes(mistakes.subtitle, "8 of 16 images. Below, what each patch adds");
  for (const { jpegs, captions } of mistakes.photos) {
    assertEquals([jpegs.length, captions.length], [2, 2]);
    const [logit, ...shares] = captions[1].map((line) =>
      Number(/[−+]\d+\.\d+/.exec(line)![0].replace("−", "-"))
    );
    assertEquals(shares.length, 3);
    assertAlmostEquals(shares.reduce((a, b) => a + b, 0), logit, 0.02); // each rounded to two digits
  }
});

Deno.test("reportGallery() shows photographs alone where a score is its batch's too", async () => {
  const { gallery: [, mistakes], said } = await galleryOf({ attendAcross: "batch" });
  assertEquals([said, mistakes.scale], [[], undefined]);
  assertEquals(mistakes.photos.map(({ jpegs }) => jpegs.length), [1, 1, 1, 1, 1, 1]);
});

Deno.test("reportGallery() is empty with a warning where a file is gone, and without one where nothing was tested", async () => {
  const gone = { ...test, samples: samples.map((each) => ({ ...each, path: join(root, "gone.png") })) };
  const { gallery, said } = await galleryOf({}, { test: gone });
  assertEquals([gallery.length, said.length], [0, 1]);
  assertStringIncludes(said[0], "The report has no pictures of faces test: ");
  assertStringIncludes(said[0], "gone.png");
  for (const given of [{ test: undefined }, { results: [] }]) {
    assertEquals(await galleryOf({}, given), { gallery: [], said: [] });
  }
});

Deno.test("reportGallery() hears the signal", async () => {
  await assertRejects(() => galleryOf({}, { signal: AbortSignal.abort(new Error("stop")) }), Error, "stop");
});

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { openFaceFinder } from "../../../lib/faces/find.ts";
import { weightsPath } from "../../../lib/runs/folder/folder.ts";
import type { Answer } from "../../../lib/runs/predict/answer.ts";
import { writeExplained } from "../../../lib/runs/predict/explain.ts";
import { openJudge } from "../../../lib/runs/predict/judge.ts";
import { predict } from "../../../lib/runs/predict/predict.ts";
import { trainRun } from "../../../lib/runs/train.ts";
import { writePictures } from "../../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const train = await writePictures(join(root, "train"), { videos: 6 });
const place = { real: train.real, fake: train.fake, out: join(root, "runs"), run: "first", cache: false };
const small = { clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4 } as const;
await Array.fromAsync(trainRun({ ...place, ...small }));
const weights = weightsPath(join(root, "runs", "first"), 0);

const several = new URL("../../fixtures/mtcnn/several.jpg", import.meta.url).pathname;

Deno.test("writeExplained() draws a picture of each answer and says how far it can be trusted, of a mean over frames too", async () => {
  const judge = await openJudge(weights, { alpha: 0.05 });
  const drawn: { readonly answer: Answer; readonly explained: Awaited<ReturnType<typeof writeExplained>> }[] =
    [];
  const onJudged = async (answer: Answer, squares: readonly Uint8Array[]) => {
    const options = { judge, kind: "gradient", folder: root, number: drawn.length + 1 } as const;
    drawn.push({ answer, explained: await writeExplained(answer, squares, options) });
    const frames = [squares[0], squares[0].toReversed()];
    const video = { ...answer, path: "clip.mp4", kind: "video", frames: 2 } as const;
    const { path, trust } = await writeExplained(video, frames, { ...options, kind: "rollout", number: 9 });
    assertEquals(path, join(root, "0009-clip.jpg"));
    assertStringIncludes(trust, "mean of 2 frames");
  };
  const file = join(train.fake, "f0", "0.png");
  await Array.fromAsync(predict(judge, [file], { onJudged }));
  judge.close();
  const [{ answer, explained: { path, trust } }] = drawn;
  assertEquals(path, join(root, "0001-0.jpg"));
  assertStringIncludes(trust, "without the half of the patches that it marks most");
  assertStringIncludes(trust, answer.score!.toFixed(2));
  const { format, width } = await sharp(path).metadata();
  assertEquals(format, "jpeg");
  assert(width > 400);
});

Deno.test("writeExplained() says whether the peak is in what was manipulated, where a mask says where that is", async () => {
  const judge = await openJudge(weights, { alpha: 0.05 });
  const mask = join(root, "train", "mask", "f1", "0.png");
  await Deno.mkdir(dirname(mask), { recursive: true });
  const explained: Awaited<ReturnType<typeof writeExplained>>[] = [];
  const onJudged = async (answer: Answer, squares: readonly Uint8Array[]) => {
    const options = { judge, kind: "gradient", folder: root, number: 20 + explained.length } as const;
    explained.push(await writeExplained(answer, squares, options));
  };
  const ask = () => Array.fromAsync(predict(judge, [join(train.fake, "f1", "0.png")], { onJudged }));
  const half = Uint8Array.from({ length: 64 * 64 }, (_, i) => i % 64 < 32 ? 255 : 0);
  await sharp(half, { raw: { width: 64, height: 64, channels: 1 } }).png().toFile(mask);
  await ask();
  await Deno.writeTextFile(mask, "no mask");
  await ask();
  judge.close();
  const [masked, without] = explained;
  assertEquals([masked.pointing?.images, masked.pointing?.chance], [1, 0.5]);
  assertMatch(masked.trust, /; its peak is (not )?in what was manipulated \(by chance 50 %\)$/);
  assertEquals(masked.trust.includes("its peak is in"), masked.pointing!.hits === 1);
  assertEquals([without.pointing, without.trust.includes("its peak")], [undefined, false]);
});

Deno.test("predict() answers about each face of a picture, the largest first, with its box", async () => {
  const judge = await openJudge(weights, { alpha: 0.05 });
  const finder = await openFaceFinder();
  const rule = { align: "similarity", size: 112, margin: 1.3 } as const;
  const faces = { find: finder.find, rule, leastSide: 30 };
  const answers = await Array.fromAsync(predict(judge, [several], { faces }));
  const { width = 0, height = 0 } = await sharp(several).metadata();
  finder.close();
  assert(answers.length > 1);
  assertEquals(answers.map(({ face }) => face), answers.map((_, i) => i + 1));
  assertEquals(new Set(answers.map(({ faces }) => faces)), new Set([answers.length]));
  const areas = answers.map(({ box }) => box!.width * box!.height);
  assertEquals(areas, areas.toSorted((a, b) => b - a));
  for (const { box } of answers) {
    assert(box!.x + box!.width / 2 < width && box!.y + box!.height / 2 < height);
  }
  judge.close();
  const grey = join(root, "grey.png");
  await sharp({ create: { width: 300, height: 200, channels: 3, background: "gray" } }).toFile(grey);
  const again = await openJudge(weights, { alpha: 0.05 });
  const opened = await openFaceFinder();
  const [none] = await Array.fromAsync(predict(again, [grey], { faces: { ...faces, find: opened.find } }));
  opened.close();
  again.close();
  assertEquals([none.verdict, none.reason, none.score], ["cannot say", "no face", null]);
});

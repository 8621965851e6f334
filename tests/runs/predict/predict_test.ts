import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import sharp from "sharp";
import { InputError } from "../../../lib/base/errors.ts";
import { calibrateRun } from "../../../lib/runs/calibrate.ts";
import { evaluateRun } from "../../../lib/runs/evaluate.ts";
import { loadCarded } from "../../../lib/runs/folder/card.ts";
import { weightsPath } from "../../../lib/runs/folder/folder.ts";
import { type Answer, answerLine, answerRow } from "../../../lib/runs/predict/answer.ts";
import { inputsOf } from "../../../lib/runs/predict/inputs.ts";
import { openJudge, weightsIn } from "../../../lib/runs/predict/judge.ts";
import { newestDemoRun } from "../../../lib/runs/predict/newest_demo.ts";
import { predict, type PredictOptions } from "../../../lib/runs/predict/predict.ts";
import { readAhead } from "../../../lib/runs/predict/read_ahead.ts";
import { trainRun } from "../../../lib/runs/train.ts";
import { commandLine } from "../../command_line.ts";
import { picture, withFolder, writeFiles, writePictures } from "../../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const train = await writePictures(join(root, "train"), { videos: 8 });
const held = await writePictures(join(root, "held"), { videos: 20, seed: 1 });
const others = await writePictures(join(root, "others"), { videos: 6, seed: 2 });
const cacheFolder = join(root, "tokens");
const place = { real: train.real, fake: train.fake, out: join(root, "runs"), run: "first", cacheFolder };
const config = { ...place, clip: "demo", feedForward: 32, depth: 1, epochs: 2, batchSize: 4 } as const;
await Array.fromAsync(trainRun(config));
const run = join(root, "runs", "first");
const test = [`held=${held.real},${held.fake}`];

/** What is answered about paths, by the run's weights as they are at that time. */
async function answered(
  paths: readonly string[],
  options: PredictOptions & { readonly alpha?: number } = {},
): Promise<Answer[]> {
  const judge = await openJudge(weightsPath(run, 0), { alpha: options.alpha ?? 0.05 });
  try {
    return await Array.fromAsync(predict(judge, paths, options));
  } finally {
    judge.close();
  }
}

Deno.test("predict() without calibration gives scores, and no verdict but 'not sure'", async () => {
  const answers = await answered([others.real, others.fake]);
  assertEquals(answers.length, 24);
  assertEquals([...new Set(answers.map(({ verdict }) => verdict))], ["not sure"]);
  assert(answers.every(({ score }) => score! > 0 && score! < 1));
});

Deno.test("predict() gives bit for bit the scores that evaluateRun() writes, and by calibration verdicts", async () => {
  await calibrateRun(run, { given: { test, cacheFolder } });
  const into = join(root, "evaluated");
  await evaluateRun({
    ...config,
    real: undefined,
    fake: undefined,
    test: [`others=${others.real},${others.fake}`],
  }, {
    ...{ named: true, folder: run, into },
  });
  const [head, ...lines] = (await Deno.readTextFile(join(into, "predictions.csv"))).trim().split("\n");
  const columns = head.split(",");
  const written = lines.map((line) => line.split(","));
  const scores = written.map((values) => Number(values[columns.indexOf("score")]));
  const answers = await answered([others.real, others.fake]);
  assertEquals(
    answers.map(({ path }) => path.split("/").slice(-3).join("/")),
    written.map((values) => values[columns.indexOf("path")]),
  );
  assertEquals(answers.map(({ score }) => score), scores);
  const judge = await openJudge(weightsPath(run, 0), { alpha: 0.05 });
  const { notRealAbove, notFakeBelow } = judge.thresholds!.image;
  judge.close();
  for (const { score, verdict } of answers) {
    const [notReal, notFake] = [score! > notRealAbove!, score! < notFakeBelow!];
    assertEquals(verdict, notReal === notFake ? "not sure" : notReal ? "fake" : "real");
  }
});

Deno.test("predict() answers in the order given whatever can be read, and says of the rest why not", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, {
      "a.png": await picture(true, { seed: 5 }),
      "b.txt": "passed over in a folder",
      "sub/c.png": await picture(false, { seed: 6 }),
      "sub/masks/c.png": await picture(false, { seed: 7 }),
      "z/broken.jpg": (await picture(false, { seed: 8, format: "jpeg" })).slice(0, 400),
    });
    await Deno.mkdir(join(folder, "empty"));
    const even = sharp({ create: { width: 90, height: 90, channels: 3, background: "gray" } });
    await even.clone().toFile(join(folder, "z/even.png"));
    await sharp(await picture(true, { seed: 9 })).resize(30, 30).toFile(join(folder, "z/tiny.png"));
    const paths = [folder, join(folder, "b.txt"), join(folder, "empty"), join(folder, "none.png")];
    const answers = await answered(paths);
    const said = answers.map(({ path, verdict, reason }) => (
      { path: path.slice(folder.length + 1), verdict, reason }
    ));
    assertEquals(said.map(({ path }) => path), [
      ...["a.png", "sub/c.png", "z/broken.jpg", "z/even.png", "z/tiny.png", "b.txt", "empty", "none.png"],
    ]);
    const reasonFor = (path: string) => said.find((each) => each.path === path)!;
    assertStringIncludes(reasonFor("z/broken.jpg").reason, "truncated or damaged");
    assertEquals(reasonFor("z/even.png").reason, "blurred: sharpness 0, of at least 30");
    assertEquals(reasonFor("z/tiny.png").reason, "too small: 30 pixels, of at least 40");
    assertStringIncludes(reasonFor("b.txt").reason, "found text");
    assertEquals(reasonFor("empty").reason, "a folder without any image or video");
    assertEquals(reasonFor("none.png").verdict, "not read");
    assertEquals([reasonFor("z/even.png").verdict, reasonFor("z/tiny.png").verdict], [
      "cannot say",
      "cannot say",
    ]);
  });
});

Deno.test("predict() promises nothing at a risk for which the calibration has too few videos", async () => {
  const judge = await openJudge(weightsPath(run, 0), { alpha: 0.01 });
  assertEquals(judge.thresholds!.video.notRealAbove, null);
  assertStringIncludes(
    judge.notes.join("\n"),
    "Nothing is called fake: 20 reals are too few for 1 %, which takes 99.",
  );
  judge.close();
  const answers = await answered([others.fake], { alpha: 0.01 });
  assertEquals(new Set(answers.map(({ verdict }) => verdict)), new Set(["not sure"]));
  await assertRejects(
    () => openJudge(weightsPath(run, 0), { alpha: 0 }),
    InputError,
    "expected a risk alpha",
  );
});

Deno.test("predict() answers about a path before the next one comes, and stops while it waits for one", async () => {
  const path = join(others.real, "r0", "0.png");
  const judge = await openJudge(weightsPath(run, 0), { alpha: 0.05 });
  const [next, never] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const stop = new AbortController();
  const paths = async function* () {
    yield path;
    await next.promise;
    yield path;
    await never.promise;
  };
  try {
    const answers = predict(judge, paths(), { signal: stop.signal });
    assertEquals((await answers.next()).value.path, path);
    next.resolve();
    assertEquals((await answers.next()).value.path, path);
    const waiting = answers.next();
    stop.abort(new Error("stopped"));
    await assertRejects(() => waiting, Error, "stopped");
  } finally {
    never.resolve();
    judge.close();
  }
});

Deno.test("readAhead() keeps the order, reads no more than it may, and gives all before a fault", async () => {
  let [busy, most] = [0, 0];
  const items = async function* () {
    for (const item of [5, 1, 4, 2, 3]) yield await Promise.resolve(item);
    throw new Error("no more");
  };
  const load = async (item: number) => {
    most = Math.max(most, ++busy);
    await new Promise((resolve) => setTimeout(resolve, item));
    busy--;
    return item;
  };
  const given: (number | undefined)[] = [];
  await assertRejects(
    async () => {
      for await (const item of readAhead(items(), load, { most: 2 })) given.push(item);
    },
    Error,
    "no more",
  );
  assertEquals(given, [5, 1, 4, 2, 3]);
  assertEquals(most, 2);
});

Deno.test("inputsOf() names what cannot be read in a folder by the folder too", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, { "a/b\nc.png": "", "a/d.png": "" });
    await Deno.symlink(join(folder, "a"), join(folder, "again")); // its pictures are answered about once
    await Deno.symlink(folder, join(folder, "a/up"));
    assertEquals(await Array.fromAsync(inputsOf([folder])), [
      { path: join(folder, "a/b\\nc.png"), kind: "unread", fault: "a line feed in its name" },
      { path: join(folder, "a/d.png"), kind: "image" },
    ]);
  });
});

Deno.test("predict() takes a file for what its content is, whatever its name says, and reads no large file that is nothing", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, {
      "photo.mp4": await picture(true, { seed: 5 }),
      "no-suffix": await picture(true, { seed: 5 }),
      "text.mp4": "#EXTM3U\n/etc/passwd\n",
      "film.jpg": Uint8Array.of(0, 0, 0, 24, ...new TextEncoder().encode("ftypisom"), ...new Uint8Array(200)),
    });
    const large = join(folder, "large.jpg");
    await Deno.writeTextFile(large, "");
    await Deno.truncate(large, 2 ** 33); // takes no place on the disk
    await Deno.symlink(join(folder, "gone.png"), join(folder, "link.png"));
    const names = ["photo.mp4", "no-suffix", "text.mp4", "film.jpg", "large.jpg", "link.png"];
    const answers = await answered(names.map((name) => join(folder, name)));
    assertEquals(answers.map(({ kind }) => kind), ["image", "image", ...new Array(4).fill("unread")]);
    // In float32 the sums of a row are taken in another order at another place of a batch.
    assertAlmostEquals(answers[0].score!, answers[1].score!, 1e-6);
    const [, , text, film, zeros, link] = answers.map(({ reason }) => reason);
    assertStringIncludes(text, "text, as of a playlist");
    assertStringIncludes(film, "truncated: no index of frames (moov)"); // a video's fault, and not an image's
    assertStringIncludes(zeros, "found 8589934592 bytes of no known image format");
    assertEquals(link, "a link to what is not there");
  });
});

Deno.test("predict() says of a moving picture that the first of its pictures is judged", async () => {
  await withFolder(async (folder) => {
    const frames = await Promise.all(
      [5, 6, 7].map(async (seed) =>
        await sharp(await picture(true, { seed })).resize(90, 90).removeAlpha().raw().toBuffer()
      ),
    );
    const raw = { width: 90, height: 270, channels: 3, pageHeight: 90 } as const;
    for (const name of ["moving.gif", "moving.webp"]) {
      const path = join(folder, name);
      await sharp(Buffer.concat(frames), { raw }).toFile(path);
      const [{ reason }] = await answered([path]);
      assertEquals(reason, "the first of 3 pictures");
    }
  });
});

Deno.test("inputsOf() does not read from pipes and devices, which may never end", async () => {
  await withFolder(async (folder) => {
    const pipe = join(folder, "pipe.jpg");
    const { success } = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    assert(success);
    const fault = "neither a file nor a folder";
    assertEquals(await Array.fromAsync(inputsOf([pipe, "/dev/zero"])), [
      { path: pipe, kind: "unread", fault },
      { path: "/dev/zero", kind: "unread", fault },
    ]);
  });
});

Deno.test("inputsOf() is asked for one file at a time", async () => {
  let asked = 0;
  const paths = function* () {
    for (;; asked++) yield join(others.real, "r0", "0.png");
  };
  for await (const input of inputsOf(paths())) {
    assertEquals(input.kind, "image");
    if (asked === 3) break;
  }
  assertEquals(asked, 3);
});

Deno.test("answerLine() and answerRow() say what is known, and nothing of the rest", () => {
  const face: Answer = {
    ...{ path: "a.jpg", kind: "image", face: 2, faces: 3, score: 0.25, verdict: "not sure", reason: "" },
    box: { x: 1, y: 2, width: 3, height: 4 },
  };
  assertEquals(answerLine(face), "not sure    0.250  a.jpg face 2 of 3");
  const row = answerRow(face, { alpha: 0.05, detector: "first" });
  assertEquals([row.x, row.height, row.frames, row.alpha, row.detector], [1, 4, undefined, 0.05, "first"]);
  const video: Answer = {
    ...{ path: "v.mp4", kind: "video", frames: 8, score: null, verdict: "cannot say", reason: "no face" },
  };
  assertEquals(answerLine(video), "cannot say    –    v.mp4  (8 frames; no face)");
});

Deno.test("newestDemoRun() passes over runs on other data, and weightsIn() says what it misses", async () => {
  await assertRejects(() => newestDemoRun(join(root, "runs")), InputError, "expected --checkpoint RUN");
  await assertRejects(() => newestDemoRun(join(root, "nothing")), InputError, "expected --checkpoint RUN");
  assertEquals(await weightsIn(run), weightsPath(run, 0));
  await assertRejects(() => weightsIn(root), InputError, "expected trained weights in");
  await assertRejects(() => weightsIn(join(root, "gone")), InputError, "found nothing there");
});

Deno.test("predict on the command line writes a line a file, JSON and CSV, and its exit code says whether all were read", async () => {
  const cache = join(root, "facts");
  const [json, csv] = ["answers.jsonl", "answers.csv"].map((name) => join(root, name));
  const files = [join(others.real, "r0"), join(root, "gone.png")];
  const { code, out, err } = await commandLine(
    ["predict", ...files, "--checkpoint", run, "--jsonl", json, "--csv", csv, "--columns", "dfdc"],
    { cache },
  );
  assertEquals(code, 1);
  assertStringIncludes(err, "gone.png");
  assertStringIncludes(out, "Of videos like those of held test (20 reals, 20 fakes), and of no others");
  const rows = (await Deno.readTextFile(json)).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(rows.map(({ kind }) => kind), ["image", "image", "unread"]);
  const { card } = await loadCarded(weightsPath(run, 0));
  assertEquals(rows[0].detector, card!.config!.run);
  const lines = (await Deno.readTextFile(csv)).trim().split("\n");
  assertEquals(lines, [
    "filename,label",
    ...rows.slice(0, 2).map(({ path, score }) => `${path.split("/").at(-1)},${score}`),
  ]);
  for (
    const [flags, message] of [
      [["--columns", "dfdc"], "expected --csv FILE with --columns dfdc but found none"],
      [["-"], "expected - alone, for paths from standard input"],
      [["--csv", root], "expected a file for --csv but found a folder"],
    ] as const
  ) {
    const refused = await commandLine(["predict", files[0], ...flags, "--checkpoint", run], { cache });
    assertEquals([refused.code, refused.out], [2, ""]);
    assertStringIncludes(refused.err, message);
  }
  const good = await commandLine(["predict", join(others.real, "r0"), "--checkpoint", run], { cache });
  assertEquals([good.code, good.err], [0, ""]);
});

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { sha256 } from "../../lib/base/checksum.ts";
import { shareOf } from "../../lib/base/shard.ts";
import { readFolders } from "../../lib/data/folders.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { type PrepareOptions, prepareVideos } from "../../lib/videos/prepare.ts";
import { putFolder } from "../../lib/videos/whole_frames.ts";
import { commandLine } from "../command_line.ts";
import { ffmpeg, film, withFfmpeg } from "../ffmpeg.ts";
import { withFolder, writeFiles } from "../folders.ts";
import { faceFilm } from "./face_films.ts";

/** The digest of each file below a folder, by its path. */
async function filesIn(folder: string, below = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    const path = join(below, name);
    if (isDirectory) Object.assign(found, await filesIn(folder, path));
    else found[path] = sha256(await Deno.readFile(join(folder, path)), { digits: 12 });
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function prepare(set: string, options: PrepareOptions) {
  return await prepareVideos(await readSet({ name: "s", path: set }), { frames: 3, ...options });
}

const share = (number: number, count = 3) => ({ shard: { number, count } });

/** Five reals and three fakes, one of which cannot be read. */
async function films(set: string): Promise<void> {
  await film(`${set}/real/a.mp4`);
  for (const name of ["real/b", "real/c", "real/d", "real/e", "fake/f", "fake/i"]) {
    await Deno.mkdir(join(set, name, ".."), { recursive: true });
    await Deno.copyFile(`${set}/real/a.mp4`, `${set}/${name}.mp4`);
  }
  await writeFiles(set, { "fake/h.mp4": "no video" });
}

withFfmpeg(
  "prepareVideos() in shards, in any order, again and at once, makes the one call's folder, and nobody reads it before",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await films(set);
      const alone = await prepare(set, { into: join(root, "alone") });
      const expected = await filesIn(join(root, "alone"));
      assertEquals(alone.left, 0);

      const into = join(root, "into");
      const first = await prepare(set, { into, ...share(3) });
      const second = await prepare(set, { into, ...share(1) });
      assert(first.left > 0 && second.left > 0 && second.left < first.left, `${first.left} ${second.left}`);
      assertEquals(first.coverage.length + first.left, 8);
      const refusal = "expected a folder whose videos are all prepared but found that prepare was stopped";
      for (const path of [into, join(into, "real")]) {
        await assertRejects(() => readSet({ name: "s", path, layout: "folders" }), InputError, refusal);
      }
      const parts = { real: join(into, "real"), fake: join(into, "fake") };
      await assertRejects(() => readFolders(parts, { set: "s" }), InputError, refusal);
      await assertRejects(
        () => prepare(set, { into, ...share(2), frames: 4 }),
        InputError,
        "expected the settings that it was begun with",
      );
      assertEquals(await prepare(set, { into, ...share(1) }), second);
      const last = await prepare(set, { into, ...share(2) });
      assertEquals(last, alone);
      assertEquals(await filesIn(into), expected);
      assertEquals((await readSet({ name: "s", path: into })).videos.length, 7);
      // Whole as it is, each share again is whole too.
      for (const number of [1, 2, 3]) assertEquals(await prepare(set, { into, ...share(number) }), alone);
      assertEquals(await filesIn(into), expected);

      // All at once, one of them twice, into a folder that none has begun.
      const many = join(root, "many");
      const ends = await Promise.all(
        [1, 2, 2, 3].map((number) => prepare(set, { into: many, ...share(number) })),
      );
      assertEquals(await filesIn(many), expected);
      assert(ends.some(({ left }) => left === 0));

      // What one share made is taken by a call for all of them.
      const rest = join(root, "rest");
      await prepare(set, { into: rest, ...share(2) });
      assertEquals(await prepare(set, { into: rest }), alone);
      assertEquals(await filesIn(rest), expected);
    });
  },
);

withFfmpeg(
  "prepareVideos() with a shard leaves what a living share works on, and clears a dead one's",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await films(set);
      const into = join(root, "into");
      const partial = join(into, ".partial");
      const work = async () =>
        (await Array.fromAsync(Deno.readDir(partial)).catch(() => [])).map(({ name }) => name).sort();
      await writeFiles(partial, { "share-00000000/0/000.png": "", "share-00000000/alive.1-x.tmp": "" });
      await Deno.utime(join(partial, "share-00000000/alive.1-x.tmp"), 0, 0);
      let living: string[] = [];
      const whole = prepare(set, { into: join(root, "alone") });
      let other: Promise<unknown> | undefined;
      await prepare(set, {
        into,
        workers: 1,
        ...share(1, 1),
        onProgress: () => {
          // Begins and ends beside this one, whose work stays.
          other ??= work().then(async (names) => {
            living = names;
            await prepare(set, { into, ...share(2) });
            assert((await work()).every((name) => living.includes(name)));
          });
        },
      });
      await other;
      assertEquals(living.length, 1);
      await whole;
      assertEquals(await filesIn(into), await filesIn(join(root, "alone")));
    });
  },
);

withFfmpeg(
  "prepareVideos() with a shard makes a failed video again, and everybody's table says so",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await films(set);
      const into = join(root, "into");
      for (const number of [1, 2, 3]) await prepare(set, { into, ...share(number) });
      await Deno.copyFile(`${set}/real/a.mp4`, `${set}/fake/h.mp4`);
      const ends = [];
      for (const number of [1, 2, 3]) ends.push(await prepare(set, { into, ...share(number) }));
      assertEquals(ends[2].coverage.map(({ got }) => got), Array(8).fill(3));
      await prepare(set, { into: join(root, "alone") });
      assertEquals(await filesIn(into), await filesIn(join(root, "alone")));
    });
  },
);

withFfmpeg(
  "prepareVideos() with faces in shards keeps a pair together, and makes the one call's folder",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      const real = (id: string) => `${set}/original_sequences/youtube/c23/videos/${id}.mp4`;
      const fake = (method: string, id: string) =>
        `${set}/manipulated_sequences/${method}/c23/videos/${id}.mp4`;
      await faceFilm(real("000"), { frames: 6, faces: [{ x: "20+6*n" }] });
      await ffmpeg("-i", real("000"), "-vf", "hflip", "-qp", "12", real("003"));
      await faceFilm(real("005"), { frames: 6, faces: [{ y: -30 }] }); // numbers below 0, which are no formulas
      await faceFilm(fake("Deepfakes", "000_003"), {
        frames: 6,
        faces: [{ x: "20+6*n" }],
        filter: "hue=h=60",
      });
      await faceFilm(fake("Deepfakes", "003_000"), { frames: 6, filter: "hue=h=90" });
      await faceFilm(fake("FaceSwap", "000_003"), {
        frames: 5,
        faces: [{ x: "20+6*n" }],
        filter: "hue=h=120",
      });
      const faces = { align: "gend" } as const;
      const alone = join(root, "alone");
      await prepare(set, { into: alone, faces });
      const expected = await filesIn(alone);
      assertStringIncludes(Object.keys(expected).join(" "), "contact-sheet.jpg");

      // The first is stopped between a real and its fakes.
      const groups = ["real youtube/000", "real youtube/003", "real youtube/005"];
      const number = [1, 2, 3].find((each) =>
        shareOf(groups, { ...share(each), nameOf: (key) => key }).length > 0
      )!;
      const into = join(root, "into");
      const stop = new AbortController();
      await assertRejects(
        () =>
          prepare(set, {
            ...{ into, faces, workers: 1, signal: stop.signal },
            ...share(number),
            onProgress: () => stop.abort(new Error("stopped here")),
          }),
        Error,
        "stopped here",
      );
      await Promise.all([3, 2, 1, number].map((each) => prepare(set, { into, faces, ...share(each) })));
      assertEquals(await filesIn(into), expected);
      assertMatch(await Deno.readTextFile(join(into, "faces.csv")), /^youtube\/005,\d+,[\d.]+,-\d/m);
      await Promise.all([1, 2].map((each) => prepare(set, { into, faces, ...share(each) })));
      assertEquals(await filesIn(into), expected);
      // A crop that was lost is made again, of a fake by what is known of its real.
      const [lost] = Object.keys(expected).filter((path) => /Deepfakes.*000_003.*png/.test(path));
      await Deno.remove(join(into, lost));
      await Promise.all([1, 2, 3].map((each) => prepare(set, { into, faces, ...share(each) })));
      assertEquals(await filesIn(into), expected);
    });
  },
);

withFfmpeg(
  "prepare --shards is killed, stopped by a signal that its processes hear, and goes on",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await films(set);
      const cache = join(root, "cache");
      const line = (into: string, more: readonly string[], how = {}) =>
        commandLine(["prepare", "--data", `s=${set}`, "--frames", "3", "--into", join(root, into), ...more], {
          ...{ cache, ...how },
        });
      const bad = await line("into", ["--shard", "4/3"]);
      assertEquals([bad.code, bad.err.trim()], [
        2,
        "Cannot prepare a shard: expected --shard I/N with I from 1 to N, such as 2/8, but found 4/3",
      ]);
      assertEquals((await line("into", ["--shard", "1/3", "--shards", "3"])).code, 2);
      const killed = await line("into", ["--shard", "1/2"], { interruptAt: /8 videos/, signal: "SIGKILL" });
      assertEquals(killed.code, 137);
      // A signal is passed on after two seconds, so there has to be work for longer.
      const long = join(root, "long");
      await Deno.mkdir(join(long, "real"), { recursive: true });
      const noise = "color=gray:size=1280x720:rate=25:duration=2,noise=alls=60:allf=t";
      await ffmpeg("-f", "lavfi", "-i", noise, "-preset", "ultrafast", "-qp", "36", join(root, "noise.mp4"));
      await ffmpeg(
        "-stream_loop",
        "29",
        "-i",
        join(root, "noise.mp4"),
        "-c",
        "copy",
        join(long, "real/a.mp4"),
      );
      await Deno.mkdir(join(long, "fake"));
      await Deno.link(join(long, "real/a.mp4"), join(long, "fake/b.mp4"));
      const stopped = await commandLine(
        ["prepare", "--data", `s=${long}`, "--frames", "3", "--into", join(root, "stopped"), "--shards", "2"],
        { cache, interruptAt: /\[1\/2\] s: .*2 videos/, signal: "SIGTERM" },
      );
      assertEquals(stopped.code, 143, stopped.err);
      assertStringIncludes(stopped.err, "The same command goes on.");
      const slurm = await line("into", [], {
        env: {
          SLURM_ARRAY_TASK_ID: "7",
          SLURM_ARRAY_TASK_MIN: "7",
          SLURM_ARRAY_TASK_MAX: "8",
          SLURM_ARRAY_TASK_COUNT: "2",
        },
      });
      assertEquals([slurm.code, slurm.err], [0, ""]);
      assertStringIncludes(slurm.out, "This is a task of a Slurm array: shard 1/2");
      const whole = await line("into", ["--shards", "2"]);
      assertEquals([whole.code, whole.err], [0, ""]);
      assertStringIncludes(whole.out, "Next: deno task train");
      await line("alone", []);
      const found = await filesIn(join(root, "into"));
      assertEquals(
        Object.fromEntries(Object.entries(found).filter(([path]) => !path.startsWith(".partial/"))), // of the one that was killed
        await filesIn(join(root, "alone")),
      );
    });
  },
);

Deno.test("putFolder() replaces another folder, and leaves one of the same files that was put there before", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "work/1.png": "new", "a/b/1.png": "old", "a/b/2.png": "old" });
    await putFolder(join(root, "work"), join(root, "a/b"));
    assertEquals(Object.keys(await filesIn(root)), ["a/b/1.png"]);
    await writeFiles(root, { "work/1.png": "new" });
    const { ino } = await Deno.stat(join(root, "a/b"));
    await putFolder(join(root, "work"), join(root, "a/b"));
    assertEquals((await Deno.stat(join(root, "a/b"))).ino, ino);
    const many = Array.from({ length: 8 }, (_, i) => `w${i}`);
    for (const work of many) await writeFiles(root, { [`${work}/1.png`]: "same", [`${work}/2.png`]: "same" });
    await Promise.all(many.map((work) => putFolder(join(root, work), join(root, "a/b"))));
    assertEquals(await filesIn(join(root, "a/b")), {
      "1.png": sha256("same", { digits: 12 }),
      "2.png": sha256("same", { digits: 12 }),
    });
  });
});

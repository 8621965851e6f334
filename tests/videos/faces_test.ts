import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { InputError } from "../../lib/base/errors.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { cropOf } from "../../lib/data/prepared.ts";
import { readNpy } from "../../lib/faces/npy.ts";
import type { Coverage } from "../../lib/videos/coverage.ts";
import { type PrepareOptions, prepareVideos } from "../../lib/videos/prepare.ts";
import { ffmpeg, withFfmpeg } from "../ffmpeg.ts";
import { withFolder } from "../folders.ts";
import { faceFilm, portrait } from "./face_films.ts";

const names = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

async function prepare(set: string, options: PrepareOptions) {
  return await prepareVideos(await readSet({ name: "s", path: set }), { frames: 8, ...options });
}

const rowOf = (coverage: readonly Coverage[], video: string) => coverage.find((row) => row.video === video)!;

/** The boxes of a video in `faces.csv`, as lines without the video's name and class. */
async function facesOf(into: string, video: string): Promise<string[][]> {
  const lines = (await Deno.readTextFile(join(into, "faces.csv"))).trim().split("\n").map((line) =>
    line.split(",")
  );
  return lines.filter(([name]) => name === video).map((line) => line.slice(1).filter((_, i) => i !== 7));
}

withFfmpeg(
  "prepareVideos() finds, follows, chooses and crops faces, and says of each video what it found",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await faceFilm(`${set}/real/moved.mp4`, { faces: [{ x: "20+6*n" }] });
      await faceFilm(`${set}/real/turned.mp4`, { filter: "transpose=clock" });
      // Upright again once a player turns it as the file says.
      const turned = `${set}/real/turned.mp4`;
      await ffmpeg("-i", turned, "-metadata:s:v", "rotate=90", "-c", "copy", "-y", `${root}/turned.mp4`);
      await Deno.rename(`${root}/turned.mp4`, turned);
      await faceFilm(`${set}/real/late.mp4`, { faces: [{ when: "gte(n,10)" }] });
      const scenes = [{ x: 10, when: "lt(n,6)" }, { x: 130, y: 50, when: "gte(n,6)" }];
      await faceFilm(`${set}/fake/cut.mp4`, { faces: scenes });
      await faceFilm(`${set}/fake/blurred.mp4`, { faces: [{ blur: 4 }] });
      await faceFilm(`${set}/fake/small.mp4`, { faces: [{ side: 60 }] });
      await faceFilm(`${set}/fake/edge.mp4`, { faces: [{ y: -30 }] });
      await ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "mandelbrot=size=320x240:rate=10",
        "-frames:v",
        "9",
        `${set}/fake/none.mp4`,
      );
      const into = join(root, "crops");
      const { coverage, warnings } = await prepare(set, {
        into,
        faces: { align: "similarity", size: 96, leastSide: 36 },
      });
      const said = (video: string) => {
        const { got, tracks, chosen, note } = rowOf(coverage, video);
        return [got, tracks, chosen, note];
      };
      assertEquals(said("real/moved"), [8, 1, "only", ""]);
      assertEquals(said("real/turned"), [8, 1, "only", ""]);
      assertEquals(said("real/late"), [4, 1, "only", "no face in 4 of 8 frames"]);
      assertEquals(said("fake/cut"), [
        5,
        2,
        "longest of 2",
        "the face that was chosen is not in 3 others; 2 faces, of which the longest one is taken",
      ]);
      assertEquals(said("fake/blurred"), [8, 1, "only", "blurred"]);
      assertEquals(said("fake/small").slice(0, 3), [0, 0, "no face"]);
      assertEquals(said("fake/edge"), [8, 1, "only", "8 cut off by the frame"]);
      assertEquals(said("fake/none").slice(0, 3), [0, 0, "no face"]);
      assert(warnings.some((text) => text.includes("% of the real frames were made and")), `${warnings}`);

      // The face of the portrait, in frames of the moved one: eyes at the template's, whatever the frame.
      assertEquals(
        await names(join(into, "real/moved")),
        [0, 2, 5, 8, 10, 13, 16, 19].map((n) => `${String(n).padStart(3, "0")}.png`),
      );
      const { width, height } = await sharp(join(into, "real/moved/019.png")).metadata();
      assertEquals([width, height], [96, 96]);
      for (const frame of ["000", "019"]) {
        const path = join(into, `real/landmarks/moved/${frame}.npy`);
        const points = readNpy(await Deno.readFile(path), path);
        // The template's eyes at 96 pixels with a margin of 1.3, within what a similarity leaves of five points.
        const expected = [0.3856, 0.4705, 0.6281, 0.4692].map((value) => value * 96);
        for (const [i, value] of expected.entries()) {
          assert(Math.abs(points[i] - value) < 4, `${frame}: ${points}`);
        }
      }
      // 68 points instead of five: the same crop, and dlib's eyes around those that the detector found.
      const dense = join(root, "dense");
      const reading = await readSet({ name: "s", path: set });
      const videos = reading.videos.filter(({ id }) => id === "real/moved");
      await prepareVideos({ ...reading, videos }, {
        ...{ into: dense, frames: 2 },
        faces: { align: "similarity", size: 96, leastSide: 36, points: 68 },
      });
      const file = join(dense, "real/landmarks/moved/000.npy");
      const all = readNpy(await Deno.readFile(file), file);
      assertEquals(all.length, 2 * 68);
      const five = join(into, "real/landmarks/moved/000.npy");
      const eyes = readNpy(await Deno.readFile(five), five);
      const middle = (from: number, to: number, axis: 0 | 1) => {
        const some = Array.from({ length: to - from }, (_, i) => all[2 * (from + i) + axis]);
        return some.reduce((sum, value) => sum + value, 0) / some.length;
      };
      for (const [eye, from] of [[0, 36], [1, 42]] as const) {
        for (const axis of [0, 1] as const) {
          const found = middle(from, from + 6, axis);
          assert(Math.abs(found - eyes[2 * eye + axis]) < 4, `${found} and ${eyes.slice(0, 4)}`);
        }
      }
      const crops = [into, dense].map((folder) => Deno.readFile(join(folder, "real/moved/000.png")));
      const [sparse, other] = await Promise.all(crops);
      assertEquals(sparse, other);
      // One line a crop; the box moves by 6 pixels a frame.
      const moved = (await facesOf(into, "real/moved")).map((line) => line.map(Number));
      assertEquals(moved.length, 8);
      const [first, last] = [moved[0], moved[7]];
      assert(Math.abs(last[1] - first[1] - 6 * 19) < 6, `${first} ${last}`);
      // Reading the folder again, lists of points and the sheet are not in the way.
      const again = await readSet({ name: "s", path: into });
      assertEquals(again.videos.map(({ id }) => id).sort(), [
        ...["fake/blurred", "fake/cut", "fake/edge", "real/late", "real/moved", "real/turned"],
      ]);
      assertEquals(again.skipped, []);
      assertEquals((await cropOf(into, { samples: [], facts: new Map() })).text, "aligned (similarity, 96)");
      const sheet = await sharp(join(into, "contact-sheet.jpg")).metadata();
      assert(sheet.width > 1000 && sheet.height > 300, `${sheet.width} × ${sheet.height}`);

      // What was found crops another folder alike.
      const boxes = join(into, "faces.csv");
      const square = await prepare(set, { into: join(root, "squares"), faces: { leastSide: 36 } });
      assertEquals(rowOf(square.coverage, "real/moved").got, 8);
      await prepare(set, { into: join(root, "boxed"), boxes });
      const files = await names(join(root, "boxed/real/moved"));
      assertEquals(files.length, 8);
      for (const file of files) {
        const [a, b] = await Promise.all(
          ["squares", "boxed"].map((name) => sharp(join(root, name, "real/moved", file)).raw().toBuffer()),
        );
        assertEquals(a, b);
      }
    });
  },
);

/** A tree as FaceForensics++'s: a large face on the left, and a small one on the right that the mask marks. */
async function pairTree(root: string): Promise<void> {
  const faces = [{ side: 160, x: 0, y: 40 }, { side: 120, x: 190, y: 60 }];
  const real = `${root}/original_sequences/youtube/c23/videos`;
  const fake = `${root}/manipulated_sequences/Deepfakes`;
  await faceFilm(`${real}/000.mp4`, { faces });
  await faceFilm(`${fake}/c23/videos/000_003.mp4`, { faces, filter: "hue=h=60" });
  await Deno.mkdir(`${fake}/masks/videos`, { recursive: true });
  await ffmpeg(
    ...["-f", "lavfi", "-i", "color=black:size=320x240:rate=10:duration=2"],
    ...["-vf", "drawbox=x=220:y=80:w=60:h=70:color=white:t=fill", "-pix_fmt", "yuv420p"],
    `${fake}/masks/videos/000_003.mp4`,
  );
  const swap = `${root}/manipulated_sequences/FaceSwap/c23/videos`;
  // Of other sides and fewer frames; and of another shape.
  await faceFilm(`${swap}/000_003.mp4`, { faces, frames: 14, filter: "scale=480:360" });
  await faceFilm(`${root}/manipulated_sequences/Face2Face/c23/videos/000_003.mp4`, {
    faces,
    filter: "crop=240:240:80:0",
  });
}

withFfmpeg(
  "prepareVideos() crops a fake as its real, the face that the mask marks, and goes on alike",
  async () => {
    await withFolder(async (root) => {
      const set = join(root, "set");
      await pairTree(set);
      const into = join(root, "crops");
      const { coverage } = await prepare(set, { into, faces: { align: "deepfakebench" } });
      const said = (video: string) => {
        const { got, chosen, note } = rowOf(coverage, video);
        return [got, chosen, note];
      };
      assertEquals(said("youtube/000"), [8, "masked", "2 faces, of which the masked one is taken"]);
      assertEquals(said("Deepfakes/000_003"), [8, "as youtube/000", ""]);
      assertEquals(said("FaceSwap/000_003"), [8, "as youtube/000", "boxes are scaled from 320 × 240"]);
      assertEquals(said("Face2Face/000_003").slice(0, 2), [8, "only"]);
      assertStringIncludes(
        rowOf(coverage, "Face2Face/000_003").note,
        "its frames have another shape than those of its real youtube/000: by its own faces",
      );
      const real = await facesOf(into, "youtube/000");
      assertEquals(real.length, 8);
      assert(Number(real[0][1]) > 190, `the face on the right, not ${real[0]}`);
      assertEquals(await facesOf(into, "Deepfakes/000_003"), real);
      // All of the frames are among the 14 that each has.
      assertEquals(real.map(([frame]) => Number(frame)), [0, 1, 3, 5, 7, 9, 11, 13]);
      const points = await Promise.all(
        [
          "original_sequences/youtube/c23/landmarks/000",
          "manipulated_sequences/Deepfakes/c23/landmarks/000_003",
        ].map(
          async (folder) => await Deno.readFile(join(into, folder, "007.npy")),
        ),
      );
      assertEquals(points[0], points[1]);

      // Interrupted after the real, and gone on: the fakes are cropped by what was kept of it.
      const stopped = join(root, "stopped");
      const stop = new AbortController();
      await assertRejects(
        () =>
          prepare(set, {
            into: stopped,
            faces: { align: "deepfakebench" },
            workers: 1,
            signal: stop.signal,
            onProgress: () => stop.abort(new Error("stopped here")),
          }),
        Error,
        "stopped here",
      );
      assertEquals(await names(stopped), [".unfinished", "original_sequences", "prepare.json"]);
      await assertRejects(
        () => readSet({ name: "s", path: stopped }),
        InputError,
        "expected a folder whose videos are all prepared",
      );
      await assertRejects(
        () => prepare(set, { into: stopped, faces: { align: "similarity" } }),
        InputError,
        "align deepfakebench at 256",
      );
      await prepare(set, { into: stopped, faces: { align: "deepfakebench" } });
      assertEquals(await names(stopped), await names(into));
      for (const name of ["coverage.csv", "faces.csv", "contact-sheet.jpg"]) {
        assertEquals(await Deno.readFile(join(stopped, name)), await Deno.readFile(join(into, name)), name);
      }
    });
  },
);

withFfmpeg("prepareVideos() finds faces in folders of frames and in pictures that EXIF turns", async () => {
  await withFolder(async (root) => {
    const set = join(root, "set");
    for (const video of ["real/anna", "fake/ben"]) {
      await Deno.mkdir(join(set, video), { recursive: true });
      for (const number of [3, 4, 5]) await Deno.copyFile(portrait, join(set, video, `${number}.png`));
    }
    await Deno.writeTextFile(join(set, "fake/ben/4.png"), "not a picture");
    // Stored on its side, and said to be: 6 is turned by 90 degrees to be looked at.
    const stored = await sharp(portrait).rotate(270).toBuffer();
    await sharp(stored).withMetadata({ orientation: 6 }).jpeg().toFile(join(set, "real/anna/6.jpg"));
    const into = join(root, "crops");
    const { coverage } = await prepare(set, { into, faces: { align: "gend" } });
    assertEquals(rowOf(coverage, "real/anna").got, 4);
    const ben = rowOf(coverage, "fake/ben");
    assertEquals(ben.got, 2);
    assertStringIncludes(ben.note, "1 of 3 frames cannot be read, such as 4.png: expected a JPEG");
    assertEquals(await names(join(into, "real/anna")), ["3.png", "4.png", "5.png", "6.png"]);
    assertEquals((await cropOf(into, { samples: [], facts: new Map() })).text, "aligned (gend, own size)");
  });
});

Deno.test("prepareVideos() refuses faces beside boxes, and choices that cannot be", async () => {
  await withFolder(async (root) => {
    for (const video of ["real/anna", "fake/ben"]) {
      await Deno.mkdir(join(root, "set", video), { recursive: true });
      await Deno.copyFile(portrait, join(root, "set", video, "0.png"));
    }
    const refused = async (options: Partial<PrepareOptions>, message: string) =>
      await assertRejects(
        () => prepare(join(root, "set"), { into: join(root, "x"), ...options }),
        InputError,
        message,
      );
    await refused({ faces: {}, landmarks: true }, "expected --faces, which finds boxes, or --landmarks");
    await refused({ faces: {}, boxes: "x.csv" }, "or --boxes, which gives them, but found both");
    await refused({ faces: { size: 256 } }, "expected a --size with an --align other than none");
    await refused(
      { faces: { align: "gend", size: 8 } },
      "expected a --size from 16 to 4096 pixels but found 8",
    );
    await refused({ faces: { leastScore: 2 } }, "expected a --least-score from 0 to 1 but found 2");
    await refused({ faces: { leastSide: 3 } }, "expected a --least-side from 12 to 4096 pixels but found 3");
  });
});

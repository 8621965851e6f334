import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { writeNpy } from "../../lib/faces/npy.ts";
import { misfit, readBoxes } from "../../lib/videos/boxes.ts";
import { InputError } from "../../lib/base/errors.ts";
import { cropSquare } from "../../lib/videos/crop.ts";
import { containerFault } from "../../lib/data/container.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { joinNames } from "../../lib/data/scan.ts";
import type { SetReading } from "../../lib/data/layouts/layout.ts";
import { prepareVideos } from "../../lib/videos/prepare.ts";
import { ffmpeg, film, withFfmpeg } from "../ffmpeg.ts";
import { withFolder, writeFiles } from "../folders.ts";

/** The bytes of a NumPy array of int32 or float32 points. */
const names = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

Deno.test("cropSquare() takes the longer side times the margin around the centre, within the frame", () => {
  const frame = { width: 200, height: 100, margin: 1.3 };
  assertEquals(cropSquare({ x: 80, y: 40, width: 40, height: 20 }, frame), {
    x: 74,
    y: 24,
    width: 52,
    height: 52,
  });
  // At an edge it moves, and no side is longer than the frame's.
  assertEquals(cropSquare({ x: 0, y: 0, width: 20, height: 20 }, frame), {
    x: 0,
    y: 0,
    width: 26,
    height: 26,
  });
  assertEquals(cropSquare({ x: 50, y: 0, width: 90, height: 100 }, frame), {
    x: 45,
    y: 0,
    width: 100,
    height: 100,
  });
  assertEquals(cropSquare({ x: 10, y: 10, width: 0, height: 5 }, frame), undefined);
  assertEquals(cropSquare({ x: 300, y: 10, width: 20, height: 20 }, frame), undefined);
});

Deno.test("readBoxes() finds videos by the end of their name, keeps the largest face, and refuses what is not clear", async () => {
  await withFolder(async (root) => {
    const videos = ["Deepfakes/000_003", "FaceSwap/000_003", "youtube/000"].map((id) => ({
      label: id.startsWith("y") ? 0 : 1,
      method: id.split("/")[0],
      id,
      identities: [],
      folder: "",
      frames: joinNames([]),
      file: `${root}/x/${id.replace("/", "/c23/videos/")}.mp4`,
    } as const));
    const read = async (text: string) => {
      await Deno.writeTextFile(join(root, "boxes.csv"), text);
      return await readBoxes(join(root, "boxes.csv"), { videos, root });
    };
    const head = "video,frame,x,y,w,h\n";
    const { boxes, unknown, several } = await read(
      `${head}000,0,1,2,3,4\nDeepfakes/000_003,5,1,1,2,2\nDeepfakes/000_003,5,9,9,8,8\nD:\\y\\FaceSwap\\c23\\videos\\000_003.mp4,1,0,0,1,1\nother,0,0,0,1,1\n`,
    );
    assertEquals([...boxes.keys()].sort(), [0, 1, 2]);
    assertEquals(boxes.get(0)!.get(5), { x: 9, y: 9, width: 8, height: 8 });
    assertEquals([boxes.get(2)!.size, unknown, several], [1, 1, 1]);
    await assertRejects(
      () => read(`${head}000_003,0,0,0,1,1\n`),
      Error,
      "which is Deepfakes/000_003, FaceSwap/000_003",
    );
    const refusals = [
      [`${head}000,0,0,0,,1\n`, 'expected video,frame,x,y,w,h but found "video=000'],
      [`${head}000,0,0,0,4,1\n000,1.5,0,0,4,1\n`, "in line 3"],
      [`${head}000,0,0,0,0,1\n`, "expected a box of at least one pixel"],
      [`${head}000,0,0,0\n`, "expected 6 values as in the header but found 4 in line 2"],
      ["video,frame,x,y,w,h,width,height\n000,0,0,0,4,1,0,9\n", "expected the width and height of the frame"],
      ["video,x\n000,1\n", "expected a header with the columns video, frame, x, y but found only video, x"],
    ];
    for (const [text, message] of refusals) await assertRejects(() => read(text), InputError, message);
    await assertRejects(
      () => readBoxes(join(root, "none"), { videos, root }),
      InputError,
      "found nothing there",
    );
  });
});

Deno.test("misfit() refuses boxes of turned frames, boxes larger than a frame, and boxes that are mostly outside", () => {
  const size = { width: 64, height: 48 };
  const of = (box: object) => misfit(new Map([[3, { x: 0, y: 0, width: 10, height: 10, ...box }]]), size);
  assertEquals(of({ frame: size }), undefined);
  assertEquals(of({ x: -5 }), undefined); // half of it
  assertEquals(
    of({ frame: { width: 48, height: 64 } }),
    "the boxes are of frames of 48 × 64, the frames are 64 × 48, turned",
  );
  for (const box of [{ x: -6 }, { y: 44 }, { width: 65 }, { x: 57, y: 41 }]) {
    assertStringIncludes(of(box) ?? "", "1 of 1 boxes do not fit, the frames are 64 × 48 (frame 3");
  }
});

withFfmpeg(
  "prepareVideos() takes evenly spaced frames by their numbers, in the layout of the set, with its lists",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/Celeb-real/id0_0000.mp4`);
      await film(`${root}/set/Celeb-synthesis/videos/id0_id1_0000.mp4`, { frames: 3 });
      await writeFiles(root, { "set/List_of_testing_videos.txt": "1 Celeb-real/id0_0000.mp4\n" });
      const into = join(root, "frames");
      const { coverage, warnings } = await prepareVideos(
        await readSet({ name: "celeb", path: `${root}/set` }),
        { into, frames: 4 },
      );
      assertEquals(coverage.map(({ video, got, note }) => [video, got, note]), [
        ["Celeb-synthesis/id0_id1_0000", 3, "only 3 frames"],
        ["Celeb-real/id0_0000", 4, ""],
      ]);
      assertEquals(warnings, ["100 % of the real frames were made and 75 % of the fake ones"]);
      const folder = join(into, "Celeb-real/frames/id0_0000");
      assertEquals(await names(folder), ["000.png", "006.png", "012.png", "019.png"]);
      for (const number of [0, 6, 12, 19]) {
        const { data } = await sharp(join(folder, `${String(number).padStart(3, "0")}.png`)).raw().toBuffer({
          resolveWithObject: true,
        });
        const expected = 8 * number + 4; // within what two conversions of colour and the encoder round
        assert(Math.abs(data[0] - expected) <= 3, `frame ${number}: ${data[0]} is not ${expected}`);
      }
      const again = await readSet({ name: "celeb", path: into });
      assertEquals(again.videos.map(({ id, split, frames }) => [id, split, frames.split("\n").length]), [
        ["Celeb-real/id0_0000", "test", 4],
        ["Celeb-synthesis/id0_id1_0000", "train", 3],
      ]);
      assertEquals((await names(into)).filter((name) => name.endsWith(".csv")), ["coverage.csv"]);
    });
  },
);

withFfmpeg(
  "prepareVideos() goes on where it was, makes a failed video again, and refuses other settings",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/a.mp4`);
      await film(`${root}/set/fake/b.mp4`);
      const whole = await Deno.readFile(`${root}/set/fake/b.mp4`);
      await Deno.writeFile(`${root}/set/fake/b.mp4`, whole.subarray(0, whole.length / 2));
      const into = join(root, "frames");
      const prepare = async (options = {}) =>
        await prepareVideos(await readSet({ name: "s", path: `${root}/set` }), {
          into,
          frames: 2,
          ...options,
        });
      const { coverage } = await prepare();
      const broken = coverage.find(({ video }) => video === "fake/b")!;
      assertEquals(broken.got, 0);
      assertStringIncludes(broken.note, "truncated: its end is missing");
      assertEquals(await containerFault(`${root}/set/fake/b.mp4`), "truncated: its end is missing");
      assertEquals(await containerFault(`${root}/set/real/a.mp4`), undefined);
      // Marks the finished video's folder: it must not be made again. A line of a killed process is cut.
      await Deno.writeTextFile(join(into, "real/a/mark.txt"), "");
      await Deno.writeTextFile(join(into, "coverage.csv"), "real/x,re", { append: true });
      await Deno.mkdir(join(into, ".partial/1"), { recursive: true });
      await Deno.writeFile(`${root}/set/fake/b.mp4`, whole);
      assertEquals((await prepare()).coverage.map(({ video, got }) => [video, got]), [["fake/b", 2], [
        "real/a",
        2,
      ]]);
      assertEquals(await names(join(into, "real/a")), ["000.png", "019.png", "mark.txt"]);
      assertEquals(await names(join(into, "fake")), ["b"]);
      assert(!(await names(into)).includes(".partial"));
      await assertRejects(
        () => prepare({ frames: 3 }),
        Error,
        "expected the settings that it was begun with",
      );
      await assertRejects(
        () => prepare({ into: join(root, "set/out") }),
        Error,
        "expected a folder outside the set",
      );
      await assertRejects(() => prepare({ into: root }), Error, "expected an empty folder");
    });
  },
);

withFfmpeg("prepareVideos() tells of a video that is shorter than it says", async () => {
  await withFolder(async (root) => {
    await film(`${root}/set/real/a.mp4`, { frames: 20 });
    await film(`${root}/whole.mp4`, { frames: 20, size: "640x480" });
    // The index first, then half of the frames.
    await ffmpeg("-i", `${root}/whole.mp4`, "-c", "copy", "-movflags", "+faststart", `${root}/fast.mp4`);
    const bytes = await Deno.readFile(`${root}/fast.mp4`);
    const index = String.fromCharCode(...bytes.subarray(0, 4000)).indexOf("mdat");
    assert(index > 0);
    await writeFiles(root, {
      "set/fake/b.mp4": bytes.subarray(0, index + Math.floor((bytes.length - index) / 2)),
    });
    const { coverage } = await prepareVideos(await readSet({ name: "s", path: `${root}/set` }), {
      into: join(root, "frames"),
      frames: 16,
    });
    const [fake] = coverage;
    assertStringIncludes(fake.note, "truncated: ");
    assert(fake.got > 0 && fake.got < 16, `${fake.got} frames`);
  });
});

withFfmpeg("prepareVideos() crops both classes by one rule, and refuses when one has no boxes", async () => {
  await withFolder(async (root) => {
    await film(`${root}/set/real/a.mp4`);
    await film(`${root}/set/fake/b.mp4`);
    const reading = await readSet({ name: "s", path: `${root}/set` });
    const boxes = join(root, "boxes.csv");
    await Deno.writeTextFile(boxes, "video,frame,x,y,w,h\na,3,20,10,20,10\na,7,20,10,20,10\n");
    const prepare = (into: string) => prepareVideos(reading, { into: join(root, into), frames: 2, boxes });
    await assertRejects(() => prepare("one"), Error, "expected boxes for both classes");
    await Deno.writeTextFile(boxes, "b,5,0,0,10,10\n", { append: true });
    const { coverage } = await prepare("two");
    assertEquals(coverage.map(({ video, got }) => [video, got]), [["fake/b", 1], ["real/a", 2]]);
    assertEquals(await names(join(root, "two/real/a")), ["003.png", "007.png"]);
    const { width, height } = await sharp(join(root, "two/real/a/003.png")).metadata();
    assertEquals([width, height], [26, 26]);
    assertEquals(await names(join(root, "two/fake/b")), ["005.png"]);
    await Deno.writeTextFile(boxes, "b,9,60,40,30,10\n", { append: true });
    const three = (await prepare("three")).coverage[0];
    assertEquals(three.got, 0);
    assertStringIncludes(
      three.note,
      "1 of 2 boxes do not fit, the frames are 64 × 48 (frame 9: 30 × 10 at 60, 40)",
    );
  });
});

Deno.test("prepareVideos() crops frames around their landmarks, and refuses when one class has none", async () => {
  await withFolder(async (root) => {
    const level = "c23";
    const real = `original_sequences/youtube/${level}`;
    const fake = `manipulated_sequences/Deepfakes/${level}`;
    const frame = await sharp({ create: { width: 256, height: 256, channels: 3, background: "grey" } }).png()
      .toBuffer();
    const points = writeNpy([100, 100, 150, 140]);
    for (const [base, id] of [[real, "000"], [fake, "000_003"]]) {
      for (const n of ["000", "009", "010"]) {
        await writeFiles(`${root}/set`, { [`${base}/frames/${id}/${n}.png`]: new Uint8Array(frame) });
      }
    }
    await writeFiles(`${root}/set`, {
      [`${real}/landmarks/000/000.npy`]: points,
      [`${real}/landmarks/000/010.npy`]: points,
    });
    const reading: SetReading = await readSet({ name: "ff", path: `${root}/set` });
    const prepare = () => prepareVideos(reading, { into: join(root, "crops"), landmarks: true, frames: 2 });
    await assertRejects(prepare, Error, "1 real videos with and no fake one");
    await writeFiles(`${root}/set`, { [`${fake}/landmarks/000_003/009.npy`]: points });
    const { coverage } = await prepare();
    assertEquals(coverage.map(({ video, got, note }) => [video, got, note]), [
      ["Deepfakes/000_003", 1, "only 1 boxes"],
      ["youtube/000", 2, ""],
    ]);
    const path = join(root, "crops", real, "frames/000/010.png");
    assertEquals((await sharp(path).metadata()).width, 65);
  });
});

Deno.test("containerFault() knows an empty file, a cut box and a missing index and text, and lets other kinds be", async () => {
  await withFolder(async (root) => {
    const box = (kind: string, size: number, length = size) => {
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setUint32(0, size);
      bytes.set(new TextEncoder().encode(kind), 4);
      return bytes;
    };
    const riff = (size: number) => {
      const bytes = new Uint8Array(36);
      bytes.set(new TextEncoder().encode("RIFF"));
      new DataView(bytes.buffer).setUint32(4, size, true);
      return bytes;
    };
    const cases: [string, readonly Uint8Array[], string | undefined][] = [
      ["empty.mp4", [], "empty file"],
      ["whole.mp4", [box("ftyp", 16), box("mdat", 40), box("moov", 20)], undefined],
      ["cut.mp4", [box("ftyp", 16), box("mdat", 40, 30)], "truncated: its end is missing"],
      ["noindex.mp4", [box("ftyp", 16), box("mdat", 40)], "truncated: no index of frames (moov)"],
      ["head.mp4", [box("ftyp", 16), box("mdat", 40), new Uint8Array(3)], "truncated: its last box is cut"],
      ["whole.avi", [riff(28)], undefined],
      ["cut.avi", [riff(100)], "truncated: its end is missing"],
      ["second list cut.avi", [riff(28), riff(29)], "truncated: its end is missing"],
      ["list.mp4", [new TextEncoder().encode("#EXTM3U\na.ts\n")], "text, as of a playlist: no video"],
      ["other.mkv", [box("\u{1a}E\u{df}", 999, 40)], undefined],
    ];
    for (const [name, parts, expected] of cases) {
      await Deno.writeFile(join(root, name), new Uint8Array(parts.flatMap((part) => [...part])));
      assertEquals(await containerFault(join(root, name)), expected, name);
    }
  });
});

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { inspectData, loadExperiment } from "../../../lib/runs/experiment.ts";
import { createRandom } from "../../../lib/base/random.ts";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import type { Sample } from "../../../lib/data/sample.ts";
import { readManifest } from "../../../lib/data/manifest.ts";
import { readFolders } from "../../../lib/data/folders.ts";
import { originOf } from "../../../lib/data/grouping/grouping.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { samplesOf } from "../../../lib/data/layouts/layout.ts";
import type { VideosChoice } from "../../../lib/data/layouts/vocabulary.ts";
import { withFolder, writeFiles } from "../../folders.ts";

const SIDE = 64;

/** A picture of coloured blobs that no other seed's has anything to do with. */
async function blobs(seed: number, side = SIDE): Promise<Uint8Array> {
  const random = createRandom(seed, "blobs");
  const cells = Uint8Array.from({ length: 9 * 9 * 3 }, () => random.integer(256));
  return new Uint8Array(
    await sharp(cells, { raw: { width: 9, height: 9, channels: 3 } }).resize(side, side, { kernel: "cubic" })
      .raw()
      .toBuffer(),
  );
}

async function encode(pixels: Uint8Array, side = SIDE): Promise<Uint8Array> {
  return new Uint8Array(
    await sharp(pixels, { raw: { width: side, height: side, channels: 3 } }).jpeg({ quality: 90 }).toBuffer(),
  );
}

/** Unrelated pictures: `count` files in `folder`. */
async function pictures(folder: string, count: number, options: { seed: number; name?: string }) {
  const { seed, name = "" } = options;
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    files[`${folder}/${name}${String(i).padStart(4, "0")}.jpg`] = await encode(await blobs(seed * 1000 + i));
  }
  return files;
}

/** Frames of one scene that a camera wanders over, its light changing: neighbours are four pixels of 64 apart. */
async function frames(folder: string, count: number, options: { seed: number; name?: string }) {
  const { seed, name = "" } = options;
  const wide = SIDE + 4 * count;
  const scene = await blobs(seed, wide);
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const pixels = new Uint8Array(SIDE * SIDE * 3);
    const light = 0.8 + 0.2 * Math.cos(i);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE * 3; x++) {
        pixels[y * SIDE * 3 + x] = light * scene[(y * wide + 4 * i) * 3 + x];
      }
    }
    files[`${folder}/${name}${String(i).padStart(4, "0")}.jpg`] = await encode(pixels);
  }
  return files;
}

/** Pictures of different things in one layout, as aligned faces are: a bright oval before a dark ground, and blobs over it. */
async function faces(folder: string, count: number, options: { seed: number }) {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const own = await blobs(options.seed * 1000 + i);
    const pixels = own.map((value, at) => {
      const [x, y] = [(Math.floor(at / 3) % SIDE) / SIDE - 0.5, Math.floor(at / 3 / SIDE) / SIDE - 0.5];
      return (x * x) / 0.1 + (y * y) / 0.16 < 1 ? 130 + value * 0.45 : value * 0.45;
    });
    files[`${folder}/${String(i).padStart(4, "0")}.jpg`] = await encode(pixels);
  }
  return files;
}

const read = (root: string, videos?: VideosChoice) =>
  readFolders({ real: join(root, "real"), fake: join(root, "fake") }, { set: "s", videos });

/** Names of the videos of one class. */
const videosIn = (samples: readonly Sample[], label: 0 | 1) => [
  ...new Set(samples.filter((sample) => sample.label === label).map(({ video }) => video)),
];

/** What `--data` and a manifest without a column for videos make of the same files must be the same. */
async function assertSameElsewhere(root: string, samples: readonly Sample[]): Promise<void> {
  const groups = (list: readonly Sample[], strip: string) => {
    const found = new Map<string, string[]>();
    for (const { label, video, source } of list) {
      const key = `${label} ${video}`;
      found.set(key, [...(found.get(key) ?? []), source!.replace(strip, "")]);
    }
    return [...found.values()].map((files) => files.sort().join()).sort();
  };
  const expected = groups(samples, "");
  const reading = await readSet({ name: "s", path: root });
  const data = samplesOf(reading, { set: "s" });
  assertEquals(groups(data, ""), expected);
  const methods = (list: readonly Sample[]) =>
    Object.fromEntries(list.map(({ source, method }) => [source, method]));
  assertEquals(methods(data), methods(samples));
  const rows = samples.map(({ source, label }) => `${source},${label}`).reverse();
  await writeFiles(root, { "list.csv": ["path,label", ...rows].join("\n") });
  const list = await readManifest(join(root, "list.csv"), { set: "s" });
  assertEquals(groups(list.samples, ""), expected);
  assertEquals(list.notes, (await read(root)).notes);
}

Deno.test("two clips a class stay two videos however unlike their frames are, and cannot be split", async () => {
  await withFolder(async (root) => {
    for (const [i, folder] of ["real/clip0", "real/clip1", "fake/clip0", "fake/clip1"].entries()) {
      await writeFiles(root, await pictures(folder, 6, { seed: i }));
    }
    const { samples, notes } = await read(root);
    assertEquals([videosIn(samples, 0), videosIn(samples, 1)], [["clip0", "clip1"], ["clip0", "clip1"]]);
    assertStringIncludes(notes![0], "real: 2 folders taken as videos by their names, though");
    await assertSameElsewhere(root, samples);
    const at = { real: join(root, "real"), fake: join(root, "fake") };
    for (const quick of [true, false]) {
      for (const input of [at, { data: `s=${root}` }] as RunInput[]) {
        const { problems, warnings } = await inspectData(resolveConfig(input), {
          quick,
          cacheDir: join(root, "cache"),
        });
        assertStringIncludes(
          problems[0],
          "expected at least 3 videos but found 2 groups of videos that share a person or a picture (clip0, clip1), 4 videos in all",
        );
        assert(warnings.some((text) => text.includes("only 2 real videos and 2 fake videos")), `${warnings}`);
      }
    }
  });
});

Deno.test("folders of unrelated pictures are origins and methods, each picture a video of its own", async () => {
  await withFolder(async (root) => {
    const folders = [
      "real/celebs",
      "real/webcam",
      "real/phone",
      "fake/deepfakes",
      "fake/gan",
      "fake/swapper",
    ];
    for (const [i, folder] of folders.entries()) {
      await writeFiles(root, await pictures(folder, 20, { seed: i }));
    }
    const { samples, notes, warnings } = await read(root);
    assertEquals([videosIn(samples, 0).length, videosIn(samples, 1).length], [60, 60]);
    assertEquals([...new Set(samples.map(({ method }) => method))], [
      "celebs",
      "phone",
      "webcam",
      "deepfakes",
      "gan",
      "swapper",
    ]);
    assertEquals(notes!.slice(2, 4), [
      "real/webcam: 20 images taken as pictures of their own (origin webcam)",
      "fake/deepfakes: 20 images taken as pictures of their own (method deepfakes)",
    ]);
    assertEquals(warnings, []);
    await assertSameElsewhere(root, samples);
    // Every method is in every part.
    const { train, val, tests } = await loadExperiment(
      resolveConfig({ real: join(root, "real"), fake: join(root, "fake") }),
      { cacheDir: join(root, "cache") },
    );
    for (const part of [train, val, tests[0].samples]) {
      assertEquals(new Set(part.filter(({ label }) => label === 1).map(({ method }) => method)).size, 3);
    }
  });
});

Deno.test("frames that look alike are one video in a folder of any name, few folders or many", async () => {
  await withFolder(async (root) => {
    for (const [i, name] of ["anna", "bob", "deepfakes"].entries()) {
      await writeFiles(root, await frames(`real/${name}`, 24, { seed: i }));
      await writeFiles(root, await frames(`fake/${name}`, 24, { seed: 10 + i }));
    }
    const { samples, notes, warnings } = await read(root);
    assertEquals(videosIn(samples, 0), ["anna", "bob", "deepfakes"]);
    assertEquals(notes![0], "real: 3 folders taken as videos: neighbouring images look alike");
    assertEquals([...new Set(samples.map(({ method }) => method))], ["real", "fake"]);
    assertEquals(warnings, []);
    await assertSameElsewhere(root, samples);
  });
});

Deno.test("frames in the class's folder that look alike are one video, unlike ones pictures", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, await frames("real", 20, { seed: 1 }));
    await writeFiles(root, await pictures("fake", 20, { seed: 2 }));
    const { samples, notes } = await read(root);
    assertEquals([videosIn(samples, 0), videosIn(samples, 1).length], [["real"], 20]);
    assertEquals(notes, [
      "real: 20 images taken as one video: neighbours look alike",
      "fake: 20 images taken as pictures of their own",
    ]);
    await assertSameElsewhere(root, samples);
  });
});

Deno.test("what all pictures of a set share, such as an oval before a dark ground, makes none of them alike", async () => {
  await withFolder(async (root) => {
    for (const [i, folder] of ["real/web", "real/studio", "fake/gan", "fake/blend"].entries()) {
      await writeFiles(root, await faces(folder, 24, { seed: i }));
    }
    const { samples, warnings } = await read(root);
    assertEquals([videosIn(samples, 0).length, videosIn(samples, 1).length], [48, 48]);
    assertEquals(warnings, []);
  });
});

Deno.test("clips and a folder of pictures beside each other are told apart", async () => {
  await withFolder(async (root) => {
    for (const [i, kind] of ["real", "fake"].entries()) {
      await writeFiles(root, await pictures(`${kind}/portraits`, 100, { seed: i }));
      for (let clip = 0; clip < 3; clip++) {
        await writeFiles(root, await frames(`${kind}/id${clip}`, 12, { seed: 10 * i + clip }));
      }
    }
    const { samples } = await read(root);
    assertEquals(videosIn(samples, 0).length, 103);
    assertEquals(videosIn(samples, 0).slice(0, 4), ["id0", "id1", "id2", "portraits/0000"]);
  });
});

Deno.test("a method's folder of several clips has them by the names of their files", async () => {
  await withFolder(async (root) => {
    for (let i = 0; i < 4; i++) {
      await writeFiles(root, await frames("real/youtube", 8, { seed: i, name: `00${i}_` }));
      await writeFiles(root, await frames("fake/Deepfakes", 8, { seed: 10 + i, name: `00${i}_00${9 - i}_` }));
    }
    const { samples, notes } = await read(root);
    assertEquals(videosIn(samples, 1), [
      "Deepfakes/000_009",
      "Deepfakes/001_008",
      "Deepfakes/002_007",
      "Deepfakes/003_006",
    ]);
    assertEquals(new Set(samples.map(({ method }) => method)), new Set(["youtube", "Deepfakes"]));
    assertEquals(notes![1], "fake: 4 videos by file names without their frame number");
    await assertSameElsewhere(root, samples);
  });
});

Deno.test("a video of a hundred unlike images is told of", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, await pictures("real/clip0", 100, { seed: 0 }));
    await writeFiles(root, await frames("fake/clip0", 12, { seed: 1 }));
    const { samples, warnings } = await read(root);
    assertEquals(videosIn(samples, 0), ["clip0"]);
    assertEquals(warnings, [
      "s, real: 1 video of 100 or more images that look unlike (clip0: 100 images); if they are origins, say --videos file",
    ]);
  });
});

Deno.test("--videos decides instead of names and looks", async () => {
  await withFolder(async (root) => {
    for (const kind of ["real", "fake"]) {
      await writeFiles(root, await pictures(`${kind}/web`, 12, { seed: 0, name: "a_" }));
      await writeFiles(root, await frames(`${kind}/clip1`, 2, { seed: 1, name: "b_" }));
    }
    const of = async (videos: VideosChoice) => videosIn((await read(root, videos)).samples, 0);
    assertEquals((await of("auto")).length, 13);
    assertEquals(await of("folder"), ["clip1", "web"]);
    assertEquals(await of("name"), ["clip1/b", "web/a"]);
    assertEquals((await of("file")).length, 14);
    const config = resolveConfig({ data: `s=${root}`, videos: "folder" });
    const { sets } = await inspectData(config, { quick: true, cacheDir: join(root, "cache") });
    assertEquals(sets[0].notes, [
      "real: each folder is a video, by --videos folder",
      "fake: each folder is a video, by --videos folder",
    ]);
  });
});

Deno.test("originOf() is the first sub-folder, unless that is the video itself", () => {
  assertEquals(originOf("Deepfakes/000/1.png", "Deepfakes/000"), "Deepfakes");
  assertEquals(originOf("gan/1.png", "gan/1"), "gan");
  assertEquals(originOf("clip/1.png", "clip"), undefined);
  assertEquals(originOf("1.png", "1"), undefined);
});

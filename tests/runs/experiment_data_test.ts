import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import type { RunEvent } from "../../lib/runs/events.ts";
import { inspectData, loadExperiment } from "../../lib/runs/experiment.ts";
import { inspectionChart, inspectionTables } from "../../lib/report/inspection.ts";
import { renderSvg } from "../../lib/report/render.ts";
import { tableText } from "../../lib/report/table.ts";
import { resolveConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { picture, writeFiles } from "../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

let seed = 0;
const drawn = new Map<string, Uint8Array>();

async function draw(fake: boolean): Promise<Uint8Array> {
  const key = `${fake} ${seed}`;
  const found = drawn.get(key) ?? await picture(fake, { seed });
  drawn.set(key, found);
  seed++;
  return found;
}

/** Writes `count` frames of a video, each another picture. */
async function writeVideo(folder: string, fake: boolean, count = 3): Promise<void> {
  for (let i = 0; i < count; i++) {
    await writeFiles(root, { [`${folder}/${i * 9}.png`]: await draw(fake) });
  }
}

const ids = (i: number) => [2 * i, 2 * i + 1].map((id) => String(id).padStart(3, "0"));
const pairs = Array.from({ length: 8 }, (_, i) => ids(i));

async function writeSplits(
  set: string,
  splits: Readonly<Record<string, readonly (readonly string[])[]>>,
): Promise<void> {
  for (const [name, value] of Object.entries(splits)) {
    await writeFiles(root, { [`${set}/splits/${name}.json`]: JSON.stringify(value) });
  }
}

const official = { train: pairs.slice(0, 4), val: pairs.slice(4, 6), test: pairs.slice(6) };

/** FaceForensics++ of eight pairs and two methods; each such set has the same pictures, which are drawn once. */
async function writeFaceForensics(set: string): Promise<void> {
  seed = 0;
  for (const [a, b] of pairs) {
    for (const id of [a, b]) await writeVideo(`${set}/original_sequences/youtube/c23/frames/${id}`, false);
    for (const method of ["Deepfakes", "FaceSwap"]) {
      for (const id of [`${a}_${b}`, `${b}_${a}`]) {
        await writeVideo(`${set}/manipulated_sequences/${method}/c23/frames/${id}`, true);
      }
    }
  }
  await writeSplits(set, official);
}

await writeFaceForensics("ff");
for (let i = 0; i < 6; i++) { // goes on with the seeds, so that no picture is one of the other set's
  await writeVideo(`celeb/Celeb-real/frames/id${i}_0000`, false);
  await writeVideo(`celeb/Celeb-synthesis/frames/id${i}_id${(i + 1) % 6}_0000`, true);
}
await writeFiles(root, {
  "celeb/List_of_testing_videos.txt":
    "1 Celeb-real/id4_0000.mp4\n0 Celeb-synthesis/id4_id5_0000.mp4\n1 Celeb-real/id5_0000.mp4\n0 Celeb-synthesis/id5_id0_0000.mp4\n",
});

const at = (path: string) => join(root, path);
const load = (input: RunInput, events: RunEvent[] = []) =>
  loadExperiment(resolveConfig(input), {
    report: (event) => events.push(event),
    cacheDir: join(root, "cache"),
  });

Deno.test("loadExperiment() trains on FaceForensics++ and tests on Celeb-DF by their official splits, and says so first", async () => {
  const events: RunEvent[] = [];
  const { train, val, tests, data } = await load({
    data: `ffpp=${at("ff")},c23`,
    test: [`celebdf=${at("celeb")}`],
    framesPerVideo: 2,
  }, events);
  assertEquals([train.length, val.length, ...tests.map(({ samples }) => samples.length)], [48, 24, 24, 8]);
  assertEquals(tests.map(({ set, kind }) => [set, kind]), [["ffpp", "within"], ["celebdf", "cross"]]);
  assertEquals(data.map(({ set, split, real, fake }) => [set, split, real, fake]), [
    ["ffpp", "train", 16, 32],
    ["ffpp", "val", 8, 16],
    ["ffpp", "test", 8, 16],
    ["celebdf", "test", 4, 4],
  ]);
  assertEquals(data.map(({ layout, compression, officialSplit }) => [layout, compression, officialSplit]), [
    ...["train", "val"].map(() => ["ffpp", "c23", undefined]),
    ["ffpp", "c23", false], // its lists are shorter than the official ones
    ["celeb-df-v2", undefined, false],
  ]);
  assertEquals(new Set(train.map(({ method }) => method)), new Set(["youtube", "Deepfakes", "FaceSwap"]));
  const said = events.map((event) => (event.type === "note" ? event.message : "")).join("\n");
  assertStringIncludes(said, "FaceForensics++, c23, splits from splits/*.json");
  assertStringIncludes(said, "Celeb-DF v2");
  assertStringIncludes(said, "8 videos of other splits are not used");
});

Deno.test("loadExperiment() refuses a set of whose own split no image can be read, and deals no video that has none", async () => {
  await writeFaceForensics("unread");
  const spoil = async (ids: readonly string[]) => {
    for (const folder of ids) {
      for (const i of [0, 9, 18]) await writeFiles(root, { [`${folder}/${i}.png`]: "not a picture" });
    }
  };
  const videos = (pairs: readonly (readonly string[])[]) =>
    pairs.flatMap(([a, b]) => [
      ...[a, b].map((id) => inside("original_sequences/youtube", id)),
      ...["Deepfakes", "FaceSwap"].flatMap((method) =>
        [`${a}_${b}`, `${b}_${a}`].map((id) => inside(`manipulated_sequences/${method}`, id))
      ),
    ]);
  const inside = (folder: string, id: string) => `unread/${folder}/c23/frames/${id}`;
  await spoil(videos(official.val));
  const { message } = await assertRejects(() => load({ data: `ffpp=${at("unread")}` }));
  assertStringIncludes(
    message,
    "Cannot use the set ffpp: expected readable val images but found none of 36, such as ",
  );
  assertStringIncludes(message, "0.png (expected a JPEG");
  // Dealt anew, as is asked for, the videos that cannot be read take nobody's place.
  const { train, val, tests } = await load({ data: `ffpp=${at("unread")},all` });
  const found = [train, val, tests[0].samples];
  assertEquals(found.map((samples) => samples.length > 0), [true, true, true]);
  assertEquals(found.flat().length, 6 * 6 * 3);
});

Deno.test("loadExperiment() warns of a test that is dealt because a set's own has no frames", async () => {
  await writeFaceForensics("untested");
  for (const [a, b] of [...official.val, ...official.test]) {
    for (const id of [a, b]) {
      await Deno.remove(at(`untested/original_sequences/youtube/c23/frames/${id}`), { recursive: true });
    }
    for (const id of [`${a}_${b}`, `${b}_${a}`]) {
      for (const method of ["Deepfakes", "FaceSwap"]) {
        await Deno.remove(at(`untested/manipulated_sequences/${method}/c23/frames/${id}`), {
          recursive: true,
        });
      }
    }
  }
  const { tests, warnings } = await load({ data: `ffpp=${at("untested")}` });
  assert(tests[0].samples.length > 0);
  assertStringIncludes(
    warnings.join("\n"),
    "ffpp: no frames of a test split of its own beside train: test videos were dealt from its others",
  );
});

Deno.test("loadExperiment() selects methods for training, and a split and compression by set", async () => {
  const { train, tests } = await load({
    data: `ffpp=${at("ff")}`,
    methods: ["Deepfakes"],
    test: [`swap=${at("ff")},c23,test,method=FaceSwap,frames=1`],
    allowLeak: true,
  });
  assertEquals(new Set(train.map(({ method }) => method)), new Set(["youtube", "Deepfakes"]));
  assertEquals(tests[1].samples.length, 8);
  await assertRejects(
    () => load({ data: `ffpp=${at("ff")},c40` }),
    Error,
    "expected the compression c40 but found c23",
  );
  await assertRejects(
    () => load({ data: `ffpp=${at("ff")}`, test: [`celebdf=${at("celeb")},val`] }),
    Error,
    "expected a val split but found train, test",
  );
});

Deno.test("loadExperiment() counts what it skips of a set's training part in the test that it is", async () => {
  for (const split of ["train", "test"]) {
    for (let i = 0; i < 3; i++) {
      await writeVideo(`parted/${split}/real/${split}r${i}`, false);
      await writeVideo(`parted/${split}/fake/${split}f${i}`, true);
    }
  }
  await writeFiles(root, { "parted/train/fake/trainf0/9.png": "no image" });
  const { data } = await load({ data: `ffpp=${at("ff")},c23`, test: [`parted=${at("parted")},train`] });
  assertEquals(data.filter(({ set }) => set === "parted"), [
    {
      ...{ set: "parted", split: "test", real: 9, fake: 8, videos: 6, skipped: 1, layout: "folders" },
    },
  ]);
});

Deno.test("loadExperiment() refuses a pair, or half of one, in training and test, and goes on when told to", async () => {
  await writeFaceForensics("twice");
  await writeSplits("twice", { test: [...official.test, pairs[0]] });
  const config = { data: `ffpp=${at("twice")}` };
  await assertRejects(
    () => load(config),
    Error,
    "found 2 videos or persons (ffpp:000 in ffpp train and ffpp test; ffpp:001",
  );
  await writeSplits("twice", { test: [...official.test, ["000", "015"]] });
  await assertRejects(
    () => load(config),
    Error,
    "found 1 video or person (ffpp:000 in ffpp train and ffpp test)",
  );
  const { warnings } = await load({ ...config, allowLeak: true });
  assert(warnings.some((text) => text.startsWith("LEAK, allowed by --allow-leak")), `${warnings}`);
  await writeSplits("twice", official);
  await load(config);
});

Deno.test("loadExperiment() refuses a file that is in training and in another set's test, by bytes or by look", async () => {
  await writeFaceForensics("copied");
  const one = await Deno.readFile(at("copied/original_sequences/youtube/c23/frames/000/0.png"));
  const config = { data: `ffpp=${at("copied")}`, test: [`celebdf=${at("celeb")}`] };
  const copy = at("celeb/Celeb-real/frames/id4_0000/90.png");
  try {
    await Deno.writeFile(copy, one);
    await assertRejects(() => load(config), Error, "found 1 file twice (ffpp train: ");
    await Deno.writeFile(copy, new Uint8Array(await sharp(one).jpeg({ quality: 85 }).toBuffer()));
    await assertRejects(() => load(config), Error, "found 1 picture twice (ffpp train: ");
  } finally {
    await Deno.remove(copy);
  }
});

Deno.test("loadExperiment() deals a set without splits by identity: a fake stays with the videos it was made from", async () => {
  await writeFaceForensics("unsplit");
  await Deno.remove(at("unsplit/splits"), { recursive: true });
  const { train, val, tests, warnings } = await load({ data: `ffpp=${at("unsplit")}` });
  const persons = [train, val, tests[0].samples].map((samples) =>
    new Set(samples.flatMap(({ identities = [] }) => identities))
  );
  assertEquals(persons.map(({ size }) => size), [12, 2, 2]);
  assertEquals(new Set(persons.flatMap((each) => [...each])).size, 16);
  assert(warnings.some((text) => text.includes("not the official split")), `${warnings}`);
  const celeb = await load({ data: `celebdf=${at("celeb")}` });
  assertEquals([celeb.tests[0].samples.length, celeb.val.length], [12, 6]);
});

Deno.test("loadExperiment() refuses a video in two splits of a manifest, and inverted labels", async () => {
  const rows = (change: (row: string[]) => string[]) => {
    const lines = ["path,label,split,video"];
    for (const [i, split] of ["train", "train", "val", "test"].entries()) {
      const [a, b] = pairs[i];
      for (
        const [label, path] of [["0", `original_sequences/youtube/c23/frames/${a}`], [
          "1",
          `manipulated_sequences/Deepfakes/c23/frames/${a}_${b}`,
        ]]
      ) {
        for (const frame of [0, 9]) {
          lines.push(change([`E:\\ff\\${path}/${frame}.png`, label, split, path]).join(","));
        }
      }
    }
    return `${lines.join("\n")}\n`;
  };
  const config = { manifest: at("list.csv"), root: `E:/ff=${at("ff")}` };
  await Deno.writeTextFile(config.manifest, rows((row) => row));
  const { train, val, tests } = await load(config);
  assertEquals([train.length, val.length, tests[0].samples.length], [8, 4, 4]);
  await Deno.writeTextFile(
    config.manifest,
    rows((
      [path, label, split, video],
    ) => [path, label, split, split === "test" ? video.replace("006", "000") : video]),
  );
  await assertRejects(
    () => load(config),
    Error,
    "videos or persons (data/real/original_sequences/youtube/c23/frames/000 in data train and data test; ffpp:000",
  );
  await Deno.writeTextFile(
    config.manifest,
    rows(([path, label, ...rest]) => [path, label === "0" ? "1" : "0", ...rest]),
  );
  await assertRejects(() => load(config), Error, "its labels are inverted");
});

Deno.test("inspectData() says all there is to say of a set that cannot be used, as tables, JSON and a chart", async () => {
  await writeFiles(root, { "films/real/a.mp4": "not a film", "films/fake/b.mp4": "" });
  const inspection = await inspectData(resolveConfig({ data: `films=${at("films")}` }), {
    cacheDir: join(root, "cache"),
  });
  assertEquals(
    inspection.counts.map((
      { split, label, videos, images, withoutFrames },
    ) => [split, label, videos, images, withoutFrames]),
    [
      ["–", "real", 1, 0, 1],
      ["–", "fake", 1, 0, 1],
    ],
  );
  assertEquals(inspection.sets[0].skipped, [
    { reason: "empty file", files: 1, examples: [at("films/fake/b.mp4")] },
    { reason: "text, as of a playlist: no video", files: 1, examples: [at("films/real/a.mp4")] },
  ]);
  assert(
    inspection.warnings.some((text) => text.includes("deno task prepare --data films=")),
    `${inspection.warnings}`,
  );
  const text = inspectionTables(inspection).map(tableText).join("\n");
  for (const title of ["Sets", "What is there", "What is skipped"]) assertStringIncludes(text, title);
  assertEquals(JSON.parse(JSON.stringify(inspection)).counts.length, 2);
  assertStringIncludes(
    await renderSvg(inspectionChart(inspection, { demo: false })),
    "Data by set, split and method",
  );
  await assertRejects(
    () => load({ data: `films=${at("films")}` }),
    Error,
    "extract them with deno task prepare",
  );
  // A command that can be copied, with the compression.
  await writeFiles(root, { "film's of c23/original_sequences/youtube/c23/videos/000.mp4": "" });
  const place = at("film's of c23");
  await assertRejects(
    () => load({ data: `films=${place},c23` }),
    Error,
    `deno task prepare --data 'films=${place.replace("'", "'\\''")},c23' --into FOLDER --faces`,
  );
});

Deno.test("inspectData() finds an identity in two splits before any frame is made", async () => {
  const files: Record<string, string> = {};
  for (const id of ["000", "001", "002"]) files[`raw/original_sequences/youtube/c23/videos/${id}.mp4`] = "";
  await writeFiles(root, files);
  await writeSplits("raw", { train: [["000", "001"]], val: [], test: [["001", "002"]] });
  const { problems } = await inspectData(resolveConfig({ data: `ff=${at("raw")}` }), {
    cacheDir: join(root, "cache"),
  });
  assertStringIncludes(problems.at(-1)!, "1 video or person (ffpp:001 in ff train and ff test)");
});

Deno.test("loadExperiment() warns of shortcuts and of whole frames", async () => {
  for (let i = 0; i < 8; i++) {
    for (const fake of [false, true]) {
      const wide = await sharp(await draw(fake)).resize(160, 90)[fake ? "jpeg" : "png"]()
        .toBuffer();
      await writeFiles(root, { [`wide/${fake ? "fake" : "real"}/v${i}/0.png`]: new Uint8Array(wide) });
    }
  }
  const { warnings } = await load({ data: `wide=${at("wide")}`, valShare: 0.3, testShare: 0.3 });
  assert(warnings.some((text) => text.includes("UNCROPPED (crop: probably none, 160 × 90)")), `${warnings}`);
  assert(
    warnings.some((text) => text.includes("wide train: real and fake differ in format (AUC 1.00")),
    `${warnings}`,
  );
});

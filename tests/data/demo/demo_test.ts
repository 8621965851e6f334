import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { evaluateScores } from "../../../lib/metrics/evaluate.ts";
import { DEMO_VERSION, demoVideos, renderVideo, writeDemoData } from "../../../lib/data/demo/demo.ts";
import { manipulate, type Method, photograph } from "../../../lib/data/demo/fakes.ts";
import { drawPerson, drawView } from "../../../lib/data/demo/person.ts";
import { renderPortrait } from "../../../lib/data/demo/portrait.ts";
import { createRandom } from "../../../lib/base/random.ts";

type DemoFile = {
  set: string;
  split: string;
  kind: string;
  method: string;
  video: string;
  frame: string;
  path: string;
};

async function listFiles(root: string, folder = ""): Promise<DemoFile[]> {
  const files: DemoFile[] = [];
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory) files.push(...await listFiles(root, path));
    else if (path !== "demo.json") {
      const parts = path.split("/");
      const [set, split, kind] = parts, [video, frame] = parts.slice(-2);
      files.push({
        set,
        split,
        kind,
        method: kind === "real" ? "" : parts[3],
        video,
        frame: frame.replace(/\.\w+$/, ""),
        path,
      });
    }
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

// Written once for the tests that look at the files, over an older version's data.
let written: ReturnType<typeof writeOnce> | undefined;
const demoData = () => written ??= writeOnce();
async function writeOnce() {
  const parent = await Deno.makeTempDir({ prefix: "demo-test-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(parent, { recursive: true }));
  const root = join(parent, "data", "demo");
  await Deno.mkdir(root, { recursive: true });
  await Deno.writeTextFile(
    join(root, "demo.json"),
    JSON.stringify({ version: DEMO_VERSION - 1, seed: 0, images: 1, sha256: "" }),
  );
  await Deno.writeTextFile(join(root, "stale.jpg"), "from an older version");
  const progress: [number, number][] = [];
  const data = await writeDemoData({ root, onProgress: (done, total) => progress.push([done, total]) });
  return { parent, root, data, progress, files: await listFiles(root) };
}

const isFake = (file: DemoFile) => file.kind === "fake" ? 1 : 0;

Deno.test("writeDemoData() writes the same bytes on every machine", async () => {
  const { data } = await demoData();
  // Over every path and byte. It changes with DEMO_VERSION and with nothing else.
  assertEquals(data.sha256, "00bb8acedcc4c679bd435ba0de463d6d88b730914b0db159ba13817aba98ad18");
});

Deno.test("writeDemoData() replaces an older version's data and reports its progress", async () => {
  const { parent, files, data, progress } = await demoData();
  assert(!files.some((file) => file.path === "stale.jpg"));
  assertEquals([...Deno.readDirSync(join(parent, "data"))].map((entry) => entry.name), ["demo"]);
  assertEquals(data.written, files.filter((file) => file.kind !== "mask").length);
  assertEquals(progress.at(-1), [data.images, data.images]);
  progress.slice(1).forEach(([done], i) => assertGreater(done, progress[i][0]));
});

Deno.test("writeDemoData() returns at once when the data is there", async () => {
  const { root, data } = await demoData();
  const before = await Deno.stat(join(root, "demo.json"));
  assertEquals(await writeDemoData({ root }), { ...data, written: 0 });
  assertEquals((await Deno.stat(join(root, "demo.json"))).mtime, before.mtime);
});

Deno.test("writeDemoData() sets out to write all anew when an image is missing", async () => {
  const { root, files } = await demoData();
  const path = join(root, files.find(({ kind }) => kind === "real")!.path);
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  try {
    // Stopped at once: the writing itself takes a minute, and is proved above.
    const signal = AbortSignal.abort(new Error("began to write"));
    await assertRejects(() => writeDemoData({ root, signal }), Error, "began to write");
  } finally {
    await Deno.writeFile(path, bytes);
  }
});

Deno.test("writeDemoData() lays out sets, splits and classes as a user's folders, with more fakes than reals", async () => {
  const { files } = await demoData();
  const splits = new Map<string, [number, number]>();
  for (const file of files) {
    if (file.kind === "mask") continue;
    const counts = splits.get(`${file.set}/${file.split}`) ?? [0, 0];
    counts[isFake(file)]++;
    splits.set(`${file.set}/${file.split}`, counts);
  }
  assertEquals([...splits.keys()].sort(), [
    "demo-shift-a/test",
    "demo-shift-b/test",
    "demo/test",
    "demo/train",
    "demo/val",
  ]);
  for (const [split, [real, fake]] of splits) {
    assertGreater(fake, 1.2 * real, split);
    assertGreater(real, 40, split);
  }
  const methods = (set: string) =>
    new Set(files.filter((f) => f.set === set && f.kind === "fake").map((f) => f.method));
  assertEquals([...methods("demo")].sort(), ["resample", "self-blend", "warp"]);
  for (const set of ["demo-shift-a", "demo-shift-b"]) {
    assert(
      [...methods(set)].some((method) => !methods("demo").has(method)),
      `${set} has a family that training never saw`,
    );
  }
});

Deno.test("writeDemoData() gives each person one video in one split and class, of two to four frames", async () => {
  const { files } = await demoData();
  const places = new Map<string, Set<string>>(), frames = new Map<string, number>();
  for (const { set, split, kind, method, video } of files) {
    if (kind === "mask") continue;
    places.set(video, (places.get(video) ?? new Set()).add(`${set}/${split}/${kind}/${method}`));
    frames.set(video, (frames.get(video) ?? 0) + 1);
  }
  for (const [video, where] of places) assertEquals(where.size, 1, video);
  for (const [video, count] of frames) assert(count >= 2 && count <= 4, `${video}: ${count}`);
});

Deno.test("writeDemoData() keeps a mask of two levels beside each fake", async () => {
  const { root, files } = await demoData();
  const name = (file: DemoFile) => file.path.replace(`/${file.kind}/`, "/").replace(/\.\w+$/, "");
  assertEquals(
    files.filter((f) => f.kind === "mask").map(name),
    files.filter((f) => f.kind === "fake").map(name),
  );
  for (const file of files.filter((f) => f.kind === "mask" && f.frame === "000").slice(0, 60)) {
    const { data, info } = await sharp(join(root, file.path)).toColourspace("b-w").raw().toBuffer({
      resolveWithObject: true,
    });
    assertEquals([info.width, info.height, info.channels], [224, 224, 1], file.path);
    const white = data.filter((value) => value === 255).length;
    assertEquals(white + data.filter((value) => value === 0).length, data.length, file.path);
    assert(white > 0.005 * data.length && white < 0.4 * data.length, `${file.path}: ${white} white`);
  }
});

Deno.test("writeDemoData() leaves no shortcut: neither file size, JPEG tables nor mean colour tell real from fake", async () => {
  const { root, files } = await demoData();
  for (const set of ["demo", "demo-shift-a", "demo-shift-b"]) {
    const images = files.filter((file) => file.set === set && file.kind !== "mask");
    const labels = images.map(isFake);
    const cues: Record<string, number[]> = { "file size": [], quality: [], red: [], green: [], blue: [] };
    for (const { path } of images) {
      const bytes = await Deno.readFile(join(root, path));
      cues["file size"].push(bytes.length);
      cues.quality.push(bytes[bytes.indexOf(0xdb) + 4]); // the first entry of the first quantisation table
      const { channels } = await sharp(bytes).stats();
      ["red", "green", "blue"].forEach((colour, c) => cues[colour].push(channels[c].mean));
    }
    for (const [cue, scores] of Object.entries(cues)) {
      const { auc } = evaluateScores(labels, scores.map((s) => s / (1 + Math.max(...scores))));
      assertLess(Math.abs(auc! - 0.5), 0.1, `${set}: ${cue} alone has AUC ${auc!.toFixed(3)}`);
    }
  }
});

Deno.test("renderVideo() depends on the seed and on nothing else", async () => {
  const video = demoVideos().find(({ method }) => method === "warp")!;
  const [once, again, other] = [
    await renderVideo(video, 3),
    await renderVideo(video, 3),
    await renderVideo(video, 4),
  ];
  assertEquals(once, again);
  assertEquals(once.map((file) => file.path), other.map((file) => file.path));
  assert(once.every((file, i) => !file.bytes.every((byte, k) => byte === other[i].bytes[k])));
});

Deno.test("manipulate() changes the face alone, and most where its mask is white", () => {
  const random = createRandom(1, "manipulate test");
  const view = drawView(random);
  const portrait = renderPortrait(drawPerson(random), view), other = renderPortrait(drawPerson(random), view);
  const camera = { read: 0.006, shot: 0.018, blur: 0.08, demosaic: 0.1 };
  const photo = photograph(portrait, camera, random), donor = photograph(other, camera, random);
  const strength = { colour: 0.1, soft: 0.3, checker: 0.02, bend: 3, reach: [0.9, 1.1] as const };
  for (const method of ["self-blend", "resample", "warp", "face-swap", "regenerate"] satisfies Method[]) {
    const before = photo.slice();
    const fake = manipulate(photo, portrait, { method, strength, random: createRandom(2, method), donor });
    assertEquals(photo, before);
    const change = [0, 0], pixels = [0, 0];
    for (let p = 0; p < fake.mask.length; p++) {
      const white = fake.mask[p] === 255 ? 1 : 0;
      let difference = 0;
      for (let c = 0; c < 3; c++) difference += Math.abs(fake.photo[3 * p + c] - photo[3 * p + c]);
      change[white] += difference, pixels[white]++;
      if (portrait.face.inside[p] < 0.5) assertEquals(difference, 0, `${method}: pixel ${p} is not face`);
    }
    assertGreater(change[1] / pixels[1], 5 * change[0] / pixels[0], method);
  }
});

Deno.test("writeDemoData() refuses a folder that holds other files, and stops when told to", async () => {
  const root = await Deno.makeTempDir({ prefix: "demo-test-" });
  await Deno.writeTextFile(join(root, "holiday.jpg"), "mine");
  const error = await assertRejects(() => writeDemoData({ root }), Error);
  assertStringIncludes(
    error.message,
    `expected ${root} to be missing, empty or earlier demo data but found other files`,
  );
  assertEquals(await Deno.readTextFile(join(root, "holiday.jpg")), "mine");

  const folder = join(root, "stopped");
  const controller = new AbortController();
  await assertRejects(
    () => writeDemoData({ root: folder, signal: controller.signal, onProgress: () => controller.abort() }),
    Error,
    "abort",
  );
  assertEquals([...Deno.readDirSync(root)].map((entry) => entry.name), ["holiday.jpg"]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("writeDemoData() begins to write anew when a file was changed or is missing, and says so", async () => {
  const { root } = await demoData();
  const image = join(root, "demo/test/real/id311/000.jpg");
  const bytes = await Deno.readFile(image);
  for (const damage of ["changed", "removed"]) {
    if (damage === "removed") await Deno.remove(image);
    else await Deno.writeFile(image, bytes.map((byte, i) => i === 900 ? byte ^ 1 : byte));
    const notes: string[] = [];
    const controller = new AbortController();
    const onNote = (note: string) => {
      notes.push(note);
      controller.abort();
    };
    await assertRejects(() => writeDemoData({ root, onNote, signal: controller.signal }), Error, "abort");
    assertEquals(notes, [
      `Writing the demo data anew, because files in ${root} are not as they were written`,
    ]);
  }
  await Deno.writeFile(image, bytes);
  assertEquals((await writeDemoData({ root })).written, 0);
});

Deno.test("writeDemoData() removes the folders of killed processes, and neither a living one's nor others", async () => {
  const root = await Deno.makeTempDir({ prefix: "demo-test-" });
  const old = new Date(Date.now() - 2 * 3600e3);
  for (const name of [".demo-01", ".demo-02", ".demo-03", ".demo-04", ".demo-mine", ".demo-05"]) {
    await Deno.mkdir(join(root, name, name === ".demo-04" ? "holiday" : "demo"), { recursive: true });
    if (name === ".demo-01" || name === ".demo-02") {
      await Deno.writeTextFile(join(root, name, "unfinished"), "");
      await Deno.utime(join(root, name, "unfinished"), old, old);
    }
    if (name !== ".demo-05") await Deno.utime(join(root, name), old, old);
  }
  using living = await Deno.open(join(root, ".demo-02/unfinished"), { write: true });
  await living.lock(true);
  const controller = new AbortController();
  controller.abort();
  await assertRejects(() => writeDemoData({ root: join(root, "demo"), signal: controller.signal }));
  const left = [...Deno.readDirSync(root)].map(({ name }) => name).sort();
  assertEquals(left, [".demo-02", ".demo-04", ".demo-05", ".demo-mine"]);
  await Deno.remove(root, { recursive: true });
});

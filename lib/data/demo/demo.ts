/**
 * The embedded default: a procedural data set of portraits and fakes made from them, written once as real image files.
 *
 * `demo` stands where FaceForensics++ will (train, val, test); `demo-shift-a` and `demo-shift-b` (test only), with a
 * family that training never saw, other strengths and worse cameras, where Celeb-DF and DFDC will. Every video is one
 * person, and no person appears twice. Both classes take the same road: camera → JPEG → (manipulation) → JPEG.
 */

import sharp from "sharp";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { type Camera, manipulate, type Method, photograph, type Strength } from "./fakes.ts";
import {
  type DemoData,
  holdsFiles,
  MARKER,
  readMarker,
  removeUnfinished,
  replaceFolder,
  UNFINISHED,
} from "./folder.ts";
import { InputError } from "../../base/errors.ts";
import { checkWritable, writeWhole } from "../../base/files.ts";
import { inParallel } from "../../base/pool.ts";
import { createRandom } from "../../base/random.ts";
import { between } from "./noise.ts";
import { drawPerson, drawView, nextView } from "./person.ts";
import { renderPortrait } from "./portrait.ts";

/** Raised whenever the same seed would give other bytes; older data is then written anew. */
export const DEMO_VERSION = 3;

const SIZE = 224;
/** Frames per video, in turn. */
const FRAMES = [2, 3, 2];

type Range = readonly [number, number];
type DemoSet = {
  readonly set: "demo" | "demo-shift-a" | "demo-shift-b";
  /** Videos per split, real and fake; the fake ones go round the methods. */
  readonly splits: Readonly<Record<string, { readonly real: number; readonly fake: number }>>;
  readonly methods: readonly Method[];
  readonly strength: Strength;
  readonly read: Range;
  readonly shot: Range;
  readonly blur: Range;
  readonly dimness: Range;
  readonly cameraQuality: Range;
  readonly finalQuality: Range;
};

const SETS: readonly DemoSet[] = [
  {
    set: "demo",
    splits: { train: { real: 104, fake: 156 }, val: { real: 21, fake: 30 }, test: { real: 36, fake: 51 } },
    methods: ["self-blend", "resample", "warp"],
    strength: { colour: 0.16, soft: 0.25, checker: 0.03, bend: 4, reach: [1, 1.2] },
    read: [0.006, 0.01],
    shot: [0.015, 0.024],
    blur: [0.04, 0.12],
    dimness: [0, 0.3],
    cameraQuality: [92, 98],
    finalQuality: [90, 96],
  },
  {
    set: "demo-shift-a",
    splits: { test: { real: 27, fake: 42 } },
    methods: ["face-swap", "self-blend", "warp"],
    strength: { colour: 0.08, soft: 0.5, checker: 0.02, bend: 2, reach: [0.65, 0.9] },
    read: [0.006, 0.014],
    shot: [0.016, 0.03],
    blur: [0.08, 0.2],
    dimness: [0.2, 0.6],
    cameraQuality: [86, 95],
    finalQuality: [74, 90],
  },
  {
    set: "demo-shift-b",
    splits: { test: { real: 27, fake: 42 } },
    methods: ["regenerate", "resample", "face-swap"],
    strength: { colour: 0.1, soft: 0.4, checker: 0.015, bend: 2, reach: [0.65, 0.95] },
    read: [0.01, 0.024],
    shot: [0.02, 0.04],
    blur: [0.1, 0.22],
    dimness: [0.4, 1],
    cameraQuality: [75, 92],
    finalQuality: [65, 88],
  },
];

/** As many further videos of the first set as verdicts are calibrated on: persons that no other part has. */
const CALIBRATION: DemoSet = { ...SETS[0], splits: { calibration: { real: 100, fake: 102 } } };

/** The persons of {@link CALIBRATION} begin here, so that the sets may grow. */
const CALIBRATION_FROM = 1000;

/** Names of the demo sets: the one to train on first, then those that stand where other data sets will. */
export const demoSets: readonly string[] = SETS.map(({ set }) => set);

/** What is written at once: the `sets` that are trained and tested on, or the videos for `calibration`. */
export type DemoPart = "sets" | "calibration";

/** One synthetic person's frames, and where they go. */
type Video = { demoSet: DemoSet; split: string; method: Method | null; id: number; frames: number };

/** Every video of a part, in the order of their ids. */
export function demoVideos(part: DemoPart = "sets"): Video[] {
  const videos: Video[] = [];
  const first = part === "sets" ? 0 : CALIBRATION_FROM;
  for (const demoSet of part === "sets" ? SETS : [CALIBRATION]) {
    for (const [split, { real, fake }] of Object.entries(demoSet.splits)) {
      for (let i = 0; i < real + fake; i++) {
        const method = i < real ? null : demoSet.methods[(i - real) % demoSet.methods.length];
        videos.push({ demoSet, split, method, id: first + videos.length, frames: FRAMES[i % FRAMES.length] });
      }
    }
  }
  return videos;
}

const jpeg = (bytes: Uint8Array, quality: number) =>
  sharp(bytes, { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: "4:2:0", mozjpeg: false, optimiseCoding: false });

/** The files of one frame, below the root: the mask of a fake, then the image. */
function pathsOf({ demoSet, split, method, id }: Video, frame: number): string[] {
  const video = [...(method ? [method] : []), `id${String(id).padStart(3, "0")}`].join("/");
  const pathIn = (kind: string, suffix: string) =>
    `${demoSet.set}/${split}/${kind}/${video}/${String(frame).padStart(3, "0")}.${suffix}`;
  return method ? [pathIn("mask", "png"), pathIn("fake", "jpg")] : [pathIn("real", "jpg")];
}

/** The files of one video: paths below the root, and their bytes. */
export async function renderVideo(video: Video, seed: number): Promise<DemoFile[]> {
  const { demoSet, method, id } = video;
  const random = createRandom(seed, "demo", id);
  const person = drawPerson(random), other = drawPerson(random);
  const range = ([low, high]: Range) => between(random, low, high);
  let view = drawView(random, { dimness: range(demoSet.dimness) });
  const camera: Camera = {
    read: range(demoSet.read),
    shot: range(demoSet.shot),
    blur: range(demoSet.blur),
    demosaic: between(random, 0.08, 0.14),
  };
  const cameraQuality = Math.round(range(demoSet.cameraQuality)),
    finalQuality = Math.round(range(demoSet.finalQuality));
  const shoot = async (portrait: ReturnType<typeof renderPortrait>) =>
    new Uint8Array(
      await sharp(await jpeg(photograph(portrait, camera, random), cameraQuality).toBuffer()).raw()
        .toBuffer(),
    );
  const files: DemoFile[] = [];
  for (let frame = 0; frame < video.frames; frame++) {
    if (frame > 0) view = nextView(view, random);
    const portrait = renderPortrait(person, view, { size: SIZE });
    let photo = await shoot(portrait);
    const paths = pathsOf(video, frame);
    if (method) {
      const donor = method === "face-swap"
        ? await shoot(renderPortrait(other, view, { size: SIZE }))
        : undefined;
      const fake = manipulate(photo, portrait, { method, strength: demoSet.strength, random, donor });
      const mask = sharp(fake.mask, { raw: { width: SIZE, height: SIZE, channels: 1 } })
        .toColourspace("b-w").png({ compressionLevel: 6, adaptiveFiltering: false });
      files.push({ path: paths[0], bytes: new Uint8Array(await mask.toBuffer()) });
      photo = fake.photo;
    }
    files.push({
      path: paths.at(-1)!,
      bytes: new Uint8Array(await jpeg(photo, finalQuality).toBuffer()),
    });
  }
  return files;
}

/**
 * Writes the demo data set below `root`, once: with the same generator version and seed in place it only checks that the bytes
 * are those written. The files go to a temporary folder first, which is then renamed, so what is in place is always whole; such
 * folders of killed processes are removed. About 1,200 images of 224×224, and a mask beside each fake; the videos for calibration have
 * about 470, in `demo/calibration`.
 *
 * @param options.root `data/demo` unless given, for calibration `data/demo-calibration`
 * @param options.part `sets` unless given
 * @param options.onNote takes a sentence about data in place that are damaged, and written anew
 * @param options.onProgress hears the images written so far and their total
 * @param options.signal stops the work; what was in place stays
 * @throws {InputError} when `root` holds something other than demo data, and the signal's reason when it stops the work
 *
 * @example
 * ```ts
 * import { writeDemoData } from "@forgelens/bench/data";
 * import { assertRejects } from "@std/assert";
 *
 * const parent = await Deno.makeTempDir();
 * const stop = new AbortController();
 * const onProgress = () => stop.abort(); // otherwise 1,251 images, in half a minute
 * const writing = writeDemoData({ root: `${parent}/demo`, onProgress, signal: stop.signal });
 * await assertRejects(() => writing, DOMException);
 * await Deno.remove(parent, { recursive: true });
 * ```
 */
export async function writeDemoData(
  options: {
    root?: string;
    part?: DemoPart;
    seed?: number;
    onNote?: (message: string) => void;
    onProgress?: (done: number, total: number) => void;
    signal?: AbortSignal;
  } = {},
): Promise<DemoData & { written: number }> {
  const { part = "sets", seed = 0, onNote = () => {}, onProgress, signal } = options;
  const { root = part === "sets" ? "data/demo" : "data/demo-calibration" } = options;
  const found = await readMarker(root);
  if (found && found.version === DEMO_VERSION && found.seed === seed) {
    if (await digestOf(root, part) === found.sha256) return { ...found, written: 0 };
    onNote(`Writing the demo data anew, because files in ${root} are not as they were written`);
  }
  if (!found && await holdsFiles(root)) {
    throw new InputError(
      `Cannot write demo data: expected ${root} to be missing, empty or earlier demo data but found other files; ` +
        `name another folder or move them`,
    );
  }
  await checkWritable(root, { flag: "--root" });
  const videos = demoVideos(part);
  const images = videos.reduce((sum, video) => sum + video.frames, 0);
  await Deno.mkdir(dirname(root), { recursive: true });
  await removeUnfinished(dirname(root), demoSets);
  const work = await Deno.makeTempDir({ dir: dirname(root), prefix: ".demo-" });
  try {
    using lock = await Deno.open(join(work, UNFINISHED), { write: true, createNew: true });
    await lock.tryLock(true).catch(() => {}); // not every file system has locks
    const hashes: string[] = new Array(videos.length);
    let done = 0;
    const receive = async (index: number, files: DemoFile[]) => {
      const hash = createHash("sha256");
      for (const { path, bytes } of files) {
        const target = join(work, path);
        await Deno.mkdir(dirname(target), { recursive: true });
        await Deno.writeFile(target, bytes);
        hash.update(path).update(bytes);
      }
      await lock.utime(new Date(), new Date());
      hashes[index] = hash.digest("hex");
      done += videos[index].frames;
      onProgress?.(done, images);
    };
    await renderAll(videos.length, { part, seed, signal, receive });
    const sha256 = createHash("sha256").update(hashes.join("")).digest("hex");
    const data: DemoData = { version: DEMO_VERSION, seed, images, sha256 };
    await writeWhole(join(work, MARKER), JSON.stringify(data, null, 2) + "\n");
    await Deno.remove(join(work, UNFINISHED));
    await replaceFolder(work, root, { data, isSound: async () => await digestOf(root, part) === sha256 });
    return { ...data, written: images };
  } finally {
    await Deno.remove(work, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // it is in place
    });
  }
}

/** Has every video rendered, on as many threads as there are cores (4 at most), and hands over each one's files. */
async function renderAll(
  count: number,
  { part, seed, signal, receive }: {
    part: DemoPart;
    seed: number;
    signal?: AbortSignal;
    receive: (index: number, files: DemoFile[]) => Promise<void>;
  },
): Promise<void> {
  const workers = Array.from(
    { length: Math.min(4, navigator.hardwareConcurrency) },
    () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
  );
  const receiving: Promise<void>[] = [];
  let next = 0;
  const employ = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      let asked = 0;
      const ask = () => {
        if (next === count) return;
        worker.postMessage({ index: next++, part, seed });
        asked++;
      };
      worker.onmessage = ({ data: { index, files } }) => {
        asked--;
        ask();
        receiving.push(receive(index, files).catch(reject));
        if (asked === 0) resolve();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot draw the demo data: ${event.message}`));
      };
      // Two questions at a time: JPEG and PNG are made beside the drawing of the next video.
      ask();
      ask();
    });
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => stop = () => reject(signal!.reason));
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    await Promise.race([stopped, Promise.all(workers.map(employ))]);
  } finally {
    signal?.removeEventListener("abort", stop);
    for (const worker of workers) worker.terminate();
    await Promise.all(receiving);
  }
}

/** The digest of the demo data below `root`, as it was when they were written; undefined when a file is missing. */
async function digestOf(root: string, part: DemoPart): Promise<string | undefined> {
  try {
    const hashes = await inParallel(demoVideos(part), async (video) => {
      const hash = createHash("sha256");
      for (let frame = 0; frame < video.frames; frame++) {
        for (const path of pathsOf(video, frame)) {
          hash.update(path).update(await Deno.readFile(join(root, path)));
        }
      }
      return hash.digest("hex");
    }, { workers: 8 });
    return createHash("sha256").update(hashes.join("")).digest("hex");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

type DemoFile = { path: string; bytes: Uint8Array<ArrayBuffer> };

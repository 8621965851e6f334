/**
 * Clips of 720p to aligned crops: `prepare --faces` as a whole, beside what of it cannot be spared.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../lib/base/errors.ts";
import { inParallel } from "../lib/base/pool.ts";
import { evenly } from "../lib/data/layouts/layout.ts";
import { readSet } from "../lib/data/layouts/mod.ts";
import { openFaceFinder } from "../lib/faces/find.ts";
import type { RgbImage } from "../lib/images/resize.ts";
import { findFfmpeg, selectFrames } from "../lib/videos/ffmpeg.ts";
import { prepareVideos } from "../lib/videos/prepare.ts";
import { streamFrames } from "../lib/videos/raw_frames.ts";
import { type Measure, secondsOf } from "./bench_setting.ts";

/** Clips of each class, their frames, and those that are taken. */
const CLIPS = 2, LENGTH = 250, FRAMES = 32;

const photograph = fileURLToPath(new URL("../tests/fixtures/mtcnn/several.jpg", import.meta.url));

/** The photograph of three faces, enlarged, moved along and with a camera's noise, as H.264. */
async function writeClips(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (let n = 0; n < 2 * CLIPS; n++) {
    const path = join(folder, n % 2 === 0 ? "real" : "fake", `${n}.mp4`);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    const moved = `scale=1440:810,crop=1280:720:x='80+60*sin(t+${n})':y='45+30*cos(t)'`;
    await ffmpeg(
      ...["-loop", "1", "-framerate", "25", "-i", photograph],
      ...["-vf", `${moved},noise=alls=6:allf=t:all_seed=${n},format=yuv420p`, "-frames:v", `${LENGTH}`],
      ...["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-y", path],
    );
    paths.push(path);
  }
  return paths;
}

async function ffmpeg(...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ffmpeg", { args: ["-nostdin", "-v", "error", ...args] })
    .output();
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    throw new Error(`Cannot time prepare: expected ffmpeg to run but found: ${said}`);
  }
}

/**
 * Frames prepared a second, and how many there would be in one and a half times ffmpeg's own time to decode and select the same
 * frames, as many videos at a time, and the detector's time for them one batch after another.
 */
export async function prepare({ folder }: { readonly folder: string }): Promise<Measure[]> {
  let keep: readonly string[];
  try {
    keep = await findFfmpeg();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.error(`prepare is left out: ${error.message}`);
    return [];
  }
  const root = join(folder, "clips");
  const paths = await writeClips(root);
  const numbers = evenly([...Array(LENGTH).keys()], FRAMES);
  const finder = await openFaceFinder();
  const decode = async () => {
    const how = ["-vf", selectFrames(numbers), ...keep, "-pix_fmt", "rgb24", "-f", "rawvideo"];
    // As many at a time as `prepare` takes.
    await inParallel(paths, (path) => ffmpeg("-threads", "1", "-i", path, ...how, "-y", "/dev/null"));
  };
  const detect = async () => {
    let seconds = 0;
    for (const path of paths) {
      const images: RgbImage[] = [];
      await streamFrames(path, { numbers, keep, use: (image) => void images.push(image) });
      seconds += (await secondsOf(1, () => finder.find(images)))[0];
    }
    return seconds;
  };
  const frames = paths.length * FRAMES;
  let round = 0;
  return [{
    name: `prepare --faces on ${paths.length} clips of 720p`,
    run: async () => {
      const [decoding] = await secondsOf(1, decode);
      const allowed = 1.5 * decoding + await detect();
      const into = join(folder, `prepared-${round++}`);
      const reading = await readSet({ name: "clips", path: root });
      const prepareAll = () => prepareVideos(reading, { into, faces: { align: "similarity" } });
      const [taken] = await secondsOf(1, prepareAll);
      return {
        "720p frames prepared with faces": frames / taken,
        "1.5 times ffmpeg and the detector, 720p frames": frames / allowed,
      };
    },
    close: () => finder.close(),
  }];
}

/**
 * Faces found in frames of 720p: ours beside facenet-pytorch, of which ours is MTCNN, both down to the same least face.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { findFaces, openFaceFinder } from "../lib/faces/find.ts";
import { decodeImage } from "../lib/images/image.ts";
import { facenetFolder, peerPython } from "./bench_peer.ts";
import { median } from "./bench_print.ts";
import { CALLS, secondsOf } from "./bench_setting.ts";

/** Frames that are looked at together. */
const FRAMES = 8;
/** What `prepare` looks for, in pixels. */
const LEAST_SIDE = 30;

const photograph = fileURLToPath(new URL("../tests/fixtures/mtcnn/several.jpg", import.meta.url));

/** Photographs of three faces and a launch, enlarged to 1280×720, each a little darker than the one before. */
async function writeFrames(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (let n = 0; n < FRAMES; n++) {
    const path = join(folder, `faces-${n}.png`);
    await sharp(photograph).resize(1280, 720, { fit: "fill" }).linear(1 - n / 40).png().toFile(path);
    paths.push(path);
  }
  return paths;
}

/** Seconds of facenet-pytorch, in a process of its own. */
async function originalSeconds(python: string, paths: readonly string[]): Promise<number[]> {
  const script = fileURLToPath(new URL("../tests/peer/faces.py", import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [script, "time", `${LEAST_SIDE}`, `${CALLS}`, ...paths],
    env: { PYTHONPATH: await facenetFolder(python, console.log) },
  }).output();
  if (!success) {
    const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    throw new Error(`Cannot time facenet-pytorch: expected it to run but found: ${reason}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Frames of 720p a second, one at a time and eight at a time, each round beside the original's eight if there is a peer. */
export async function faces({ folder }: { readonly folder: string }, peer?: object) {
  const paths = await writeFrames(folder);
  const frames = await Promise.all(paths.map((path) => decodeImage(path)));
  const options = { leastSide: LEAST_SIDE };
  const finder = await openFaceFinder(options);
  const seconds = async (body: () => Promise<unknown>) => median(await secondsOf(CALLS, body));
  await finder.find(frames);
  await findFaces(frames[0], options);
  return [{
    name: "faces",
    run: async (): Promise<Record<string, number>> => ({
      "720p frames searched for faces": FRAMES / await seconds(() => finder.find(frames)),
      "720p frames searched, one at a time": 1 / await seconds(() => findFaces(frames[0], options)),
      ...peer !== undefined && {
        "facenet-pytorch, 720p frames searched": FRAMES /
          median(await originalSeconds(await peerPython(console.log), paths)),
      },
    }),
    close: () => finder.close(),
  }];
}

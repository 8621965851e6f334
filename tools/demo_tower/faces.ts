/**
 * The faces that the demo tower learns from: the real frames of the demo set, drawn with seeds that are not the demo's.
 *
 * @module
 */
import { join } from "node:path";
import { DEMO_VERSION, demoVideos } from "../../lib/data/demo/demo.ts";
import { writeWhole } from "../../lib/base/files.ts";

/** The seeds; the demo data's own is 0. */
export const faceSeeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const;

/** The demo set's real videos, by their place in `demoVideos()`; those of the shifted sets, with worse cameras, are left out. */
export function realVideos(): number[] {
  return demoVideos().flatMap(({ demoSet, method }, i) =>
    demoSet.set === "demo" && method === null ? [i] : []
  );
}

/**
 * The faces' files below `folder`, drawn on the first use: JPEGs of 224 × 224, in the order of seeds, videos and frames.
 *
 * @param options.onProgress hears the videos drawn so far and their total
 * @throws the signal's reason when it stops the work; what is drawn stays
 */
export async function facesIn(
  folder: string,
  options: {
    readonly seeds?: readonly number[];
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<string[]> {
  const { seeds = faceSeeds, onProgress, signal } = options;
  const videos = demoVideos();
  const wanted = seeds.flatMap((seed) => realVideos().map((index) => ({ seed, index })));
  const root = join(folder, `faces-v${DEMO_VERSION}`);
  await Deno.mkdir(root, { recursive: true });
  const pathOf = (seed: number, index: number, frame: number) =>
    join(root, `${seed}-${String(index).padStart(3, "0")}-${frame}.jpg`);
  const there = new Set<string>();
  for await (const { name } of Deno.readDir(root)) there.add(join(root, name));
  const frames = ({ seed, index }: { seed: number; index: number }) =>
    Array.from({ length: videos[index].frames }, (_, frame) => pathOf(seed, index, frame));
  const missing = wanted.filter((one) => !frames(one).every((path) => there.has(path)));
  let done = wanted.length - missing.length;
  let next = 0;
  const draw = async () => {
    using _ = { [Symbol.dispose]: () => worker.terminate() };
    const worker = new Worker(new URL("../../lib/data/demo/worker.ts", import.meta.url), { type: "module" });
    while (next < missing.length && !signal?.aborted) {
      const { seed, index } = missing[next++];
      const files = await new Promise<{ bytes: Uint8Array<ArrayBuffer> }[]>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data.files);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(`Cannot draw a face: ${event.message}`));
        };
        worker.postMessage({ index, seed });
      });
      for (const [frame, { bytes }] of files.entries()) await writeWhole(pathOf(seed, index, frame), bytes);
      onProgress?.(++done, wanted.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, navigator.hardwareConcurrency) }, draw));
  signal?.throwIfAborted();
  return wanted.flatMap(frames);
}

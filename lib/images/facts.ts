/**
 * What every image file of a set is asked once: whether it can be read, what it is the same as, and what a detector could
 * tell it by without looking at the face. Answers are kept until the file changes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { sha256 } from "../base/checksum.ts";
import { reasonOf } from "../base/errors.ts";
import { inParallel } from "../base/pool.ts";
import { openKeptFacts } from "./kept_facts.ts";
import { releaseBytes, type RgbImage, withImage } from "./image.ts";

/** What is known of an image file. */
export type ImageFacts = {
  /** Why it cannot be used; the other facts are then empty. */
  readonly fault?: string;
  /** File size. */
  readonly bytes: number;
  /** `JPEG`, `PNG` …, by content. */
  readonly format: string;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Names the JPEG's quantisation tables; `""` for other formats. */
  readonly tables: string;
  /** Mean of each channel, 0 to 255. */
  readonly mean: readonly [number, number, number];
  /** First 64 bits of the file's SHA-256, as hex. */
  readonly digest: string;
  /** 128 bits as hex that stay nearly the same when the picture is compressed or resized; `""` for a flat picture. */
  readonly look: string;
  /** Brightness of 9 × 9 cells, a byte each, row by row, in base64. */
  readonly grid: string;
};

/** Cells across, and down, of {@link ImageFacts.grid}. */
export const grid = 9;
const empty = {
  format: "",
  width: 0,
  height: 0,
  tables: "",
  mean: [0, 0, 0],
  digest: "",
  look: "",
  grid: "",
} as const;

/** Reads and decodes an image file and looks at it. A file that cannot be read gives a fault and throws nothing. */
async function readFacts(path: string): Promise<ImageFacts> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    return { ...empty, bytes: 0, fault: reasonOf(error) };
  }
  if (bytes.length === 0) return { ...empty, bytes: 0, fault: "empty file" };
  try {
    const digest = sha256(bytes, { digits: 16 });
    const seen = await withImage(bytes, (image) => {
      const { width, height } = image;
      const look = lookAt(image);
      releaseBytes(image.data);
      return { width, height, ...look };
    });
    return {
      bytes: bytes.length,
      format: formatOf(bytes),
      tables: quantisationTables(bytes),
      digest,
      ...seen,
    };
  } catch (error) {
    return { ...empty, bytes: bytes.length, fault: reasonOf(error) };
  }
}

/**
 * The facts of many files, in their order, four at a time; those that `cacheDir` holds for a file of the same size and
 * time of change are not asked again. What was found before an interruption is kept.
 *
 * @param options.onNote takes a sentence about kept facts that are damaged, or that cannot be kept
 */
export async function readAllFacts(
  paths: readonly string[],
  options: {
    readonly cacheDir?: string;
    readonly onProgress?: (done: number, total: number) => void;
    readonly onNote?: (message: string) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<ImageFacts[]> {
  const { onProgress, signal } = options;
  await using kept = await openKeptFacts<ImageFacts>(paths, options);
  let done = 0;
  return await inParallel(paths, async (path) => {
    const info = await Deno.stat(path).catch(() => undefined);
    const key = `${info?.size} ${info?.mtime?.getTime()}`;
    const before = kept.get(path, key);
    const facts = before ?? await readFacts(path);
    if (!before && !facts.fault) await kept.add(path, key, facts);
    onProgress?.(++done, paths.length);
    return facts;
  }, { workers: 4, signal });
}

function formatOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "JPEG";
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\x89PNG")) return "PNG";
  if (head.startsWith("GIF8")) return "GIF";
  if (head.slice(8, 12) === "WEBP") return "WebP";
  return head.startsWith("II") || head.startsWith("MM") ? "TIFF" : "other";
}

/** A short name for a JPEG's quantisation tables (its DQT segments), which tell the quality and the encoder. */
export function quantisationTables(bytes: Uint8Array): string {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return "";
  const hash = createHash("sha256");
  for (let offset = 2; offset + 4 <= bytes.length && bytes[offset] === 0xff;) {
    const marker = bytes[offset + 1];
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) { // fill and markers alone
      offset += marker === 0xff ? 1 : 2;
      continue;
    }
    if (marker === 0xda) break; // the picture begins
    const length = (bytes[offset + 2] << 8) | bytes[offset + 3];
    if (marker === 0xdb) hash.update(bytes.subarray(offset + 4, offset + 2 + length));
    offset += 2 + length;
  }
  return hash.digest("hex").slice(0, 8);
}

/** Mean colour, and the signs of the brightness steps between the cells of a 9 × 9 grid, across and down. */
function lookAt({ data, width, height }: RgbImage): Pick<ImageFacts, "mean" | "look" | "grid"> {
  const sums = new Float64Array(81 * 3);
  const counts = new Float64Array(81);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor((y * 9) / height) * 9;
    for (let x = 0; x < width; x++, i += 3) {
      const cell = row + Math.floor((x * 9) / width);
      counts[cell]++;
      sums[cell * 3] += data[i];
      sums[cell * 3 + 1] += data[i + 1];
      sums[cell * 3 + 2] += data[i + 2];
    }
  }
  const total = [0, 0, 0];
  const light = new Float64Array(81);
  for (let cell = 0; cell < 81; cell++) {
    for (let c = 0; c < 3; c++) total[c] += sums[cell * 3 + c];
    light[cell] = (0.299 * sums[cell * 3] + 0.587 * sums[cell * 3 + 1] + 0.114 * sums[cell * 3 + 2]) /
      Math.max(1, counts[cell]);
  }
  const pixels = width * height;
  const mean = total.map((sum) => Math.round((sum / pixels) * 100) / 100) as [number, number, number];
  const flat = Math.max(...light) - Math.min(...light) < 8; // of 255: noise would decide the signs
  // A step counts from 4 levels on, so that compression does not turn a smooth background's signs about.
  let bits = "";
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      bits += light[y * 9 + x] + 4 < light[y * 9 + x + 1] ? 1 : 0;
    }
  }
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      bits += light[y * 9 + x] + 4 < light[y * 9 + x + 9] ? 1 : 0;
    }
  }
  const hex = flat || width < 9 || height < 9
    ? ""
    : bits.match(/.{4}/g)!.map((nibble) => parseInt(nibble, 2).toString(16)).join("");
  return { mean, look: hex, grid: btoa(String.fromCharCode(...Uint8Array.from(light, Math.round))) };
}

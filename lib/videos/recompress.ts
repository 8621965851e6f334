/**
 * A whole video compressed as H.264 once more, as a platform does with what is put on it.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { decodeAll, frameSize } from "./ffmpeg.ts";

/** The highest constant rate factor of x264, for samples of eight bits. */
const MOST_CRF = 51;

/**
 * Refuses a constant rate factor that is none.
 *
 * @throws {InputError}
 */
export function checkCrf(crf: number): void {
  if (Number.isInteger(crf) && crf >= 0 && crf <= MOST_CRF) return;
  throw new InputError(
    `Cannot recompress: expected --recompress with a CRF from 0 to ${MOST_CRF}, as 23 and 40 are FaceForensics++'s c23 and c40, but found ${crf}`,
  );
}

/**
 * Refuses an ffmpeg that cannot write H.264.
 *
 * @throws {InputError}
 */
export async function checkEncoder(): Promise<void> {
  const { stdout } = await new Deno.Command("ffmpeg", {
    args: ["-hide_banner", "-encoders"],
    stderr: "null",
  }).output();
  if (/^\s*V\S*\s+libx264\s/m.test(new TextDecoder().decode(stdout))) return;
  throw new InputError(
    "Cannot recompress as H.264: expected an ffmpeg with the encoder libx264 but found one without it; install one that has it (Debian: apt install ffmpeg, macOS: brew install ffmpeg)",
  );
}

/** A video that was compressed once more. */
export type Recompressed = {
  /** How many frames were decoded. */
  readonly frames: number;
  /** The last that ffmpeg said of damage. */
  readonly fault?: string;
  /** The size that frames are to be cut to, where an odd side was made even. */
  readonly size?: { readonly width: number; readonly height: number };
  /** That this was done, in words. */
  readonly note?: string;
};

/**
 * Writes all frames of a video as H.264 in Matroska: turned as the file says, at their own times and size, chroma at half of it
 * (yuv420p), without sound. H.264 has even sides: the last row or column of an odd one stands twice, and is to be cut off again.
 *
 * One thread and x264's preset `medium`, so that one ffmpeg gives the same frames on any number of cores.
 *
 * @param options.crf 0 to 51; higher loses more
 * @param options.into the file that is written
 * @param options.keep what `findFfmpeg()` gave
 * @throws {OutputError} when it cannot be written.
 * @throws {Error} with ffmpeg's reason when it ended before the video did.
 */
export async function recompressVideo(
  path: string,
  options: {
    readonly crf: number;
    readonly into: string;
    readonly keep: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<Recompressed> {
  const { crf, into, keep, signal } = options;
  const { width, height } = await frameSize(path, { signal });
  const [right, bottom] = [width % 2, height % 2];
  const isEven = right + bottom === 0;
  const even = `${width + right}:${height + bottom}`;
  // Chroma at full size until then, or a column of it would be dropped; repeated, as black would bleed into the picture.
  const fill = `format=yuv444p,pad=${even},fillborders=right=${right}:bottom=${bottom}:mode=smear`;
  const { frames, fault } = await decodeAll([
    ...["-map", "0:V:0", "-an", "-sn", "-dn", ...(isEven ? [] : ["-vf", fill]), ...keep],
    // Finer than any frame rate: frames of a changing one would else fall on the same time.
    ...["-enc_time_base", "1:90000", "-c:v", "libx264", "-preset", "medium", "-crf", `${crf}`],
    ...["-threads", "1", "-pix_fmt", "yuv420p", "-f", "matroska", "-y", into],
  ], { path, into, keep, signal });
  return isEven ? { frames, fault } : {
    ...{ frames, fault, size: { width, height } },
    note: `${width} × ${height} was compressed as ${even.replace(":", " × ")}, and cut back`,
  };
}

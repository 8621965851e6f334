/**
 * Frames of a video as they come out of ffmpeg, one after another through a pipe: never all of them at a time.
 *
 * @module
 */
import type { RgbImage } from "../images/resize.ts";
import { closed, lastLine, selectFrames } from "./ffmpeg.ts";

/** What decoding a video once gave. */
export type Decoded = {
  /** Frames that the whole video decodes to. */
  readonly frames: number;
  /** The last that ffmpeg said of damage; the frames may be patched over. */
  readonly fault?: string;
};

/** How frames are read. */
export type StreamOptions = {
  /** Frames to take, rising, from 0; those past the last are not there. */
  readonly numbers: readonly number[];
  /** What `findFfmpeg()` gave. */
  readonly keep: readonly string[];
  /** Takes each frame; ffmpeg decodes a few more meanwhile. */
  readonly use: (image: RgbImage, number: number) => Promise<void> | void;
  /** Cuts each frame to this size, from its top left corner. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Gives frames of one byte a pixel, at most this wide; else they are RGB at their own size. */
  readonly greyWidth?: number;
  readonly signal?: AbortSignal;
};

/** So many frames wait in ffmpeg, which decodes on while nobody reads its pipe: 200 MB of 4K. */
const ahead = ["-f", "fifo", "-fifo_format", "image2pipe", "-queue_size", "8"];

/** Between the lines that say what is wrong stand those of `-progress`. */
const PROGRESS =
  /^(frame|fps|stream_\d+_\d+_q|bitrate|total_size|out_time|out_time_us|out_time_ms|dup_frames|drop_frames|speed|progress)=\s*(.*)$/;

/**
 * Decodes a video once, from end to end: counts its frames, and gives some of them, turned as the file says. They are the bytes that
 * `extractFrames()` writes as PNG.
 *
 * @throws {Error} with ffmpeg's reason when it ended before the video did; what `use` throws.
 */
export async function streamFrames(path: string, options: StreamOptions): Promise<Decoded> {
  const { numbers, keep, use, size, greyWidth, signal } = options;
  signal?.throwIfAborted();
  const filters = [
    selectFrames(numbers),
    ...(size ? ["format=rgb24", `crop=${size.width}:${size.height}:0:0`] : []),
    ...(greyWidth === undefined ? [] : [`scale='min(iw,${greyWidth})':-1:flags=area`]),
  ];
  const child = new Deno.Command("ffmpeg", {
    args: [
      ...["-nostdin", "-v", "error", "-progress", "pipe:2", ...closed, "-threads", "1", "-i", path],
      // The first output takes every frame and writes none: -progress counts the first one's frames.
      ...["-map", "0:V:0", ...keep, "-f", "null", "-"],
      ...["-map", "0:V:0", "-vf", filters.join(","), ...keep, ...ahead],
      ...(greyWidth === undefined
        ? ["-pix_fmt", "rgb24", "-c:v", "ppm"]
        : ["-pix_fmt", "gray", "-c:v", "pgm"]),
      "pipe:1",
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  const said = new Response(child.stderr).text();
  let taken = 0;
  try {
    for await (const image of netpbmImages(child.stdout)) await use(image, numbers[taken++]);
  } catch (error) {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await Promise.allSettled([child.status, said]);
    signal?.throwIfAborted();
    throw error;
  }
  const { signal: ended } = await child.status;
  const lines = (await said).split("\n");
  signal?.throwIfAborted();
  const values = lines.flatMap((line) => {
    const [, key, value] = PROGRESS.exec(line) ?? [];
    return key === undefined ? [] : [{ key, value }];
  });
  const fault = lastLine(lines.filter((line) => !PROGRESS.test(line)).join("\n"), path);
  if (ended || !values.some(({ key, value }) => key === "progress" && value === "end")) {
    throw new Error(ended ? `ffmpeg was ended by ${ended}` : fault || "ffmpeg did not end well");
  }
  const frames = Number(values.findLast(({ key }) => key === "frame")?.value ?? 0);
  const expected = numbers.filter((n) => n < frames).length;
  if (taken !== expected) {
    throw new Error(
      `expected ${expected} frames from ffmpeg but found ${taken} (${fault || "it gives no reason"})`,
    );
  }
  return { frames, fault: fault || undefined };
}

/** The images of a stream of PPM or PGM, each in a buffer of its own; one that is cut is left out. */
async function* netpbmImages(stream: ReadableStream<Uint8Array>): AsyncGenerator<RgbImage> {
  let head = "";
  let image: RgbImage | undefined;
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      if (!image) {
        // The header ends with the third line feed.
        head += String.fromCharCode(chunk[at++]);
        const [, kind, width, height] = /^P([56])\n(\d+) (\d+)\n255\n$/.exec(head) ?? [];
        if (kind === undefined && head.length <= 40) continue;
        if (kind === undefined) throw new Error("expected frames of PPM from ffmpeg but found other bytes");
        const sides = { width: Number(width), height: Number(height) };
        image = { data: new Uint8Array(sides.width * sides.height * (kind === "6" ? 3 : 1)), ...sides };
        [head, filled] = ["", 0];
        continue;
      }
      const part = chunk.subarray(at, at + image.data.length - filled);
      image.data.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < image.data.length) continue;
      yield image;
      image = undefined;
    }
  }
}

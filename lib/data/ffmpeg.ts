/**
 * The system's ffmpeg: how many frames a video has, and some of them as PNG.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";

/** What ffprobe says of a video. */
export type VideoInfo = {
  /** Frames that can be read. */
  readonly frames: number;
  /** Frames that the file claims to have; undefined where it does not say. */
  readonly claimed?: number;
};

const decoder = new TextDecoder();

/** The option that keeps frames as they are, by ffmpeg's version. @throws InputError when there is no ffmpeg or ffprobe. */
export async function findFfmpeg(): Promise<readonly string[]> {
  const versions: string[] = [];
  for (const name of ["ffmpeg", "ffprobe"]) {
    try {
      const { stdout } = await new Deno.Command(name, { args: ["-version"], stderr: "null" }).output();
      versions.push(/version n?(\d+)/.exec(decoder.decode(stdout))?.[1] ?? "");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new InputError(
        `Cannot extract frames: expected ffmpeg and ffprobe on the PATH but found no ${name}; install them (Debian: apt install ffmpeg, macOS: brew install ffmpeg)`,
      );
    }
  }
  // -vsync went with version 8; -fps_mode came with 5.1.
  return Number(versions[0]) >= 6 || versions[0] === "" ? ["-fps_mode", "passthrough"] : ["-vsync", "0"];
}

/**
 * Counts a video's frames by reading it without decoding.
 *
 * @throws with ffprobe's reason when it cannot be read.
 */
export async function probeVideo(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<VideoInfo> {
  const { stdout, stderr, success } = await new Deno.Command("ffprobe", {
    args: [
      ...["-v", "error", "-select_streams", "v:0", "-count_packets"],
      ...["-show_entries", "stream=nb_frames,nb_read_packets", "-of", "json", path],
    ],
    signal: options.signal,
  }).output();
  options.signal?.throwIfAborted();
  const stream = success ? JSON.parse(decoder.decode(stdout)).streams?.[0] : undefined;
  if (!stream) throw new Error(lastLine(stderr, path) || "no video stream");
  const claimed = Number(stream.nb_frames);
  return {
    frames: Number(stream.nb_read_packets ?? 0),
    claimed: Number.isInteger(claimed) ? claimed : undefined,
  };
}

/**
 * Writes some frames of a video as PNG and resolves to their paths, in order; fewer than asked for where decoding fails.
 *
 * @param options.numbers frames to take, rising, from 0
 * @param options.keep what {@link findFfmpeg} gave
 */
export async function extractFrames(
  path: string,
  options: {
    readonly numbers: readonly number[];
    readonly into: string;
    readonly keep: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<{ readonly files: string[]; readonly fault?: string }> {
  const { numbers, into, keep, signal } = options;
  const select = numbers.map((n) => `eq(n\\,${n})`).join("+");
  const { stderr } = await new Deno.Command("ffmpeg", {
    args: [
      ...["-nostdin", "-v", "error", "-threads", "1", "-i", path, "-map", "0:v:0"],
      ...["-vf", `select=${select}`, ...keep, "-frames:v", `${numbers.length}`, "-pix_fmt", "rgb24"],
      ...["-f", "image2", join(into.replaceAll("%", "%%"), "raw-%06d.png")],
    ],
    stdout: "null",
    signal,
  }).output();
  signal?.throwIfAborted();
  const names: string[] = [];
  for await (const { name } of Deno.readDir(into)) if (/^raw-\d+\.png$/.test(name)) names.push(name);
  const files = names.sort().map((name) => join(into, name));
  return { files, fault: files.length < numbers.length ? lastLine(stderr, path) : undefined };
}

function lastLine(bytes: Uint8Array, path: string): string {
  const lines = decoder.decode(bytes).split("\n").map((line) => line.replaceAll(path, "").trim());
  return lines.filter((line) => line !== "").at(-1)?.replace(/^:\s*|^\[[^\]]*\]\s*/, "") ?? "";
}

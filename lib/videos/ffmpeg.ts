/**
 * The system's ffmpeg: how many frames a video has, and some of them as PNG.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { OutputError } from "./whole_frames.ts";

/** What ffprobe says of a video's packets. A packet is mostly a frame; only decoding tells. */
export type VideoInfo = {
  /** Packets whose frames are to be shown. */
  readonly packets: number;
  /** Packets that are decoded and not shown: those that an edit list leaves out. */
  readonly hidden: number;
  /** Frames that the file claims to have; undefined where it does not say. */
  readonly claimed?: number;
  /** The container, by ffmpeg's name: `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string;
};

/** Containers that hold their frames themselves. Playlists and scripts, whose frames are those of other files, are not. */
const formats = ["mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg"];
/** What every file is opened with, so that it cannot bring in another one. */
export const closed = ["-protocol_whitelist", "file", "-format_whitelist", formats.join(",")];

const GROUP = 32;

const decoder = new TextDecoder();

/**
 * The option that keeps frames as they are, as this ffmpeg calls it. It is asked for its options: the versions of builds from
 * git say nothing.
 *
 * @throws {InputError} when there is no ffmpeg or ffprobe, or one that lacks what is needed.
 */
export async function findFfmpeg(): Promise<readonly string[]> {
  let options = "";
  for (const name of ["ffprobe", "ffmpeg"]) {
    try {
      const { stdout } = await new Deno.Command(name, {
        args: ["-hide_banner", "-h", "full"],
        stderr: "null",
      })
        .output();
      options = decoder.decode(stdout);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new InputError(
        `Cannot extract frames: expected ffmpeg and ffprobe on the PATH but found no ${name}; install them (Debian: apt install ffmpeg, macOS: brew install ffmpeg)`,
      );
    }
    if (!/^\s*-format_whitelist\b/m.test(options)) {
      throw new InputError(
        `Cannot extract frames: expected an ${name} that can be kept from opening other files (-format_whitelist) but found an older one; install version 4 or newer`,
      );
    }
  }
  // -fps_mode came with 5.1, -vsync went with 8.
  return /^\s*-fps_mode\b/m.test(options) ? ["-fps_mode", "passthrough"] : ["-vsync", "0"];
}

/**
 * Counts a video's packets by reading it without decoding.
 *
 * @throws {Error} with ffprobe's reason when it cannot be read, or is a playlist or a script of other files.
 */
export async function probeVideo(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<VideoInfo> {
  const { stdout, stderr, success, signal: ended } = await new Deno.Command("ffprobe", {
    args: [
      ...["-v", "error", ...closed, "-select_streams", "V:0"],
      ...["-show_entries", "packet=flags:stream=nb_frames:format=format_name", "-of", "compact", path],
    ],
    signal: options.signal,
  }).output();
  options.signal?.throwIfAborted();
  const lines = decoder.decode(stdout).split("\n");
  const value = (kind: string) => lines.find((line) => line.startsWith(`${kind}|`))?.split("=")[1]?.trim();
  const stream = value("stream");
  if (!success || stream === undefined) {
    const said = decoder.decode(stderr);
    const format = /\[(\S+) @ [^\]]*\] Format not on whitelist/.exec(said)?.[1];
    throw new Error(
      format
        ? `expected a file that holds its frames but found ${format}, as playlists, scripts and pictures are`
        : lastLine(said, path) || (ended ? `ffprobe was ended by ${ended}` : "no video stream"),
    );
  }
  const flags = lines.filter((line) => line.startsWith("packet|"));
  const hidden = flags.filter((line) => line.includes("D")).length;
  const claimed = Number(stream);
  return {
    packets: flags.length - hidden,
    hidden,
    claimed: Number.isInteger(claimed) ? claimed : undefined,
    format: value("format") ?? "",
  };
}

/** What decoding a video once gave. */
export type Extraction = {
  /** The frames asked for that are there, in order. */
  readonly files: readonly string[];
  /** Frames that the whole video decodes to. */
  readonly frames: number;
  /** The last that ffmpeg said of damage; the frames may be patched over. */
  readonly fault?: string;
};

/**
 * Decodes a video once, from end to end: counts its frames, and writes some of them as PNG, turned as the file says.
 *
 * @param options.numbers frames to take, rising, from 0; those past the last are not there
 * @param options.into an empty folder
 * @param options.keep what {@link findFfmpeg} gave
 * @param options.size cuts each frame to this size, from its top left corner
 * @throws {OutputError} when frames cannot be written.
 * @throws {Error} with ffmpeg's reason when it ended before the video did.
 */
export async function extractFrames(
  path: string,
  options: {
    readonly numbers: readonly number[];
    readonly into: string;
    readonly keep: readonly string[];
    readonly size?: { readonly width: number; readonly height: number };
    readonly signal?: AbortSignal;
  },
): Promise<Extraction> {
  const { numbers, into, keep, size, signal } = options;
  const cut = size ? `,format=rgb24,crop=${size.width}:${size.height}:0:0` : "";
  const { frames, fault } = await decodeAll([
    ...["-map", "0:V:0", "-vf", `${selectFrames(numbers)}${cut}`, ...keep, "-pix_fmt", "rgb24"],
    ...["-f", "image2", join(into.replaceAll("%", "%%"), "raw-%06d.png")],
  ], { path, into, keep, signal });
  const names: string[] = [];
  for await (const { name } of Deno.readDir(into)) if (/^raw-\d+\.png$/.test(name)) names.push(name);
  const files = names.sort().map((name) => join(into, name));
  const expected = numbers.filter((n) => n < frames).length;
  if (files.length !== expected) {
    throw new OutputError(
      `Cannot write frames into ${into}: expected ${expected} files but found ${files.length} (${
        fault ?? "ffmpeg gives no reason"
      })`,
    );
  }
  return { files, frames, fault };
}

/**
 * Decodes a video once, from end to end, for one output: counts its frames, whatever the output takes of them.
 *
 * @param output ffmpeg's arguments for the output
 * @param options.into where the output goes, for messages
 * @returns the number of frames, and the last that ffmpeg said of damage
 * @throws {OutputError} when the output cannot be written.
 * @throws {Error} with ffmpeg's reason when it ended before the video did.
 */
export async function decodeAll(
  output: readonly string[],
  options: {
    readonly path: string;
    readonly into: string;
    readonly keep: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<{ readonly frames: number; readonly fault?: string }> {
  const { path, into, keep, signal } = options;
  // The first output takes every frame and writes none: -progress counts the first one's frames.
  const { stdout, stderr, signal: ended } = await new Deno.Command("ffmpeg", {
    args: [
      ...["-nostdin", "-v", "error", "-progress", "pipe:1", ...closed, "-threads", "1", "-i", path],
      ...["-map", "0:V:0", ...keep, "-f", "null", "-"],
      ...output,
    ],
    signal,
  }).output();
  signal?.throwIfAborted();
  const progress = decoder.decode(stdout);
  const said = decoder.decode(stderr);
  if (/No space left|Disk quota|Read-only file system|File too large/i.test(said)) {
    throw new OutputError(
      `Cannot write frames into ${into}: ${lastLine(said, path)}; make room, and the same command goes on`,
    );
  }
  if (ended || !/^progress=end$/m.test(progress)) {
    throw new Error(
      ended ? `ffmpeg was ended by ${ended}` : lastLine(said, path) || "ffmpeg did not end well",
    );
  }
  const frames = Number([...progress.matchAll(/^frame=\s*(\d+)$/gm)].at(-1)?.[1] ?? 0);
  return { frames, fault: lastLine(said, path) || undefined };
}

/**
 * The size of a video's first frame, turned as the file says.
 *
 * @throws {Error} with ffmpeg's reason when it has none.
 */
export async function frameSize(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly width: number; readonly height: number }> {
  const { stdout, stderr } = await new Deno.Command("ffmpeg", {
    args: [
      ...["-nostdin", "-v", "error", ...closed, "-threads", "1", "-i", path, "-map", "0:V:0"],
      ...["-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "pipe:1"],
    ],
    signal: options.signal,
  }).output();
  options.signal?.throwIfAborted();
  // The first chunk of a PNG says its sides (PNG 11.2.2).
  if (stdout.length < 24) throw new Error(lastLine(decoder.decode(stderr), path) || "no frames");
  const view = new DataView(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** The filter that takes frames by their numbers, rising, from 0; without any it takes none, as no video has so many frames. */
export function selectFrames(numbers: readonly number[]): string {
  const taken = numbers.length > 0 ? numbers : [Number.MAX_SAFE_INTEGER];
  return `select=${sumOf(taken.map((n) => `eq(n\\,${n})`))}`;
}

/** A sum of terms in groups: ffmpeg refuses one of more than a hundred in a row. */
function sumOf(terms: readonly string[]): string {
  if (terms.length <= GROUP) return terms.join("+");
  const groups = Array.from(
    { length: Math.ceil(terms.length / GROUP) },
    (_, i) => `(${terms.slice(i * GROUP, (i + 1) * GROUP).join("+")})`,
  );
  return sumOf(groups);
}

/** What ffmpeg says after it has said what is wrong. */
const GENERAL =
  /Error marking filters|Conversion failed|Terminating thread|Error while (decoding|processing)/;

/** The last of what ffmpeg said that says what is wrong, without the path and where in ffmpeg it was said. */
export function lastLine(text: string, path: string): string {
  const lines = text.split("\n")
    .map((line) => line.replaceAll(path, "").trim().replace(/^:\s*|^(\[[^\]]*\]\s*)+/, ""))
    .filter((line) => line !== "" && !/^Last message repeated/.test(line));
  return lines.findLast((line) => !GENERAL.test(line)) ?? lines.at(-1) ?? "";
}

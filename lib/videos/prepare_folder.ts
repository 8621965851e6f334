/**
 * The folder that frames are prepared into: it has one owner at a time, settings that it was begun with, and a place for
 * each video.
 *
 * @module
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { InputError } from "../base/errors.ts";
import { readJson, writeWhole } from "../base/files.ts";
import { ownerFile, type Ownership, ownFolder } from "../base/owner.ts";
import { type PrepareSettings, settingsName } from "../data/prepared.ts";
import type { SetReading, Video } from "../data/layouts/layout.ts";
import { orOutputError } from "./whole_frames.ts";

/** A claim on a folder; it ends when it is disposed, or with the process, however that ends. */
export type Claim = Ownership & {
  /** An empty folder for frames in the making. */
  readonly work: string;
};

const workName = ".partial";

/**
 * Makes the caller the owner of a folder, which is made where there is none, and clears what killed owners left unfinished.
 *
 * @throws {InputError} when another living process is its owner
 * @throws {OutputError} when it cannot be written to.
 */
export async function claimFolder(into: string): Promise<Claim> {
  const cannot = `Cannot prepare into ${into}`;
  const instead = "wait for it, or take another --into";
  const owner = await orOutputError(cannot, () => ownFolder(into, { cannot, doing: "prepare", instead }));
  const partial = resolve(into, workName);
  if (owner.unlocked === undefined) await Deno.remove(partial, { recursive: true }).catch(() => {}); // mostly not there
  // Its own name: an ffmpeg that outlived a killed owner may still be writing under the other one's.
  const work = join(partial, crypto.randomUUID().slice(0, 8));
  return {
    work,
    unlocked: owner.unlocked,
    async [Symbol.asyncDispose]() {
      await Deno.remove(work, { recursive: true }).catch(() => {});
      await Deno.remove(partial).catch(() => {}); // another owner's work may be in it where there are no locks
      await owner[Symbol.asyncDispose]();
    },
  };
}

/**
 * Writes the settings and the set's lists, or finds the ones of an earlier call.
 *
 * @throws {InputError} when the folder was begun with other settings, or holds something else.
 */
export async function openFolder(
  into: string,
  options: { readonly reading: SetReading; readonly settings: PrepareSettings },
): Promise<void> {
  const { reading, settings } = options;
  const path = join(into, settingsName);
  const before = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (before !== undefined && before !== text) {
    const begun = await readJson(path, { expected: "what prepare wrote" }) as PrepareSettings;
    throw new InputError(
      `Cannot go on in ${into}: expected the settings that it was begun with (${
        inWords(begun)
      }) but found others (${inWords(settings)}); take another --into`,
    );
  }
  if (before === undefined) {
    for await (const { name } of Deno.readDir(into)) {
      if (name === ownerFile) continue;
      throw new InputError(
        `Cannot prepare into ${into}: expected an empty folder, or one that prepare began, but found ${name}`,
      );
    }
    await orOutputError(`Cannot prepare into ${into}`, () => writeWhole(path, text));
  }
  for (const list of reading.lists) {
    const content = await Deno.readTextFile(join(reading.root, list));
    await orOutputError(`Cannot prepare into ${into}`, () => writeWhole(join(into, list), content));
  }
}

function inWords({ layout, frames, crop, margin, recompress, faces }: PrepareSettings): string {
  const compressed = recompress === undefined ? "not recompressed" : `recompressed with CRF ${recompress}`;
  const found = faces && [
    `, align ${faces.align}${faces.size === undefined ? "" : ` at ${faces.size}`}`,
    `faces from a score of ${faces.leastScore} and ${faces.leastSide} pixels on by ${faces.finder}`,
    faces.finderDigest.slice(0, 8),
    ...(faces.points === 68 ? ["68 points"] : []),
  ].join(", ");
  return `${layout}, ${frames} frames, crop ${crop}, margin ${margin}, ${compressed}${found ?? ""}`;
}

/**
 * Where each video's frames go, below `into` and with `/`: the place that its layout has for them. Names that differ in
 * letter case alone, which many disks take for one, get a number.
 */
export function outFolders(reading: SetReading, videos: readonly Video[]): readonly string[] {
  const taken = new Set<string>();
  return videos.map((video) => {
    const place = placeOf(video, reading).replaceAll("\\", "/");
    const key = (path: string) => path.normalize("NFC").toLowerCase();
    let free = place;
    for (let count = 2; taken.has(key(free)); count++) free = `${place}~${count}`;
    taken.add(key(free));
    return free;
  });
}

function placeOf(video: Video, reading: SetReading): string {
  const name = video.id.split("/").at(-1)!;
  if (video.file === undefined) {
    const inside = relative(reading.root, video.folder);
    // Frames of several videos may lie in one folder.
    return basename(inside) === name ? inside : join(inside, name);
  }
  const inside = relative(reading.root, dirname(video.file));
  if (reading.kind === "folders") return join(inside, name);
  const base = basename(inside) === "videos" ? dirname(inside) : inside;
  return join(base, "frames", name);
}

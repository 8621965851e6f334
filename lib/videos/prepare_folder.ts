/**
 * The folder that frames are prepared into: it has one owner at a time, or any number of processes that each do a share, settings that it
 * was begun with, and a place for each video.
 *
 * @module
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { InputError } from "../base/errors.ts";
import {
  createLocked,
  exists,
  readJson,
  removeIfAbandoned,
  temporaryOf,
  writeNew,
  writeWhole,
} from "../base/files.ts";
import { ownerFile, type Ownership, ownFolder } from "../base/owner.ts";
import { type PrepareSettings, settingsName, unfinishedName } from "../data/prepared.ts";
import type { SetReading, Video } from "../data/layouts/layout.ts";
import { orOutputError } from "./whole_frames.ts";

/** A claim on a folder; it ends when it is disposed, or with the process, however that ends. */
export type Claim = Ownership & {
  /** An empty folder for frames in the making. */
  readonly work: string;
};

const workName = ".partial";
/** What the folders of those begin with who do a share, and have no lock on the whole. */
const sharePrefix = "share-";
/** The file in such a folder that says, locked and touched, that its process lives. */
const aliveName = "alive";
/** A process is taken for ended after a minute at the least. */
const TOUCH_EVERY_MS = 20e3;

/**
 * Makes the caller the owner of a folder, which is made where there is none, and clears what killed processes left unfinished.
 *
 * @throws {InputError} when another living process is its owner
 * @throws {OutputError} when it cannot be written to.
 */
export async function claimFolder(into: string): Promise<Claim> {
  const cannot = `Cannot prepare into ${into}`;
  const instead = "wait for it, or take another --into";
  const owner = await orOutputError(cannot, () => ownFolder(into, { cannot, doing: "prepare", instead }));
  const partial = resolve(into, workName);
  await clearKilled(partial, { isOwner: owner.unlocked === undefined });
  // Its own name: an ffmpeg that outlived a killed owner may still be writing under the other one's.
  const work = join(partial, crypto.randomUUID().slice(0, 8));
  return {
    work,
    unlocked: owner.unlocked,
    async [Symbol.asyncDispose]() {
      await Deno.remove(work, { recursive: true }).catch(() => {});
      await Deno.remove(partial).catch(() => {}); // another process's work may be in it
      await owner[Symbol.asyncDispose]();
    },
  };
}

/**
 * Lets the caller do a share of a folder beside any others, on any machine: it relies on no lock.
 *
 * @throws {OutputError} when the folder cannot be written to.
 */
export async function shareFolder(into: string): Promise<Claim> {
  const partial = resolve(into, workName);
  const work = join(partial, `${sharePrefix}${crypto.randomUUID().slice(0, 8)}`);
  const alive = await orOutputError(
    `Cannot prepare into ${into}`,
    () => createLocked(temporaryOf(join(work, aliveName))),
  );
  await clearKilled(partial, { isOwner: false });
  const timer = setInterval(() => {
    alive.utime(new Date(), new Date()).catch(() => {}); // a disk that cannot be written to is told of by what is made
  }, TOUCH_EVERY_MS);
  return {
    work,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      alive.close();
      await Deno.remove(work, { recursive: true }).catch(() => {});
      await clearKilled(partial, { isOwner: false });
      await Deno.remove(partial).catch(() => {}); // another process's work may be in it
    },
  };
}

/** Removes the work of processes that have ended; only the folder's owner knows it of those that had the lock before. */
async function clearKilled(partial: string, { isOwner }: { readonly isOwner: boolean }): Promise<void> {
  for (const name of await namesIn(partial)) {
    const path = join(partial, name);
    const isShare = name.startsWith(sharePrefix);
    try {
      const alive = isShare && (await namesIn(path)).find((each) => each.startsWith(`${aliveName}.`));
      if (alive) await removeIfAbandoned(join(path, alive), { withFolder: true });
      else if (isShare) await Deno.remove(path); // begun this moment, and then not empty for long
      else if (isOwner) await Deno.remove(path, { recursive: true });
    } catch {
      // Another process removes it at the same time, or begins to write to it.
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch(() => []); // mostly not there
}

/**
 * Writes the settings and the set's lists, or finds the ones of an earlier call, or of another process that begins now.
 *
 * @throws {InputError} when the folder was begun with other settings, or holds something else.
 */
export async function openFolder(
  into: string,
  options: { readonly reading: SetReading; readonly settings: PrepareSettings },
): Promise<void> {
  const { reading, settings } = options;
  const cannot = `Cannot prepare into ${into}`;
  const path = join(into, settingsName);
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!(await exists(path))) {
    const foreign = await foreignIn(into);
    // Another process may have begun since, and what was found be its.
    if (foreign !== undefined && !(await exists(path))) {
      throw new InputError(
        `${cannot}: expected an empty folder, or one that prepare began, but found ${foreign}`,
      );
    }
    await orOutputError(cannot, () => writeNew(path, text));
  }
  if (await Deno.readTextFile(path) !== text) {
    const begun = await readJson(path, { expected: "what prepare wrote" }) as PrepareSettings;
    throw new InputError(
      `Cannot go on in ${into}: expected the settings that it was begun with (${
        inWords(begun)
      }) but found others (${inWords(settings)}); take another --into`,
    );
  }
  for (const list of reading.lists) {
    const content = await Deno.readTextFile(join(reading.root, list));
    await orOutputError(cannot, () => writeWhole(join(into, list), content));
  }
}

/** What lies in a folder and is not of a process that begins to prepare there. */
async function foreignIn(into: string): Promise<string | undefined> {
  const own = [ownerFile, workName, unfinishedName];
  for await (const { name } of Deno.readDir(into)) {
    if (!own.includes(name) && !name.startsWith(`${settingsName}.`)) return name;
  }
  return undefined;
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

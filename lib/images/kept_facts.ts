/**
 * What was found out about images, kept for the next time: files of lines that any number of processes on any number of machines
 * may write at once.
 *
 * All images below one folder share a folder of parts. A part is a new file with a name of its own, there whole or not at all,
 * and never changed; nothing rests on locks. When there are many parts, the smaller ones are joined: a part goes only after its lines
 * are in another, so that two processes may join the same ones. A line is a checksum and JSON; one that was changed or cut is no answer, and goes.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { sha256 } from "../base/checksum.ts";
import { reasonOf } from "../base/errors.ts";
import { linesOf, writeAtomically, writeWhole } from "../base/files.ts";

/** The facts of files that did not change since, by path and what tells a change. */
export type KeptFacts<Facts> = AsyncDisposable & {
  get(path: string, key: string): Facts | undefined;
  add(path: string, key: string, facts: Facts): Promise<void>;
};

const nothingKept: KeptFacts<never> = {
  get: () => undefined,
  add: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

const VERSION = 3;
const SUFFIX = ".jsonl";
const APPENDED_TOGETHER = 1000;
/** A process that is killed loses what it found since it last wrote. */
const WRITE_EVERY_MS = 60e3;
/** Lines that wait at most. */
const MOST_WAITING = 20_000;
/** More parts than these are joined, all but the largest, which would be copied each time. */
const MOST_PARTS = 16;
const LEFT_APART = 4;
/** A listing may name what another process joins meanwhile. */
const MOST_LISTINGS = 5;

/** What is known of one path, by its key; `before` has other keys, such as of a file that changed. */
type Known = { readonly key: string; readonly facts: unknown; readonly before?: Known };

/** Where the facts of the images below `root` are; `old` is the one file of earlier versions, which is read and not written. */
type Place = { readonly root: string; readonly folder: string; readonly old: string };

/**
 * Opens what is kept of images below their common folder; disposing it writes what was added.
 *
 * @param options.cacheDir where it is kept; nowhere unless given
 * @param options.onNote takes a sentence about lines that are damaged, or that cannot be kept
 */
export async function openKeptFacts<Facts>(
  paths: readonly string[],
  options: { readonly cacheDir?: string; readonly onNote?: (message: string) => void },
): Promise<KeptFacts<Facts>> {
  const { cacheDir, onNote = () => {} } = options;
  if (cacheDir === undefined || paths.length === 0) return nothingKept;
  const root = commonFolder(paths);
  const folder = join(cacheDir, `images-${sha256(root)}`);
  const place: Place = { root, folder, old: `${folder}.jsonl` };
  const known = new Map<string, Known | undefined>();
  // All from the first on, so that each path is there once, as the caller has it, and not once more from its line.
  for (const path of paths) known.set(path, undefined);
  let keeps = true;
  const stopKeeping = (error: unknown) => {
    if (keeps) {
      onNote(
        `What is found out about the images is not kept for the next time: ${reasonOf(error)} (${folder})`,
      );
    }
    keeps = false; // a cache out of reach stops no run
  };
  try {
    const damaged = await readAll(place, known);
    for (const [file, lines] of damaged) {
      onNote(
        `Asking images again, because ${lines} ${
          lines === 1 ? "line" : "lines"
        } of what is known of them are damaged in ${file}`,
      );
      await joinParts(place, [file]);
    }
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    stopKeeping(error);
  }
  let waiting: string[] = [];
  let writing = Promise.resolve();
  let written = Date.now();
  const flush = () => {
    const text = waiting.join("");
    waiting = [];
    written = Date.now();
    writing = writing.then(async () => {
      if (!keeps) return;
      await writeWhole(newPart(folder), text);
      await joinSmall(place).catch(() => {}); // another process joins them, or a later one
    }).catch(stopKeeping);
    return writing;
  };
  return {
    get: (path, key) => {
      let found = known.get(path);
      while (found && found.key !== key) found = found.before;
      return found?.facts as Facts | undefined; // a line is one that this version wrote
    },
    add: async (path, key, facts) => {
      if (!keeps) return;
      const json = JSON.stringify({ v: VERSION, path: path.slice(root.length), key, facts });
      waiting.push(`${sumOf(root, json)} ${json}\n`);
      if (waiting.length >= MOST_WAITING || Date.now() - written > WRITE_EVERY_MS) await flush();
    },
    [Symbol.asyncDispose]: async () => {
      if (waiting.length > 0) await flush();
      await writing;
    },
  };
}

/** Fills `known` with what is kept of its paths; resolves to the files with damaged lines, and how many. */
async function readAll(place: Place, known: Map<string, Known | undefined>): Promise<Map<string, number>> {
  const damaged = new Map<string, number>();
  const read = new Set<string>();
  const readOne = async (file: string) => {
    const lines = await readLines(file, { root: place.root, known });
    if (lines > 0) damaged.set(file, lines);
  };
  await readOne(place.old);
  // What another process joined since a listing is in a part that the next one names.
  for (let left = MOST_LISTINGS; left > 0; left--) {
    const fresh = (await partsIn(place)).filter(({ path }) => !read.has(path));
    if (fresh.length === 0) break;
    for (const { path } of fresh) {
      read.add(path);
      await readOne(path);
    }
  }
  return damaged;
}

/** Takes what a file has of the paths that `known` has, where there is one; resolves to the number of lines that are not as they were written. */
async function readLines(
  file: string,
  options: {
    readonly root: string;
    readonly known: Map<string, Known | undefined>;
  },
): Promise<number> {
  const { root, known } = options;
  let damaged = 0;
  for await (const line of linesOf(file)) {
    if (line.startsWith('{"v":1,')) continue; // an older version's, without a checksum
    const json = soundLine(line, root);
    if (json === undefined) {
      damaged++;
      continue;
    }
    const { v, path: inside, key, facts } = JSON.parse(json);
    const path = join(root, inside);
    if (v !== VERSION || !known.has(path)) continue;
    const before = known.get(path);
    // Two processes that asked one file say the same.
    known.set(path, before && before.key !== key ? { key, facts, before } : { key, facts });
  }
  return damaged;
}

/** The parts that are there, the smallest first. */
async function partsIn({ folder }: Place): Promise<{ path: string; bytes: number }[]> {
  const parts: { path: string; bytes: number }[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.endsWith(SUFFIX)) continue;
      const path = join(folder, name);
      const info = await Deno.stat(path).catch(() => undefined); // joined by another process
      if (info) parts.push({ path, bytes: info.size });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return parts.sort((a, b) => a.bytes - b.bytes || (a.path < b.path ? -1 : 1));
}

async function joinSmall(place: Place): Promise<void> {
  const parts = await partsIn(place);
  if (parts.length <= MOST_PARTS) return;
  await joinParts(place, parts.slice(0, -LEFT_APART).map(({ path }) => path));
}

/** Writes the sound lines of files as one part, each once, and then removes the files. */
async function joinParts({ root, folder }: Place, files: readonly string[]): Promise<void> {
  const encoder = new TextEncoder();
  const sums = new Set<number>(); // the first 52 bits: a line that is lost by chance is found out again
  await writeAtomically(newPart(folder), async (append) => {
    let together: string[] = [];
    const appendAll = async () => {
      await append(encoder.encode(together.join("")));
      together = [];
    };
    for (const file of files) {
      for await (const line of linesOf(file)) {
        const sum = parseInt(line.slice(0, 13), 16);
        if (sums.has(sum) || soundLine(line, root) === undefined) continue;
        sums.add(sum);
        together.push(`${line}\n`);
        if (together.length >= APPENDED_TOGETHER) await appendAll();
      }
    }
    await appendAll();
  });
  for (const file of files) await Deno.remove(file).catch(() => {}); // another process may have
}

/** The path of a new part. */
function newPart(folder: string): string {
  return join(folder, `${crypto.randomUUID()}${SUFFIX}`);
}

/** The JSON of a line that is as it was written, for images below `root`. */
function soundLine(line: string, root: string): string | undefined {
  const json = line.slice(17);
  return line[16] === " " && line.slice(0, 16) === sumOf(root, json) ? json : undefined;
}

function sumOf(root: string, json: string): string {
  return sha256([root, "\n", json], { digits: 16 });
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0]);
  for (const path of paths) {
    while (!path.startsWith(`${common}/`) && dirname(common) !== common) common = dirname(common);
  }
  return common;
}

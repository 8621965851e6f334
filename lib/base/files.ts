/**
 * Files: read in place, written whole or not at all.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { machineMark } from "./machine.ts";
import { InputError, reasonOf } from "./errors.ts";

/** Takes the next bytes of a file that is being written, all of them. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/** What `writeAtomically()` names its temporary files: the file, the process, and a random part that may begin with the machine's mark. */
const TEMPORARY = /\.\d+\.(?:(?<machine>[0-9a-f]{6})-)?[0-9a-f]{8}\.tmp$/;
/** A lock may not be seen from another machine; who writes does so more often than this. */
const SETTLED_MS = 60e3;
/** Where files cannot be locked: no write takes so long; a temporary file that is older is a killed process's. */
const ABANDONED_MS = 3600e3;
/** Another machine's lock may not be seen, nor its clock be ours. */
const FOREIGN_MS = 24 * 3600e3;

/**
 * Reads `length` bytes from `position` on into a buffer of their own.
 *
 * @throws {Error} when the file ends before that.
 */
export async function readAt(file: Deno.FsFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await readInto(bytes, file, position);
  return bytes;
}

/**
 * Fills `bytes` from `position` on, for who reads many times into one buffer.
 *
 * @throws {Error} when the file ends before that.
 */
export async function readInto(bytes: Uint8Array, file: Deno.FsFile, position: number): Promise<void> {
  const { length } = bytes;
  await file.seek(position, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) {
      throw new Error(`expected ${length} bytes at offset ${position} but found only ${filled}`);
    }
    filled += count;
  }
}

/** Writes all of `bytes`. @throws {Error} when the system takes none of them. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const count = await file.write(bytes.subarray(written));
    if (count === 0) throw new Error(`expected to write ${bytes.length} bytes but found room for ${written}`);
    written += count;
  }
}

/**
 * Writes a file that is there whole or not at all, and its folder: a temporary one beside it, flushed to the disk, its size
 * checked, then renamed. Temporary files that killed processes left in the folder go.
 *
 * @param write appends the file's bytes, piece by piece
 * @throws {Error} `Cannot save …`, leaving what was at `path` as it was.
 */
export async function writeAtomically(
  path: string,
  write: (append: Append) => Promise<void>,
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    {
      using file = await createLocked(temporary);
      let size = 0;
      await write(async (bytes) => {
        await writeAll(file, bytes);
        size += bytes.length;
      });
      await file.syncData();
      const { size: there } = await file.stat();
      if (there !== size) throw new Error(`expected a file of ${size} bytes but found ${there}`);
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // it may never have been there
    throw new Error(`Cannot save ${path}: ${(error as Error).message}`, { cause: error });
  }
  await removeAbandoned(dirname(path));
}

/** A new name beside a file, which says which process and machine it is of. */
export function temporaryOf(path: string): string {
  const machine = machineMark();
  const mark = machine === undefined ? "" : `${machine}-`;
  return `${path}.${Deno.pid}.${mark}${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** Writes text, or bytes, as a file that is there whole or not at all. @throws as `writeAtomically()` does. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await writeAtomically(path, (append) => append(bytes));
}

/**
 * Writes text as a file where there is none, whole and on the disk: of several processes that do so at once, on any machine, one does.
 *
 * @returns whether it was this one
 * @throws {Error} `Cannot save …`
 */
export async function writeNew(path: string, text: string): Promise<boolean> {
  const draft = temporaryOf(path);
  await writeWhole(draft, text);
  try {
    await Deno.link(draft, path); // a rename would replace what another process has put there meanwhile
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    if (await exists(path)) return false;
    await Deno.rename(draft, path); // not every file system has links
    return true;
  } finally {
    await Deno.remove(draft).catch(() => {}); // renamed by now where there are no links
  }
}

/**
 * Makes a new file, and its folder, locked for as long as it is open: a lock ends with its process, however that ends, so
 * that others can tell a file that is being written from one that is abandoned.
 */
export async function createLocked(path: string): Promise<Deno.FsFile> {
  for (let left = 3;; left--) {
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      const file = await Deno.open(path, { write: true, createNew: true });
      await file.tryLock(true).catch(() => {}); // not every file system has locks
      if (await exists(path)) return file; // taken for abandoned before it was locked
      file.close();
    } catch (error) {
      // Another process may remove an empty folder, such as of a cache that is pruned.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    if (left === 0) throw new Error(`expected ${dirname(path)} to stay but found it removed`);
  }
}

/**
 * Removes `path`, a file that its writer has locked, or the folder that it stands in, if that writer has ended: the lock is
 * free and the file was not written to for a minute, or, where there are no locks, for an hour. What another machine began to write
 * goes after a day.
 */
export async function removeIfAbandoned(
  path: string,
  options: { readonly withFolder?: boolean } = {},
): Promise<void> {
  const { mtime } = await Deno.stat(path);
  const age = Date.now() - (mtime?.getTime() ?? Date.now());
  const writer = TEMPORARY.exec(basename(path))?.groups?.machine;
  if (age < (writer === undefined || writer === machineMark() ? SETTLED_MS : FOREIGN_MS)) return;
  using file = await Deno.open(path, { write: true });
  // Held until it is removed, so that nobody begins to write meanwhile.
  if (!(await file.tryLock(true).catch(() => age > ABANDONED_MS))) return;
  await (options.withFolder ? Deno.remove(dirname(path), { recursive: true }) : Deno.remove(path));
}

/** Folders that this process has cleaned. */
const cleaned = new Set<string>();

/** Removes what writers that were killed left in a folder; once a process, as a folder may hold a great many files. */
export async function removeAbandoned(folder: string): Promise<void> {
  if (cleaned.has(folder)) return;
  cleaned.add(folder);
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (TEMPORARY.test(name)) await removeIfAbandoned(path);
    }
  } catch {
    // What is written is written; another process may clean at the same time, or the folder be closed to us.
  }
}

/** How many bytes `checkWritable()` tries to write: a disk that has not even these is full. */
const PROBE_BYTES = 65536;

/**
 * Throws unless files can be written into `folder`, or, while it is not there, into the nearest folder above it; tried with a file
 * that is removed at once, as are those that killed processes left. `flag` names the folder. Known before the work of hours, not
 * after it.
 *
 * @throws {InputError} `Cannot write to …` with the reason.
 */
export async function checkWritable(folder: string, options: { readonly flag?: string } = {}): Promise<void> {
  const { flag = "--out" } = options;
  let place = folder;
  while (!(await exists(place)) && dirname(place) !== place) place = dirname(place);
  const probe = temporaryOf(join(place, ".probe"));
  try {
    try {
      await writeProbe(probe);
    } finally {
      await Deno.remove(probe).catch(() => {}); // it may never have been there
    }
  } catch (error) {
    throw new InputError(
      `Cannot write to ${folder}: expected a folder that takes files but found ${
        reasonOf(error).replace(/: (open|writefile) '.*$/, "")
      }; name another with ${flag}`,
      { cause: error },
    );
  }
  await removeAbandoned(place);
}

async function writeProbe(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  await writeAll(file, new Uint8Array(PROBE_BYTES));
  await file.syncData();
}

/** Whether something is at `path`. @throws {Error} when the system does not say, for instance for want of permission. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  });
}

/**
 * The lines of a file that have something in them, one by one: a file of a million images is longer than a string may be. None
 * where there is no file.
 */
export async function* linesOf(path: string): AsyncGenerator<string> {
  let opened: Deno.FsFile;
  try {
    opened = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  using file = opened;
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(1 << 18);
  let rest = "";
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    const lines = (rest + decoder.decode(chunk.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield line;
  }
  if (rest !== "") yield rest;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Bytes as UTF-8 text, a byte order mark left out.
 *
 * @throws {Error} when they are not.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Error("expected text in UTF-8 but found bytes of another encoding");
  }
}

/**
 * The value of a JSON file, a byte order mark skipped.
 *
 * @param options.expected what the file is to hold, for the message: `a run's configuration`
 * @throws {InputError} naming the file, when it cannot be read or is not JSON.
 */
export async function readJson(path: string, options: { readonly expected?: string } = {}): Promise<unknown> {
  const { expected = "JSON" } = options;
  try {
    return JSON.parse(decodeText(await Deno.readFile(path)));
  } catch (error) {
    throw new InputError(`Cannot read ${path}: expected ${expected} but found ${foundIn(error, path)}`, {
      cause: error,
    });
  }
}

/** `nothing there`, and for a relative path where that is: `nothing at /home/me/list.csv`. */
export function nothingAt(path: string): string {
  return isAbsolute(path) ? "nothing there" : `nothing at ${resolve(path)}`;
}

function foundIn(error: unknown, path: string): string {
  if (error instanceof Deno.errors.NotFound) return nothingAt(path);
  const reason = reasonOf(error);
  return /Unexpected end of JSON input/.test(reason)
    ? "an empty or cut file"
    : reason.replace(/^.*but found /, "");
}

/**
 * Frames on disk that are whole, or an error that ends the work: a full disk is no fault of a video's.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists, writeAll } from "../base/files.ts";

/** What is made cannot be written; whatever comes next could not be either. */
export class OutputError extends Error {
  /** Stands before the message where a runtime prints it. */
  override name = "OutputError";
}

/** The chunk that every whole PNG ends with: IEND, of no bytes, and its checksum (PNG 11.2.5). */
const END = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];

/**
 * Writes a frame and flushes it to the disk.
 *
 * @throws {OutputError} when it cannot be written.
 */
export async function writeFrame(path: string, bytes: Uint8Array): Promise<void> {
  await orOutputError(`Cannot write ${path}`, async () => {
    using file = await Deno.open(path, { write: true, createNew: true });
    await writeAll(file, bytes);
    await file.syncData();
  });
}

/**
 * Flushes a PNG that another program wrote to the disk.
 *
 * @throws {OutputError} when its end is missing.
 */
export async function sealPng(path: string): Promise<void> {
  await orOutputError(`Cannot write ${path}`, async () => {
    using file = await Deno.open(path, { read: true, write: true });
    const { size } = await file.stat();
    const end = new Uint8Array(END.length);
    if (size >= END.length) {
      await file.seek(size - END.length, Deno.SeekMode.Start);
      await file.read(end);
    }
    if (!END.every((byte, i) => end[i] === byte)) {
      throw new Error(
        `expected a whole PNG but found one that is cut after ${size} bytes; is the disk full?`,
      );
    }
    await file.syncData();
  });
}

/** So often others may put a folder in the same place while one is moved there. */
const MOST_TRIES = 20;

/**
 * Moves a folder that is complete to its place, in which another one is replaced; one of the same files, which another process may
 * have put there meanwhile, stays.
 *
 * @param work is moved, or left where the other stays
 * @throws {OutputError} when that fails.
 */
export async function putFolder(work: string, folder: string): Promise<void> {
  await orOutputError(`Cannot write ${folder}`, async () => {
    await Deno.mkdir(dirname(folder), { recursive: true });
    for (let tries = 1;; tries++) {
      if (await isSame(work, folder)) return;
      // Moved aside at once and then removed: nobody sees half of it.
      const aside = `${work}-aside`;
      await Deno.rename(folder, aside).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      await Deno.remove(aside, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      try {
        return await Deno.rename(work, folder);
      } catch (error) {
        // Another process was faster; a rename replaces no folder that has files. It may be moved aside again by now.
        const { code = "" } = error as Error & { code?: string };
        const isTaken = ["ENOTEMPTY", "EEXIST"].includes(code) || await exists(folder);
        if (tries === MOST_TRIES || !isTaken) throw error;
      }
    }
  });
}

/** Whether two folders have the same files; false where one is not there. */
async function isSame(a: string, b: string): Promise<boolean> {
  const namesOf = async (folder: string) =>
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  try {
    const names = await namesOf(a);
    if (`${await namesOf(b)}` !== `${names}`) return false;
    for (const name of names) {
      const [one, other] = await Promise.all([a, b].map((folder) => Deno.readFile(join(folder, name))));
      if (one.length !== other.length || !one.every((byte, i) => byte === other[i])) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/**
 * What `work` resolves to.
 *
 * @throws {OutputError} with `what` before the reason of `work`'s error; bad input and a name that is too long stay what they are.
 */
export async function orOutputError<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code, message } = error as Error & { code?: string };
    if (code === "ENAMETOOLONG") throw new Error("its name is too long for this disk", { cause: error });
    throw new OutputError(`${what}: ${message.split("\n")[0]}`, { cause: error });
  }
}

/**
 * Frames on disk that are whole, or an error that ends the work: a full disk is no fault of a video's.
 *
 * @module
 */
import { dirname } from "node:path";
import { InputError } from "../base/errors.ts";
import { writeAll } from "../base/files.ts";

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

/**
 * Moves a folder that is complete to its place, in which an older one is replaced.
 *
 * @throws {OutputError} when that fails.
 */
export async function putFolder(work: string, folder: string): Promise<void> {
  await orOutputError(`Cannot write ${folder}`, async () => {
    await Deno.mkdir(dirname(folder), { recursive: true });
    await Deno.remove(folder, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await Deno.rename(work, folder);
  });
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

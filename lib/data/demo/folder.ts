/**
 * The folder of the demo data: put in place whole, and what killed processes left beside it removed.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { decodeText, exists, removeIfAbandoned } from "../../base/files.ts";

/** The file that says what is below `root`; written last, before the folder is put in place. */
export const MARKER = "demo.json";

/** Stands in a temporary folder, locked, for as long as it is written to. */
export const UNFINISHED = "unfinished";

/** What `demo.json` holds: generator version, seed, number of images (masks apart), and a hash over every path and byte. */
export type DemoData = {
  readonly version: number;
  readonly seed: number;
  readonly images: number;
  readonly sha256: string;
};

/**
 * What `demo.json` says of the data below `root`; null where there is none.
 *
 * @throws {InputError} when it cannot be read.
 */
export async function readMarker(root: string): Promise<DemoData | null> {
  if (!(await exists(join(root, MARKER)))) return null;
  try {
    return JSON.parse(decodeText(await Deno.readFile(join(root, MARKER))));
  } catch (error) {
    throw new InputError(
      `Cannot read ${join(root, MARKER)}: ${
        (error as Error).message
      }; remove ${root} to have it written anew`,
    );
  }
}

/** Whether a folder is there with something in it. */
export async function holdsFiles(folder: string): Promise<boolean> {
  try {
    for await (const _ of Deno.readDir(folder)) return true;
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** Puts `work` where `root` is. Where another process was faster, its folder holds the same bytes, which `isSound` checks, and stays. */
export async function replaceFolder(
  work: string,
  root: string,
  options: { readonly data: DemoData; readonly isSound: () => Promise<boolean> },
): Promise<void> {
  const { data: { version, seed }, isSound } = options;
  const before = await readMarker(root).catch(() => null);
  if (before?.version === version && before.seed === seed && await isSound()) return;
  const old = `${work}-old`;
  await Deno.rename(root, old).catch(ignoreMissing);
  try {
    await Deno.rename(work, root);
  } catch (error) {
    const there = await readMarker(root);
    if (there?.version !== version || there.seed !== seed) throw error;
  }
  await Deno.remove(old, { recursive: true }).catch(ignoreMissing);
}

/** Removes the temporary folders beside the demo data that nobody writes to any more; what is in them tells them: `sets`. */
export async function removeUnfinished(parent: string, sets: readonly string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(parent)) {
    if (!isDirectory || !/^\.demo-[0-9a-f]+(-old)?$/.test(name)) continue;
    const folder = join(parent, name);
    try {
      const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
      const isOurs = names.includes(MARKER) || names.every((each) => sets.includes(each));
      const { mtime } = await Deno.stat(folder);
      const isOld = Date.now() - (mtime?.getTime() ?? Date.now()) > 3600e3;
      if (names.includes(UNFINISHED)) await removeIfAbandoned(join(folder, UNFINISHED), { withFolder: true });
      else if (isOurs && isOld) await Deno.remove(folder, { recursive: true });
    } catch {
      // Another process removes it at the same time, or it is not ours to remove.
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

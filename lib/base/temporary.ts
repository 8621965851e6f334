/**
 * Folders for what lives as long as one call or one process.
 *
 * @module
 */
import { cacheFolder } from "./cache.ts";
import { reasonOf } from "./errors.ts";

/** What a temporary folder is for. */
export type TemporaryOptions = {
  /** What its name begins with. */
  readonly prefix: string;
};

/** Where temporary folders may be made, the best first: the system's place need not exist, or be full. */
function* places(): Generator<string | undefined> {
  yield undefined; // TMPDIR, or what the system has instead
  if (Deno.build.os !== "windows") yield "/tmp";
  try {
    const folder = cacheFolder();
    Deno.mkdirSync(folder, { recursive: true });
    yield folder;
  } catch {
    // Neither known nor to be made: the message of the first place says what to do.
  }
}

/**
 * Gives `use` a new folder, which is removed afterwards; where none can be made, or it is full, one in another place: TMPDIR
 * first, then `/tmp`, then the cache folder.
 *
 * @throws what `use` throws, or that no place has room, naming TMPDIR.
 */
export async function inTemporaryFolder<T>(
  use: (folder: string) => Promise<T>,
  options: TemporaryOptions,
): Promise<T> {
  const faults: string[] = [];
  for (const dir of places()) {
    let folder: string | undefined;
    try {
      folder = Deno.makeTempDirSync({ dir, ...options });
      return await use(folder);
    } catch (error) {
      if (folder !== undefined && !isFull(error)) throw error;
      faults.push(`${dir ?? standardPlace()}: ${reasonOf(error)}`);
    } finally {
      if (folder !== undefined) await Deno.remove(folder, { recursive: true }).catch(() => {});
    }
  }
  throw new Error(refusal(faults));
}

/** A new folder, for whoever calls to remove, in the first place where one can be made. @throws as `inTemporaryFolder()` */
export function makeTemporaryFolder(options: TemporaryOptions): string {
  const faults: string[] = [];
  for (const dir of places()) {
    try {
      return Deno.makeTempDirSync({ dir, ...options });
    } catch (error) {
      faults.push(`${dir ?? standardPlace()}: ${reasonOf(error)}`);
    }
  }
  throw new Error(refusal(faults));
}

function standardPlace(): string {
  return Deno.env.get("TMPDIR") || "the system's temporary folder";
}

function refusal(faults: readonly string[]): string {
  return `Cannot make a temporary folder: expected room in one of three places but found ${
    faults.join("; ")
  }; set TMPDIR to a folder that can be written to`;
}

/** Whether there is no room, or no right to write. */
function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS"].includes(`${(error as { code?: unknown } | undefined)?.code}`);
}

/**
 * One owner of a folder at a time, among all processes.
 *
 * @module
 */
import { join } from "node:path";
import { InputError, reasonOf } from "./errors.ts";
import { writeAll } from "./files.ts";

/** A folder is the caller's until this is disposed, or its process ends, however that ends. */
export type Ownership = AsyncDisposable & {
  /** Why others could not be kept out; undefined where they are. */
  readonly unlocked?: string;
};

/** The file in a folder that its owner has locked; it says who that is, and is there only as long, or since a kill. */
export const ownerFile = ".owner.lock";

/**
 * Makes the caller the owner of a folder, which is made where there is none and goes again if it is still empty at the end.
 *
 * @param options.cannot the message's first part: `Cannot train in runs/a`
 * @param options.doing what others are told: `train`
 * @param options.instead what to do when it has an owner
 * @throws {InputError} naming the owner, when it has one; else what the system says against the lock's file.
 */
export async function ownFolder(
  folder: string,
  options: { readonly cannot: string; readonly doing: string; readonly instead: string },
): Promise<Ownership> {
  const path = join(folder, ownerFile);
  for (;;) {
    const made = await makeFolder(folder);
    const file = await Deno.open(path, { read: true, write: true, create: true }).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined; // an owner removed the folder, empty at its end
      throw error;
    });
    if (file === undefined) continue;
    let unlocked: string | undefined;
    try {
      if (!await file.tryLock(true)) {
        const owner = await ownerIn(path);
        throw new InputError(
          `${options.cannot}: expected no other process there but found one at work${owner}; ${options.instead}`,
        );
      }
    } catch (error) {
      if (error instanceof InputError) {
        file.close();
        throw error;
      }
      unlocked = reasonOf(error); // some network disks have no locks
    }
    if (unlocked === undefined && !(await isAt(path, file))) {
      file.close(); // its owner removed it between opening and locking
      continue;
    }
    await sign(file, options.doing);
    return {
      unlocked,
      async [Symbol.asyncDispose]() {
        await Deno.remove(path).catch(() => {}); // the next owner takes it as it is
        file.close();
        if (made) await Deno.remove(folder).catch(() => {}); // mostly it has files
      },
    };
  }
}

/** What a reader must know where a folder could not be kept from other processes; nothing where it could. */
export function unlockedNote(path: string, { unlocked }: Ownership): string | undefined {
  return unlocked &&
    `${path} could not be locked (${unlocked}): let no other process write to it at the same time`;
}

/** Whether there was no folder. */
async function makeFolder(folder: string): Promise<boolean> {
  const there = await Deno.stat(folder).then(() => true, () => false);
  await Deno.mkdir(folder, { recursive: true });
  return !there;
}

async function isAt(path: string, file: Deno.FsFile): Promise<boolean> {
  const { ino } = await file.stat();
  return await Deno.stat(path).then((found) => found.ino === ino, () => false);
}

/** Writes who has the folder; for people alone, so a disk without room for it is left to the files that matter. */
async function sign(file: Deno.FsFile, doing: string): Promise<void> {
  const since = new Date().toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
  try {
    await file.truncate();
    await writeAll(file, new TextEncoder().encode(`${doing}, process ${Deno.pid}, since ${since}\n`));
  } catch {
    // Said to nobody.
  }
}

/** Who has the folder, in brackets; nothing where that cannot be read. */
async function ownerIn(path: string): Promise<string> {
  const text = await Deno.readTextFile(path).catch(() => "");
  const [line] = text.split("\n");
  return line === "" ? "" : ` (${line})`;
}

/**
 * The folder that all of a try lies in, and what earlier ones left that were killed.
 *
 * @module
 */
import { join } from "node:path";
import { mount, unmountBelow } from "./mount.ts";
import { endOf } from "./slurm.ts";

/** A folder that nobody else has until it is closed. */
export type Root = {
  readonly path: string;
  /** Where Slurm's files are. */
  readonly slurm: string;
  /** Takes it away. */
  close(): Promise<void>;
};

const home = "/tmp";
const prefix = "forgelens-cluster-";
const lock = "lock";

/**
 * Makes the folder, after those are taken away whose process is gone, with all that still runs or is mounted there.
 *
 * @throws {Error} where a small disk cannot be mounted below it
 */
export async function openRoot(log: (line: string) => void): Promise<Root> {
  for await (const { name } of Deno.readDir(home)) {
    const left = join(home, name);
    if (!name.startsWith(prefix) || !(await isAbandoned(left))) continue;
    log(`Taking away what an earlier try left in ${left}`);
    await takeAway(left);
  }
  const path = await Deno.realPath(await Deno.makeTempDir({ dir: home, prefix }));
  const file = await Deno.open(join(path, lock), { write: true, create: true });
  await file.lock(true); // until this process ends, however it does
  const close = async () => {
    file.close();
    await takeAway(path);
  };
  try {
    await Deno.chmod(path, 0o755); // munge refuses a socket that not all can reach
    const slurm = join(path, "slurm");
    await Deno.mkdir(slurm);
    await Deno.mkdir(join(path, "disk"));
    await mount(join(path, "disk"), { kibibytes: 64 });
    return { path, slurm, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether no process has the folder; one without a lock may be just begun. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(join(path, lock), { write: true });
    return await file.tryLock(true);
  } catch {
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    return mtime !== null && Date.now() - mtime.getTime() > 60_000;
  }
}

async function takeAway(path: string): Promise<void> {
  await endOf(join(path, "slurm"));
  await unmountBelow(path);
  await Deno.remove(path, { recursive: true });
}

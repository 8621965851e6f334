/**
 * Python environments of this project's own, made on first use in the user's cache.
 *
 * @module
 */
import { join } from "node:path";
import { cacheFolder } from "../lib/base/cache.ts";
import { writeWhole } from "../lib/base/files.ts";
import { withLock } from "../lib/backend/setup.ts";

/**
 * Resolves to the Python of an environment that has `packages`, and makes it when it is not there; safe when two processes do.
 *
 * @param options.name of its folder in the cache
 * @param options.what it is for, as in "Cannot start Jupyter"
 * @param options.size what it takes, for the line that says that it is being made
 * @throws naming what to install when there is no Python with pip
 */
export async function privatePython(
  packages: readonly string[],
  options: {
    readonly name: string;
    readonly what: string;
    readonly size: string;
    readonly log: (line: string) => void;
  },
): Promise<string> {
  const { name, what, size, log } = options;
  const home = join(cacheFolder(), name);
  const python = join(home, "bin", "python");
  const ready = join(home, "packages.txt"); // written last
  const wanted = packages.join("\n") + "\n";
  const isReady = async () => await Deno.readTextFile(ready).catch(() => "") === wanted;
  if (await isReady()) return python;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  await withLock(`${home}.lock`, async () => {
    if (await isReady()) return; // another process was faster
    const base = await firstPython(what);
    log(`Installing ${packages.join(", ")} in ${home}, once (${size})`);
    await Deno.remove(home, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    // Debian's venv cannot install pip into an environment without a package more; its pip can install from outside.
    await must([base, "-m", "venv", "--without-pip", home], what);
    const pip = [base, "-m", "pip", "--python", python, "install", "--disable-pip-version-check", "--quiet"];
    await must([...pip, ...packages], what);
    await writeWhole(ready, wanted);
  }, () => log(`Waiting for another process that is installing ${packages[0]}`));
  return python;
}

/**
 * Resolves to a folder with `packages` alone, without what they depend on, for PYTHONPATH: for packages that ask for older versions
 * than they work with. It is made when it is not there; safe when two processes do.
 *
 * @param options.python whose pip installs
 * @param options.name of the folder in the cache
 * @param options.what they are for, as in "Cannot start Jupyter"
 * @throws {Error} when they cannot be installed
 */
export async function packagesAlone(
  packages: readonly string[],
  options: {
    readonly python: string;
    readonly name: string;
    readonly what: string;
    readonly log: (line: string) => void;
  },
): Promise<string> {
  const { python, name, what, log } = options;
  const home = join(cacheFolder(), name);
  const ready = join(home, "packages.txt"); // written last
  const wanted = packages.join("\n") + "\n";
  const isReady = async () => await Deno.readTextFile(ready).catch(() => "") === wanted;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  await withLock(`${home}.lock`, async () => {
    if (await isReady()) return;
    log(`Installing ${packages.join(", ")} in ${home}, once`);
    await Deno.remove(home, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    const base = await firstPython(what); // an environment of ours has no pip
    const pip = [base, "-m", "pip", "--python", python, "install", "--disable-pip-version-check", "--quiet"];
    await must([...pip, "--no-deps", "--target", home, ...packages], what);
    await writeWhole(ready, wanted);
  }, () => log(`Waiting for another process that is installing ${packages[0]}`));
  return home;
}

async function firstPython(what: string): Promise<string> {
  for (const name of ["python3", "python"]) {
    if (await outputOf([name, "-c", "import pip, venv; print('found')"]) === "found") return name;
  }
  throw new Error(
    `Cannot ${what}: expected Python 3.10 or newer with pip but found none; on Debian and Ubuntu: apt install python3-pip`,
  );
}

/** What a command prints; undefined when there is none or it fails. */
export async function outputOf([program, ...args]: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function must([program, ...args]: readonly string[], what: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (success) return;
  const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(
    `Cannot ${what}: expected ${program} ${args.slice(0, 2).join(" ")} to succeed but found: ${reason}`,
  );
}

/**
 * The detector that answers where none is named: the demo's.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import { isDemo } from "../config/config.ts";
import { readRunConfig, weightsPath } from "../folder/folder.ts";

/**
 * The folder of the demo run in `out` whose weights are the newest.
 *
 * @throws {InputError} when there is none
 */
export async function newestDemoRun(out = "checkpoints"): Promise<string> {
  let newest: { readonly folder: string; readonly time: number } | undefined;
  for (const folder of await foldersIn(out)) {
    const info = await Deno.stat(weightsPath(folder, 0)).catch(() => undefined);
    if (!info || !(await exists(join(folder, "config.json")))) continue;
    const config = await readRunConfig(folder).catch(() => undefined); // a run that cannot be read is none
    if (!config || !isDemo(config)) continue;
    const time = info.mtime?.getTime() ?? 0;
    if (!newest || time > newest.time) newest = { folder, time };
  }
  if (newest) return newest.folder;
  throw new InputError(
    `Cannot predict: expected --checkpoint RUN, or a run on the demo data in ${out} but found neither; deno task train makes one`,
  );
}

async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => join(path, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

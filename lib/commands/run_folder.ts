/**
 * The run that a command is about.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";

/**
 * The real path of a run's folder.
 *
 * @param cannot what cannot be done without one, to which the folder is added: `Cannot calibrate`
 * @throws {InputError} where there is no run
 */
export async function runFolderAt(folder: string, cannot: string): Promise<string> {
  const info = await Deno.stat(folder).catch(() => undefined);
  if (!info?.isDirectory || !(await exists(join(folder, "config.json")))) {
    const found = !info ? "nothing there" : info.isDirectory ? "a folder without config.json" : "a file";
    throw new InputError(
      `${cannot} ${folder}: expected a run's folder but found ${found}; deno task train makes one`,
    );
  }
  return await Deno.realPath(folder);
}

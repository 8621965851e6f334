/**
 * The command that shows and prunes the tokens kept on disk.
 *
 * @module
 */
import { tokenFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { cacheUse, pruneCache } from "../model/features/cache.ts";
import { type Flags, numberOf, textOf } from "./flags.ts";

/**
 * Prints what each encoder's tokens take, or with `prune` removes those not used for longest until at most `--to` gigabytes are
 * left; resolves to the exit code.
 *
 * @throws {InputError} where `--to` is no size, or is given without `prune`
 */
export async function cache(what: "show" | "prune", flags: Flags): Promise<number> {
  const root = textOf(flags.cacheFolder) ?? tokenFolder();
  if (what === "prune") return await prune(root, numberOf(flags.to) ?? 0);
  if (flags.to !== undefined) {
    throw new InputError(
      "Cannot show the cache: expected no --to but found one; cache prune --to removes tokens",
    );
  }
  const uses = await cacheUse(root);
  for (const { encoder, images, bytes, used } of uses) {
    console.log(
      `${printable(encoder)}  ${images} images  ${inGigabytes(bytes)}  last used ${
        used.toISOString().slice(0, 10)
      }`,
    );
  }
  console.log(`${inGigabytes(uses.reduce((sum, { bytes }) => sum + bytes, 0))} in ${printable(root)}`);
  return 0;
}

async function prune(root: string, to: number): Promise<number> {
  if (!Number.isFinite(to) || to < 0) {
    throw new InputError(`Cannot prune the cache: expected a number of gigabytes for --to but found ${to}`);
  }
  console.log(`Removed ${inGigabytes(await pruneCache(root, to * 1e9))} from ${printable(root)}`);
  return 0;
}

function inGigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

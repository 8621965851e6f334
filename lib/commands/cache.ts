/**
 * The command that shows and prunes the tokens kept on disk.
 *
 * @module
 */
import { tokenFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { cacheUse, pruneCache } from "../model/features/cache.ts";

/** Prints what each encoder's tokens take; resolves to the exit code. */
export async function showCache(flags: { readonly cacheFolder?: string }): Promise<number> {
  const root = flags.cacheFolder ?? tokenFolder();
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

/** Removes tokens until at most `to` gigabytes are left; resolves to the exit code. */
export async function prune(flags: { readonly cacheFolder?: string; readonly to?: number }): Promise<number> {
  const { to = 0 } = flags;
  if (!Number.isFinite(to) || to < 0) {
    throw new InputError(`Cannot prune the cache: expected a number of gigabytes for --to but found ${to}`);
  }
  const root = flags.cacheFolder ?? tokenFolder();
  console.log(`Removed ${inGigabytes(await pruneCache(root, to * 1e9))} from ${printable(root)}`);
  return 0;
}

function inGigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

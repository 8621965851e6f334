/**
 * Shares of the images: which of several processes encodes which.
 *
 * @module
 */
import { type ShardOf, shareOf } from "../../base/shard.ts";
import type { Sample } from "../../data/sample.ts";

/** The images of a share: by what each is called in its set, so that the place of the folders does not change whose it is. */
export function imagesOf<T extends { readonly sample: Sample }>(
  items: readonly T[],
  shard: ShardOf,
): readonly T[] {
  return shareOf(items, { shard, nameOf: ({ sample }) => nameOf(sample) });
}

function nameOf({ set, label, method, video, source, path }: Sample): string {
  const name = source ?? [label, method, video, path.split(/[\\/]/).at(-1)].join("\0");
  return `${set}\0${name}`;
}

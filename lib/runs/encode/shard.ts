/**
 * Shares of the images: which of several processes encodes which.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { InputError } from "../../base/errors.ts";
import type { Sample } from "../../data/sample.ts";

/** One share of several; `number` from 1 to `count`. */
export type ShardOf = { readonly number: number; readonly count: number };

/** All images. */
export const wholeShard: ShardOf = { number: 1, count: 1 };

/** The share that `2/8` names. @throws {InputError} for another text */
export function parseShard(text: string): ShardOf {
  const [, number, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { number: Number(number), count: Number(count) };
  if (shard.number >= 1 && shard.number <= shard.count) return shard;
  throw new InputError(
    `Cannot encode a shard: expected --shard I/N with I from 1 to N, such as 2/8, but found ${text}`,
  );
}

/** A name for messages: `shard 2/8`. */
export function shardName({ number, count }: ShardOf): string {
  return `shard ${number}/${count}`;
}

/**
 * The share of a task of a Slurm array, by the variables that Slurm sets; undefined outside one.
 *
 * @throws {InputError} for an array with gaps, whose tasks cannot tell which share is theirs
 */
export function slurmShard(env: { get(name: string): string | undefined }): ShardOf | undefined {
  const [id, least, count, most] = ["ID", "MIN", "COUNT", "MAX"].map((name) =>
    env.get(`SLURM_ARRAY_TASK_${name}`)
  );
  if (id === undefined || least === undefined || count === undefined) return undefined;
  const shard = { number: Number(id) - Number(least) + 1, count: Number(count) };
  const hasGaps = most !== undefined && Number(most) - Number(least) + 1 !== shard.count;
  if (!hasGaps && Number.isInteger(shard.number) && shard.number >= 1 && shard.number <= shard.count) {
    return shard;
  }
  throw new InputError(
    `Cannot encode a shard: expected a Slurm array of whole numbers without gaps but found task ${id} of ${count} from ${least}${
      most === undefined ? "" : ` to ${most}`
    }; name it with --shard I/N`,
  );
}

/**
 * The items of a share: each by a hash of what its image is called in its set, so that neither the place of the folders nor the order or
 * number of files changes whose it is.
 */
export function shareOf<T extends { readonly sample: Sample }>(
  items: readonly T[],
  { number, count }: ShardOf,
): readonly T[] {
  return count === 1 ? items : items.filter(({ sample }) => hashOf(sample) % count === number - 1);
}

function hashOf({ set, label, method, video, source, path }: Sample): number {
  const name = source ?? [label, method, video, path.split(/[\\/]/).at(-1)].join("\0");
  return createHash("sha256").update(`${set}\0${name}`).digest().readUIntBE(0, 6);
}

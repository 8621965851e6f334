/**
 * Shares of work: which of several processes, on one machine or many, does which part of it.
 *
 * @module
 */
import { InputError } from "./errors.ts";
import { hash48 } from "./text_hash.ts";

/** One share of several; `number` from 1 to `count`. */
export type ShardOf = { readonly number: number; readonly count: number };

/** All of it. */
export const wholeShard: ShardOf = { number: 1, count: 1 };

/**
 * The share that `2/8` names.
 *
 * @param options.command what is done in shares, for the message: `encode`
 * @throws {InputError} for another text
 */
export function parseShard(text: string, options: { readonly command: string }): ShardOf {
  const [, number, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { number: Number(number), count: Number(count) };
  if (shard.number >= 1 && shard.number <= shard.count) return shard;
  throw new InputError(
    `Cannot ${options.command} a shard: expected --shard I/N with I from 1 to N, such as 2/8, but found ${text}`,
  );
}

/** A name for messages: `shard 2/8`. */
export function shardName({ number, count }: ShardOf): string {
  return `shard ${number}/${count}`;
}

/**
 * The share of a task of a Slurm array, by the variables that Slurm sets; undefined outside one.
 *
 * @param options.command what is done in shares, for the message: `encode`
 * @throws {InputError} for an array with gaps, whose tasks cannot tell which share is theirs
 */
export function slurmShard(
  env: { get(name: string): string | undefined },
  options: { readonly command: string },
): ShardOf | undefined {
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
    `Cannot ${options.command} a shard: expected a Slurm array of whole numbers without gaps but found task ${id} of ${count} from ${least}${
      most === undefined ? "" : ` to ${most}`
    }; name it with --shard I/N`,
  );
}

/**
 * The index, from 0, of the one of several parts that a flag names, or with `task` of the one that the task of a Slurm array numbers,
 * from 1.
 *
 * @param options.parts their names
 * @param options.listed the names in words; each of them unless given
 * @param options.doing what is done with one part, for the message: `train one seed alone`
 * @throws {InputError} for another text, or a task that numbers none
 */
export function partIndex(
  text: string,
  options: {
    readonly parts: readonly string[];
    readonly listed?: string;
    readonly env: { get(name: string): string | undefined };
    readonly doing: string;
    readonly flag: string;
  },
): number {
  const { parts, listed = parts.join(", "), env, doing, flag } = options;
  const isTask = text === "task";
  const id = env.get("SLURM_ARRAY_TASK_ID");
  const index = isTask ? Number(id) - 1 : parts.indexOf(text);
  if (parts[index] !== undefined) return index;
  const task = id ? ` with SLURM_ARRAY_TASK_ID=${id}` : " outside a Slurm array";
  throw new InputError(
    `Cannot ${doing}: expected ${flag} with one of ${listed}, or task in a Slurm array of 1 to ${parts.length}, but found ${text}${
      isTask ? task : ""
    }`,
  );
}

/**
 * The items of a share: each by a hash of its name, so that neither the order nor the number of the others changes whose it is.
 *
 * @param options.nameOf what an item is called on every machine
 */
export function shareOf<T>(
  items: readonly T[],
  options: { readonly shard: ShardOf; readonly nameOf: (item: T) => string },
): readonly T[] {
  const { shard: { number, count }, nameOf } = options;
  return count === 1 ? items : items.filter((item) => hash48(nameOf(item)) % count === number - 1);
}

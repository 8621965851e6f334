/**
 * Measurements of this machine, from which what runs fastest on it is chosen.
 *
 * @module
 */
import os from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { initBackend } from "./start.ts";
import { takeBreath } from "../base/breath.ts";
import { measuredFolder } from "../base/cache.ts";
import { sha256 } from "../base/checksum.ts";
import { readJson, writeWhole } from "../base/files.ts";

/** By name, the seconds that each round took. */
export type Rounds = Record<string, number[]>;

/** {@link Rounds} as they are kept. */
export const roundsSchema: z.ZodType<Rounds> = z.record(
  z.string(),
  z.array(z.number().positive()).min(1),
);

/** Enough for quartiles of which a disturbed round or two say nothing. */
const ROUNDS = 7;
/** Where the quartiles do not decide, a machine under load gets more rounds, this many times over. */
const MOST_TIMES = 4;

/**
 * The seconds that each body takes, in seven rounds in which they take turns, so that load which comes and goes falls on all
 * alike.
 *
 * @param options.signal stops it between calls
 * @param options.undecided asked after each seven rounds: whether more are wanted, up to 28 in all; never unless given
 * @throws what a body throws, or the signal's reason
 */
export async function secondsInTurns(
  bodies: Readonly<Record<string, () => Promise<unknown>>>,
  options: { readonly signal?: AbortSignal; readonly undecided?: (rounds: Rounds) => boolean } = {},
): Promise<Rounds> {
  const { signal, undecided = () => false } = options;
  const rounds: Rounds = Object.fromEntries(
    Object.keys(bodies).map((name): [string, number[]] => [name, []]),
  );
  for (let round = 0; round < MOST_TIMES * ROUNDS; round++) {
    if (round > 0 && round % ROUNDS === 0 && !undecided(rounds)) break;
    for (const [name, body] of Object.entries(bodies)) {
      await takeBreath(signal);
      const began = performance.now();
      await body();
      rounds[name].push((performance.now() - began) / 1000);
    }
  }
  return rounds;
}

/** How many times as fast a body is as another, over rounds in which they took turns. */
export type Gain = {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
};

/** The quartiles of the ratios of each round. */
export function gainOf(slow: readonly number[], fast: readonly number[]): Gain {
  const ratios = slow.map((seconds, round) => seconds / fast[round]).sort((a, b) => a - b);
  const quantile = (share: number) => {
    const place = share * (ratios.length - 1);
    const [below, above] = [ratios[Math.floor(place)], ratios[Math.ceil(place)]];
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: quantile(0.5), lowerQuartile: quantile(0.25), upperQuartile: quantile(0.75) };
}

/** Whether a gain is above `least` in some of the middle half of the rounds and below it in others. */
export function isUndecided({ lowerQuartile, upperQuartile }: Gain, least: number): boolean {
  return lowerQuartile <= least && upperQuartile > least;
}

/**
 * The answer of a measurement, taken once on this kind of machine and kept in the cache. A file of the cache that does not
 * hold an answer is written anew, and one that cannot be written costs a measurement the next time.
 *
 * @param options.about what the answer depends on beside the machine: a home folder may be shared by several kinds
 * @param options.schema what an answer looks like
 * @param options.folder where it is kept, a folder of its own in the cache unless given
 */
export async function measuredOnce<T>(
  measure: () => Promise<T>,
  options: { readonly about: readonly unknown[]; readonly schema: z.ZodType<T>; readonly folder?: string },
): Promise<T> {
  const { about, schema, folder = measuredFolder() } = options;
  const { device } = await initBackend(); // the one that runs already
  const machine = [os.cpus()[0]?.model, navigator.hardwareConcurrency, Deno.build.arch, device];
  const key = sha256(JSON.stringify([machine, about]), { digits: 32 });
  const file = join(folder, `${key}.json`);
  const known = schema.safeParse(await readJson(file).catch(() => undefined));
  if (known.success) return known.data;
  const answer = await measure();
  await writeWhole(file, JSON.stringify(answer)).catch(() => {}); // else it is measured again the next time
  return answer;
}

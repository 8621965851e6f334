/**
 * A run that is killed at an operation on files, whichever, goes on to the numbers of one that was not.
 *
 * @module
 */
import { join } from "node:path";
import { inParallel } from "../../lib/base/pool.ts";
import type { Check } from "./check.ts";
import { age, differences, type Faults, goOn, leftovers, openWorld, train } from "./world.ts";

/**
 * Kills at each kind of operation on each file, in an order in which any beginning is spread over the whole run.
 *
 * @param options.until when to begin no more, in milliseconds as `performance.now()` counts
 */
export async function kills(
  faults: Faults,
  check: Check,
  options: { readonly until: number },
): Promise<void> {
  const counting = await openWorld(faults, "count");
  const list = join(faults.root, "operations.txt");
  await train(faults, counting, { env: { FAULTS_COUNT: list } });
  const operations = (await Deno.readTextFile(list)).trimEnd().split("\n")
    .map((line) => line.replaceAll(counting.root, "").replaceAll(/[0-9a-f]{8,}|\.\d+(?=\.)/g, "…"));
  const points = spread(distinct(operations));
  let left = 0;
  await inParallel(points, async (at) => {
    if (performance.now() > options.until) {
      left++;
      return;
    }
    await check(`killed at operation ${at} of ${operations.length}: ${operations[at - 1]}`, async () => {
      const world = await openWorld(faults, `kill-${at}`);
      const killed = await train(faults, world, { env: { FAULTS_KILL_AT: `${at}` } });
      if (killed.signal !== "SIGKILL") return [`not killed but ended with ${killed.code}: ${killed.err}`];
      await age(world);
      const { code, err } = await goOn(faults, world);
      if (code !== 0) return [`exit code ${code}: ${err}`];
      const wrong = await differences(faults, world);
      const rubbish = (await leftovers(world)).map((name) => `left ${name}`);
      await check.clean(world);
      return [...wrong, ...rubbish];
    });
  }, { workers: 2 });
  if (left > 0) check.skip(`${left} of ${points.length} kills, for want of time`);
}

/** The operations' numbers, from 1; of the writes between two others only the second and the last. */
function distinct(operations: readonly string[]): number[] {
  const isWrite = (i: number) => operations[i]?.startsWith("write ") ?? false;
  return operations.flatMap((_, i) => {
    const isSecond = isWrite(i - 1) && !isWrite(i - 2);
    return !isWrite(i) || isSecond || !isWrite(i + 1) ? [i + 1] : [];
  });
}

/** The items in the order of their index's bits from the last: halves, quarters, eighths. */
function spread(items: readonly number[]): number[] {
  const bits = Math.ceil(Math.log2(items.length));
  const reversed = (i: number) => parseInt(i.toString(2).padStart(bits, "0").split("").reverse().join(""), 2);
  return Array.from({ length: 2 ** bits }, (_, i) => items[reversed(i)]).filter((item) => item !== undefined);
}

/**
 * A run that is killed at an operation on files, whichever, goes on to the numbers of one that was not.
 *
 * @module
 */
import type { Section } from "./trials.ts";
import { age, closeWorld, differences, type Faults, goOn, leftovers, openWorld, train } from "./world.ts";

/** A kill at each kind of operation on each file. */
export function kills(faults: Faults): Section {
  const { operations } = faults;
  return {
    trials: distinct(operations).map((at) => ({
      name: `killed at operation ${at} of ${operations.length}: ${operations[at - 1]}`,
      run: async () => {
        const world = await openWorld(faults, `kill-${at}`);
        const killed = await train(faults, world, { env: { FAULTS_KILL_AT: `${at}` } });
        if (killed.signal !== "SIGKILL") return [`not killed but ended with ${killed.code}: ${killed.err}`];
        await age(world);
        const ended = await goOn(faults, world);
        if (ended.code !== 0) return [`exit code ${ended.code}: ${ended.err}`];
        const wrong = await differences(faults, world, { ended });
        const rubbish = (await leftovers(world)).map((name) => `left ${name}`);
        await closeWorld(world);
        return [...wrong, ...rubbish];
      },
    })),
  };
}

/** The operations' numbers, from 1; of the writes between two others only the second and the last. */
function distinct(operations: readonly string[]): number[] {
  const isWrite = (i: number) => operations[i]?.startsWith("write ") ?? false;
  return operations.flatMap((_, i) => {
    const isSecond = isWrite(i - 1) && !isWrite(i - 2);
    return !isWrite(i) || isSecond || !isWrite(i + 1) ? [i + 1] : [];
  });
}

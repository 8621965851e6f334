/**
 * Counts checks, and says what failed.
 *
 * @module
 */

/** Does one check: `body` resolves to what is wrong, nothing when all is well. */
export type Check = {
  (name: string, body: () => Promise<readonly string[]>): Promise<void>;
  readonly passed: number;
  readonly failed: number;
};

/** A counter of checks that prints each. */
export function createCheck(): Check {
  const counts = { passed: 0, failed: 0 };
  const check = async (name: string, body: () => Promise<readonly string[]>) => {
    const faults = await body().catch((error) => [`${(error as Error).stack ?? error}`]);
    if (faults.length === 0) counts.passed++;
    else counts.failed++;
    console.log(faults.length === 0 ? `ok      ${name}` : `FAILED  ${name}: ${faults.join("; ").trim()}`);
  };
  return Object.defineProperties(check, {
    passed: { get: () => counts.passed },
    failed: { get: () => counts.failed },
  }) as Check;
}

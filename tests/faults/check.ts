/**
 * Counts checks, and says what failed.
 *
 * @module
 */

/** Does one check: `body` resolves to what is wrong, nothing when all is well. */
export type Check = {
  (name: string, body: () => Promise<readonly string[]>): Promise<void>;
  /** Removes a trial's folders. */
  clean(world: { readonly root: string }): Promise<void>;
  /** Says that checks are left out, and why. */
  skip(what: string): void;
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
  return Object.defineProperties(
    Object.assign(check, {
      clean: (world: { readonly root: string }) => Deno.remove(world.root, { recursive: true }),
      skip: (what: string) => console.log(`skipped ${what}`),
    }),
    { passed: { get: () => counts.passed }, failed: { get: () => counts.failed } },
  ) as Check;
}

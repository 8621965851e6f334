/**
 * Things that share an identity → groups that share none: what a bootstrap may take as independent.
 *
 * @module
 */
import { createGroups } from "../../base/groups.ts";

/**
 * The number of each thing's group, from 0 in the order in which groups are met: things that share an identity are in one, and so
 * are those that a chain of others joins (connected components). A thing without identities is a group of its own.
 *
 * A fake of two persons joins the videos of both. Where every person meets others, as in Celeb-DF, all may be one group, which leaves
 * nothing to resample: the intervals are then null, and say so in their `groups`.
 *
 * @param identities of each thing, for instance of each video the persons that it shows
 *
 * @example
 * ```ts
 * import { groupsOf } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * // The second and the third share a person with the first.
 * const groups = groupsOf([["anna", "ben"], ["ben"], ["anna"], ["cleo"]]);
 * assertEquals([...groups], [0, 0, 0, 1]);
 * ```
 */
export function groupsOf(identities: readonly (readonly string[])[]): Uint32Array {
  const groups = createGroups(identities.length);
  const first = new Map<string, number>();
  for (const [i, names] of identities.entries()) {
    for (const name of names) {
      const before = first.get(name);
      if (before === undefined) first.set(name, i);
      else groups.join(before, i);
    }
  }
  const numbers = new Map<number, number>();
  return Uint32Array.from(identities, (_, i) => {
    const group = groups.groupOf(i);
    const number = numbers.get(group) ?? numbers.size;
    numbers.set(group, number);
    return number;
  });
}

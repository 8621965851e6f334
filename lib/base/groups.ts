/**
 * Groups of things that are joined one pair after another (union-find).
 *
 * @module
 */

/** Things by index in groups that can be joined. */
export type Groups = {
  /** The group of a thing, as a number; it changes when groups are joined. */
  groupOf(index: number): number;
  /** Joins two things' groups; false when they are one already. */
  join(a: number, b: number): boolean;
};

/** `count` things, each in a group of its own. */
export function createGroups(count: number): Groups {
  const parents = Int32Array.from({ length: count }, (_, i) => i);
  const groupOf = (index: number): number => {
    let root = index;
    while (parents[root] !== root) root = parents[root];
    for (let member = index; member !== root;) {
      const next = parents[member];
      parents[member] = root;
      member = next;
    }
    return root;
  };
  return {
    groupOf,
    join(a, b) {
      const [one, other] = [groupOf(a), groupOf(b)];
      if (one === other) return false;
      parents[Math.max(one, other)] = Math.min(one, other);
      return true;
    },
  };
}

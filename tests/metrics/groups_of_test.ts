import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { groupsOf } from "../../lib/metrics/intervals/groups_of.ts";

Deno.test("groupsOf() joins what shares an identity, through chains too, hand-computed", () => {
  // A real of 1, one of 2, a fake of 1 and 3, one of nobody known, one of 2 and 4, one of 5.
  assertEquals([...groupsOf([["1"], ["2"], ["1", "3"], [], ["2", "4"], ["5"]])], [0, 1, 0, 2, 1, 3]);
  // The last one joins the others.
  assertEquals([...groupsOf([["1"], ["2"], ["3"], ["1", "2", "3"]])], [0, 0, 0, 0]);
  assertEquals([...groupsOf([["3", "4"], ["1", "2"], [], ["2", "3"]])], [0, 0, 1, 0]);
  assertEquals([...groupsOf([])], []);
});

Deno.test("groupsOf() parts exactly what no chain of shared identities joins", () => {
  const things = fc.array(fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 3 }), {
    maxLength: 12,
  });
  fc.assert(fc.property(things, (identities) => {
    const groups = groupsOf(identities);
    // Whom each thing reaches, one step after another until nothing is gained.
    const reached = identities.map((_, i) => new Set([i]));
    for (let step = 0; step < identities.length; step++) {
      for (const set of reached) {
        for (const i of [...set]) {
          for (const [j, names] of identities.entries()) {
            if (names.some((name) => identities[i].includes(name))) set.add(j);
          }
        }
      }
    }
    for (const [i, set] of reached.entries()) {
      for (const [j, group] of groups.entries()) assertEquals(group === groups[i], set.has(j));
    }
  }));
});

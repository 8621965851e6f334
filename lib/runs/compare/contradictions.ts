/**
 * Files of scores of which one calls a video or an image real and another fake.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { ScoredItem } from "../../data/score_tests.ts";
import type { ScoredBy } from "./inputs.ts";

/** What files may contradict each other of, and how it is named. */
const names = {
  image: ({ path }: ScoredItem) => path,
  video: ({ video }: ScoredItem) => video,
} as const;

/** What a file calls the images or videos of a name: 1 real, 2 fake, 3 both. */
type Labels = { readonly by: ScoredBy; readonly row: number; readonly labels: number };

/** Real and fake: a fake video may have its original's name, so long as a file has both. */
const BOTH = 3;

/**
 * Refuses files of which one calls something real and another fake, unless one has both of its name.
 *
 * @throws {InputError} naming both files and lines
 */
export function refuseContradictions(
  all: readonly ScoredBy[],
  { kinds }: { readonly kinds: readonly (keyof typeof names)[] },
): void {
  if (all.length < 2) return;
  for (const kind of kinds) {
    const before = new Map<string, Labels>();
    const contrary = new Map<string, readonly [Labels, Labels]>();
    for (const by of all) {
      if (kind === "image" && !by.hasPaths) continue;
      for (const [name, row, labels] of labelsOf(by, names[kind])) {
        const known = before.get(name);
        if (known === undefined || labels === BOTH) before.set(name, { by, row, labels });
        if (labels === BOTH) contrary.delete(name);
        else if (known !== undefined && known.labels !== BOTH && known.labels !== labels) {
          contrary.set(name, [known, { by, row, labels }]);
        }
      }
    }
    for (const [name, both] of contrary) {
      const found = both.map(({ by: { file, test }, row }) =>
        `${test.items[row].label} in line ${test.lines[row]} of ${file}`
      );
      throw new InputError(
        `Cannot compare the ${kind} ${name}: expected one label but found ${
          found.join(" and ")
        }; correct the one that is wrong, or give ${kind}s names of their own`,
      );
    }
  }
}

/** By name, the first row that has it, and what all of them say. */
function* labelsOf(
  { test: { items } }: ScoredBy,
  nameOf: (item: ScoredItem) => string,
): Generator<readonly [name: string, row: number, labels: number]> {
  const rows = new Map<string, number>();
  const labels = new Uint8Array(items.length);
  for (const [row, item] of items.entries()) {
    const name = nameOf(item);
    const first = rows.get(name) ?? row;
    if (first === row) rows.set(name, row);
    labels[first] |= item.label + 1;
  }
  for (const [name, row] of rows) yield [name, row, labels[row]];
}

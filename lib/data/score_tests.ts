/**
 * Rows of a file of scores → tests: what each image is, and what each seed's detector scored it.
 *
 * @module
 */
import { personsNamed } from "./layouts/vocabulary.ts";

/** One image that was scored. */
export type ScoredItem = {
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Its path, or its video's where it has none. */
  readonly path: string;
  /** Unique within its label and method; its own path where it is of no video. */
  readonly video: string;
  /** How a fake was made or where a real one is from; "" where that is unknown. */
  readonly method: string;
  /** The persons that its video shows; missing where none are named. */
  readonly identities?: readonly string[];
};

/** The scores of one set and split under one perturbation. */
export type ScoreTest = {
  readonly set: string;
  readonly split: string;
  /** "none", or family and level: "jpeg-90". */
  readonly perturbation: string;
  readonly items: readonly ScoredItem[];
  /** The line of the file that first names each item, from 1. */
  readonly lines: Uint32Array;
  /** The seeds' names in the order in which they are met. */
  readonly seeds: readonly string[];
  /** Probabilities of fake, in [0, 1], in the items' order: an array for each seed. */
  readonly scores: readonly Float64Array[];
  /** By column, what group each item is of, in the items' order; "" where that is unknown. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
};

/** One row, its words understood. */
export type ScoreRow =
  & Omit<ScoredItem, "path" | "identities">
  & Pick<ScoreTest, "set" | "split" | "perturbation">
  & {
    readonly line: number;
    readonly seed: string;
    readonly score: number;
    /** "" where the row has a video alone: rows of one video are then told apart by their order. */
    readonly path: string;
    /** Names separated by `|`. */
    readonly persons: string;
    /** By the columns of groups, in their order. */
    readonly groups: readonly string[];
  };

/** Tests that take rows. */
export type ScoreTests = {
  /** Takes a row, which is refused where it contradicts another. */
  add(row: ScoreRow): void;
  /** The tests, once all rows are taken; refuses what shows only then. */
  finish(): ScoreTest[];
};

/** A test while its rows are read. */
type Building = Pick<ScoreTest, "set" | "split" | "perturbation"> & {
  readonly items: ScoredItem[];
  /** Of each item as its row has them. */
  readonly persons: string[];
  /** The index of an item by its path, or by its video and its place among the rows of that. */
  readonly numbers: Map<string, number>;
  readonly seeds: Map<string, SeedRows>;
  /** An array for each column. */
  readonly groups: readonly string[][];
};

/** By index of the item; a line that is missing says that the seed did not score it. */
type SeedRows = {
  readonly scores: number[];
  readonly lines: number[];
  /** How many rows without a path there were of each video. */
  readonly pathless: Map<string, number>;
};

type Refuse = (text: string) => never;

/**
 * Tests to which rows are added one by one.
 *
 * @param columns the names of the columns of groups
 * @param refuse throws what is wrong with the rows
 */
export function createScoreTests(columns: readonly string[], refuse: Refuse): ScoreTests {
  const tests = new Map<string, Building>();
  let last: Building | undefined;
  const testOf = ({ set, split, perturbation }: ScoreRow): Building => {
    if (last?.set === set && last.split === split && last.perturbation === perturbation) return last;
    const key = `${set}\0${split}\0${perturbation}`;
    last = tests.get(key) ?? {
      ...{ set, split, perturbation, items: [], persons: [], numbers: new Map(), seeds: new Map() },
      groups: columns.map(() => []),
    };
    tests.set(key, last);
    return last;
  };
  return {
    add(row) {
      const test = testOf(row);
      let seed = test.seeds.get(row.seed);
      if (!seed) test.seeds.set(row.seed, seed = { scores: [], lines: [], pathless: new Map() });
      const place = row.path || placeOf(row, seed);
      let number = test.numbers.get(place);
      if (number === undefined) {
        number = addItem(test, row);
        test.numbers.set(place, number);
      } else {
        checkAgain(row, { test, number, line: seed.lines[number], columns, refuse });
      }
      seed.scores[number] = row.score;
      seed.lines[number] = row.line;
    },
    finish: () => [...tests.values()].map((test) => finish(test, { columns, refuse })),
  };
}

/** A row without a path by its video and its place among the rows of that. */
function placeOf(row: ScoreRow, { pathless }: SeedRows): string {
  const video = nameOf(row);
  const before = pathless.get(video) ?? 0;
  pathless.set(video, before + 1);
  return `${video}\0${before}`;
}

function addItem(test: Building, { label, path, video, method, persons, groups }: ScoreRow): number {
  test.persons.push(persons);
  for (const [i, value] of groups.entries()) test.groups[i].push(value);
  return test.items.push({ label, path: path || video, video, method }) - 1;
}

/** Refuses an item that the seed has scored before, or that is another thing in another seed's row. */
function checkAgain(
  row: ScoreRow,
  options: {
    readonly test: Building;
    readonly number: number;
    readonly line: number | undefined;
    readonly columns: readonly string[];
    readonly refuse: Refuse;
  },
): void {
  const { test, number, line, columns, refuse } = options;
  if (line !== undefined) {
    refuse(
      `expected each image${
        titleOf(test)
      } once but found ${row.path} in line ${line} and in line ${row.line}; leave one out, or name the seeds in a column seed`,
    );
  }
  const item = test.items[number];
  const facts: [string, string | number, string | number][] = [
    ["label", item.label, row.label],
    ["method", item.method, row.method],
    ["video", item.video, row.video],
    ["persons", test.persons[number], row.persons],
    ...columns.map((name, i): [string, string, string] => [name, test.groups[i][number], row.groups[i]]),
  ];
  const other = facts.find(([, known, said]) => known !== said);
  if (!other) return;
  const [name, known, said] = other;
  refuse(
    `expected one ${name} of ${item.path} but found "${known}" in line ${
      lineOf(test, number)
    } and "${said}" in line ${row.line}; correct one of them`,
  );
}

function finish(
  test: Building,
  { columns, refuse }: { readonly columns: readonly string[]; readonly refuse: Refuse },
): ScoreTest {
  const { set, split, perturbation, items, seeds } = test;
  for (const [seed, { lines }] of seeds) {
    for (let i = 0; i < items.length; i++) {
      if (lines[i] !== undefined) continue;
      refuse(
        `expected every seed to score the same images${titleOf(test)} but found none of ${
          items[i].path
        } (line ${lineOf(test, i)}) by seed ${seed || '""'}; score it too, or leave it out`,
      );
    }
  }
  const numbers = new Map<string, number>();
  const firstRows: number[] = [];
  const videoOf = columns.length === 0 ? undefined : Uint32Array.from(items, (item, row) => {
    const name = nameOf(item);
    let video = numbers.get(name);
    if (video === undefined) numbers.set(name, video = firstRows.push(row) - 1);
    return video;
  });
  for (const [i, name] of columns.entries()) {
    const values = test.groups[i];
    videoOf?.forEach((video, row) => {
      const first = firstRows[video];
      if (values[row] === values[first]) return;
      refuse(
        `expected one ${name} of the video ${items[row].video} but found "${values[first]}" in line ${
          lineOf(test, first)
        } and "${values[row]}" in line ${lineOf(test, row)}; correct one of them`,
      );
    });
  }
  return {
    ...{ set, split, perturbation },
    items: withPersons(test),
    lines: Uint32Array.from(items, (_, i) => lineOf(test, i)!),
    seeds: [...seeds.keys()],
    scores: [...seeds.values()].map(({ scores }) => Float64Array.from(scores)),
    groups: new Map(columns.map((name, i) => [name, test.groups[i]])),
  };
}

/** Items with the names of the persons that they show; those that say the same share one list. */
function withPersons({ items, persons }: Building): readonly ScoredItem[] {
  const lists = new Map([...new Set(persons)].map((text) => [text, personsNamed(text)]));
  if ([...lists.values()].every(({ length }) => length === 0)) return items;
  return items.map((item, row) => ({ ...item, identities: lists.get(persons[row])! }));
}

/** Which test it is, for messages: ` of faces test`; nothing where the file does not say that. */
function titleOf({ set, split, perturbation }: Building): string {
  const parts = [set, split, perturbation === "none" ? "" : perturbation].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` of ${parts.join(" ")}`;
}

/** A video's name among all of its test. */
function nameOf({ label, method, video }: Pick<ScoredItem, "label" | "method" | "video">): string {
  return `${label}\0${method}\0${video}`;
}

/** The line that an item was first named in. */
function lineOf({ seeds }: Building, number: number): number | undefined {
  for (const { lines } of seeds.values()) if (lines[number] !== undefined) return lines[number];
  return undefined;
}

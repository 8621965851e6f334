/**
 * Runs and files of scores → a comparison on the tests that they share.
 *
 * @module
 */
import { takeBreath } from "../../base/breath.ts";
import { InputError } from "../../base/errors.ts";
import type { ScoreTest } from "../../data/score_tests.ts";
import { tooFewGroups } from "../../metrics/intervals/bootstrap.ts";
import { type VideoLevel, videoLevelNames } from "../../metrics/levels.ts";
import { metrics } from "../../metrics/metrics/mod.ts";
import type { ComparedTest, Comparison, FigureBeside } from "../../report/comparison.ts";
import { type KnownSet, publishedFigures, publishedSetOf } from "../../report/published.ts";
import { testName } from "../../report/report.ts";
import { standing } from "../../report/standing.ts";
import { type Input, readInputs } from "./inputs.ts";
import { methodsOf, type SetFacts, setFacts } from "./set_facts.ts";
import { type Matched, matchVideos } from "./match.ts";
import { measureInputs, measurePairs } from "./measure.ts";

/** The set of files of which none says its own. */
const unnamed = "scores";

/** A test of an input under the name by which it is compared. */
type NamedTest = {
  readonly set: string;
  readonly split: string;
  readonly input: Input;
  readonly test: ScoreTest;
};

/**
 * Compares what is scored in folders of runs and CSV files, on the tests without perturbation that at least two of them share; one
 * alone is only held beside the published figures.
 *
 * @param paths folders of runs or of reports of scores, or CSV files as {@link scoreFile} takes them
 * @param options.logits those of the files whose scores are logits, of which the sigmoid makes probabilities; none unless given
 * @throws {InputError} when one cannot be read, none is given, they share no test, or two call one video real and fake
 * @throws {Error} the signal's reason
 *
 * @example
 * ```ts
 * import { compareScores } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Array.from({ length: 40 }, (_, i) => `${i}.png,${i % 2},${(i % 7 + 3 * (i % 2)) / 10}`);
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, ["path,label,score", ...rows].join("\n"));
 * const comparison = await compareScores([path]);
 * assertEquals(comparison.tests.map(({ level, real, fake }) => [level, real, fake]), [["image", 20, 20]]);
 * await Deno.remove(path);
 * ```
 */
export async function compareScores(
  paths: readonly string[],
  { logits, signal }: { readonly logits?: readonly string[]; readonly signal?: AbortSignal } = {},
): Promise<Comparison> {
  if (paths.length === 0) {
    throw new InputError("Cannot compare: expected folders of runs or CSV files of scores but found none");
  }
  const inputs = await readInputs(paths, { logits, signal });
  const warnings = inputs.flatMap(({ file, warnings }) => warnings.map((text) => `${file}: ${text}`));
  const named = nameTests(inputs, warnings);
  const tests: ComparedTest[] = [];
  for (const same of groupTests(named)) {
    await takeBreath(signal);
    if (same.length > 1 || inputs.length === 1) tests.push(compareTest(same, warnings));
    else warnings.push(`${nameOf(same[0])}: only ${same[0].input.name} has it, so it is not compared`);
  }
  if (tests.length === 0) {
    const have = inputs.map(({ name }) =>
      `${name} has ${named.filter(({ input }) => input.name === name).map(nameOf).join(", ") || "none"}`
    );
    throw new InputError(
      `Cannot compare ${
        inputs.map(({ name }) => name).join(" and ")
      }: expected a test that two share but found ${have.join("; ")}; name set and split alike`,
    );
  }
  return {
    schemaVersion: 1,
    createdAt: new Date().toISOString(),
    demo: tests.some(({ demo }) => demo),
    inputs: inputs.map(({ name, path, detector, trainedOn }) => ({ name, path, detector, trainedOn })),
    tests,
    warnings,
  };
}

function nameOf({ set, split }: { readonly set: string; readonly split: string }): string {
  return testName({ set, split, perturbation: "none" });
}

/** The clean tests; one whose file does not say its set or split has those of the others' only test that it can be. */
function nameTests(inputs: readonly Input[], warnings: string[]): NamedTest[] {
  const clean = inputs.flatMap((input) =>
    input.tests.filter(({ perturbation }) => perturbation === "none").map((test) => ({ input, test }))
  );
  // Those that say their set come before those that say their split alone.
  const told = [
    clean.filter(({ test }) => test.set !== ""),
    clean.filter(({ test }) => test.set === "" && test.split !== ""),
  ];
  return clean.map(({ input, test }) => {
    const { set, split } = test;
    if (set !== "" && split !== "") return { input, test, set, split };
    const [others = new Map<string, { set: string; split: string }>()] = told.map((tests) =>
      new Map(
        tests.filter((other) =>
          other.input !== input && (set === "" || other.test.set === set) &&
          (split === "" || other.test.split === split)
        ).map(({ test: { set, split } }) => [JSON.stringify([set, split]), { set, split }]),
      )
    ).filter(({ size }) => size > 0);
    const [only] = others.values();
    if (others.size !== 1) return { input, test, set: set || unnamed, split };
    const name = { set: only.set || unnamed, split: only.split };
    if (set !== only.set || split !== only.split) {
      warnings.push(
        `${input.file} does not say its ${set === only.set ? "split" : "set"}: taken for ${nameOf(name)}`,
      );
    }
    return { input, test, ...name };
  });
}

function groupTests(tests: readonly NamedTest[]): NamedTest[][] {
  const groups = new Map<string, NamedTest[]>();
  for (const each of tests) {
    const key = JSON.stringify([each.set, each.split]);
    const group = groups.get(key) ?? [];
    if (group.some(({ input }) => input === each.input)) {
      throw new InputError(
        `Cannot compare ${each.input.file}: expected one test ${
          nameOf(each)
        } but found two; name set and split in each row`,
      );
    }
    groups.set(key, [...group, each]);
  }
  return [...groups.values()];
}

function compareTest(same: readonly NamedTest[], warnings: string[]): ComparedTest {
  const [{ set, split }] = same;
  const name = nameOf({ set, split });
  const hows = [...new Set(same.flatMap(({ input }) => videoScoreOf(input) ?? []))];
  const how = hows.length === 1 ? hows[0] : "mean";
  const matched = matchVideos(
    same.map(({ input: { name, file, hasPaths }, test }) => ({ name, file, test, hasPaths })),
    { how },
  );
  if (hows.length > 1 && matched.level === "video") {
    warnings.push(
      `${name}: the reports make a video's score by ${
        hows.join(" and by ")
      }; compared are means, so that the numbers are not those of every report`,
    );
  }
  const names = same.map(({ input }) => input.name);
  const fake = matched.labels.filter((label) => label === 1).length;
  const counts = { real: matched.labels.length - fake, fake };
  const things = matched.level === "video" ? "videos" : "images";
  const shared = matched.labels.length;
  const without = matched.leftOut.flatMap((count, i) =>
    count === 0 ? [] : [`${count} of the ${count + shared} ${things} of ${names[i]}`]
  );
  if (without.length > 0) {
    warnings.push(
      `${name}: LEFT OUT ${
        without.join(" and ")
      }, as another has not scored them; all numbers are of the ${shared} in common`,
    );
  }
  if (new Set(matched.images).size > 1) {
    const each = matched.images.map((count, i) => `${names[i]} ${count}`);
    warnings.push(`${name}: the videos in common have other frames with each: ${each.join(", ")}`);
  }
  for (const [a, b] of sameScores(matched)) {
    warnings.push(`${name}: ${names[a]} and ${names[b]} have the same scores`);
  }
  const few = tooFewGroups(name, counts);
  if (few) warnings.push(few);
  const remark = metrics.tprAt5.remark?.(counts);
  if (remark) warnings.push(`${name}, TPR at FPR 5 %: ${remark}`);
  const demo = same.some(({ input }) => isDemo(input, set));
  return {
    set,
    split,
    level: matched.level,
    videoScore: how,
    demo,
    ...counts,
    drawn: matched.persons ? "persons" : "videos",
    inputs: measureInputs(matched, names),
    pairs: measurePairs(matched, names),
    published: figuresBeside(same, { matched, counts, demo }),
  };
}

/** How a report makes a video's score of its frames'; undefined where it does not say. */
function videoScoreOf({ report }: Input): VideoLevel | undefined {
  return videoLevelNames.find((name) => name === report?.config.videoScore);
}

/** Detectors, by index, whose first seeds gave every video the same score. */
function sameScores({ scores }: Matched): [number, number][] {
  return scores.flatMap(([a], i) =>
    scores.flatMap(([b], j): [number, number][] =>
      i < j && a.every((score, video) => score === b[video]) ? [[i, j]] : []
    )
  );
}

function isDemo({ report }: Input, set: string): boolean {
  return report !== undefined &&
    (report.demo || report.results.some((result) => result.set === set && result.demo));
}

/** The published figures of the set that a test is of, as far as any input tells that. */
function figuresBeside(
  same: readonly NamedTest[],
  { matched, counts, demo }: {
    readonly matched: Matched;
    readonly counts: { readonly real: number; readonly fake: number };
    readonly demo: boolean;
  },
): FigureBeside[] {
  const [{ set, split }] = same;
  const facts = same.map(({ input }) => input.report ? setFacts(input.report, { set, split }) : {});
  const knowns = same.flatMap(({ input, test }, i): KnownSet[] => {
    const methods = test.set === "" ? [] : methodsOf(input.tests, set);
    const known = publishedSetOf({ name: set, layout: facts[i].layout, methods });
    return known ? [known] : [];
  });
  const known = (["layout", "methods", "name"] as const).map((by) => knowns.find((each) => each.by === by))
    .find((each) => each !== undefined);
  if (!known) return [];
  // What one input's report says of the images is so of the others' too: they are the same.
  const told = <Key extends keyof SetFacts>(key: Key): SetFacts[Key] =>
    facts.map((each) => each[key]).find((value) => value !== undefined);
  return publishedFigures.filter((figure) => figure.set === known.set).flatMap((figure) => {
    const standings = same.flatMap(({ input }, i) => {
      const found = standing({
        demo,
        known,
        split,
        compression: facts[i].compression ?? told("compression"),
        officialSplit: facts[i].officialSplit ?? told("officialSplit"),
        level: matched.level,
        ...counts,
        frames: matched.frames[i],
        trainedOn: input.trainedOn,
        detector: input.detector,
      }, figure);
      return found ? [{ input: input.name, ...found }] : [];
    });
    return standings.length > 0 ? [{ ...figure, standings }] : [];
  });
}

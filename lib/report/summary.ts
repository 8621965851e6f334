/**
 * What a report can say in three sentences, made from its numbers.
 *
 * @module
 */
import { parsePerturbation } from "../images/perturbations/mod.ts";
import {
  byLevel,
  demoTitle,
  type Estimate,
  estimate,
  type EvaluationResult,
  type GroupResult,
  type LevelledResult,
  meanAndSd,
  type ScoreReport,
  testName,
} from "./report.ts";

/**
 * At most three sentences: the tests within; the fall across sets and under perturbation; the worst method and origin. What was not
 * measured is in none of them, so there may be fewer.
 */
export function summarySentences(
  report: Pick<ScoreReport, "results" | "data" | "demo" | "backend">,
): readonly string[] {
  const { results, demo } = report;
  const sentences = [withinSentence(report), fallSentence(results), groupSentence(results)]
    .filter((sentence) => sentence !== undefined);
  const isDemo = demo || results.some((result) => result.demo);
  return sentences.map((sentence, i) => (i === 0 ? demoTitle(sentence, isDemo) : sentence));
}

function withinSentence(
  { results, data, backend }: Pick<ScoreReport, "results" | "data" | "backend">,
): string | undefined {
  const shown = results.filter(isUnperturbed);
  const within = shown.filter(({ kind }) => kind === "within");
  const [first, ...others] = (within.length > 0 ? within : shown).map(mainLevel);
  if (!first) return;
  // What another program trained on is not known, whatever its splits are called.
  const training = backend ? data.filter(({ split }) => split === "train") : [];
  const trained = training.length > 0
    ? `, after training on ${
      and.format(training.map(({ set, real, fake }) =>
        `${count(real)} real and ${count(fake)} fake images of ${set}`
      ))
    }`
    : "";
  const known = [first, ...others].filter((result) => aucOf(result));
  if (known.length > 1) {
    const [lowest] = sorted(known);
    const highest = sorted(known)[known.length - 1];
    return `Of ${known.length} tests${within.length > 0 ? " within" : ""} the lowest AUC is that of ${
      describe(lowest)
    } and the highest that of ${describe(highest)}${trained}.`;
  }
  const result = known[0] ?? first;
  const { metrics } = result;
  const counted = `${count(metrics.real)} real and ${count(metrics.fake)} fake ${unitOf(result)}`;
  if (aucOf(result)) {
    return `On ${testName(result)} the ${levelName(result)} is ${aucText(result)}, of ${counted}${trained}.`;
  }
  const [[, falseFake], [, trueFake]] = metrics.confusion;
  return `On ${testName(result)} there are ${counted}, and with one class no AUC: ${
    count(falseFake + trueFake)
  } of them are called fake from a score of ${metrics.threshold}${trained}.`;
}

function fallSentence(results: readonly EvaluationResult[]): string | undefined {
  const parts = [acrossPart(results), perturbedPart(results)].filter((part) => part !== undefined);
  return sentenceOf(parts);
}

/** What belongs together in one sentence; none of nothing. */
function sentenceOf(parts: readonly string[]): string | undefined {
  if (parts.length === 0) return;
  const text = parts.join("; ");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function acrossPart(results: readonly EvaluationResult[]): string | undefined {
  const shown = results.filter(isUnperturbed);
  const within = shown.filter(({ kind }) => kind === "within");
  const compared = shown.filter(({ kind, metrics }) =>
    kind === "cross" && metrics.real > 0 && metrics.fake > 0
  );
  if (within.length === 0 || compared.length === 0) return;
  const [first, ...others] = atOneLevel([...within, ...compared]);
  const from = within.length === 1 ? aucOf(first) : null;
  const cross = others.slice(within.length - 1).filter((each) => aucOf(each));
  if (cross.length === 0) return;
  const mean = meanAndSd(cross.map((each) => aucOf(each)!.mean))!.mean;
  const [worst] = sorted(cross);
  const isOne = cross.length === 1;
  const to = isOne ? aucText(worst) : `${decimals(mean)} in the mean of ${cross.length} tests`;
  const against = from === null ? "" : `, against ${decimals(from.mean)} within`;
  return [
    isOne ? `across sets, on ${testName(worst)},` : "across sets",
    `the ${levelName(worst)}`,
    from !== null && mean < from.mean
      ? `falls from ${decimals(from.mean)} within to ${to}`
      : `is ${to}${against}`,
  ].join(" ") + (isOne ? "" : `, lowest on ${testName(worst)}: ${aucText(worst)}`);
}

function perturbedPart(results: readonly EvaluationResult[]): string | undefined {
  const pairs = results.filter((result) => !isUnperturbed(result)).flatMap((result) => {
    const clean = results.find((each) =>
      isUnperturbed(each) && each.set === result.set && each.split === result.split
    );
    const levelled = atOneLevel(clean ? [result, clean] : [result]);
    return levelled.every((each) => aucOf(each)) ? [levelled] : [];
  });
  if (pairs.length === 0) return;
  const [[worst, clean]] = pairs.toSorted(([a], [b]) => aucOf(a)!.mean - aucOf(b)!.mean);
  const { kind, level } = parsePerturbation(worst.perturbation) ?? {};
  const name = kind ? `${kind.title} ${kind.measure} ${level}` : worst.perturbation;
  const against = clean ? ` against ${decimals(aucOf(clean)!.mean)} without it` : "";
  const test = testName({ ...worst, perturbation: "none" });
  const lowest = pairs.length === 1
    ? `under ${name}`
    : `of ${pairs.length} perturbed tests the lowest is ${name}`;
  return `${lowest} on ${test}, with ${levelName(worst)} ${decimals(aucOf(worst)!.mean)}${against}`;
}

function groupSentence(results: readonly EvaluationResult[]): string | undefined {
  const shown = results.filter(isUnperturbed).map(mainLevel);
  return sentenceOf(
    [methodPart(shown), alarmPart(shown), gapPart(shown)].filter((part) => part !== undefined),
  );
}

/** A group of a test, or the whole test, and its value of what is compared. */
type Grouped = {
  readonly result: LevelledResult;
  readonly name?: string;
  readonly metrics: GroupResult["metrics"];
  readonly value: number;
};

function methodPart(results: readonly LevelledResult[]): string | undefined {
  const methods = groupsIn(results, ({ methods }) => methods, ({ auc }) => auc);
  const [lowest] = methods.toSorted((a, b) => a.value - b.value);
  if (!lowest) return;
  return `of ${namesIn(methods)} methods${testsOf(methods, results)} the lowest AUC is that of ${
    nameOf(lowest)
  }: ${decimals(lowest.value)}`;
}

/** Where a test has one group alone, how many are compared: " in 1 of 2 tests". */
function testsOf(groups: readonly Grouped[], results: readonly LevelledResult[]): string {
  const covered = new Set(groups.map(({ result }) => result)).size;
  return covered === results.length ? "" : ` in ${covered} of ${results.length} tests`;
}

function alarmPart(results: readonly LevelledResult[]): string | undefined {
  const origins = groupsIn(results, ({ origins }) => origins, falseAlarms);
  const tests = groupsIn(results, ({ metrics, runs }) => [{ metrics, runs }], falseAlarms);
  // A test of one origin is that origin: left out, its false alarms would be hidden by those of the others.
  const whole = tests.filter(({ result }) => !result.origins);
  const compared = origins.length > 0 ? [...origins, ...whole] : tests;
  const [most] = compared.toSorted((a, b) => b.value - a.value);
  if (!most) return;
  const { result, metrics: { threshold, real }, value } = most;
  const called = `called fake from a score of ${threshold}`;
  if (value === 0) return `no real ${unitOf(result)} are ${called}`;
  const share = `${(100 * value).toFixed(1)} % of ${count(real)} real ${unitOf(result)}`;
  if (compared.length === 1) return `on ${nameOf(most)} ${share} are ${called}`;
  const among = origins.length === 0
    ? `${compared.length} tests`
    : whole.length === 0
    ? `${namesIn(origins)} origins of reals`
    : `${origins.length} origins of reals and ${whole.length} ${
      whole.length === 1 ? "test" : "tests"
    } of one`;
  return `of ${among} ${nameOf(most)} has the most false alarms: ${share} ${called}`;
}

/** The widest gap between the false positive rates of two groups of persons; no group is named where there is none. */
function gapPart(results: readonly LevelledResult[]): string | undefined {
  const gaps = results.flatMap((result) =>
    (result.groups ?? []).flatMap(({ column, gaps }) =>
      gaps.filter(({ rate, gap }) => rate === "fpr" && gap > 0).map((gap) => ({ result, column, ...gap }))
    )
  );
  const [widest] = gaps.toSorted((a, b) => b.gap - a.gap);
  if (!widest) return;
  const { result, column, gap, highest, lowest } = widest;
  const where = results.length > 1 ? `on ${testName(result)} ` : "";
  const first = (result.runs?.length ?? 1) > 1 ? " (first run)" : "";
  return `${where}by ${column} the false positive rates are furthest apart${first}: ${
    decimals(gap)
  } between ${highest} and ${lowest}`;
}

/** The groups of all results whose value is known: that of a group's runs where there are several, in the mean. */
function groupsIn(
  results: readonly LevelledResult[],
  groupsOf: (
    result: LevelledResult,
  ) => readonly (Omit<GroupResult, "name"> & { readonly name?: string })[] | undefined,
  valueOf: (metrics: GroupResult["metrics"]) => number | null,
): Grouped[] {
  return results.flatMap((result) =>
    (groupsOf(result) ?? []).flatMap(({ name, metrics, runs = [metrics] }) => {
      const value = meanAndSd(runs.map(valueOf))?.mean;
      const isOfFirst = (result.runs?.length ?? 1) > runs.length;
      const named = isOfFirst && name !== undefined ? `${name} (first run)` : name;
      return value === undefined ? [] : [{ result, name: named, metrics, value }];
    })
  );
}

function falseAlarms({ confusion: [[trueReal, falseFake]] }: GroupResult["metrics"]): number | null {
  return trueReal + falseFake === 0 ? null : falseFake / (trueReal + falseFake);
}

function namesIn(groups: readonly Grouped[]): number {
  return new Set(groups.map(({ name }) => name)).size;
}

function nameOf({ result, name }: Grouped): string {
  return name === undefined ? testName(result) : `${name} on ${testName(result)}`;
}

function isUnperturbed({ perturbation }: EvaluationResult): boolean {
  return perturbation === "none";
}

/** A result at video level where it has one. */
function mainLevel(result: EvaluationResult): LevelledResult {
  return byLevel([result])[0];
}

/** Results at a level that all of them have. */
function atOneLevel(results: readonly EvaluationResult[]): LevelledResult[] {
  return results.every(({ video }) => video)
    ? results.map(mainLevel)
    : results.map((result) => byLevel([result]).at(-1)!);
}

function sorted(results: readonly LevelledResult[]): LevelledResult[] {
  return results.toSorted((a, b) => aucOf(a)!.mean - aucOf(b)!.mean);
}

function aucOf(result: LevelledResult): Estimate | null {
  return estimate(result, "auc");
}

function levelName({ level }: LevelledResult): string {
  return level === "image" ? "AUC by image" : `${level}-level AUC`;
}

function unitOf({ level }: LevelledResult): string {
  return level === "video" ? "videos" : "images";
}

function describe(result: LevelledResult): string {
  return `${testName(result)} (${levelName(result)} ${aucText(result)})`;
}

/** With its standard deviation over runs or its interval, where there is either. */
function aucText(result: LevelledResult): string {
  const { mean, sd } = aucOf(result)!;
  const runs = result.runs?.length ?? 1;
  if (sd !== null) {
    return `${decimals(mean)} ± ${decimals(sd)} (mean and standard deviation over ${runs} runs)`;
  }
  const interval = result.intervals?.auc;
  return interval
    ? `${decimals(mean)} (95 % interval ${decimals(interval.low)} to ${decimals(interval.high)})`
    : decimals(mean);
}

function decimals(value: number): string {
  return value.toFixed(3);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

const and = new Intl.ListFormat("en-GB");

/**
 * What a report says of the sets that it is of: their layout, compression and split, and what was trained on.
 *
 * @module
 */
import type { ScoreTest } from "../../data/score_tests.ts";
import { type LayoutSpec, parseSpec } from "../../data/spec.ts";
import { publishedSetOf, type TrainingSet } from "../../report/published.ts";
import type { DataSummary, ScoreReport } from "../../report/report.ts";

/** What is known of a set's images; nothing of it where a report does not say it. */
export type SetFacts = Pick<DataSummary, "layout" | "compression" | "officialSplit">;

/** The facts of a split as its images were read; of an older report, which lacks them, as its configuration has them. */
export function setFacts(
  report: ScoreReport,
  { set, split }: { readonly set: string; readonly split: string },
): SetFacts {
  const read = report.data.find((each) => each.set === set && each.split === split);
  if (read?.layout !== undefined) return read;
  const spec = specOf(report, set);
  return { layout: spec?.layout, compression: compressionOf(report, spec) };
}

/** The methods and origins of a set's videos, by its scores. */
export function methodsOf(tests: readonly ScoreTest[], name: string): string[] {
  const methods = new Set<string>();
  for (const { set, items } of tests) {
    if (set === name) {
      for (const { method } of items) methods.add(method);
    }
  }
  return [...methods];
}

/** What a run was trained on, as far as its report says; undefined for another program's scores. */
export function trainedOn(report: ScoreReport, tests: readonly ScoreTest[]): TrainingSet | undefined {
  if (report.backend === undefined) return undefined; // not a run of ours
  if (report.demo) return { set: "demo" };
  const within = report.results.filter(({ kind }) => kind === "within").map(({ set }) => set);
  const names = within.length > 0 ? [...new Set(within)] : [report.config.set];
  const sets = names.flatMap((name) => typeof name === "string" ? trainingSet(report, { name, tests }) : []);
  if (sets.length < 2) return sets[0];
  const titles = sets.map(({ set, compression }) =>
    compression === undefined ? set : `${set} ${compression}`
  );
  return { set: and.format(titles) };
}

/** One set that a run was trained on. */
function trainingSet(
  report: ScoreReport,
  { name, tests }: { readonly name: string; readonly tests: readonly ScoreTest[] },
): TrainingSet {
  const { layout, compression } = setFacts(report, { set: name, split: "train" });
  const known = publishedSetOf({ name, layout, methods: methodsOf(tests, name) });
  if (known === undefined || known.by === "name") {
    return { set: known ? `${name}, known by its name alone` : name };
  }
  const methods = specOf(report, name)?.methods ??
    (Array.isArray(report.config.methods) ? report.config.methods : []);
  return {
    set: methods.length > 0 ? `${known.set}, ${methods.join(" and ")} only` : known.set,
    compression,
  };
}

const and = new Intl.ListFormat("en-GB");

/** The spec of a set by its name in a report's configuration; undefined where that has none. */
function specOf({ config }: ScoreReport, name: string): LayoutSpec | undefined {
  const { data, also, set, test } = config;
  const texts = [
    ...(typeof data === "string" ? [{ text: data, flag: "--data" }] : []),
    ...(Array.isArray(also) ? also.map((text) => ({ text: `${text}`, flag: "--also", weighted: true })) : []),
    ...(Array.isArray(test) ? test.map((text) => ({ text: `${text}`, flag: "--test" })) : []),
  ];
  for (const { text, ...options } of texts) {
    const spec = parseSpec(text, { ...options, name: typeof set === "string" ? set : undefined });
    if (spec.kind === "layout" && spec.name === name) return spec;
  }
  return undefined;
}

/** A set's compression, as its spec or the whole configuration says it. */
function compressionOf({ config }: ScoreReport, spec: LayoutSpec | undefined): string | undefined {
  if (spec?.compression !== undefined) return spec.compression;
  return spec && typeof config.compression === "string" ? config.compression : undefined;
}

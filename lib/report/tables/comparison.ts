/**
 * The tables of detectors side by side: each one's metrics, and the differences of each two.
 *
 * @module
 */
import type { Interval } from "../../metrics/intervals/bootstrap.ts";
import {
  comparedMetrics,
  type ComparedTest,
  type Comparison,
  inputEstimate,
  type InputResult,
  type PairResult,
  quotedBootstrap,
} from "../comparison.ts";
import { testName } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, signed, tableOf } from "./column.ts";
import { columnName } from "./metric_columns.ts";

type ResultRow = { readonly test: ComparedTest; readonly result: InputResult };
type PairRow = { readonly test: ComparedTest; readonly pair: PairResult };

/** What a compared test is called. */
export function comparedName({ set, split }: Pick<ComparedTest, "set" | "split">): string {
  return testName({ set, split, perturbation: "none" });
}

const range = (interval: Interval | null) =>
  interval ? `${decimals(interval.low)} to ${decimals(interval.high)}` : "–";

/** The title of a table of one test says which; a narrow screen then shows the numbers sooner. */
function titleOf(title: string, tests: readonly ComparedTest[]): string {
  return tests.length === 1 ? `${title}: ${comparedName(tests[0])}, ${tests[0].level} level` : title;
}

function testColumns(tests: readonly ComparedTest[]): Column<{ readonly test: ComparedTest }>[] {
  if (tests.length === 1) return [];
  return [
    { name: "Test", align: "left", value: ({ test }) => comparedName(test) },
    { name: "Level", align: "left", value: ({ test }) => test.level },
  ];
}

/** Each detector's metrics on the videos that all have scored. */
export function comparisonTable({ tests, demo }: Comparison): Table {
  const rows = tests.flatMap((test) => test.inputs.map((result): ResultRow => ({ test, result })));
  const seeds = rows.some(({ result }) => result.runs);
  const [auc, ...others] = comparedMetrics.map((name): Column<ResultRow> => ({
    name: columnName(name),
    align: "right",
    value: ({ result }) => {
      const value = inputEstimate(result, name);
      if (!value) return "–";
      return value.sd === null ? decimals(value.mean) : `${decimals(value.mean)} ± ${decimals(value.sd)}`;
    },
  }));
  return tableOf({
    title: titleOf("Detectors side by side", tests),
    demo,
    columns: [
      ...testColumns(tests),
      { name: "Detector", align: "left", value: ({ result }) => result.input },
      { name: "Real", align: "right", value: ({ test }) => count(test.real) },
      { name: "Fake", align: "right", value: ({ test }) => count(test.fake) },
      ...(rows.some(({ result }) => result.leftOut > 0)
        ? [
          {
            name: "Left out",
            align: "right",
            value: ({ result }) => count(result.leftOut),
          } satisfies Column<ResultRow>,
        ]
        : []),
      auc,
      { name: "95 % of AUC", align: "right", value: ({ result }) => range(result.interval) },
      ...others,
    ],
    rows,
    notes: [
      `On what all detectors of a test have scored. ${
        tests.some(({ level }) => level === "video")
          ? `A video's score is the ${
            [...new Set(tests.map(({ videoScore }) => videoScore))].join(" or ")
          } of its frames'. `
          : ""
      }Balanced accuracy: from a score of ${
        rows[0].result.metrics.threshold
      }. EER: lower is better. Intervals: bootstrap by ${drawnText(tests)}${
        seeds
          ? ", of the first seed; the numbers before them are mean ± standard deviation over the seeds"
          : ""
      }.`,
      ...(rows.some(({ result }) => result.interval === null)
        ? ["–: too few for an interval (fewer than 10 of a class), or every resample has the same AUC."]
        : []),
    ],
  });
}

/** The paired tests of each two detectors; null where there are no two. */
export function pairTable({ tests, demo }: Comparison): Table | null {
  const rows = tests.flatMap((test) => test.pairs.map((pair): PairRow => ({ test, pair })));
  if (rows.length === 0) return null;
  const hasHolm = rows.some(({ pair }) => pair.holm !== null);
  const hasPersons = rows.some(({ pair }) => pair.byPersons);
  const pairs = Math.max(...tests.map((test) => test.pairs.length));
  return tableOf({
    title: titleOf("Differences of AUC", tests),
    demo,
    columns: [
      ...testColumns(tests),
      { name: "First", align: "left", value: ({ pair }) => pair.first },
      { name: "Second", align: "left", value: ({ pair }) => pair.second },
      ...(tests.some(({ inputs }) => inputs.some(({ runs }) => runs))
        ? [
          aucOf("first"),
          aucOf("second"),
        ]
        : []),
      { name: "First − second", align: "right", value: ({ pair }) => signed(pair.difference) },
      { name: "95 %", align: "right", value: ({ pair }) => signedRange(quotedBootstrap(pair).interval) },
      { name: "Bootstrap by", align: "left", value: ({ test }) => drawnText([test]) },
      { name: "DeLong's p", align: "right", value: ({ pair }) => pText(pair.deLong?.p ?? null) },
      ...(hasHolm
        ? [
          {
            name: "p by Holm",
            align: "right",
            value: ({ pair }) => pText(pair.holm),
          } satisfies Column<PairRow>,
        ]
        : []),
    ],
    rows,
    notes: [
      "Paired, on the same videos, with the first seed of each detector: differences between seeds are not in the intervals.",
      `Intervals: paired percentile bootstrap of ${
        count(rows[0].pair.byVideo.samples)
      } resamples. DeLong's test takes ${
        rows.some(({ test }) => test.level === "video") ? "videos" : "images"
      } as independent${
        hasPersons
          ? ": where persons are known the interval by groups of persons is the one to quote, and p is too small"
          : ""
      }.${hasHolm ? ` p by Holm: corrected over the pairs of a test, here up to ${pairs}.` : ""}`,
      ...(rows.some(({ pair }) => !quotedBootstrap(pair).interval)
        ? ["–: too few for an interval (fewer than 10 of a class), or the two never differ in AUC."]
        : []),
    ],
  });
}

/** The AUC of a pair's first or second detector with its first seed, which the difference is of. */
function aucOf(which: "first" | "second"): Column<PairRow> {
  return {
    name: `AUC of ${which}`,
    align: "right",
    value: ({ test, pair }) =>
      decimals(test.inputs.find(({ input }) => input === pair[which])?.metrics.auc ?? null),
  };
}

/** What the bootstrap draws, in words. */
export function drawnText(tests: readonly Pick<ComparedTest, "drawn" | "level">[]): string {
  const words = tests.map(({ drawn, level }) =>
    drawn === "persons" ? "groups of persons" : level === "video" ? "video" : "image"
  );
  return [...new Set(words)].join(" or ");
}

/** An interval of a difference: `−0.010 to +0.042`. */
export function signedRange(interval: Interval | null): string {
  return interval ? `${signed(interval.low)} to ${signed(interval.high)}` : "–";
}

/** A p value: `0.012`, `< 0.001`. */
export function pText(p: number | null): string {
  return p === null ? "–" : p < 0.001 ? "< 0.001" : decimals(p);
}

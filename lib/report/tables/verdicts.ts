/**
 * The table of verdicts: how often each class is called the other, and how often it is left open.
 *
 * @module
 */
import { type ConformalThresholds, riskRange, type VerdictCounts } from "../../metrics/conformal.ts";
import { shareInterval } from "../../metrics/intervals/share.ts";
import type { Table } from "../table.ts";
import { tableOf } from "./column.ts";

/** The verdicts on one test's videos. */
export type VerdictResult = {
  readonly test: string;
  /** Whether the test is of the set that the detector was trained on, as far as that is known. */
  readonly kind: string;
  readonly real: VerdictCounts;
  readonly fake: VerdictCounts;
};

/**
 * Errors and open cases of each test's videos, as shares with 95 % intervals.
 *
 * @param options.demo whether the data are procedural
 */
export function verdictTable(
  results: readonly VerdictResult[],
  options: { readonly thresholds: ConformalThresholds; readonly demo: boolean },
): Table {
  const { thresholds: { alpha, counts }, demo } = options;
  const risk = percent(alpha);
  const share = (count: (result: VerdictResult) => readonly [number, number]) => (result: VerdictResult) =>
    shareCell(...count(result));
  return tableOf({
    title: `Verdicts at a risk of ${risk}`,
    demo,
    columns: [
      { name: "Test", align: "left", value: ({ test }) => test },
      { name: "Kind", align: "left", value: ({ kind }) => kind },
      { name: "Reals", align: "right", value: ({ real }) => `${real.total}` },
      { name: "Called fake", align: "right", value: share(({ real }) => [real.fake, real.total]) },
      { name: "Not sure", align: "right", value: share(({ real }) => [real["not sure"], real.total]) },
      { name: "Fakes", align: "right", value: ({ fake }) => `${fake.total}` },
      { name: "Called real", align: "right", value: share(({ fake }) => [fake.real, fake.total]) },
      { name: "Not sure", align: "right", value: share(({ fake }) => [fake["not sure"], fake.total]) },
    ],
    rows: results,
    notes: [
      `Thresholds from ${counts.real} reals and ${counts.fake} fakes that neither trained the detector nor chose its epoch: at most ${risk} of either class are called the other, on average over such calibrations, among videos drawn as those were${
        rangeText(options.thresholds)
      }. Of other data nothing is promised. In brackets: 95 % intervals.`,
    ],
  });
}

/** How far the risk of a single calibration is from what is promised on average. */
export function rangeText({ alpha, counts: { real, fake } }: ConformalThresholds): string {
  const ranges = ([["of reals", real], ["of fakes", fake]] as const).flatMap(([of, count]) => {
    const range = riskRange(count, alpha);
    return range ? [`${range.map((each) => (100 * each).toFixed(1)).join(" to ")} % ${of}`] : [];
  });
  return ranges.length === 0
    ? ""
    : ` (of one calibration of this size, in 95 of 100 cases ${ranges.join(" and ")})`;
}

function shareCell(count: number, total: number): string {
  const interval = shareInterval(count, total);
  if (!interval) return "–";
  return `${percent(count / total)} (${interval.map((each) => (100 * each).toFixed(1)).join(" to ")})`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

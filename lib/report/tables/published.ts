/**
 * The table of published figures beside ours.
 *
 * @module
 */
import { type ComparedTest, type Comparison, type FigureBeside, trainingText } from "../comparison.ts";
import type { Table } from "../table.ts";
import { comparedName } from "./comparison.ts";
import { type Column, decimals, tableOf } from "./column.ts";
import { columnName } from "./metric_columns.ts";

type Row = { readonly test: ComparedTest; readonly figure: FigureBeside };

/**
 * The published figures of the tests' sets, those at our level first, and how each stands to ours; null where there is none. What
 * differs of all figures of a test is said once, below.
 */
export function publishedTable({ tests, demo }: Comparison): Table | null {
  const shared = new Map(tests.map((test) => [test, sharedBy(differencesOf(test.published))]));
  const rows = tests.flatMap((test) =>
    test.published.toSorted((a, b) =>
      Number(b.level === test.level) - Number(a.level === test.level) || b.value - a.value
    ).map((figure): Row => ({ test, figure }))
  );
  if (rows.length === 0) return null;
  const isAuc = rows.every(({ figure }) => figure.metric === "auc");
  return tableOf<Row>({
    title: isAuc ? "Published AUCs" : "Published figures",
    demo,
    columns: [
      ...(tests.length > 1 ? [testColumn] : []),
      { name: "Model", align: "left", value: ({ figure }) => figure.model },
      ...(isAuc ? [] : [metricColumn]),
      { name: "Value", align: "right", value: ({ figure }) => valueText(figure) },
      { name: "Level", align: "left", value: ({ figure }) => figure.level },
      { name: "Trained on", align: "left", value: ({ figure }) => trainingText(figure.trainedOn) },
      { name: "Source", align: "left", value: ({ figure }) => sourceText(figure) },
      { name: "Read", align: "left", value: ({ figure }) => figure.read },
      {
        name: "Stands",
        align: "left",
        value: ({ test, figure }) => standingText(figure, { leaveOut: shared.get(test)! }),
      },
    ],
    rows,
    notes: [
      ...tests.flatMap((test) => {
        const texts = test.published.length > 0 ? shared.get(test)! : [];
        return texts.length === 0 ? [] : [
          `For all figures beside ${comparedName(test)}: ${texts.join("; ")}.`,
        ];
      }),
      "Beside: not the same measurement, for the reasons given. Reproduction: data, split, level, training set and detector agree. Second-hand: read in what others say of it, not in the source.",
    ],
  });
}

const metricColumn: Column<Row> = {
  name: "Metric",
  align: "left",
  value: ({ figure }) => columnName(figure.metric),
};
const testColumn: Column<Row> = { name: "Test", align: "left", value: ({ test }) => comparedName(test) };

function valueText({ value, upTo }: FigureBeside): string {
  return upTo === undefined ? decimals(value) : `${decimals(value)}–${decimals(upTo)}`;
}

function sourceText({ source, secondHand, published, note }: FigureBeside): string {
  const parts = [source, published, secondHand ? "second-hand" : undefined, note];
  return parts.filter((part) => part !== undefined).join("; ");
}

function differencesOf(figures: readonly FigureBeside[]): (readonly string[])[] {
  return figures.flatMap(({ standings }) => standings.map(({ differs }) => differs));
}

/** What is in all of some lists. */
function sharedBy([first = [], ...others]: readonly (readonly string[])[]): string[] {
  return first.filter((text) => others.every((other) => other.includes(text)));
}

/**
 * `reproduction`, or `beside` with what differs for all of our detectors and for one alone.
 *
 * @param options.leaveOut what is said elsewhere
 */
export function standingText(
  { standings }: FigureBeside,
  { leaveOut = [] }: { readonly leaveOut?: readonly string[] } = {},
): string {
  if (standings.every(({ kind }) => kind === "reproduction")) return "reproduction";
  const common = sharedBy(standings.map(({ differs }) => differs));
  const own = standings.flatMap(({ input, kind, differs }) => {
    const rest = differs.filter((text) => !common.includes(text));
    if (kind === "reproduction") return [`reproduced by ${input}`];
    return rest.length > 0 ? [`${input}: ${rest.join(", ")}`] : [];
  });
  const texts = [common.filter((text) => !leaveOut.includes(text)).join(", "), ...own];
  return ["beside", texts.filter((text) => text !== "").join("; ")].filter((text) => text !== "").join(": ");
}

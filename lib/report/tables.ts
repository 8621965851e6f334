/**
 * Results → tables, and tables → text for the terminal, Markdown and HTML.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import stringWidth from "string-width";
import { printable, printableLines } from "../base/printable.ts";
import { hasInterval, type Interval, LEAST_GROUPS } from "../metrics/bootstrap.ts";
import type { Metric } from "../metrics/metric.ts";
import { type MetricName, metricNames, metrics } from "../metrics/metrics/mod.ts";
import { referenceFor } from "./reference.ts";
import { demoTitle, estimate, type EvaluationResult, metricsIn, type RunReport } from "./report.ts";

/** A titled table of texts; the first row names the columns. */
export type Table = {
  readonly title: string;
  readonly columns: readonly { readonly name: string; readonly align: "left" | "right" }[];
  readonly rows: readonly (readonly string[])[];
  /** Lines below the table that say how to read it. */
  readonly notes: readonly string[];
};

/** The main table: one row per test, ranking metrics first, the majority-class line beside accuracy. */
export function resultsTable(results: readonly EvaluationResult[]): Table {
  return metricTable("Results", results, {
    table: "results",
    before: [["Real", ({ metrics }) => count(metrics.real)], ["Fake", ({ metrics }) => count(metrics.fake)]],
    after: [["Majority", ({ metrics }) => decimals(metrics.majorityAccuracy)]],
    note: "Majority: the accuracy of always answering the larger class.",
  });
}

/** What the main table leaves out: precision, recall, F1, MCC, Brier score, log loss and what else is listed as further. */
export function thresholdTable(results: readonly EvaluationResult[]): Table {
  const thresholds = [...new Set(results.map((result) => result.metrics.threshold))].join(", ");
  return metricTable("Further metrics", results, {
    table: "further",
    note: `Fake from a score of ${thresholds}.`,
  });
}

/** The fakes found when few reals may be called fake, with their intervals; null where none was measured. */
export function falseAlarmTable(results: readonly EvaluationResult[]): Table | null {
  const names = metricsIn(results).filter((name) => metrics[name].table === "fewFalseAlarms");
  if (results.length === 0 || names.length === 0) return null;
  const remarkOn = ({ metrics: { real, fake } }: EvaluationResult, name: MetricName) =>
    (metrics[name] as Metric).remark?.({ real, fake });
  const remarks = new Set(results.flatMap((result) => names.flatMap((name) => remarkOn(result, name) ?? [])));
  const several = results.some(({ runs = [] }) => runs.length > 1);
  return {
    title: demoTitle("Fakes found with few false alarms", results.some((result) => result.demo)),
    columns: [...testColumns, ...right(...names.map(columnName))],
    rows: results.map((result) => [
      ...testCells(result),
      ...names.map((name) => {
        const value = cell(result, name) + (remarkOn(result, name) ? "*" : "");
        const interval = hasInterval(name) ? result.intervals?.[name] : null;
        // Beside a mean over runs, the first run's interval would be read as the mean's.
        return interval && !several
          ? `${value} (${decimals(interval.low)}–${decimals(interval.high)})`
          : value;
      }),
    ]),
    notes: [
      `TPR: the share of fakes called fake where at most so large a share of the reals is${
        several ? "" : ", with its 95 % interval"
      }.`,
      ...[...remarks].map((remark) => `*: ${remark}.`),
    ],
  };
}

/** 95 % bootstrap intervals, or null where no result has any. */
export function intervalTable(results: readonly EvaluationResult[]): Table | null {
  const measured = results.filter((result) => result.intervals);
  if (measured.length === 0) return null;
  const names = metricNames.filter(hasInterval).filter((name) =>
    metrics[name].table !== "fewFalseAlarms" && measured.some(({ intervals }) => name in intervals!)
  );
  const range = (interval: Interval | null = null) =>
    interval ? `${decimals(interval.low)} to ${decimals(interval.high)}` : "–";
  return {
    title: demoTitle("95 % intervals", results.some((result) => result.demo)),
    columns: [...testColumns, ...right(...names.map(columnName), "Units", "Resamples")],
    rows: measured.map((result) => {
      const { units, samples, ...intervals } = result.intervals!;
      return [
        ...testCells(result),
        ...names.map((name) => range(intervals[name])),
        count(units),
        count(samples),
      ];
    }),
    notes: [
      "Percentile bootstrap of the first run. Units: what was resampled, videos where they are known.",
      ...(measured.some(({ intervals }) => names.some((name) => !intervals![name]))
        ? [
          `–: too few for an interval (fewer than ${LEAST_GROUPS} units of a class), or every resample gave the same.`,
        ]
        : []),
    ],
  };
}

/** Brier score, log loss and calibration error with and without the prior put back, or null where not measured. */
export function calibrationTable(results: readonly EvaluationResult[]): Table | null {
  const measured = results.filter((result) => result.calibration);
  if (measured.length === 0) return null;
  return {
    title: demoTitle("Calibration", results.some((result) => result.demo)),
    columns: [...testColumns, ...right("Share fake", "Prior", "Brier", "Log loss", "ECE")],
    rows: measured.flatMap((result) => {
      const { prior, raw, shifted } = result.calibration!;
      return [["as trained", raw] as const, ["put back", shifted] as const].map(([name, values]) => [
        ...testCells(result),
        decimals(prior),
        name,
        ...[values?.brier, values?.logLoss, values?.ece].map((value) => decimals(value ?? null)),
      ]);
    }),
    notes: [
      "Put back: scores shifted by Bayes' rule from the training prior to the test's own share of fakes.",
      ...(measured.some(({ runs = [] }) => runs.length > 1) ? ["Of the first run."] : []),
    ],
  };
}

/** Our figures beside those that the reference printed, where they are comparable; null where none is. */
export function referenceTable(results: readonly EvaluationResult[]): Table | null {
  const rows = results.flatMap((result) => {
    const figure = referenceFor(result);
    if (!figure) return [];
    return [
      [
        ...testCells(result),
        "ours",
        ...referenceMetrics.map((name) => cell(result, name)),
        decimals(result.metrics.majorityAccuracy),
      ],
      [
        ...testCells(result),
        "reference",
        ...referenceMetrics.map((name) => decimals(figure[name])),
        decimals(result.metrics.majorityAccuracy),
      ],
    ];
  });
  if (rows.length === 0) return null;
  return {
    title: "Beside the reference's printed figures",
    columns: [
      ...testColumns,
      { name: "Whose", align: "left" },
      ...right(...referenceMetrics.map(columnName), "Majority"),
    ],
    rows,
    notes: ["Only tests with the reference's own class counts. The images themselves may still differ."],
  };
}

/** Images and videos by set and split. */
export function dataTable({ data, demo }: Pick<RunReport, "data" | "demo">): Table {
  return {
    title: demoTitle("Data", demo),
    columns: [
      { name: "Set", align: "left" },
      { name: "Split", align: "left" },
      ...right("Real", "Fake", "Videos", "Skipped"),
    ],
    rows: data.map((each) => [
      each.set,
      each.split,
      ...[each.real, each.fake, each.videos, each.skipped].map(count),
    ]),
    notes: [],
  };
}

/** Loss and validation AUC by epoch. */
export function historyTable({ history, demo }: Pick<RunReport, "history" | "demo">): Table {
  return {
    title: demoTitle("Training", demo),
    columns: right("Run", "Epoch", "Step", "Loss", "Val. loss", "Val. AUC", "Seconds", "Best"),
    rows: history.map((each) => [
      count(each.run + 1),
      count(each.epoch),
      count(each.step),
      decimals(each.loss, 4),
      decimals(each.valLoss ?? null, 4),
      decimals(each.valAuc ?? null, 4),
      decimals(each.seconds, 1),
      each.best ? "best so far" : "",
    ]),
    notes: ["Losses in nats."],
  };
}

/** The tables of a report that have something to say, in reading order. */
export function reportTables(report: RunReport): Table[] {
  const { results } = report;
  return [
    resultsTable(results),
    referenceTable(results),
    intervalTable(results),
    falseAlarmTable(results),
    thresholdTable(results),
    calibrationTable(results),
    dataTable(report),
    historyTable(report),
  ].filter((table) => table !== null && table.rows.length > 0) as Table[];
}

/** A table for a terminal: columns aligned by display width; controls in its texts are shown, as `\u001b`. */
export function tableText(table: Table): string {
  const lines = [table.columns.map((column) => column.name), ...table.rows].map((row) => row.map(printable));
  const widths = table.columns.map((_, i) => Math.max(...lines.map((line) => stringWidth(line[i]))));
  const format = (line: readonly string[]) =>
    line.map((text, i) => {
      const space = " ".repeat(widths[i] - stringWidth(text));
      return table.columns[i].align === "right" ? space + text : text + space;
    }).join("  ").trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const [head, ...body] = lines.map(format);
  return [printable(table.title), "", head, rule, ...body, ...table.notes.map(printable)].join("\n") + "\n";
}

/** A table in Markdown, for a README or a notebook; every text is escaped. */
export function tableMarkdown(table: Table): string {
  const body = markdownTable(
    [table.columns.map((column) => column.name), ...table.rows].map((row) => row.map(escapeMarkdown)),
    { align: table.columns.map((column) => column.align), stringLength: stringWidth },
  );
  return [
    `**${escapeMarkdown(table.title)}**`,
    body,
    ...table.notes.map((note) => `*${escapeMarkdown(note)}*`),
  ].join(
    "\n\n",
  ) +
    "\n";
}

/** Text on one line that Markdown, the HTML and the TeX in it show as it is. */
export function escapeMarkdown(text: string): string {
  return printable(text).replace(/[\\`*_[\]<>|&~$]/g, (mark) => `\\${mark}`);
}

/** A table in HTML; every text is escaped. */
export function tableHtml(table: Table): string {
  const row = (cells: readonly string[], tag: "td" | "th") =>
    `<tr>${
      cells.map((text, i) => `<${tag} class="${table.columns[i].align}">${escapeHtml(text)}</${tag}>`).join(
        "",
      )
    }</tr>`;
  return [
    `<h2>${escapeHtml(table.title)}</h2>`,
    `<div class="wide"><table>`,
    `<thead>${row(table.columns.map((column) => column.name), "th")}</thead>`,
    `<tbody>${table.rows.map((cells) => row(cells, "td")).join("\n")}</tbody>`,
    `</table></div>`,
    ...table.notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`),
  ].join("\n");
}

/** Text that HTML shows as it is, in elements and in quoted attributes; controls are shown, line feeds stay. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printableLines(text).replace(/[&<>"']/g, (mark) => entities[mark]);
}

/** What a test is called where space is short: "celeb-df test", "ffpp test, jpeg-90". */
export function testName(result: Pick<EvaluationResult, "set" | "split" | "perturbation">): string {
  const name = result.split ? `${result.set} ${result.split}` : result.set;
  return result.perturbation === "none" ? name : `${name}, ${result.perturbation}`;
}

const referenceMetrics = ["auc", "accuracy", "precision", "recall", "f1"] as const;

const testColumns = (["Test", "Kind"] as const).map((name) => ({ name, align: "left" }) as const);

function testCells(result: EvaluationResult): string[] {
  return [testName(result), result.kind];
}

type Cell = (result: EvaluationResult) => string;

function metricTable(title: string, results: readonly EvaluationResult[], options: {
  table: Metric["table"];
  /** Columns beside those of the metrics. */
  before?: readonly (readonly [string, Cell])[];
  after?: readonly (readonly [string, Cell])[];
  note: string;
}): Table {
  const { table, before = [], after = [], note } = options;
  const names = metricsIn(results).filter((name) => metrics[name].table === table);
  const columns = [
    ...before,
    ...names.map((name) => [columnName(name), (result: EvaluationResult) => cell(result, name)] as const),
    ...after,
  ];
  const runs = Math.max(0, ...results.map((result) => result.runs?.length ?? 1));
  const spread = runs > 1 ? [`Mean ± standard deviation over ${runs} runs.`] : [];
  return {
    title: demoTitle(title, results.some((result) => result.demo)),
    columns: [...testColumns, ...right(...columns.map(([name]) => name))],
    rows: results.map((result) => [...testCells(result), ...columns.map(([, text]) => text(result))]),
    notes: [[note, ...metricNotes(names)].join(" "), ...spread],
  };
}

/** What is to be known of metrics, in sentences: "Log loss in nats.", "Brier and log loss: lower is better." */
function metricNotes(names: readonly MetricName[]): string[] {
  const listed = names.map((name): Metric => metrics[name]);
  const lower = listed.filter(({ better }) => better === "lower").map(({ title }) => title);
  return [
    ...listed.flatMap(({ note }) => note ?? []),
    ...(lower.length > 0 ? [`${capitalised(and.format(lower))}: lower is better.`] : []),
  ];
}

const and = new Intl.ListFormat("en-GB");

/** How the column of a metric is headed. */
function columnName(name: MetricName): string {
  const { title, column = capitalised(title) }: Metric = metrics[name];
  return column;
}

function capitalised(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function cell(result: EvaluationResult, name: MetricName): string {
  const value = estimate(result, name);
  if (!value) return "–";
  return value.sd === null ? decimals(value.mean) : `${decimals(value.mean)} ± ${decimals(value.sd)}`;
}

function right(...names: string[]): { name: string; align: "right" }[] {
  return names.map((name) => ({ name, align: "right" }));
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function decimals(value: number | null, digits = 3): string {
  return value === null ? "–" : value.toFixed(digits);
}

/**
 * What the columns of a report's tables are, and a table made of them.
 *
 * @module
 */
import { demoTitle, type Estimate, type EvaluationResult, type LevelledResult, testName } from "../report.ts";
import type { Table } from "../table.ts";

/** A column of a table whose rows are made from `Row`s. */
export type Column<Row> = {
  /** How it is headed. */
  readonly name: string;
  /** `right` for numbers. */
  readonly align: "left" | "right";
  /** The text of its cell in a row. */
  readonly value: (row: Row) => string;
};

/** The table of a row for each of `rows`; its title says DEMO where `demo` does. */
export function tableOf<Row>({ title, demo, columns, rows, notes = [] }: {
  readonly title: string;
  readonly demo: boolean;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly notes?: readonly string[];
}): Table {
  return {
    title: demoTitle(title, demo),
    columns: columns.map(({ name, align }) => ({ name, align })),
    rows: rows.map((row) => columns.map(({ value }) => value(row))),
    notes,
  };
}

/** The columns that say which test a row is of, and of what kind where that is known of any. */
export function testColumns(rows: readonly EvaluationResult[]): readonly Column<EvaluationResult>[] {
  const test: Column<EvaluationResult> = { name: "Test", align: "left", value: testName };
  const kind: Column<EvaluationResult> = { name: "Kind", align: "left", value: ({ kind }) => kind };
  return rows.some(({ kind }) => kind !== "unknown") ? [test, kind] : [test];
}

/** The same, and at which level where there are several. */
export function levelColumns(rows: readonly LevelledResult[]): readonly Column<LevelledResult>[] {
  const level: Column<LevelledResult> = { name: "Level", align: "left", value: ({ level }) => level };
  return rows.some(({ level }) => level === "video") ? [...testColumns(rows), level] : testColumns(rows);
}

/** Whether any of these is of demo data. */
export function isOfDemo(results: readonly EvaluationResult[]): boolean {
  return results.some((result) => result.demo);
}

/** A whole number as a cell: "1,234". */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** A number as a cell; a dash where it is undefined. */
export function decimals(value: number | null, digits = 3): string {
  if (value === null) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A difference, or what is added, with its sign: `+0.042`, `−0.042`, and none where it rounds to 0; a dash where it is undefined. */
export function signed(value: number | null, digits = 3): string {
  const text = decimals(value, digits);
  return value !== null && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A mean as a cell, ± its standard deviation over several runs; a dash where it is undefined. */
export function estimateCell(value: Estimate | null): string {
  if (!value) return decimals(null);
  return withSpread(decimals(value.mean), value);
}

/** The mean of a difference as a cell, {@link signed}, ± its standard deviation: `+0.120`, `−0.050 ± 0.010`. */
export function signedEstimateCell(value: Estimate | null): string {
  return value ? withSpread(signed(value.mean), value) : signed(null);
}

function withSpread(mean: string, { sd }: Estimate): string {
  return sd === null ? mean : `${mean} ± ${decimals(sd)}`;
}

/**
 * A comparison → what can be said of it in three sentences, comparison.html and comparison.md; and all of its files.
 *
 * @module
 */
import { join } from "node:path";
import { takeBreath } from "../base/breath.ts";
import { writeWhole } from "../base/files.ts";
import { comparisonChart, differenceChart } from "./charts/comparison.ts";
import {
  type ComparedTest,
  type Comparison,
  comparisonCsv,
  comparisonJson,
  inputEstimate,
  type PairResult,
  quotedBootstrap,
  trainingText,
} from "./comparison.ts";
import { chartHtml, demoText, documentHtml, narrowWidth, openingHtml } from "./document.ts";
import { demoTitle } from "./report.ts";
import type { ChartOptions, ChartSpec } from "./style.ts";
import { escapeHtml, escapeMarkdown, type Table, tableHtml, tableMarkdown } from "./table.ts";
import { count, decimals, signed } from "./tables/column.ts";
import {
  comparedName,
  comparisonTable,
  drawnText,
  pairTable,
  pText,
  signedRange,
} from "./tables/comparison.ts";
import { publishedTable } from "./tables/published.ts";

/**
 * The tables of a comparison that have something to say.
 *
 * @example
 * ```ts
 * import { compareScores } from "@forgelens/bench";
 * import { comparisonTables } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Array.from({ length: 40 }, (_, i) => `${i}.png,${i % 2},${(i % 7 + 3 * (i % 2)) / 10}`);
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, ["path,label,score", ...rows].join("\n"));
 * const comparison = await compareScores([path]);
 * assertEquals(comparisonTables(comparison).map(({ title }) => title), ["Detectors side by side: scores, image level"]);
 * await Deno.remove(path);
 * ```
 */
export function comparisonTables(comparison: Comparison): Table[] {
  return [comparisonTable(comparison), pairTable(comparison), publishedTable(comparison)].filter((table) =>
    table !== null
  );
}

/**
 * Its charts: one for each test, and the differences.
 *
 * @example
 * ```ts
 * import { compareScores } from "@forgelens/bench";
 * import { comparisonCharts } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Array.from({ length: 40 }, (_, i) => `${i}.png,${i % 2},${(i % 7 + 3 * (i % 2)) / 10}`);
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, ["path,label,score", ...rows].join("\n"));
 * const comparison = await compareScores([path]);
 * assertEquals(comparisonCharts(comparison).length, 1);
 * await Deno.remove(path);
 * ```
 */
export function comparisonCharts(
  { tests, demo }: Comparison,
  { width }: Pick<ChartOptions, "width"> = {},
): ChartSpec[] {
  return [
    ...tests.map((test) => comparisonChart(test, { demo: test.demo, width })),
    differenceChart(tests, { demo, width }),
  ].filter((spec) => spec !== null);
}

/**
 * What can be said in two or three sentences, of the first test in full and of all together.
 *
 * @example
 * ```ts
 * import { compareScores } from "@forgelens/bench";
 * import { comparisonSentences } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const rows = Array.from({ length: 40 }, (_, i) => `${i}.png,${i % 2},${(i % 7 + 3 * (i % 2)) / 10}`);
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, ["path,label,score", ...rows].join("\n"));
 * const comparison = await compareScores([path]);
 * assertStringIncludes(comparisonSentences(comparison).join(" "), "20 real and 20 fake");
 * await Deno.remove(path);
 * ```
 */
export function comparisonSentences({ tests }: Comparison): string[] {
  return [...leaderOf(tests[0]), ...differencesOf(tests), publishedOf(tests)].filter((text) => text !== "");
}

/** The highest AUC of a test, and how far the next one is from it. */
function leaderOf(test: ComparedTest): string[] {
  const known = test.inputs.flatMap((input) => {
    const auc = inputEstimate(input, "auc");
    return auc ? [{ input: input.input, auc, interval: input.interval }] : [];
  }).toSorted((a, b) => b.auc.mean - a.auc.mean);
  const [best, next] = known;
  const of = `${comparedName(test)}, ${test.level} level, ${count(test.real)} real and ${
    count(test.fake)
  } fake`;
  if (!best) return [`No AUC can be measured on ${of}: it has one class alone.`];
  const spread = best.auc.sd !== null
    ? ` ± ${decimals(best.auc.sd)}`
    : best.interval
    ? ` (95 % ${decimals(best.interval.low)} to ${decimals(best.interval.high)})`
    : "";
  if (!next) return [`${best.input} has an AUC of ${decimals(best.auc.mean)}${spread} on ${of}.`];
  const pair = test.pairs.find(({ first, second }) =>
    [first, second].includes(best.input) && [first, second].includes(next.input)
  );
  const verb = best.auc.mean === next.auc.mean ? "No AUC is above" : "The highest AUC is";
  return [
    `${verb} ${best.input}'s, ${decimals(best.auc.mean)}${spread}, on ${of}; ${next.input} has ${
      decimals(next.auc.mean)
    }${pair ? pairText(pair, test) : ""}.`,
  ];
}

function pairText(pair: PairResult, test: ComparedTest): string {
  const { interval } = quotedBootstrap(pair);
  const parts = [
    ...(interval ? [`95 % ${signedRange(interval)} by ${drawnText([test])}`] : []),
    ...(pair.deLong?.p === undefined || pair.deLong.p === null ? [] : [`DeLong's p ${pText(pair.deLong.p)}`]),
    ...(test.inputs.some(({ runs }) => runs) ? ["with the first seed of each"] : []),
  ];
  return ` (${pair.first} − ${pair.second}: ${signed(pair.difference)}${
    parts.length > 0 ? `; ${parts.join(", ")}` : ""
  })`;
}

function differencesOf(tests: readonly ComparedTest[]): string[] {
  const pairs = tests.flatMap((test) => test.pairs);
  if (pairs.length < 2) return [];
  const apart = pairs.filter((pair) => {
    const { interval } = quotedBootstrap(pair);
    return interval !== null && (interval.low > 0 || interval.high < 0);
  });
  return [
    `Of the ${pairs.length} differences, each of two detectors on one test, ${
      apart.length === 0 ? "none has" : apart.length === 1 ? "1 has" : `${apart.length} have`
    } a 95 % interval without 0.`,
  ];
}

function publishedOf(tests: readonly ComparedTest[]): string {
  const figures = tests.flatMap(({ published }) => published);
  if (figures.length === 0) return "";
  const same = figures.filter(({ standings }) => standings.some(({ kind }) => kind === "reproduction"));
  return `${figures.length} published figures stand beside these; ${
    same.length === 0
      ? "none was measured in the same way, so none is reproduced here"
      : `${same.length} of them by the same data, split, level, training set and detector`
  }.`;
}

/** The text of comparison.html, which loads nothing and reads without its script; names from outside are escaped. */
export async function comparisonHtml(
  comparison: Comparison,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const charts: string[] = [];
  const narrow = comparisonCharts(comparison, { width: narrowWidth });
  for (const [i, spec] of comparisonCharts(comparison).entries()) {
    await takeBreath(signal);
    charts.push(await chartHtml(spec, narrow[i]));
  }
  const { demo, warnings } = comparison;
  const title = demoTitle(titleOf(comparison), demo);
  const [first, ...others] = comparisonTables(comparison);
  const body = `<h1>${escapeHtml(title)}</h1>
${openingHtml({ sentences: comparisonSentences(comparison), warnings, demo })}
${tableHtml(first)}
<h2>Charts</h2>
<div class="charts">
${charts.join("\n")}
</div>
${others.map(tableHtml).join("\n")}
${tableHtml(inputTable(comparison))}`;
  return await documentHtml({ title, body });
}

/** The text of comparison.md. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { demo, warnings } = comparison;
  return [
    `# ${escapeMarkdown(demoTitle(titleOf(comparison), demo))}\n`,
    ...(demo ? [`${escapeMarkdown(demoText)}\n`] : []),
    `${escapeMarkdown(comparisonSentences(comparison).join(" "))}\n`,
    ...(warnings.length > 0
      ? [`${warnings.map((text) => `- Warning: ${escapeMarkdown(text)}`).join("\n")}\n`]
      : []),
    ...[...comparisonTables(comparison), inputTable(comparison)].map(tableMarkdown),
  ].join("\n");
}

/**
 * Writes comparison.csv, comparison.md, comparison.html and comparison.json into a folder; all are made before the first is written,
 * so that those that are there belong together.
 *
 * @throws {Error} the signal's reason, or what the system says against a file
 */
export async function writeComparison(
  folder: string,
  comparison: Comparison,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const files = {
    "comparison.csv": comparisonCsv(comparison),
    "comparison.md": comparisonMarkdown(comparison),
    "comparison.html": await comparisonHtml(comparison, { signal }),
    "comparison.json": comparisonJson(comparison),
  };
  await takeBreath(signal);
  for (const [name, text] of Object.entries(files)) await writeWhole(join(folder, name), text);
}

function titleOf({ inputs }: Comparison): string {
  return inputs.length === 1
    ? `${inputs[0].name} beside published figures`
    : inputs.map(({ name }) => name).join(" and ");
}

/** What each detector is, and where its scores lie. */
function inputTable({ inputs, demo, createdAt }: Comparison): Table {
  return {
    title: demoTitle("What is compared", demo),
    columns: ["Name", "Detector", "Trained on", "Scores"].map((name) => ({ name, align: "left" })),
    rows: inputs.map(({ name, path, detector = "not known", trainedOn }) => [
      name,
      detector,
      trainingText(trainedOn),
      path,
    ]),
    notes: [`Made ${createdAt}.`],
  };
}

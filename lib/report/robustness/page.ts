/**
 * A robustness run → robustness.html: what can be said in three sentences, one table, one chart a family.
 *
 * @module
 */
import { takeBreath } from "../../base/breath.ts";
import { robustnessCharts } from "../charts/robustness.ts";
import { chartHtml, documentHtml, narrowWidth, openingHtml } from "../document.ts";
import { demoTitle, type Estimate } from "../report.ts";
import { escapeHtml, tableHtml } from "../table.ts";
import { estimateCell } from "../tables/column.ts";
import { familyTitle, robustnessTable } from "../tables/robustness.ts";
import {
  quotedResults,
  type RobustnessReport,
  type RobustnessResult,
  type RobustnessScore,
} from "./robustness.ts";

/** What can be said of each test in three sentences, made from its numbers. */
export function robustnessSentences(report: RobustnessReport): string[] {
  return report.scores.map((score) => {
    const results = quotedResults(report.results).filter(({ set, split }) =>
      set === score.set && split === score.split
    );
    return [...aucSentences(score, results), rateSentence(report, results)].join(" ");
  });
}

/**
 * The text of robustness.html, one file that loads nothing. Every name from outside is escaped.
 *
 * @param options.signal is heard between charts
 */
export async function robustnessHtml(
  report: RobustnessReport,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const narrow = robustnessCharts(report, { width: narrowWidth });
  const charts: string[] = [];
  for (const [i, spec] of robustnessCharts(report).entries()) {
    await takeBreath(signal);
    charts.push(await chartHtml(spec, narrow[i]));
  }
  const { name, demo, head, encoder, backend, definition, warnings } = report;
  const title = demoTitle(`Robustness of ${name}`, demo);
  const facts = [
    ["Model", head],
    ["Encoder", encoder],
    ["Backend", `${backend.name} ${backend.version} on ${backend.device}`],
  ];
  const sections = [
    `<h1>${escapeHtml(title)}</h1>`,
    openingHtml({ sentences: robustnessSentences(report), warnings, demo }),
    `<p class="note">${escapeHtml(definition)}</p>`,
    `<dl class="facts">${
      facts.map(([key, value]) => `<dt>${key}</dt><dd>${escapeHtml(value)}</dd>`).join("")
    }</dl>`,
    tableHtml(robustnessTable(report)),
    `<h2>Charts</h2>\n<div class="charts">\n${charts.join("\n")}\n</div>`,
  ];
  return await documentHtml({ title, body: sections.filter((section) => section !== "").join("\n") });
}

function aucSentences(score: RobustnessScore, results: readonly RobustnessResult[]): string[] {
  const { set, split, level, families } = score;
  if (!score.score || !score.clean) {
    return [`${set} ${split} has one class alone, so that it has no AUC and no robustness score.`];
  }
  const worst = families.find(({ family }) => family === score.worst)!;
  const perturbed = results.filter(({ auc, severity }) => auc !== null && severity !== null);
  const lowest = perturbed.reduce((least, each) => each.auc!.mean < least.auc!.mean ? each : least);
  const of = families.length === 1
    ? "over the levels of one family of perturbations"
    : `over ${families.length} families of perturbations`;
  return [
    `At ${level} level the AUC on ${set} ${split} is ${estimateCell(score.clean)} clean and ${
      estimateCell(score.score)
    } on average ${of}, which is its robustness score.`,
    `${
      families.length === 1
        ? "Its"
        : `The worst family is ${familyTitle(worst.family)} with ${estimateCell(worst.auc)}; the`
    } lowest AUC of all is ${estimateCell(lowest.auc)}, under ${lowest.perturbation}.`,
  ];
}

function rateSentence({ threshold }: RobustnessReport, results: readonly RobustnessResult[]): string {
  const values = [...new Set(threshold.values.map((value) => value.toFixed(3)))].join(", ");
  const chosen = threshold.by === "none" ? "chosen on nothing" : "fixed on clean validation";
  const range = (value: (result: RobustnessResult) => Estimate | null) => {
    const found = results.filter(({ severity }) => severity !== null)
      .flatMap((result) => {
        const rate = value(result);
        return rate === null ? [] : [{ rate: rate.mean, name: result.perturbation }];
      }).sort((a, b) => a.rate - b.rate);
    const clean = results.find(({ severity }) => severity === null);
    const before = clean && value(clean);
    if (!before || found.length === 0) return undefined;
    const [low, high] = [found[0], found[found.length - 1]];
    return `from ${estimateCell(before)} clean to between ${low.rate.toFixed(3)} (${low.name}) and ${
      high.rate.toFixed(3)
    } (${high.name})`;
  };
  const parts = [
    ["the share of reals called fake goes", range((result) => result.falsePositiveRate)],
    ["that of fakes called fake", range((result) => result.truePositiveRate)],
  ].filter(([, text]) => text !== undefined).map((words) => words.join(" "));
  return `At the threshold ${values}, ${chosen}, ${parts.join(", ")}.`;
}

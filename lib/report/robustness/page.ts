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
  type FamilyScore,
  quotedResults,
  type RobustnessReport,
  type RobustnessResult,
  type RobustnessScore,
  thresholdText,
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
  const { name, demo, head, encoder, backend, seeds, videoScore, scores, results, warnings } = report;
  const title = demoTitle(`Robustness of ${name}`, demo);
  const perturbed = new Set(results.map(({ perturbation }) => perturbation));
  perturbed.delete("none");
  // No date: two runs of one seed are one file.
  const facts = [
    ["Run", name],
    ["Model", head],
    ["Encoder", encoder],
    ["Backend", `${backend.name} ${backend.version} on ${backend.device}`],
    ["Seeds", `${seeds}`],
    ...(scores.some(({ level }) => level === "video")
      ? [["Video score", `${videoScore} of a video's frames`]]
      : []),
    ["Perturbations", [...perturbed].join(", ")],
  ];
  const sections = [
    `<h1>${escapeHtml(title)}</h1>`,
    openingHtml({ sentences: robustnessSentences(report), warnings, demo }),
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
    ? perturbed.length === 1
      ? `under ${lowest.perturbation}`
      : "over the levels of one family of perturbations"
    : `over ${families.length} families of perturbations`;
  return [
    `At ${level} level the AUC on ${set} ${split} is ${estimateCell(score.clean)} clean and ${
      estimateCell(score.score)
    } ${perturbed.length === 1 ? "" : "on average "}${of}, which is its robustness score.`,
    ...(perturbed.length === 1 ? [] : [lowestSentence(worst, { lowest, families: families.length })]),
  ];
}

function lowestSentence(
  worst: FamilyScore,
  { lowest, families }: { readonly lowest: RobustnessResult; readonly families: number },
): string {
  const least = `${estimateCell(lowest.auc)}, under ${lowest.perturbation}`;
  if (families === 1) return `Its lowest AUC of all is ${least}.`;
  const named = `The worst family is ${familyTitle(worst.family)} with`;
  return lowest.family === worst.family && worst.levels === 1
    ? `${named} the lowest AUC of all, ${least}.`
    : `${named} ${estimateCell(worst.auc)}; the lowest AUC of all is ${least}.`;
}

function rateSentence({ threshold }: RobustnessReport, results: readonly RobustnessResult[]): string {
  const values = thresholdText(threshold);
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
    const to = (rate: number, name: string) =>
      `from ${estimateCell(before)} clean to ${rate.toFixed(3)} (${name})`;
    if (found.length === 1) return to(low.rate, low.name);
    if (low.rate.toFixed(3) === high.rate.toFixed(3)) return to(low.rate, "under all of them");
    return `from ${estimateCell(before)} clean to between ${low.rate.toFixed(3)} (${low.name}) and ${
      high.rate.toFixed(3)
    } (${high.name})`;
  };
  const parts = [
    ["the share of reals called fake goes", range((result) => result.falsePositiveRate)],
    ["that of fakes called fake", range((result) => result.truePositiveRate)],
  ].filter(([, text]) => text !== undefined).map((words) => words.join(" "));
  const plural = new Set(threshold.values.map((value) => value.toFixed(3))).size > 1 ? "s" : "";
  const calls = callsSentence(results);
  return `At the threshold${plural} ${values}, ${chosen}, ${parts.join(", ")}.${calls ? ` ${calls}` : ""}`;
}

/** Where nearly all images get one answer, so that a high rate of either class says nothing. */
function callsSentence(results: readonly RobustnessResult[]): string {
  const under = (isSo: (rate: number) => boolean) =>
    results.filter(({ severity, falsePositiveRate, truePositiveRate }) =>
      severity !== null && falsePositiveRate && truePositiveRate &&
      isSo(falsePositiveRate.mean) && isSo(truePositiveRate.mean)
    ).map(({ perturbation }) => perturbation);
  const parts = [["fake", under((rate) => rate >= 0.95)], ["real", under((rate) => rate <= 0.05)]] as const;
  return parts.flatMap(([answer, names]) =>
    names.length === 0 ? [] : [`Under ${and.format(names)} nearly everything is called ${answer}.`]
  ).join(" ");
}

const and = new Intl.ListFormat("en-GB");

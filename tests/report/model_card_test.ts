import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "yaml";
import { modelCard } from "../../lib/report/model_card.ts";
import type { CardMetadata } from "../../lib/report/model_card_metadata.ts";
import type { ScoreReport } from "../../lib/report/report.ts";
import { tableMarkdown } from "../../lib/report/table.ts";
import { dataTable } from "../../lib/report/tables/data.ts";
import { intervalTable } from "../../lib/report/tables/intervals.ts";
import { methodTable, originTable } from "../../lib/report/tables/groups.ts";
import { resultsTable } from "../../lib/report/tables/results.ts";
import { fullReport } from "./full_report.ts";
import { makeReport } from "./made_report.ts";

/** The two parts of a card. */
function partsOf(report: ScoreReport): { header: CardMetadata; body: string } {
  const [, header, body] = /^---\n(.*?\n)---\n\n(.*)$/s.exec(modelCard(report))!;
  // As the readers of YAML 1.1 and of 1.2 take it.
  assertEquals(parse(header, { version: "1.1" }), parse(header, { version: "1.2" }));
  return { header: parse(header), body };
}

/** A section of a card's body, without its heading. */
function sectionOf(body: string, heading: string): string {
  const [, section] = body.split(`\n## ${heading}\n`);
  assert(section !== undefined, `no section ${heading}`);
  return section.split("\n## ")[0];
}

Deno.test("modelCard() has the keys of Hugging Face's model cards, and each result in full as model-index has them", () => {
  const report = fullReport();
  const { header } = partsOf(report);
  const { "model-index": [index], ...others } = header;
  assertEquals(others, {
    ...{ license: "other", license_name: "not-chosen", library_name: "forgelens-bench" },
    ...{ pipeline_tag: "image-classification", base_model: "openai/clip-vit-base-patch16" },
    tags: ["deepfake-detection", "face-forgery-detection", "clip"],
    datasets: [],
    metrics: ["roc_auc", "average_precision", "eer", "balanced_accuracy", "accuracy"],
  });
  assertEquals(index.name, report.name);
  const [result] = report.results;
  const mean = (values: readonly (number | null)[]) => (values[0]! + values[1]!) / 2;
  assertEquals(index.results.length, 1);
  assertEquals(index.results[0].dataset, { type: "first", name: "first test", split: "test" });
  assertEquals(
    index.results[0].metrics.map(({ name, value }) => [name, value]),
    ([["video", result.video!.runs!], ["frame", result.runs!]] as const).flatMap(([level, runs]) =>
      ([["AUC", "auc"], ["AP", "ap"], ["EER", "eer"], ["balanced accuracy", "balancedAccuracy"], [
        "accuracy",
        "accuracy",
      ]] as const).map(([title, key]) => [
        `${title}, ${level} level, mean of 2 runs`,
        mean(runs.map((metrics) => metrics[key])),
      ])
    ),
  );
});

Deno.test("modelCard() shows the report's own tables, and its limits have the report's numbers alone", () => {
  const full = fullReport();
  const { report: made } = makeReport();
  const report = { ...full, results: [...full.results, ...made.results] };
  const { body } = partsOf(report);
  const shown = [dataTable(report), resultsTable(report.results), intervalTable(report.results)!];
  const groups = [methodTable(report.results)!, originTable(report.results)!];
  for (const table of [...shown, ...groups]) assertStringIncludes(body, tableMarkdown(table).trimEnd());
  const limits = sectionOf(body, "Limits");
  const numbers = limits.match(/\d\.\d{3}/g)!;
  const aucs = JSON.stringify(report.results, (key, value) => key === "runs" ? meanOf(value) : value)
    .matchAll(/"auc":(\d\.\d+)/g).map(([, auc]) => Number(auc).toFixed(3)).toArray();
  for (const number of numbers) assert(aucs.includes(number), `${number} is in no result`);
  const worst = full.results[0].methods![0];
  assertStringIncludes(limits, `The worst method on first test is ${worst.name}, with an AUC of`);
  assertStringIncludes(limits, "second test; within its own it is");
  assertStringIncludes(limits, "Its lowest AUC on changed images is");
  assertStringIncludes(limits, "Warning: 1 file was skipped");
  assert(!limits.includes("One training seed"), "two seeds are called one");
  assertStringIncludes(
    sectionOf(body, "Thresholds"),
    "- Chosen on validation images by eer, video level, run 1: 0.4\n",
  );
});

/** Means of two runs as one more place for numbers. */
function meanOf(runs: readonly { readonly auc: number }[]): unknown {
  return [...runs, { auc: runs.reduce((sum, { auc }) => sum + auc, 0) / runs.length }];
}

Deno.test("modelCard() shows names from outside as they are, in its header and in its body", () => {
  const { report: made } = makeReport({
    sets: [{ ...hostileSet, kind: "within" }, { ...hostileSet, kind: "cross" }],
  });
  const name = 'no: "yes" # *run*';
  const { header, body } = partsOf({
    ...made,
    ...{ name, head: "<b>head</b>", encoder: "CLIP `x` | ViT", warnings: ["# <i>|x|</i>\nnew line"] },
    config: { loss: "a|b\n# c" },
  });
  assertEquals(header["model-index"][0].name, name);
  assertEquals(header["model-index"][0].results[0].dataset.name, "<img src=x>|# y\\u000az test");
  assertStringIncludes(body, '# no: "yes" # \\*run\\*\n');
  for (const [raw, why] of [[/(?<!\\)<(?!https)/, "HTML"], [/^ *(- )?# [^n]/m, "a heading"]] as const) {
    assert(!raw.test(body), `${why} from outside: ${raw.exec(body)}`);
  }
  assertStringIncludes(body, "`loss`: a\\|b\\\\u000a# c\n");
});

const hostileSet = { set: "<img src=x>|# y\nz", perturbations: ["none"], real: 30, fake: 30 };

Deno.test("modelCard() names the terms of weights and data by their names, and says where it knows none", () => {
  const { report } = makeReport();
  const licences = (report: ScoreReport) => sectionOf(partsOf(report).body, "Licences");
  const sets = ["FF++", "celeb-df-v2", "dfdc", "ffhq"];
  const data = sets.map((set) => ({ ...report.data[0], set }));
  const text = licences({ ...report, results: [], data, encoder: "CLIP ViT-L-14, int8" });
  const rows = text.split("\n").filter((line) => line.startsWith("| ")).slice(1).map((line) =>
    line.split("|")[1].trim()
  );
  assertEquals(rows.slice(1, 6), [
    "CLIP's weights (OpenAI)",
    "FF++, by its name FaceForensics++",
    "celeb-df-v2, by its name Celeb-DF",
    "dfdc, by its name DFDC",
    "ffhq",
  ]);
  assertStringIncludes(text, "not known to the bench: see its terms");
  assertStringIncludes(text, "is its maker's to choose, and none is chosen yet");
  const given = { ...report, config: { clipWeights: "mine.pt" } };
  assertStringIncludes(licences(given), "those of the file of weights that was given");
  assertEquals(partsOf(given).header.base_model, undefined);
});

Deno.test("modelCard() says DEMO first, and what a test of no other set leaves unknown", () => {
  const { report } = makeReport({ demo: true, sets: [{ ...hostileSet, set: "demo", kind: "within" }] });
  const { header, body } = partsOf(report);
  assert(header.tags.includes("demo"));
  assert(body.startsWith("# run-1\n\n> **DEMO:"));
  assertStringIncludes(sectionOf(body, "Limits"), "It was tested on no other data set");
  assertStringIncludes(sectionOf(body, "Limits"), "One training seed");
});

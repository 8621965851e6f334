/**
 * Executes the notebooks through Jupyter on the Deno kernel and checks what they give: a program for the continuous check,
 * as it takes minutes and JupyterLab.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchmarkTable } from "../lib/notebook/benchmark_views.ts";
import { comparisonTables } from "../lib/report/comparison_page.ts";
import type { RunReport } from "../lib/report/report.ts";
import { parseMetricsJson } from "../lib/report/schema.ts";
import { tableText } from "../lib/report/table.ts";
import { resultsTable } from "../lib/report/tables/results.ts";
import { robustnessTable } from "../lib/report/tables/robustness.ts";
import { openJupyter } from "../tools/jupyter.ts";
import { faultsOf, joined, type Notebook, VEGA_LITE } from "../tools/notebook_file.ts";
import { executeNotebook, exportHtml, secrets, workFolder } from "../tools/notebooks.ts";
import { writePictures } from "./folders.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Everything of one kind that a notebook shows. */
function shown(notebook: Notebook, type: string): unknown[] {
  return notebook.cells.flatMap(({ outputs = [] }) =>
    outputs.flatMap(({ data = {} }) => data[type] === undefined ? [] : [data[type]])
  );
}

type Titled = { readonly title: { readonly text: string } };

/** Of charts that stand abreast, both. */
function chartTitles(notebook: Notebook): string[] {
  return shown(notebook, VEGA_LITE).flatMap((spec) =>
    (spec as { hconcat?: Titled[] }).hconcat ?? [spec as Titled]
  ).map(({ title }) => title.text);
}

function words(notebook: Notebook): string {
  return shown(notebook, "text/plain").map(joined).join("\n");
}

/** The report of a run. */
async function reportOf(folder: string): Promise<RunReport> {
  return parseMetricsJson(await Deno.readTextFile(join(folder, "metrics.json")));
}

/** The report of the only run below a folder. */
async function onlyRun(checkpoints: string): Promise<RunReport> {
  const runs = (await Array.fromAsync(Deno.readDir(checkpoints))).filter(({ isDirectory }) => isDirectory);
  assertEquals(
    runs.length,
    1,
    `expected one run in ${checkpoints} but found ${runs.map(({ name }) => name)}`,
  );
  return await reportOf(join(checkpoints, runs[0].name));
}

/** Runs a command of the command line. */
async function command(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["task", ...args],
    cwd: root,
    stdout: "null",
    stderr: "null",
  }).output();
  assert(success, `deno task ${args.join(" ")}`);
}

/** Replaces what must be there once in some cell. */
function editing(changes: Readonly<Record<string, string>>): (source: string) => string {
  return (source) => Object.entries(changes).reduce((text, [from, to]) => text.replace(from, to), source);
}

const jupyter = await openJupyter();
const work = await workFolder();
try {
  console.log("forgelens.ipynb on the demo data, beside the command line");
  const demo = await executeNotebook(jupyter, "forgelens", {
    work: join(work, "demo"),
    edit: editing({ "epochs: undefined,": "epochs: 1," }),
  });
  assertEquals(faultsOf(demo.notebook, { secrets: secrets() }), []);
  const charts = ["Class balance", "Training by epoch", "ROC curves", "Precision-recall curves"];
  charts.push("Confusion matrices", "Scores by class", "Metrics by data set", "Metrics by JPEG quality");
  for (const title of charts) assert(chartTitles(demo.notebook).includes(`DEMO: ${title}`), title);
  assert(chartTitles(demo.notebook).some((title) => title.startsWith("DEMO: Pointing accuracy")));
  assertGreater(shown(demo.notebook, "image/jpeg").length, 2, "sample grid, mistakes and attribution");
  await command("train", "--epochs", "1", "--out", join(work, "command"), "--run", "same");
  const [ours, theirs] = [await onlyRun(demo.checkpoints), await onlyRun(join(work, "command"))];
  assertEquals(ours.results, theirs.results, "the notebook's metrics are the command line's");
  assertStringIncludes(words(demo.notebook), tableText(resultsTable(theirs.results)));
  assertEquals(words(demo.notebook).includes("reference"), false, "no printed figure beside demo data");
  assertStringIncludes(
    words(demo.notebook),
    "Of videos like those of demo calibration (100 reals, 102 fakes)",
  );
  assertStringIncludes(words(demo.notebook), "without the half of the patches that it marks most");

  console.log("forgelens.ipynb edited: other folders, another JPEG quality, three epochs");
  const faces = await writePictures(join(work, "train"), { videos: 10 });
  const other = await writePictures(join(work, "other"), { videos: 4, seed: 1 });
  const folders = {
    'FFPP_REAL_PATH = ""': `FFPP_REAL_PATH = "${faces.real}"`,
    'FFPP_FAKE_PATH = ""': `FFPP_FAKE_PATH = "${faces.fake}"`,
    'CELEB_REAL_PATH = ""': `CELEB_REAL_PATH = "${other.real}"`,
    'CELEB_FAKE_PATH = ""': `CELEB_FAKE_PATH = "${other.fake}"`,
    'set: "FF++",': 'set: "FF++", clip: "demo",',
  };
  const edited = await executeNotebook(jupyter, "forgelens", {
    work: join(work, "edited"),
    edit: editing({ ...folders, "epochs: undefined,": "epochs: 3,", "[100, 90, 75, 50, 30]": "[60]" }),
  });
  assertEquals(faultsOf(edited.notebook), []);
  const report = await onlyRun(edited.checkpoints);
  assertEquals(
    report.results.map(({ set, perturbation }) => `${set} ${perturbation}`),
    ["FF++ none", "FF++ jpeg-60", "Celeb-DF none"],
  );
  assertEquals(report.history.length, 3);
  assertNotEquals(report.results[0].metrics.auc, ours.results[0].metrics.auc);
  assertStringIncludes(words(edited.notebook), "Not tested on DFDC");
  const [asked, ...before] = edited.notebook.cells.toReversed();
  const above = words({ ...edited.notebook, cells: before });
  assertEquals(above.includes("DEMO"), false, "no test says DEMO on one's own folders");
  assertMatch(
    words({ ...edited.notebook, cells: [asked] }),
    /DEMO: Answer by the .*\bnot sure\b.*Not calibrated/s,
  );

  console.log("benchmark.ipynb on the demo data, beside the command line");
  const benchmark = await executeNotebook(jupyter, "benchmark", {
    work: join(work, "benchmark"),
    edit: editing({
      "epochs: 3,": "epochs: 1, feedForward: 64, depth: 1,",
      "runs: 3,": "runs: 2,",
      '["jpeg", "gaussian-blur"]': '["jpeg-30", "resize-64"]',
    }),
  });
  assertEquals(faultsOf(benchmark.notebook, { secrets: secrets() }), []);
  const settings = join(work, "benchmark.json");
  await Deno.writeTextFile(settings, JSON.stringify({ jpegQualities: [], runs: 2, epochs: 1 }));
  const probe = [
    "--detector",
    "linear-probe",
    "--runs",
    "1",
    "--feed-forward",
    "64",
    "--depth",
    "1",
  ];
  const place = ["--out", join(work, "probe"), "--run", "class-token"];
  await command("train", "--config", settings, ...probe, ...place);
  const runs = join(benchmark.checkpoints, "benchmark");
  const its = await reportOf(join(runs, "class-token"));
  assertEquals(its.results, (await reportOf(join(work, "probe", "class-token"))).results);
  const names = ["head", "class-token", "embedding"];
  const tested = await Promise.all(names.map(async (name) => ({
    name,
    folder: join(runs, name),
    report: await reportOf(join(runs, name)),
  })));
  const said = words(benchmark.notebook);
  assertStringIncludes(said, tableText(benchmarkTable(tested)));
  const read = async (...path: string[]) => JSON.parse(await Deno.readTextFile(join(runs, ...path)));
  for (const table of comparisonTables(await read("comparison", "comparison.json"))) {
    assertStringIncludes(said, tableText(table));
  }
  const robustness = await read("head", "robustness", "robustness.json");
  assertStringIncludes(said, tableText(robustnessTable(robustness)));
  assertStringIncludes(said, "No published figure stands beside these");
  for (const title of ["DEMO: Differences of AUC", "DEMO: Robustness to JPEG", "Confusion matrices"]) {
    assert(chartTitles(benchmark.notebook).includes(title), title);
  }

  console.log("published.ipynb on the demo data");
  const published = await executeNotebook(jupyter, "published", {
    work: join(work, "published"),
    edit: editing({
      "epochs: 3,": "epochs: 1,",
      'stageOne: "none", epochs: 6,': 'stageOne: "none", epochs: 1,',
      'stageOne: "wsgm", epochs: 6,': 'stageOne: "wsgm", epochs: 1,',
    }),
  });
  assertEquals(faultsOf(published.notebook, { secrets: secrets() }), []);
  const stages = await Promise.all(["probe", "wsgm", "faformer", "forgelens"].map(async (name) => {
    const folder = join(published.checkpoints, "published", name);
    return { name, folder, report: await reportOf(folder) };
  }));
  assertStringIncludes(words(published.notebook), tableText(benchmarkTable(stages)));
  for (const { name, report } of stages.slice(1)) assert(report.results[0].probe, `a probe beside ${name}`);
  for (const title of ["ForgeLens in two stages", "DEMO: What the class token attends to on demo"]) {
    assertStringIncludes(words(published.notebook), title);
  }

  console.log("audit.ipynb on folders");
  const audit = await executeNotebook(jupyter, "audit", {
    work: join(work, "audit"),
    edit: editing({
      'const REAL_PATH = ""': `const REAL_PATH = "${faces.real}"`,
      'const FAKE_PATH = ""': `const FAKE_PATH = "${faces.fake}"`,
      "epochs: 3,": 'epochs: 1, clip: "demo", feedForward: 64,',
    }),
  });
  assertEquals(faultsOf(audit.notebook), []);
  assertEquals(chartTitles(audit.notebook).length, 10, "a chart of each mistake, and training's");
  const mixing =
    /across the batch: spread of the class token over images +(\S+)/.exec(words(audit.notebook))![1];
  // The class token attends only to copies of itself: what is left is the rounding of sums in another order.
  assert(Number(mixing) < 1e-3, `expected a constant class token but found a spread of ${mixing}`);
  const neighbours = /across tokens: largest change of its tokens +(\S+)/.exec(words(audit.notebook))![1];
  assert(Number(neighbours) < 1e-2, `expected no change by neighbours but found ${neighbours}`);
  const page = join(work, "audit", "notebooks", "audit.ipynb");
  await exportHtml(jupyter, page);
  assertStringIncludes(await Deno.readTextFile(page.replace("ipynb", "html")), "data:image/png;base64");
  console.log("All notebooks run and show what they should");
} finally {
  await Deno.remove(work, { recursive: true });
  await jupyter.close();
}

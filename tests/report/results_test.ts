import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { RunReport } from "../../lib/report/report.ts";
import { saveResults, writeResults } from "../../lib/report/results.ts";
import { makeReport } from "./made_report.ts";

Deno.test("saveResults() writes elsewhere, and says where, when the folder takes no files after all", async () => {
  const root = await Deno.makeTempDir();
  const report: RunReport = {
    ...{
      schemaVersion: 1,
      name: "x",
      createdAt: "",
      preset: "corrected",
      demo: false,
      head: "notebook head",
    },
    ...{ encoder: "", config: {}, backend: { name: "", device: "", version: "" } },
    ...{ data: [], history: [], results: [], warnings: [] },
  };
  try {
    const taken = join(root, "file");
    await Deno.writeTextFile(taken, "");
    const said: string[] = [];
    const results = { report, predictions: [] };
    const folder = await saveResults(join(taken, "run"), results, {
      report: (event) => event.type === "warning" && said.push(event.message),
    });
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "history.csv",
      "metrics.json",
      "predictions.csv",
      "report.html",
      "results.csv",
    ]);
    await Deno.remove(folder, { recursive: true });
    assertStringIncludes(said.join(), `The results are in ${folder} instead`);
    assertEquals(await saveResults(join(root, "run"), results, {}), join(root, "run"));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("writeResults() puts the weights' card and their training beside the weights, and nowhere else", async () => {
  const root = await Deno.makeTempDir();
  try {
    const results = makeReport({ runs: 2 });
    const filesOf = async (folder: string) => {
      await writeResults(folder, results);
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    };
    const evaluation = await filesOf(join(root, "evaluation"));
    assert(!evaluation.includes("MODEL_CARD.md") && !evaluation.includes("tensorboard"), evaluation.join());
    await Deno.mkdir(join(root, "run"));
    await Deno.writeTextFile(join(root, "run", "model.safetensors"), "");
    const run = await filesOf(join(root, "run"));
    assert(run.includes("MODEL_CARD.md") && run.includes("tensorboard"), run.join());
    const seeds = [...Deno.readDirSync(join(root, "run", "tensorboard"))].map(({ name }) => name).sort();
    assertEquals(seeds, ["seed-1", "seed-2"]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

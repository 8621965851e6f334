import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { RunReport } from "../../lib/report/report.ts";
import { saveResults } from "../../lib/report/results.ts";

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

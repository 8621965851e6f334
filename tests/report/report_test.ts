import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parse } from "csv-parse/sync";
import { csvRows } from "../../lib/base/csv.ts";
import { historyCsv, metricsJson, predictionsCsv } from "../../lib/report/report.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import { makeReport } from "./made_report.ts";

Deno.test("predictionsCsv() and historyCsv() read back as they were", () => {
  const { report, predictions } = makeReport();
  const odd = { ...predictions[0], set: 'a,"b"\nc', score: 1 / 3 };
  const [row] = parse(predictionsCsv([odd]), { columns: true }) as Record<string, string>[];
  assertEquals(row.set, odd.set);
  assertEquals(Number(row.score), odd.score);
  assertEquals(Object.keys(row), [
    "set",
    "split",
    "perturbation",
    "video",
    "method",
    "label",
    "score",
    "path",
    "run",
  ]);
  const epoch = { ...report.history[0], valLoss: undefined };
  const [line] = parse(historyCsv([epoch]), { columns: true }) as Record<string, string>[];
  assertEquals(line, {
    run: "0",
    epoch: "1",
    step: "10",
    loss: String(epoch.loss),
    valLoss: "",
    valAuc: "0.6",
    seconds: "1.5",
    best: "1",
  });
});

Deno.test("predictionsCsv() keeps names from spreadsheets that would run them, and csvRows() reads them back", async () => {
  const { predictions } = makeReport();
  const odd = { ...predictions[0], path: "=cmd|'/c calc'!A0.png", video: "@v", method: "-m", score: -1e-9 };
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, predictionsCsv([odd]));
    assertStringIncludes(await Deno.readTextFile(path), "'@v,'-m,");
    const [{ values }] = await Array.fromAsync(csvRows(path, { what: "predictions" }));
    assertEquals([values.path, values.video, values.method, Number(values.score)], [
      odd.path,
      odd.video,
      odd.method,
      odd.score,
    ]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("metricsJson() reads back whole, and another version is refused", () => {
  const { report } = makeReport({ runs: 2 });
  assertEquals(parseMetricsJson(metricsJson(report)), report);
  assertThrows(
    () => parseMetricsJson(JSON.stringify({ ...report, schemaVersion: 2 }), { path: "old/metrics.json" }),
    Error,
    "Cannot read old/metrics.json: expected schemaVersion 1 but found 2",
  );
  assertThrows(() => parseMetricsJson("{"), Error, "expected JSON");
});

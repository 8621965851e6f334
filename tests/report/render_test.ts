import { assertEquals, assertGreater, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import type { TopLevelSpec } from "vega-lite";
import { classBalanceChart } from "../../lib/report/charts/class_balance.ts";
import { trainingChart } from "../../lib/report/charts/training.ts";
import { displayable, displayBundle, renderChart, renderSvg } from "../../lib/report/render.ts";
import { makeReport } from "./made_report.ts";

Deno.test("renderSvg() refuses a spec in which Vega-Lite finds fault", async () => {
  const spec = (channel: string): TopLevelSpec => ({
    title: "Odd",
    data: { values: [{ a: 1 }] },
    mark: "bar",
    encoding: { [channel]: { field: "a", type: "quantitative" } },
  });
  await renderSvg(spec("x"));
  await assertRejects(() => renderSvg(spec("nonsense")), Error, "Cannot draw 'Odd': expected a sound spec");
});

Deno.test("renderChart() writes text with the bundled font", async () => {
  const { report } = makeReport();
  const { png, svg, text } = await renderChart(classBalanceChart(report.data, { demo: false }), { scale: 1 });
  assertStringIncludes(svg, "Open Sans");
  assertEquals(text.split("\n")[0], "Class balance");
  const image = sharp(png);
  const { width } = await image.metadata();
  // The title is the only dark thing in the picture's top 30 rows: without a font they would be blank.
  const { data } = await image.extract({ left: 0, top: 0, width: width!, height: 30 }).greyscale().raw()
    .toBuffer({ resolveWithObject: true });
  assertGreater(data.filter((value) => value < 100).length, 100);
});

Deno.test("displayBundle() holds the spec, a PNG and text, and Deno's kernel finds it", async () => {
  const spec = trainingChart(makeReport({ demo: true }).report.history, { demo: true });
  const bundle = await displayBundle(spec);
  assertEquals(Object.keys(bundle), ["application/vnd.vegalite.v5+json", "image/png", "text/plain"]);
  assertEquals(bundle["application/vnd.vegalite.v5+json"], spec);
  assertStringIncludes(atob(bundle["image/png"]).slice(0, 8), "PNG");
  assertMatch(bundle["text/plain"], /^DEMO: Training by epoch\n.*validation AUC 0\.8000/);
  assertEquals(await displayable(spec)[Symbol.for("Jupyter.display")](), bundle);
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import { abreast, halfWidth as width } from "../../lib/notebook/abreast.ts";
import { confusionChart } from "../../lib/report/charts/confusion.ts";
import { rocChart } from "../../lib/report/charts/roc.ts";
import { renderChart } from "../../lib/report/render.ts";
import { makeReport } from "../report/made_report.ts";

const { report, predictions } = makeReport();
const options = { demo: true, width };
const confusion = confusionChart(report.results, options);
const roc = rocChart(predictions, options);

Deno.test("abreast() sets two charts side by side in one picture, each with its own legend", async () => {
  const [pair] = abreast(roc, confusion);
  const sizes = await Promise.all([roc, confusion, pair].map(async (spec) => {
    const { png } = await renderChart(spec);
    const { width = 0, height = 0 } = await sharp(png).metadata();
    return { width, height };
  }));
  const [left, right, both] = sizes;
  assertEquals(both.width > left.width && both.width > right.width, true);
  assertEquals(both.width <= left.width + right.width + 60, true, "the gap is 30 units of two pixels");
  assertEquals(both.height <= Math.max(left.height, right.height) + 60, true);
  const { svg, text } = await renderChart(pair);
  for (const title of ["DEMO: ROC curves", "DEMO: Confusion matrices"]) {
    assertStringIncludes(svg, title);
    assertStringIncludes(text, title);
  }
});

Deno.test("abreast() keeps the order, leaves out what is null, and lets the last of an odd number stand alone", () => {
  const specs = abreast(null, roc, confusion, undefined, roc);
  assertEquals(specs.length, 2);
  const parts = (specs[0] as { hconcat?: readonly { title: { text: string } }[] }).hconcat!;
  assertEquals(parts.map(({ title }) => title.text), ["DEMO: ROC curves", "DEMO: Confusion matrices"]);
  assertEquals(specs[1], roc);
  assertEquals(abreast(null), []);
});

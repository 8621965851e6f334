import { assertEquals } from "@std/assert";
import { charts, type ChartSource } from "../../lib/report/charts/mod.ts";
import { parseMetricsJson, type Prediction } from "../../lib/report/report.ts";

// A metrics.json with the metrics of 2026: a metric that is newer is in none of the pictures.
const folder = new URL("../fixtures/charts/", import.meta.url);
const report = parseMetricsJson(await Deno.readTextFile(new URL("report.json", folder)));
const predictions = ["ffpp", "celeb-df"].flatMap((set) =>
  Array.from({ length: 12 }, (_, i): Prediction => ({
    set,
    split: "test",
    perturbation: "none",
    video: `video ${i >> 1}`,
    method: i % 3 ? "blend" : "",
    label: i % 3 ? 1 : 0,
    score: ((i * 5) % 12) / 12,
    path: `${i}.png`,
    run: 0,
  }))
);
const source: ChartSource = { ...report, predictions };
const rewrite = Deno.env.get("WRITE_CHARTS") !== undefined;

for (const [name, draw] of Object.entries(charts)) {
  Deno.test(`the ${name} chart has the spec of tests/fixtures/charts/${name}.json`, async () => {
    const file = new URL(`${name}.json`, folder);
    const spec = JSON.stringify(draw(source, { demo: report.demo }), null, 1);
    if (rewrite) await Deno.writeTextFile(file, spec + "\n");
    const kept = await Deno.readTextFile(file).catch(() => "null");
    try {
      assertEquals(JSON.parse(spec), JSON.parse(kept));
    } catch (error) {
      throw new Error(
        `${
          (error as Error).message
        }\nWhere this is meant, write the specs anew and look at what changed:\nWRITE_CHARTS=1 deno test -A tests/report/charts_test.ts`,
      );
    }
  });
}

Deno.test("tests/fixtures/charts holds a spec for each chart, and none besides", () => {
  const files = [...Deno.readDirSync(folder)].map((file) => file.name).sort();
  assertEquals(files, [...Object.keys(charts), "report"].map((name) => `${name}.json`).sort());
});

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { measureTest, type ScoredImage } from "../../lib/report/measure.ts";
import { byLevel } from "../../lib/report/report.ts";
import { methodTable, originTable } from "../../lib/report/tables/groups.ts";
import { resultsTable } from "../../lib/report/tables/results.ts";
import { fixture } from "../tensors.ts";
import { column, makeReport } from "./made_report.ts";

const protocol = JSON.parse(await Deno.readTextFile(fixture("protocol.json")));
type Row = { video: string; label: 0 | 1; method: string; score: number };
const rows: readonly Row[] = protocol.rows;
const images = rows.map(({ video, label, method }): ScoredImage => ({ video, label, method }));
const scores = Float64Array.from(rows, ({ score }) => score);

for (const how of ["mean", "median", "max"] as const) {
  Deno.test(`measureTest() gives both levels and each method as the protocol has them, by the ${how} of frames`, () => {
    const { metrics, video, methods } = measureTest(images, [scores], { how });
    for (const name of ["auc", "ap", "eer", "accuracy", "balancedAccuracy"] as const) {
      assertAlmostEquals(metrics[name]!, protocol.frame[name], 1e-9, name);
      assertAlmostEquals(video!.metrics[name]!, protocol[`video.${how}`][name], 1e-9, name);
    }
    const byMethod = protocol[`video.${how}.byMethod`];
    assertEquals(methods!.map(({ name }) => name).sort(), Object.keys(byMethod).sort());
    for (const { name, metrics } of methods!) {
      const wanted = typeof byMethod[name] === "number" ? byMethod[name] : byMethod[name].auc;
      assertAlmostEquals(metrics.auc!, wanted, 1e-9, name);
    }
    const aucs = methods!.map(({ metrics }) => metrics.auc!);
    assertEquals(aucs, aucs.toSorted((a, b) => a - b), "worst first");
  });
}

Deno.test("measureTest() keeps apart videos of one name that two methods made, and has no video level of single images", () => {
  const frame = (label: 0 | 1, video: string, method: string): ScoredImage => ({ label, video, method });
  const mixed = [
    frame(0, "000", "youtube"),
    frame(0, "000", "youtube"),
    frame(1, "000_003", "a"),
    frame(1, "000_003", "b"),
  ];
  const { video, methods, origins } = measureTest(mixed, [Float64Array.of(0.1, 0.2, 0.9, 0.05)]);
  assertEquals([video!.metrics.real, video!.metrics.fake], [1, 2]);
  assertEquals(methods!.map(({ name, metrics }) => [name, metrics.auc]), [["b", 0], ["a", 1]]);
  assertEquals(origins, undefined); // one alone
  const single = measureTest([frame(0, "a.png", ""), frame(1, "b.png", "")], [Float64Array.of(0.1, 0.9)]);
  assertEquals(single.video, undefined);
});

Deno.test("tables show video level first, and methods and origins with their mean", () => {
  const { report: { results: [first] } } = makeReport();
  const origins = images.map((
    image,
    i,
  ) => (image.label ? image : { ...image, method: `origin ${i % 2}/${image.video}` }));
  const measured = measureTest(images, [scores]);
  const result = { ...first, ...measured };
  assertEquals(column(resultsTable([result]), "Level"), ["video", "frame"]);
  assertEquals(
    column(resultsTable([result]), "AUC"),
    [measured.video!.metrics.auc, measured.metrics.auc].map((auc) => auc!.toFixed(3)),
  );
  assertEquals(byLevel([first]).map(({ level }) => level), ["image"]);
  const table = methodTable([result])!;
  const mean = measured.methods!.reduce((sum, { metrics }) => sum + metrics.auc!, 0) /
    measured.methods!.length;
  assertEquals(column(table, "AUC").at(-1), mean.toFixed(3));
  assertEquals(column(table, "Method").at(-1), "mean");
  assertEquals(originTable([result]), null);
  const byOrigin = originTable([{
    ...first,
    ...measureTest(origins.map((image) => ({ ...image, video: `${image.method} ${image.video}` })), [scores]),
  }]);
  assertEquals(byOrigin !== null, true);
});

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { measureTest, personsOf, type ScoredImage, thresholdsOn } from "../../lib/report/measure.ts";
import { bootstrapIntervals } from "../../lib/metrics/intervals/bootstrap.ts";
import { chosenThresholdTable } from "../../lib/report/tables/chosen_threshold.ts";
import { intervalTable } from "../../lib/report/tables/intervals.ts";
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

Deno.test("measureTest() draws videos that share persons together, at both levels, and says so", () => {
  // 48 videos of two frames; every fourth pair of a real and a fake video is of the same persons.
  const images = Array.from({ length: 96 }, (_, i): ScoredImage => {
    const video = i >> 1;
    return { label: video % 2 === 0 ? 0 : 1, video: `${video}`, method: "m", persons: `${video >> 2}` };
  });
  const scores = Float64Array.from(images, ({ label }, i) => (label + ((i * 7) % 11) / 5) / 4);
  const together = measureTest(images, [scores]);
  assertEquals([together.drawnBy, together.intervals!.units, together.video!.intervals!.units], [
    "persons",
    12,
    12,
  ]);
  const labels = images.map(({ label }) => label);
  const groups = images.map(({ persons }) => persons!);
  assertEquals(together.intervals, bootstrapIntervals(labels, scores, { groups, seed: 0 }));
  const apart = measureTest(images.map(({ persons: _, ...image }) => image), [scores]);
  assertEquals([apart.drawnBy, apart.intervals!.units, apart.video!.intervals!.units], ["video", 48, 48]);
  const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
  const table = intervalTable([{ ...test, ...together }])!;
  assertEquals(column(table, "Drawn by"), ["persons", "persons"]);
});

Deno.test("personsOf() joins videos along chains of identities, their frames too, and is silent where none share any", () => {
  const image = (label: 0 | 1, video: string, identities?: string[]) => ({ label, video, identities });
  const [a, ab, b, alone, silent, c, again] = personsOf([
    image(0, "a", ["anna"]),
    image(1, "a_b", ["anna", "ben"]),
    image(0, "b", ["ben"]),
    image(0, "c", ["cleo"]),
    image(1, "d"),
    image(0, "c", ["cleo"]),
    image(1, "d"),
  ]);
  assertEquals([ab, b], [a, a]);
  assertEquals([c, again], [alone, silent]);
  assertEquals(new Set([a, alone, silent]).size, 3);
  const single = [image(0, "a", ["anna"]), image(0, "a", ["anna"]), image(1, "a", ["ben"])];
  assertEquals(personsOf(single), [undefined, undefined, undefined]);
});

Deno.test("thresholdsOn() chooses for frames and for videos apart, and measureTest() measures at them beside 0.5", () => {
  const images = (["real", "real", "real", "fake", "fake", "fake"] as const).map((name, i): ScoredImage => ({
    label: name === "fake" ? 1 : 0,
    video: `${name}${i % 3 >> 1}`, // two frames of the first video, one of the second
  }));
  const scores = Float64Array.of(0.1, 0.3, 0.05, 0.2, 0.8, 0.45);
  const { eer, "fpr-10": few } = thresholdsOn(images, scores);
  // Videos: 0.2 and 0.05 against 0.5 and 0.45. Frames: the real at 0.3 lies above the fake at 0.2.
  assertEquals(eer.video, (0.2 + 0.45) / 2);
  assertEquals(few.video, eer.video);
  assertEquals(few.frame, (0.3 + 0.45) / 2);
  const chosen = [{ by: "fpr-10", ...few }];
  const measured = measureTest(images, [scores], { chosen });
  assertEquals(measured.chosen, [{
    by: "fpr-10",
    threshold: 0.375,
    accuracy: 5 / 6,
    balancedAccuracy: (1 + 2 / 3) / 2,
    falsePositiveRate: 0,
    truePositiveRate: 2 / 3,
  }]);
  assertEquals(measured.video!.chosen![0].accuracy, 1);
  assertEquals(measured.metrics.accuracy, 4 / 6, "at 0.5 two fakes are missed");
  const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
  const table = chosenThresholdTable([{ ...test, ...measured }])!;
  assertEquals(column(table, "Threshold"), ["0.500", "0.325", "0.500", "0.375"]);
  assertEquals(column(table, "Fakes found"), ["0.500", "1.000", "0.333", "0.667"]);
  const missing = measureTest(images, [scores], { chosen: [{ by: "fpr-1", frame: null, video: 0.3 }] });
  assertEquals([missing.chosen, missing.video!.chosen!.length], [undefined, 1]);
});

Deno.test("measureTest() orders methods by their mean AUC over seeds, and keeps each seed's", () => {
  const images = ["real", "real", "a", "a", "b", "b"].map((method, i): ScoredImage => ({
    label: method === "real" ? 0 : 1,
    video: `${i}`,
    method,
  }));
  const first = Float64Array.of(0.2, 0.4, 0.3, 0.5, 0.1, 0.5); // a 0.75, b 0.5
  const second = Float64Array.of(0.2, 0.4, 0.1, 0.3, 0.5, 0.6); // a 0.25, b 1
  const { methods } = measureTest(images, [first, second]);
  assertEquals(methods!.map(({ name, runs }) => [name, ...runs!.map(({ auc }) => auc)]), [
    ["a", 0.75, 0.25],
    ["b", 0.5, 1],
  ]);
  const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
  const { metrics, methodMeans, originMeans } = measureTest(images, [first, second]);
  assertEquals(methodMeans!.map(({ auc }) => auc), [0.625, 0.625]);
  assertEquals(originMeans, undefined, "there is one origin alone");
  const table = methodTable([{ ...test, metrics, methods }])!;
  assertEquals(column(table, "AUC"), ["0.500 ± 0.354", "0.750 ± 0.354", "0.625 ± 0.000"]);
});

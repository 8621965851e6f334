import { assertEquals } from "@std/assert";
import { type PublishedFigure, publishedFigures } from "../../lib/report/published.ts";
import { type OurTest, standing } from "../../lib/report/standing.ts";

const figureOf = (model: string, set: string, level: string): PublishedFigure =>
  publishedFigures.find((each) => each.model === model && each.set === set && each.level === level)!;
const adapter = figureOf("ForensicsAdapter", "Celeb-DF v2", "video");
const same: OurTest = {
  demo: false,
  known: { set: "Celeb-DF v2", by: "layout" },
  split: "test",
  officialSplit: true,
  level: "video",
  real: 178,
  fake: 340,
  trainedOn: { set: "FF++", compression: "c23" },
  detector: "ForensicsAdapter",
};
const differs = (change: Partial<OurTest>, figure = adapter) =>
  standing({ ...same, ...change }, figure)?.differs;

Deno.test("standing() calls a test a reproduction only where data, split, level, training set and detector agree", () => {
  assertEquals(standing(same, adapter), { kind: "reproduction", differs: [] });
  const changes: [Partial<OurTest>, string][] = [
    [{ known: { set: "Celeb-DF v2", by: "name" } }, "set known by its name alone"],
    [{ split: "val" }, "split not the official one"],
    [{ split: "" }, "split not known"],
    [{ officialSplit: false }, "split not the official one"],
    [{ officialSplit: undefined }, "whether it is the official split not known"],
    [{ real: 177 }, "n differs (177 and 340 videos, the official test has 178 and 340)"],
    [{ level: "frame" }, "video level"],
    [{ trainedOn: undefined }, "our training set not known"],
    [{ trainedOn: { set: "mine" } }, "other training set (ours: mine)"],
    [{ trainedOn: { set: "FF++" } }, "our training set's compression not known"],
    [{ trainedOn: { set: "FF++", compression: "c40" } }, "other training set (ours: FF++ c40)"],
    [{ detector: "linear probe" }, "another detector"],
    [{ detector: undefined }, "whether it is the same detector not known"],
  ];
  for (const [change, text] of changes) {
    assertEquals(standing({ ...same, ...change }, adapter), { kind: "beside", differs: [text] });
  }
});

Deno.test("standing() says what is not known of a figure, and that frames or levels differ", () => {
  assertEquals(differs({}, figureOf("ForensicsAdapter", "Celeb-DF v2", "frame")), ["frame level"]);
  assertEquals(
    differs({ detector: "LAA-Net with SBI" }, figureOf("LAA-Net with SBI", "Celeb-DF v2", "unknown")),
    [
      "level not known",
    ],
  );
  const effort = figureOf("Effort", "Celeb-DF v2", "video");
  assertEquals(differs({ detector: "Effort", frames: 32 }, effort), ["of 8 frames a video"]);
  assertEquals(differs({ detector: "Effort", frames: 8 }, effort), []);
  const over19 = figureOf("ForgeLens", "UniversalFakeDetect", "image");
  assertEquals(
    differs({
      known: { set: "UniversalFakeDetect", by: "layout" },
      level: "image",
      detector: "ForgeLens",
    }, over19),
    ["a mean over 19 sets", "official split not known", "other training set (ours: FF++)"],
  );
});

Deno.test("standing() takes folders of Celeb-DF for v2 where its official test is in them, and doubts it elsewhere", () => {
  const known = { set: "Celeb-DF v2", by: "methods" } as const;
  assertEquals(differs({ known }), []);
  assertEquals(differs({ known, real: 38, fake: 62 }), [
    "v1 or v2 not known",
    "n differs (38 and 62 videos, the official test has 178 and 340)",
  ]);
});

Deno.test("standing() wants FaceForensics++ tested in the compression that the figure is of, and knows no split of DFD", () => {
  const xception = figureOf("Xception", "FF++", "frame");
  const ours = {
    known: { set: "FF++", by: "layout" },
    level: "frame",
    real: 140,
    fake: 560,
    detector: "Xception",
  } as const;
  assertEquals(differs({ ...ours, compression: "c23" }, xception), []);
  assertEquals(differs({ ...ours, compression: "c40" }, xception), ["tested on c40"]);
  assertEquals(differs(ours, xception), ["compression of the test not known"]);
  const dfd = figureOf("SBI", "DFD", "video");
  assertEquals(
    differs({
      known: { set: "DFD", by: "layout" },
      compression: "raw",
      detector: "SBI",
      trainedOn: { set: "FF++", compression: "raw" },
    }, dfd),
    ["no official split"],
  );
});

Deno.test("nothing stands beside demo data, or beside another set", () => {
  for (const figure of publishedFigures) assertEquals(standing({ ...same, demo: true }, figure), null);
  assertEquals(standing(same, figureOf("ForensicsAdapter", "DFDC", "video")), null);
});

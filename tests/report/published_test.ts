import { assert, assertEquals } from "@std/assert";
import { publishedFigures, publishedSetOf } from "../../lib/report/published.ts";

Deno.test("published figures lie in [0, 1], and each has a source and a date", () => {
  for (const { model, value, upTo = value, source, read, published = "2025-03" } of publishedFigures) {
    assert(value > 0.5 && value <= upTo && upTo < 1, `${model}: ${value}`);
    assert(source !== "", model);
    for (const date of [read, published]) assert(/^20\d\d-\d\d$/.test(date), `${model}: ${date}`);
  }
});

Deno.test("no published figure comes twice, and none of one model, set, level and source has two values", () => {
  const keys = publishedFigures.map(({ model, set, metric, level, source, trainedOn }) =>
    JSON.stringify([model, set, metric, level, source, trainedOn])
  );
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("every model has as many published figures as were read, and the second-hand ones are marked", () => {
  const counts = Map.groupBy(publishedFigures, ({ model }) => model);
  assertEquals(
    [...counts].map(([model, all]) => [model, all.length, all.filter(({ secondHand }) => secondHand).length]),
    [
      ["Xception", 4, 0],
      ["UCF", 4, 0],
      ["LSDA", 3, 0],
      ["ForensicsAdapter", 6, 0],
      ["SBI", 8, 0],
      ["Effort", 9, 0],
      ["CLIP linear probe", 3, 3],
      ["CLIP LN-tuning", 3, 3],
      ["GenD", 3, 3],
      ["LAA-Net with SBI", 3, 0],
      ["frozen CLIP-L linear probe", 1, 1],
      ["UnivFD", 2, 2],
      ["FatFormer", 2, 2],
      ["C2P-CLIP", 2, 2],
      ["ForgeLens", 2, 2],
      ["ForgeLens, WSGM only", 2, 2],
      ["ForgeLens, FAFormer only", 2, 2],
    ],
  );
});

Deno.test("SBI on Celeb-DF v2 stands with each of its values and whose table that is", () => {
  const found = publishedFigures.filter(({ model, set }) => model === "SBI" && set === "Celeb-DF v2");
  assertEquals(found.map(({ value, source, level }) => [value, source, level]), [
    [0.938, "SBI's own files", "video"],
    [0.929, "SBI's own files", "video"],
    [0.932, "ForensicsAdapter's table", "unknown"],
    [0.886, "Effort's table", "unknown"],
  ]);
});

Deno.test("publishedSetOf() takes the layout that was named, then the methods' names, then the set's", () => {
  const of = (name: string, methods: string[] = [], layout?: string) => {
    const known = publishedSetOf({ name, methods, layout });
    return known && `${known.set} by ${known.by}`;
  };
  assertEquals(of("mine", [], "dfdc"), "DFDC by layout");
  assertEquals(of("dfdc", [], "celeb-df-v2"), "Celeb-DF v2 by layout");
  assertEquals(of("celebdf", ["Celeb-real", "Celeb-synthesis"], "celeb-df-v1"), undefined);
  assertEquals(of("mine", ["Celeb-real", "YouTube-real", "Celeb-synthesis"]), "Celeb-DF v2 by methods");
  assertEquals(of("mine", ["youtube", "Deepfakes", "FaceSwap"]), "FF++ by methods");
  assertEquals(of("mine", ["actors", "DeepFakeDetection"]), "DFD by methods");
  assertEquals(of("mine", ["youtube", "Celeb-synthesis"]), undefined);
  assertEquals(of("FF++ (c23)"), "FF++ by name");
  assertEquals(of("Celeb-DF-v2"), "Celeb-DF v2 by name");
  assertEquals(of("Celeb-DF-v1"), undefined);
  assertEquals(of("DFDCP"), "DFDCP by name");
  for (const other of ["demo", "demo-shift-a", "data", "faces", ""]) assertEquals(of(other), undefined);
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import { renderSvg } from "../../lib/report/render.ts";
import { barChart, median, ratioChart, table } from "../../tools/bench_print.ts";

Deno.test("median() is the middle value, and of an even number the mean of the middle two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2.5);
});

Deno.test("table() aligns names left and numbers right", () => {
  assertEquals(
    table(["what", "×"], [["encoder", "2.13"], ["head", "12.00"]]),
    ["| what    |     × |", "| ------- | ----: |", "| encoder |  2.13 |", "| head    | 12.00 |"].join("\n"),
  );
});

Deno.test("barChart() marks 1 and draws bars in proportion", () => {
  const [short, long] = barChart([["half", 0.5], ["twice", 2]]).split("\n");
  assertEquals(short, `half  ${"█".repeat(10)}${" ".repeat(9)}│ 0.50`);
  assertEquals(long, `twice ${"█".repeat(19)}│${"█".repeat(20)} 2.00`);
});

Deno.test("ratioChart() is a sound spec that says every ratio in words", async () => {
  const spec = ratioChart([{ title: "encoder", value: 2.134 }, { title: "head step", value: 0.5 }], {
    subtitle: "a machine; 2026-01-02",
  });
  assertEquals(spec.description, "encoder: 2.13. head step: 0.50.");
  const svg = await renderSvg(spec);
  for (const text of ["encoder", "2.13", "head step", "0.50", "a machine"]) assertStringIncludes(svg, text);
});

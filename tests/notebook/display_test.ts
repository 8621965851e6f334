import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import { type Bundle, bundleOf, type Display, liveOutput, show } from "../../lib/notebook/display.ts";
import { trainingChart } from "../../lib/report/charts/training.ts";

type Shown = { bundle: Bundle; id?: string; update?: boolean };

function recorder(): { shown: Shown[]; display: Display } {
  const shown: Shown[] = [];
  return {
    shown,
    display: (bundle, options) => {
      shown.push({ bundle, id: options?.id, update: options?.update });
      return Promise.resolve();
    },
  };
}

const text = (words: string) => () => ({ data: { "text/plain": words } });

Deno.test("liveOutput() shows once, then updates the same output, and ends with the last thing set", async () => {
  const { shown, display } = recorder();
  const output = liveOutput({ everyMs: 5, display });
  output.set(text("first"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  for (let i = 0; i < 100; i++) output.set(text(`update ${i}`));
  await output.close();
  assertEquals(shown[0].bundle.data, { "text/plain": "first" });
  assertEquals(shown.at(-1)!.bundle.data, { "text/plain": "update 99" });
  assertEquals(shown.map(({ update }) => update), shown.map((_, i) => i > 0));
  assertEquals(new Set(shown.map(({ id }) => id)).size, 1);
  assertLess(shown.length, 5, "a hundred updates at once are a few outputs");
});

Deno.test("liveOutput() that never had anything shows nothing", async () => {
  const { shown, display } = recorder();
  await liveOutput({ display }).close();
  assertEquals(shown, []);
});

Deno.test("liveOutput() tells at its close what drawing threw", async () => {
  const output = liveOutput({ display: recorder().display });
  output.set(() => Promise.reject(new Error("no chart")));
  await assertRejects(() => output.close(), Error, "no chart");
});

Deno.test("bundleOf() gives a chart as Vega-Lite, PNG and text, and nothing that would win over them", async () => {
  const { data: bundle, metadata } = await bundleOf(
    trainingChart([], { demo: true, steps: [{ run: 0, epoch: 0.5, loss: 1 }] }),
  );
  assertEquals(Object.keys(bundle).sort(), [
    "application/vnd.vegalite.v5+json",
    "image/png",
    "text/plain",
  ]);
  const png = atob(bundle["image/png"] as string);
  assert(png.startsWith("\x89PNG"));
  const { width } = await sharp(Uint8Array.from(png, (byte) => byte.charCodeAt(0))).metadata();
  assertEquals(metadata!["image/png"], { width: width / 2 }, "two pixels for each of the page's");
  assertStringIncludes(JSON.stringify(metadata!["application/vnd.vegalite.v5+json"]), "max-width: 100%");
  assertStringIncludes(bundle["text/plain"] as string, "DEMO: Training by epoch");
});

Deno.test("bundleOf() gives a table as Markdown and as text", async () => {
  const { data: bundle } = await bundleOf({
    title: "Title",
    columns: [{ name: "A", align: "left" }],
    rows: [["x|y"]],
    notes: [],
  });
  assertStringIncludes(bundle["text/markdown"] as string, "x\\|y");
  assertStringIncludes(bundle["text/plain"] as string, "x|y");
});

Deno.test("show() outside of a notebook says so", async () => {
  await assertRejects(() => show("text"), Error, "expected to run in a notebook");
});

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { drawGallery } from "../../lib/report/gallery.ts";
import { summarySentences } from "../../lib/report/summary.ts";
import { reportCharts, reportHtml, reportTables } from "../../lib/report/page.ts";
import { tableHtml } from "../../lib/report/table.ts";
import { makeReport, titleOf } from "./made_report.ts";

Deno.test("every chart and table of demo data says DEMO in its title, and no other does", () => {
  for (const demo of [true, false]) {
    const { report, predictions } = makeReport({ demo });
    const titles = [
      ...reportCharts(report, { predictions }).map(titleOf),
      ...reportTables(report).map((table) => table.title),
    ];
    assertEquals(titles.length, 8 + 7);
    for (const title of titles) assertEquals(title.startsWith("DEMO: "), demo, title);
  }
});

Deno.test("report.html loads nothing and escapes hostile names", async () => {
  const hostile = `<script>alert("x")</script>'&`;
  const { report, predictions } = makeReport({
    sets: [{ set: hostile, kind: "within", perturbations: ["none", "jpeg-90"], real: 9, fake: 9 }],
  });
  const html = await reportHtml({
    ...report,
    name: hostile,
    warnings: [hostile],
    config: { [hostile]: hostile },
  }, {
    predictions,
  });
  assertEquals(html.match(/<script/gi)!.length, 1, "no script but the page's own");
  assertStringIncludes(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
  // XML namespaces are names, not addresses; the spec's own $schema is not in the page.
  const addresses = (html.match(/(?:https?:)?\/\/[a-z][^"'\s<)]*/gi) ?? []).filter((each) =>
    !each.includes("w3.org")
  );
  assertEquals(addresses.filter((each) => /^https?:/.test(each)), []);
  assertEquals(html.match(/\b(?:src|href|srcset|action)\s*=|@import|url\((?!data:)/gi), null);
  assertStringIncludes(html, "default-src 'none'");
  assertEquals(html.match(/<svg/g)!.length, 2 * 8, "each chart for a screen and for a phone");
});

Deno.test("report.html shows the run's numbers, warnings and configuration, and says DEMO", async () => {
  const { report, predictions } = makeReport({ demo: true });
  const html = await reportHtml(report, { predictions });
  for (const table of reportTables(report)) assertStringIncludes(html, tableHtml(table));
  for (
    const text of [
      "1 file was skipped",
      "&quot;seed&quot;: 1",
      "<h1>DEMO: run-1</h1>",
      "tensorflow 2.21.0 on CPU",
    ]
  ) {
    assertStringIncludes(html, text);
  }
});

Deno.test("report.html allows the one script that it holds, by its hash, and images within it", async () => {
  const { report } = makeReport();
  const html = await reportHtml(report);
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)![1];
  const [, script] = /<script>([\s\S]+?)<\/script>/.exec(html)!;
  const hash = createHash("sha256").update(script).digest("base64");
  assertEquals(policy.split("; "), [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "font-src data:",
    "img-src data:",
    `script-src 'sha256-${hash}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});

Deno.test("report.html goes from the sentences over results, charts and images to the configuration, its headings in order", async () => {
  const { report, predictions } = makeReport({ demo: true });
  const tile = { image: new Uint8Array(12), label: 1, caption: ["fake <b>", "swap"] } as const;
  const gallery = [await drawGallery([[tile]], { title: "Samples <i>", subtitle: "As they are." })];
  const [first] = report.results;
  const group = (name: string) => ({ name, metrics: first.metrics });
  const results = [{ ...first, methods: [group("swap"), group("blend")] }, ...report.results.slice(1)];
  const html = await reportHtml({ ...report, results }, { predictions, gallery });
  const parts = [
    ...["<h1>DEMO: run-1</h1>", "DEMO: procedural images", summarySentences({ ...report, results })[0]],
    ...["1 file was skipped", "<h2>DEMO: Results</h2>", "<h2>DEMO: By method</h2>", "<h2>Charts</h2>"],
    ...[
      "<h2>DEMO: Images</h2>",
      "<h3>Samples &lt;i&gt;</h3>",
      "fake &lt;b&gt;",
      "<h2>DEMO: 95 % intervals</h2>",
    ],
    ...[
      "<h2>DEMO: Data</h2>",
      "<h2>DEMO: Training</h2>",
      "<details><summary><h2>Configuration</h2></summary>",
    ],
  ];
  const places = parts.map((part) => html.indexOf(part));
  assert(places.every((place) => place > 0), parts[places.indexOf(-1)]);
  assertEquals(places, places.toSorted((a, b) => a - b));
  const levels = [...html.matchAll(/<h([1-6])>/g)].map(([, level]) => Number(level));
  for (const [i, level] of levels.entries()) assert(level <= (levels[i - 1] ?? 0) + 1, `heading ${i}`);
  assertStringIncludes(html, '<meta name="color-scheme" content="light dark">');
});

Deno.test("report.html of 100,000 predictions is as large as one of 100, and made within a minute", async () => {
  const ofSize = async (images: number) => {
    const { report, predictions } = makeReport({
      sets: ["first", "second"].map((set, i) => ({
        ...{ set, kind: i === 0 ? "within" : "cross", perturbations: ["none"] },
        ...{ real: images / 4, fake: images / 4 },
      })),
    });
    assertEquals(predictions.length, images);
    const begun = performance.now();
    const { length } = await reportHtml(report, { predictions });
    return { length, seconds: (performance.now() - begun) / 1000 };
  };
  const [few, many] = [await ofSize(100), await ofSize(100_000)];
  assert(
    many.length < 1.2 * few.length && many.length < 5_000_000,
    `${many.length} bytes, not ${few.length}`,
  );
  assert(many.seconds < 60, `${many.seconds} s`);
});

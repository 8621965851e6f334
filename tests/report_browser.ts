/// <reference lib="dom" />
/**
 * Looks at a report in a real browser: on a wide screen, a tablet and a phone, in the dark and on paper, sorted and filtered: a program
 * beside the tests, as it needs Chromium. Pictures of what it saw go to a folder.
 *
 *     deno run -A tests/report_browser.ts [--out FOLDER] [--page report.html]…
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { documentHtml } from "../lib/report/document.ts";
import { drawGallery } from "../lib/report/gallery.ts";
import { reportHtml } from "../lib/report/page.ts";
import { type Table, tableHtml } from "../lib/report/table.ts";
import { type Browser, openBrowser, type Page } from "./chromium.ts";
import { makeReport } from "./report/made_report.ts";

const HEIGHT = 900;
/** Of text on what it stands on (WCAG 2.2, 1.4.3). */
const LEAST_CONTRAST = 4.5;

/** A report with everything in it, of made numbers. */
async function madePage(folder: string): Promise<string> {
  const { report, predictions } = makeReport({ demo: true, runs: 4 });
  const noise = () => crypto.getRandomValues(new Uint8Array(32 * 32 * 3));
  const map = Array.from({ length: 49 }, (_, i) => Math.sin(i));
  const stacks = Array.from({ length: 12 }, (_, i) => {
    const tile = { image: noise(), label: i % 2 as 0 | 1, caption: ["scored 0.123", "Deepfakes"] };
    return [tile, { ...tile, map, caption: ["logit +1.00"] }];
  });
  const gallery = [await drawGallery(stacks, { title: "Surest", subtitle: "Made.", scale: "Share" })];
  const path = join(folder, "made.html");
  await Deno.writeTextFile(path, await reportHtml(report, { predictions, gallery }));
  return path;
}

/** A page with one table of what is hard to sort, with how each column is sorted. */
async function oddPage(folder: string): Promise<{ path: string; orders: Readonly<Record<string, string>> }> {
  const columns = {
    Number: ["1,200 ± 3", "–", "−2.5", "0.500* (0.4–0.6)", "≥ 7 %"],
    Date: ["2026-01-31", "2025-12-01", "", "2025-02-10", "2025-02-09"],
    Name: ["jpeg-30", "jpeg-9", "jpeg-100", "Blur", "ViT-B/16"],
  };
  const orders = {
    Number: "−2.5|0.500* (0.4–0.6)|≥ 7 %|1,200 ± 3|–",
    Date: "2025-02-09|2025-02-10|2025-12-01|2026-01-31|",
    Name: "Blur|jpeg-9|jpeg-30|jpeg-100|ViT-B/16",
  };
  const rows = columns.Number.map((_, i) => Object.values(columns).map((cells) => cells[i]));
  const table: Table = {
    title: "Odd",
    columns: Object.keys(columns).map((name) => ({ name, align: "left" })),
    rows,
    notes: [],
  };
  const path = join(folder, "odd.html");
  await Deno.writeTextFile(path, await documentHtml({ title: "Odd", body: tableHtml(table) }));
  return { path, orders };
}

async function checkOrders(browser: Browser, { path, orders }: Awaited<ReturnType<typeof oddPage>>) {
  const page = await browser.newPage();
  await page.open(pathToFileURL(path).href);
  for (const [i, [name, order]] of Object.entries(orders).entries()) {
    await page.click(`//th//button[text()="${name}"]`);
    assertEquals((await cellsOf(page, "Odd", i)).join("|"), order, name);
  }
  await page.close();
  console.log("numbers, dates and names are sorted as such, what is missing last");
}

/** What is beyond the edges of the window or of its own box, and what is left empty. */
function layoutOf(page: Page) {
  return page.run(() => {
    const width = document.documentElement.clientWidth;
    const shown = [...document.querySelectorAll<HTMLElement>("main *")].filter((each) =>
      !each.closest(".wide, pre, svg") && each.getClientRects().length > 0 && each.tagName !== "CAPTION"
    );
    const lefts = (selector: string) => [
      ...new Set(
        [...document.querySelectorAll(selector)].map((each) => Math.round(each.getBoundingClientRect().left)),
      ),
    ];
    const figures = [...document.querySelectorAll(".charts > figure")].map((each) =>
      each.getBoundingClientRect()
    );
    const drawn = [...document.querySelectorAll<SVGElement>(".charts svg")].filter((each) =>
      each.getClientRects().length > 0
    );
    return {
      scrolls: document.documentElement.scrollWidth > width,
      beyond: shown.filter((each) => each.getBoundingClientRect().right > width + 1)
        .map((each) => `${each.tagName}.${each.className}`),
      columns: lefts(".charts > figure").length,
      right: Math.max(...figures.map(({ right }) => right)),
      mainRight: document.querySelector("main")!.getBoundingClientRect().right,
      charts: figures.length,
      drawn: drawn.length,
      // The smallest text of a chart, as large as it is seen.
      text: Math.min(...drawn.flatMap((svg) => {
        const scale = svg.getBoundingClientRect().width / Number(svg.getAttribute("width"));
        return [...svg.querySelectorAll("text")].filter((each) => each.textContent).map((each) =>
          scale * parseFloat(getComputedStyle(each).fontSize)
        );
      })),
      cut: [...document.querySelectorAll<HTMLElement>(".charts figure")].filter((each) =>
        each.scrollWidth > each.clientWidth + 1
      ).length,
    };
  });
}

/** The texts that are too faint: with what they say and their contrast. */
function faintTexts(page: Page): Promise<string[]> {
  return page.run((least) => {
    const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = ([r, g, b]: number[]) => {
      const [x, y, z] = [r, g, b].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element: Element): number[] => {
      for (let each: Element | null = element; each; each = each.parentElement) {
        const colour = channels(getComputedStyle(each).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const texts = [...document.querySelectorAll("main *")].filter((each) =>
      each.getClientRects().length > 0 && !["IMG", "CAPTION", "STYLE"].includes(each.tagName) &&
      [...each.childNodes].some((child) => child.nodeType === 3 && child.textContent?.trim())
    );
    return texts.flatMap((each) => {
      const isDrawn = each instanceof SVGElement;
      const style = getComputedStyle(each);
      const colour = channels(isDrawn ? style.fill : style.color);
      // What stands in a cell of a chart is looked at in pictures: its cell is another element of the drawing.
      if (isDrawn && each.closest("g.mark-text")?.matches(".role-mark")) return [];
      const [a, b] = [luminance(colour), luminance(behind(each))].sort((x, y) => y - x);
      const contrast = (a + 0.05) / (b + 0.05);
      return contrast < least ? [`${each.textContent!.trim().slice(0, 30)}: ${contrast.toFixed(2)}`] : [];
    });
  }, LEAST_CONTRAST);
}

const cellsOf = (page: Page, table: string, column: number) =>
  page.run(
    (table, column) =>
      [...document.querySelectorAll(`[aria-label="${table}"] tbody tr:not([hidden])`)].map((row) =>
        row.children[column].textContent ?? ""
      ),
    table,
    column,
  );

/** Sorts the AUC of the first table by a click, in both directions and back, then by the keyboard; and filters a long one. */
async function checkTables(page: Page) {
  const tables = await page.run(() =>
    [...document.querySelectorAll(".wide")].map((each) => ({
      name: each.getAttribute("aria-label")!,
      columns: each.querySelectorAll("thead th").length,
      rows: each.querySelectorAll("tbody tr").length,
      filters: Boolean(each.previousElementSibling?.matches(".filter")),
    }))
  );
  for (const { name, rows, filters } of tables) {
    assertEquals(filters, rows > 8, `${name}: a filter where there are more than 8 rows`);
  }
  const { name, columns } = tables.find(({ rows }) => rows > 1)!;
  const auc = await page.run((name) => {
    const heads = [...document.querySelectorAll(`[aria-label="${name}"] thead th`)];
    return heads.findIndex((head) => /^(Video )?AUC$/.test(head.textContent));
  }, name);
  assert(auc > 0 && auc < columns, `${name} has a column AUC`);
  const head = `//div[@aria-label="${name}"]//thead//th[${auc + 1}]//button`;
  const state = () =>
    page.run(
      (name, auc) =>
        document.querySelectorAll(`[aria-label="${name}"] thead th`)[auc].getAttribute("aria-sort"),
      name,
      auc,
    );
  const before = await cellsOf(page, name, auc);
  const numbers = before.map(parseFloat);
  await page.click(head);
  assertEquals([await state(), (await cellsOf(page, name, auc)).map(parseFloat)], [
    "ascending",
    numbers.toSorted((a, b) => a - b),
  ]);
  await page.press("Enter"); // the button has the focus
  assertEquals([await state(), (await cellsOf(page, name, auc)).map(parseFloat)], [
    "descending",
    numbers.toSorted((a, b) => b - a),
  ]);
  await page.click(head);
  assertEquals([await state(), await cellsOf(page, name, auc)], [null, before], "the first order again");

  const long = tables.find(({ filters }) => filters);
  if (!long) return console.log("no table is long enough for a filter");
  const word = await page.run((name) => {
    const rows = [...document.querySelectorAll(`[aria-label="${name}"] tbody tr`)];
    const words = [...rows[0].children].flatMap((cell) => cell.textContent!.toUpperCase().split(/\s+/)); // any case will do
    const isIn = (word: string, row: Element) =>
      [...row.children].some((cell) => cell.textContent!.toUpperCase().includes(word));
    return words.find((word) => word && rows.some((row) => !isIn(word, row)))!;
  }, long.name);
  await page.click(`//div[@aria-label="${long.name}"]/preceding-sibling::label[1]/input`);
  await page.type(word);
  const rows = await cellsOf(page, long.name, 0);
  assert(rows.length > 0 && rows.length < long.rows, `${rows.length} of ${long.rows} rows are left`);
  const said = await page.run(
    (name) =>
      document.querySelector(`[aria-label="${name}"]`)!.previousElementSibling!.querySelector("output")!
        .value,
    long.name,
  );
  assertEquals(said, `${rows.length} of ${long.rows} rows`);
  await page.emulate({ print: true });
  const printed = await page.run(
    (name) =>
      [...document.querySelectorAll(`[aria-label="${name}"] tbody tr`)].filter((row) =>
        row.getClientRects().length > 0
      ).length,
    long.name,
  );
  assertEquals(printed, long.rows, "paper has every row");
  await page.emulate({});
}

/** Headings in order, tables with their names, images and charts with their words. */
async function checkOutline(page: Page) {
  const { levels, faults } = await page.run(() => ({
    levels: [...document.querySelectorAll("h1, h2, h3")].map((each) => Number(each.tagName[1])),
    faults: [
      ...document.querySelectorAll(
        'th:not([scope]), img:not([alt]), img[alt=""], .charts > figure:not([aria-label])',
      ),
      ...[...document.querySelectorAll("table")].filter((table) => !table.caption?.textContent),
    ].map((each) => each.outerHTML.slice(0, 80)),
  }));
  assertEquals(faults, []);
  assertEquals(levels.filter((level) => level === 1).length, 1);
  levels.forEach((level, i) => assert(level - (levels[i - 1] ?? 0) <= 1, `heading ${i + 1} skips a level`));
}

async function checkReport(browser: Browser, options: { readonly path: string; readonly out: string }) {
  const { path, out } = options;
  const page = await browser.newPage();
  const name = join(
    out,
    basename(path) === "report.html" ? basename(dirname(path)) : basename(path, ".html"),
  );
  const url = pathToFileURL(path).href;
  for (const [width, columns] of [[1400, 2], [800, 1], [400, 1]]) {
    await page.resize(width, HEIGHT);
    await page.open(url);
    const seen = await layoutOf(page);
    await page.picture(`${name}-${width}.png`, { whole: true });
    assertEquals([seen.scrolls, seen.beyond, seen.cut], [false, [], 0], `nothing is wider than ${width}`);
    assertEquals(seen.columns, Math.min(columns, seen.charts), `columns of charts at ${width}`);
    assert(
      seen.charts < columns || seen.mainRight - seen.right < 20,
      `charts fill ${width} to ${seen.right} of ${seen.mainRight}`,
    );
    assertEquals(seen.drawn, seen.charts, "each chart is drawn once");
    assertGreater(seen.text, 8.5, "text in charts is as large as small print");
    assertEquals(await faintTexts(page), [], `contrast at ${width}`);
    console.log(
      `${basename(path)} at ${width}: ${columns} columns, text in charts from ${seen.text.toFixed(1)} px`,
    );
  }
  for (const width of [1400, 400]) {
    await page.emulate({ dark: true });
    await page.resize(width, HEIGHT);
    await page.open(url);
    await page.picture(`${name}-dark-${width}.png`, { whole: true });
    const brightness = await page.run(() => {
      const colours = [
        getComputedStyle(document.body).backgroundColor,
        ...[...document.querySelectorAll(".charts svg > rect, .charts svg > g > rect.background")].map((
          each,
        ) => getComputedStyle(each).fill),
      ];
      return Math.max(...colours.map((colour) => Math.max(0, ...(colour.match(/\d+/g) ?? []).map(Number))));
    });
    assert(brightness < 60, `page and charts are dark, not ${brightness} of 255`);
    assertEquals(await faintTexts(page), [], "contrast in the dark");
  }
  await page.emulate({});
  await page.resize(1400, HEIGHT);
  await page.open(url);
  await checkOutline(page);
  await checkTables(page);
  await page.picture(`${name}-filtered.png`, { whole: true });
  await page.emulate({ print: true, dark: true });
  await page.resize(1030, HEIGHT); // a landscape A4 page within its margins
  const paper = await page.run(() => ({
    background: getComputedStyle(document.body).backgroundColor,
    wide: [...document.querySelectorAll<HTMLElement>(".wide, figure, pre")].filter((each) =>
      each.scrollWidth > each.clientWidth + 1
    ).map((each) => each.getAttribute("aria-label") ?? each.outerHTML.slice(0, 60)),
    fields:
      [...document.querySelectorAll(".filter")].filter((each) => each.getClientRects().length > 0).length,
    // A page beside a run's report has no configuration.
    config: document.querySelector("pre")?.getBoundingClientRect().height ?? null,
  }));
  await page.picture(`${name}-print.png`, { whole: true });
  assertEquals({ ...paper, config: paper.config !== 0 }, {
    background: "rgb(255, 255, 255)",
    wide: [],
    fields: 0,
    config: true,
  });
  await page.emulate({});
  await page.pdf(`${name}.pdf`);
  assertEquals(page.errors, [], "nothing of the page failed");
  assertEquals(new Set(page.requests), new Set([url]), "nothing is loaded but the page");
  await page.close();
}

const { values } = parseArgs({
  options: { out: { type: "string" }, page: { type: "string", multiple: true } },
});
const out = values.out ?? await Deno.makeTempDir({ prefix: "forgelens-report-" });
await Deno.mkdir(out, { recursive: true });
const browser = await openBrowser();
try {
  await checkOrders(browser, await oddPage(out));
  for (const path of values.page ?? [await madePage(out)]) await checkReport(browser, { path, out });
  console.log(`Pictures of all of it: ${out}`);
} finally {
  await browser.close();
}

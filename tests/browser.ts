/// <reference lib="dom" />
/**
 * Runs the notebooks in JupyterLab in a real browser, as a user would, and looks at every page and chart that comes of it:
 * a program for a person, as it needs Chromium and takes minutes. Pictures of what it saw go to a folder.
 *
 *     deno run -A tests/browser.ts [--out FOLDER] [--notebook forgelens|benchmark|audit]
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { type Browser, openBrowser, type Page } from "./chromium.ts";
import { type Jupyter, openJupyter } from "../tools/jupyter.ts";
import { faultsOf, type Output } from "../tools/notebook_file.ts";
import { copyNotebook, exportHtml, type NotebookCopy, secrets, workFolder } from "../tools/notebooks.ts";

/** Widths of a window: a laptop's, and a pane's or a phone's. */
const widths = { normal: 1400, narrow: 620 } as const;
const HEIGHT = 1000;

/** JupyterLab's own objects in its page, as far as they are looked at. */
declare const jupyterapp: {
  readonly shell: {
    readonly currentWidget: {
      readonly content: {
        readonly model: { readonly cells: { readonly length: number; get(i: number): LabCell } };
      };
      readonly sessionContext: { readonly session: { readonly kernel: { readonly status: string } } };
    };
  };
};
type LabCell = {
  readonly type: string;
  readonly executionState: string;
  readonly executionCount: number | null;
  readonly sharedModel: { readonly source: string };
  readonly outputs: { toJSON(): Output[] };
};

/** What the page's own view of a notebook tells. */
type CellState = {
  readonly source: string;
  readonly number: number | null;
  readonly failed: boolean;
  readonly charts: number;
  /** What its outputs say, as JSON. */
  readonly text: string;
};

type Lab = { readonly url: string; close(): Promise<void> };

async function openLab(jupyter: Jupyter, folder: string): Promise<Lab> {
  const settings = join(folder, "settings", "@jupyterlab", "apputils-extension");
  await Deno.mkdir(settings, { recursive: true }); // nothing asks whether it may show news
  await Deno.writeTextFile(join(settings, "notification.jupyterlab-settings"), '{ "fetchNews": "false" }');
  const [program, ...before] = jupyter.command;
  const token = crypto.randomUUID();
  const port = 8900 + Math.floor(Math.random() * 900);
  const child = new Deno.Command(program, {
    args: [
      ...[...before, "lab", "--no-browser", "--allow-root", `--ServerApp.root_dir=${folder}`],
      ...[
        `--ServerApp.port=${port}`,
        `--IdentityProvider.token=${token}`,
        "--LabApp.expose_app_in_browser=True",
      ],
    ],
    env: { ...jupyter.env, JUPYTERLAB_SETTINGS_DIR: join(folder, "settings") },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const base = `http://localhost:${port}`;
  for (let i = 0; !(await fetch(`${base}/api`).then((reply) => reply.ok, () => false)); i++) {
    assert(i < 300, "JupyterLab starts within a minute");
    await wait(200);
  }
  return {
    url: `${base}/lab/tree/notebooks/NAME.ipynb?token=${token}&reset`,
    close: async () => {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The cells as JupyterLab's own model has them: those out of sight are not in the page. */
function cellStates(page: Page): Promise<CellState[]> {
  return page.run(() => {
    const { cells } = jupyterapp.shell.currentWidget.content.model;
    const all = Array.from({ length: cells.length }, (_, i) => cells.get(i));
    return all.filter(({ type }) => type === "code").map((cell) => {
      const outputs = cell.outputs.toJSON();
      return {
        source: cell.sharedModel.source,
        number: cell.executionState === "running" ? null : cell.executionCount,
        failed: outputs.some(({ output_type }) => output_type === "error"),
        charts: outputs.filter(({ data }) => data?.["application/vnd.vegalite.v5+json"] !== undefined).length,
        text: JSON.stringify(outputs.map(({ text, data, evalue }) => [text, data?.["text/plain"], evalue])),
      };
    });
  });
}

function kernelStatus(page: Page): Promise<string> {
  return page.run(() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status);
}

async function openNotebook(browser: Browser, lab: Lab, name: string): Promise<Page> {
  const page = await browser.newPage();
  await page.resize(widths.normal, HEIGHT);
  await page.open(lab.url.replace("NAME", name));
  // Undefined, or not there at all, until JupyterLab is up.
  await page.until(() =>
    "jupyterapp" in globalThis &&
    jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle", { seconds: 120 });
  await wait(1000);
  return page;
}

/** Chooses from JupyterLab's menu bar, as a user does. */
async function choose(page: Page, menu: string, item: string): Promise<void> {
  await page.click(`//div[contains(@class,"lm-MenuBar-itemLabel")][text()="${menu}"]`);
  await page.click(`//div[contains(@class,"lm-Menu-itemLabel")][text()="${item}"]`);
}

async function runAll(page: Page, options: { readonly until?: (cells: CellState[]) => boolean } = {}) {
  await choose(page, "Run", "Run All Cells");
  while (await kernelStatus(page) !== "busy") await wait(100);
  await settle(page, options);
}

/** Waits until the kernel has been idle for a while. */
async function settle(page: Page, { until }: { readonly until?: (cells: CellState[]) => boolean } = {}) {
  for (let idle = 0; idle < 4;) {
    await wait(1000);
    if (until?.(await cellStates(page))) return;
    idle = await kernelStatus(page) === "idle" ? idle + 1 : 0;
  }
}

/** What is wrong with the charts of a page: not drawn by Vega, blank, or cut by what they are in. */
function chartFaults(page: Page): Promise<string[]> {
  return page.run(() => {
    const faults: string[] = [];
    for (const [i, chart] of [...document.querySelectorAll(".vega-embed")].entries()) {
      const picture = chart.querySelector<HTMLElement>("canvas, svg");
      if (!picture) {
        faults.push(`chart ${i + 1}: nothing drawn`);
        continue;
      }
      if (picture instanceof HTMLCanvasElement) {
        const { data } = picture.getContext("2d")!.getImageData(0, 0, picture.width, picture.height);
        const ink = data.some((value, at) => at % 4 < 3 && value < 128);
        if (!ink) faults.push(`chart ${i + 1}: blank`);
      } else if (picture.querySelectorAll("path, text").length < 5) faults.push(`chart ${i + 1}: blank`);
      const place = chart.closest<HTMLElement>(".jp-OutputArea-output")!;
      const over = picture.getBoundingClientRect().right - place.getBoundingClientRect().right;
      if (over > 1) faults.push(`chart ${i + 1}: cut by ${Math.round(over)} pixels`);
    }
    return faults;
  });
}

/** Scrolls through a notebook and pictures it, a window at a time. */
async function picture(page: Page, path: string): Promise<string[]> {
  const faults: string[] = [];
  const scroll = (to: number) =>
    page.run((to) => {
      const pane = document.querySelector(".jp-WindowedPanel-outer")!;
      pane.scrollTop = to;
      return pane.scrollTop + pane.clientHeight + 2 < pane.scrollHeight;
    }, to);
  const height = await page.run(() => document.querySelector(".jp-WindowedPanel-outer")!.clientHeight);
  let more = true;
  for (let i = 0; more && i < 60; i++) {
    more = await scroll(i * (height - 40));
    await wait(700);
    faults.push(...(await chartFaults(page)).map((fault) => `window ${i + 1}, ${fault}`));
    await page.picture(`${path}-${String(i + 1).padStart(2, "0")}.png`);
  }
  return faults;
}

async function checkNotebook(
  browser: Browser,
  lab: Lab,
  options: { name: string; out: string; file: NotebookCopy },
) {
  const { name, out, file } = options;
  const page = await openNotebook(browser, lab, name);
  if (name === "forgelens") await stopAndGoOn(page);
  else await runAll(page);
  const cells = await cellStates(page);
  assertEquals(cells.filter(({ failed }) => failed).length, 0, "no cell failed");
  assertEquals(cells.filter(({ number }) => number === null).length, 0, "every cell has a number");
  assertGreater(cells.reduce((sum, { charts }) => sum + charts, 0), 6);
  for (const [kind, width] of Object.entries(widths)) {
    await page.resize(width, HEIGHT);
    if (kind === "narrow") await page.pressControl("b"); // hides the file browser
    await wait(1500);
    const faults = await picture(page, join(out, `${name}-${kind}`));
    console.log(
      `${name}.ipynb at ${width} pixels: ${
        faults.length === 0 ? "every chart drawn whole" : faults.join("; ")
      }`,
    );
    assertEquals(faults, []);
  }
  await page.pressControl("s"); // saves
  await wait(3000);
  const saved = await file.read();
  const first = Math.min(...saved.cells.flatMap(({ execution_count }) => execution_count ?? [])); // of the last Run All
  const numbered = saved.cells.map((cell) =>
    cell.execution_count ? { ...cell, execution_count: cell.execution_count - first + 1 } : cell
  );
  assertEquals(faultsOf({ ...saved, cells: numbered }, { secrets: secrets() }), []);
  assertEquals(page.errors, [], "no script of the page failed");
  await page.close();
}

/** Run All, ■ while training, Run All again: the second goes on from the checkpoint of the first. */
async function stopAndGoOn(page: Page) {
  const isTraining = (cells: CellState[]) =>
    cells.find(({ source }) => source.includes("await train("))!.charts > 0; // its live chart
  await runAll(page, { until: isTraining });
  await wait(4000);
  await page.click(
    '//*[@data-command="notebook:interrupt-kernel"] | //jp-button[starts-with(@title, "Interrupt")]',
  );
  await settle(page);
  const interrupted = (await cellStates(page)).some(({ text }) => /interrupted/i.test(text));
  assert(interrupted, "the notebook says that it was interrupted");
  console.log("■ while training: the notebook says so, and Run All goes on from the checkpoint");
  await runAll(page);
}

/** A page of ours at both widths: nothing beyond its edges. */
async function checkPage(browser: Browser, options: { path: string; name: string; out: string }) {
  const { path, name, out } = options;
  const page = await browser.newPage();
  for (const [kind, width] of Object.entries(widths)) {
    await page.resize(width, HEIGHT);
    await page.open(pathToFileURL(path).href);
    const wide = await page.run(() => document.documentElement.scrollWidth);
    await page.picture(join(out, `${name}-${kind}.png`), { whole: true });
    console.log(`${name} at ${width} pixels: ${wide <= width ? "within the window" : `${wide} wide`}`);
    assert(wide <= width, `${name}: expected at most ${width} pixels but found ${wide}`);
  }
  await page.close();
}

const { values } = parseArgs({
  options: { out: { type: "string" }, notebook: { type: "string", multiple: true } },
});
const out = values.out ?? await Deno.makeTempDir({ prefix: "forgelens-browser-" });
await Deno.mkdir(out, { recursive: true });
const names = values.notebook ?? ["forgelens", "benchmark", "audit"];
const jupyter = await openJupyter();
const work = await workFolder();
const copies = await Promise.all(names.map((name) => copyNotebook(name, { work })));
const lab = await openLab(jupyter, work);
const browser = await openBrowser();
try {
  for (const [i, name] of names.entries()) {
    await checkNotebook(browser, lab, { name, out, file: copies[i] });
    await exportHtml(jupyter, copies[i].path);
    await checkPage(browser, { path: copies[i].path.replace("ipynb", "html"), name: `${name}.html`, out });
  }
  const runs = await Array.fromAsync(Deno.readDir(copies[0].checkpoints));
  for (const { name } of runs.filter(({ isDirectory, name }) => isDirectory && !names.includes(name))) {
    await checkPage(browser, { path: join(copies[0].checkpoints, name, "report.html"), name: "report", out });
  }
  console.log(`Pictures of all of it: ${out}`);
} finally {
  await browser.close();
  await lab.close();
  await Deno.remove(work, { recursive: true });
  await jupyter.close();
}

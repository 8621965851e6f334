/**
 * `deno task notebooks`: checks the notebooks' cells, executes every notebook without a browser, and writes what it gave to
 * notebooks/rendered as `.ipynb` and HTML. It stops at a cell's error and then leaves what was rendered before.
 *
 * @module
 */
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeWhole } from "../lib/base/files.ts";
import { type Jupyter, openJupyter } from "./jupyter.ts";
import { cellsAsModule, faultsOf, joined, type Notebook } from "./notebook_file.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_BYTES = 2_000_000;
/** nbclient gives up on outputs after 4 s otherwise, while a cell keeps the kernel busy. */
const IOPUB_SECONDS = 600;

/** The names of the notebooks, without `.ipynb`. */
export async function notebookNames(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(root, "notebooks")));
  return entries.filter(({ name, isFile }) => isFile && name.endsWith(".ipynb"))
    .map(({ name }) => name.slice(0, -".ipynb".length)).sort().reverse(); // forgelens, benchmark, audit
}

/** Reads a notebook file. */
export async function readNotebook(path: string): Promise<Notebook> {
  return JSON.parse(await Deno.readTextFile(path));
}

/**
 * Checks the format of a notebook, and lints and type-checks its cells as one module. `deno fmt --check` itself can't: it finds
 * fault with every notebook that it would write as it is (Deno 2.9).
 *
 * @throws with Deno's findings
 */
export async function checkCells(name: string): Promise<void> {
  const file = `notebooks/${name}.ipynb`;
  const text = await Deno.readTextFile(join(root, file));
  const formatted = await deno(["fmt", "--ext=ipynb", "-"], text);
  if (formatted.out !== text) {
    throw new Error(
      `Cannot use ${file}: expected the format of deno fmt but found another; to write it: ` +
        `deno fmt --ext=ipynb - < ${file} > formatted.ipynb && mv formatted.ipynb ${file}\n${formatted.err}`,
    );
  }
  const module = join(root, "notebooks", `.${name}.cells.ts`); // beside it, so that its imports are found
  await Deno.writeTextFile(module, cellsAsModule(JSON.parse(text)));
  try {
    for (const command of ["lint", "check"]) {
      const { success, out, err } = await deno([command, module]);
      if (!success) throw new Error(`Cannot use the cells of ${file}: deno ${command} found:\n${out}${err}`);
    }
  } finally {
    await Deno.remove(module);
  }
}

async function deno(args: readonly string[], input = "") {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    child.output(),
    new Response(input).body!.pipeTo(child.stdin),
  ]);
  return { success, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Where a notebook is executed, and as what. */
export type CopyOptions = {
  /** A folder of its own below the project. */
  readonly work: string;
  /** Changes the source of each code cell, as a user would. */
  readonly edit?: (source: string) => string;
};

/** A notebook in a folder of its own. */
export type NotebookCopy = {
  readonly path: string;
  /** Where its runs go. */
  readonly checkpoints: string;
  /** Reads it with its import as in the project. */
  read(): Promise<Notebook>;
};

/**
 * Copies a notebook to `work/notebooks`, where the demo data is the project's and checkpoints go to `work`.
 */
export async function copyNotebook(name: string, options: CopyOptions): Promise<NotebookCopy> {
  const { work, edit = (source) => source } = options;
  const folder = join(work, "notebooks");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.mkdir(join(root, "data"), { recursive: true });
  await Deno.symlink(join(root, "data"), join(work, "data")).catch((error) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  });
  const original = await readNotebook(join(root, "notebooks", `${name}.ipynb`));
  const here = "../lib/mod.ts";
  const there = relative(folder, join(root, "lib", "mod.ts"));
  const path = join(folder, `${name}.ipynb`);
  await Deno.writeTextFile(
    path,
    JSON.stringify(editCode(original, (source) => edit(source).replaceAll(here, there))),
  );
  return {
    path,
    checkpoints: join(work, "checkpoints"),
    read: async () => editCode(await readNotebook(path), (source) => source.replaceAll(there, here)),
  };
}

/** The notebook with the source of each code cell changed. */
function editCode(notebook: Notebook, edit: (source: string) => string): Notebook {
  return {
    ...notebook,
    cells: notebook.cells.map((cell) =>
      cell.cell_type === "code" ? { ...cell, source: edit(joined(cell.source)) } : cell
    ),
  };
}

/**
 * Executes a copy of a notebook on the Deno kernel.
 *
 * @returns the executed notebook and the checkpoints' folder, in `work`
 * @throws with the cell and its error
 */
export async function executeNotebook(
  jupyter: Jupyter,
  name: string,
  options: CopyOptions,
): Promise<{ notebook: Notebook; checkpoints: string }> {
  const { path, checkpoints, read } = await copyNotebook(name, options);
  await nbconvert(jupyter, [
    "--to=notebook",
    "--execute",
    "--inplace",
    "--ExecutePreprocessor.timeout=-1",
    `--ExecutePreprocessor.iopub_timeout=${IOPUB_SECONDS}`,
    "--ExecutePreprocessor.record_timing=False",
    "--ExecutePreprocessor.kernel_name=deno",
    path,
  ]);
  return { notebook: await read(), checkpoints };
}

/** Writes a notebook as an HTML page that loads nothing. */
export async function exportHtml(jupyter: Jupyter, path: string): Promise<void> {
  await nbconvert(jupyter, ["--to=html", path]);
  const page = path.replace(/\.ipynb$/, ".html");
  const html = await Deno.readTextFile(page);
  // The template's scripts (MathJax, Mermaid, RequireJS) come from elsewhere, and nothing here needs them.
  await writeWhole(page, html.replaceAll(/<script[\s\S]*?<\/script>/g, ""));
}

/** A folder to work in, below the project, so that its deno.json holds there. */
export async function workFolder(): Promise<string> {
  const cache = join(root, ".cache");
  await Deno.mkdir(cache, { recursive: true });
  return await Deno.makeTempDir({ dir: cache, prefix: "notebooks-" });
}

/** What an output must not name. */
export function secrets(): string[] {
  return [root.replace(/\/$/, ""), Deno.env.get("HOME") ?? "", Deno.hostname(), "/tmp/"]
    .filter((text) => text.length > 3 && text !== "/root");
}

async function nbconvert(jupyter: Jupyter, args: readonly string[]): Promise<void> {
  const [program, ...before] = jupyter.command;
  const { success, stderr } = await new Deno.Command(program, {
    args: [...before, "nbconvert", ...args],
    env: { ...jupyter.env },
    stdout: "null",
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr);
  const reason = text.split(/CellExecutionError: An error occurred while executing the following cell:/).at(
    -1,
  )!;
  throw new Error(
    `Cannot execute ${basename(args.at(-1)!)}:\n${reason.trim().split("\n").slice(-40).join("\n")}`,
  );
}

async function render(names: readonly string[], out: string): Promise<void> {
  const jupyter = await openJupyter();
  const work = await workFolder();
  try {
    for (const name of names) {
      const began = performance.now();
      const { notebook } = await executeNotebook(jupyter, name, { work });
      const faults = faultsOf(notebook, { secrets: secrets() });
      const text = JSON.stringify(notebook, null, 1) + "\n";
      if (text.length > MAX_BYTES) {
        faults.push(`expected at most ${MAX_BYTES} bytes but found ${text.length}`);
      }
      if (faults.length > 0) throw new Error(`Cannot share ${name}.ipynb: ${faults.join("; ")}`);
      await Deno.mkdir(out, { recursive: true });
      const path = join(out, `${name}.ipynb`);
      await writeWhole(path, text);
      await exportHtml(jupyter, path);
      const seconds = Math.round((performance.now() - began) / 1000);
      console.log(
        `${name}.ipynb: ${seconds} s, ${(text.length / 1e6).toFixed(1)} MB, in ${relative(".", out)}`,
      );
    }
  } finally {
    await Deno.remove(work, { recursive: true });
    await jupyter.close();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { check: { type: "boolean" }, out: { type: "string" } },
    allowPositionals: true,
  });
  const known = await notebookNames();
  const names = positionals.length > 0 ? positionals : known;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`Cannot execute ${unknown.join(", ")}: expected ${known.join(" or ")}`);
    return 2;
  }
  try {
    for (const name of names) await checkCells(name);
    if (!values.check) await render(names, values.out ?? join(root, "notebooks", "rendered"));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());

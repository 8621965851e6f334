/**
 * Jupyter for this project: the machine's own JupyterLab 4, else a pinned one in a private environment, and the kernel of
 * this very Deno registered for it alone.
 *
 * @module
 */
import { join } from "node:path";
import { makeTemporaryFolder } from "../lib/base/temporary.ts";
import { outputOf, privatePython } from "./python.ts";

const PACKAGES = ["jupyterlab==4.6.6", "nbconvert==7.17.2", "nbclient==0.11.0"];

/** How Jupyter is started: a command to put sub-commands after, and its environment. */
export type Jupyter = {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Removes the kernel's registration. */
  close(): Promise<void>;
};

/**
 * Finds Jupyter, or installs it once per user, and registers the Deno kernel beside it.
 *
 * @param options.log takes a line when something takes long
 * @throws naming what to install when there is neither JupyterLab nor a Python to install it with
 */
export async function openJupyter({ log = console.error }: { log?: (line: string) => void } = {}): Promise<
  Jupyter
> {
  const command = await ownJupyter() ?? await privateJupyter(log);
  const home = makeTemporaryFolder({ prefix: "forgelens-jupyter-" });
  const kernel = join(home, "kernels", "deno");
  await Deno.mkdir(kernel, { recursive: true });
  // The installed kernelspec's argv, with this Deno: `deno` need not be on the path, as under npx.
  const spec = {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
    env: { NO_COLOR: "1" },
  };
  await Deno.writeTextFile(join(kernel, "kernel.json"), JSON.stringify(spec, null, 2));
  const before = Deno.env.get("JUPYTER_PATH");
  return {
    command,
    env: { JUPYTER_PATH: before ? `${home}:${before}` : home },
    close: () => Deno.remove(home, { recursive: true }),
  };
}

async function ownJupyter(): Promise<string[] | undefined> {
  const version = await outputOf(["jupyter", "lab", "--version"]);
  const convert = await outputOf(["jupyter", "nbconvert", "--version"]);
  return version?.startsWith("4.") && convert?.startsWith("7.") ? ["jupyter"] : undefined;
}

async function privateJupyter(log: (line: string) => void): Promise<string[]> {
  const name = `jupyter-${PACKAGES[0].split("==")[1]}`;
  const python = await privatePython(PACKAGES, {
    name,
    what: "start Jupyter without JupyterLab 4",
    size: "about 220 MB",
    log,
  });
  return [python, "-m", "jupyter"];
}

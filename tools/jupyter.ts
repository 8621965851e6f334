/**
 * Jupyter for this project: the machine's own JupyterLab 4, else a pinned one in a private environment, and the kernel of
 * this very Deno registered for it alone.
 *
 * @module
 */
import { join } from "node:path";
import { withLock } from "./setup.ts";

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
  const home = await Deno.makeTempDir({ prefix: "forgelens-jupyter-" });
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
  const version = await output(["jupyter", "lab", "--version"]);
  const convert = await output(["jupyter", "nbconvert", "--version"]);
  return version?.startsWith("4.") && convert?.startsWith("7.") ? ["jupyter"] : undefined;
}

async function privateJupyter(log: (line: string) => void): Promise<string[]> {
  const home = join(cacheRoot(), `jupyter-${PACKAGES[0].split("==")[1]}`);
  const python = join(home, "bin", "python");
  const ready = join(home, "packages.txt"); // written last
  const wanted = PACKAGES.join("\n") + "\n";
  const isReady = async () => await Deno.readTextFile(ready).catch(() => "") === wanted;
  if (!(await isReady())) {
    await Deno.mkdir(cacheRoot(), { recursive: true });
    await withLock(`${home}.lock`, async () => {
      if (await isReady()) return; // another process was faster
      const base = await firstPython();
      log(`Installing JupyterLab in ${home}, once (about 220 MB)`);
      await Deno.remove(home, { recursive: true }).catch(() => {});
      await must([base, "-m", "venv", "--without-pip", home], "make a Python environment");
      const pip = [
        base,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--disable-pip-version-check",
        "--quiet",
      ];
      await must([...pip, ...PACKAGES], "install JupyterLab");
      await Deno.writeTextFile(ready, wanted);
    }, () => log("Waiting for another process that is installing JupyterLab"));
  }
  return [python, "-m", "jupyter"];
}

async function firstPython(): Promise<string> {
  for (const name of ["python3", "python"]) {
    if (await output([name, "-c", "import pip, venv; print('found')"]) === "found") return name;
  }
  throw new Error(
    "Cannot start Jupyter: expected JupyterLab 4, or Python 3.10 or newer with pip, but found neither; " +
      "on Debian and Ubuntu: apt install python3-pip",
  );
}

function cacheRoot(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? ".", ".cache");
  return join(cache, "forgelens-bench");
}

async function output([program, ...args]: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function must([program, ...args]: readonly string[], what: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (success) return;
  const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(`Cannot ${what}: expected ${program} to succeed but found: ${reason}`);
}

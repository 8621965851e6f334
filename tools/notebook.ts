/**
 * `deno task notebook`: opens JupyterLab on the notebooks with the Deno kernel. Further flags go to JupyterLab.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { openJupyter } from "./jupyter.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const jupyter = await openJupyter().catch((error) => {
  console.error((error as Error).message);
  Deno.exit(1);
});
const [program, ...before] = jupyter.command;
const asRoot = Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--allow-root"] : [];
const lab = new Deno.Command(program, {
  args: [
    ...before,
    "lab",
    `--ServerApp.root_dir=${root}`,
    "--LabApp.default_url=/lab/tree/notebooks/forgelens.ipynb",
    ...asRoot,
    ...Deno.args,
  ],
  cwd: root,
  env: { ...jupyter.env },
}).spawn();
// Ctrl-C goes to JupyterLab too, which asks whether to shut down.
Deno.addSignalListener("SIGINT", () => {});
Deno.addSignalListener("SIGTERM", () => lab.kill("SIGTERM"));
const { code } = await lab.status;
await jupyter.close();
Deno.exit(code);

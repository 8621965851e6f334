/**
 * onnxruntime's npm package, installed into the user's cache when it is first asked for.
 *
 * Among the project's own dependencies it would be downloaded for everybody: 290 MB of libraries for all systems, which a machine with
 * TensorFlow never needs. `lock.json` is Deno's lock file for it, with the checksums of all that is installed.
 *
 * @module
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { exists, writeWhole } from "../../base/files.ts";
import { withLock } from "../setup.ts";
import type { OnnxRuntime } from "./runtime.ts";

const VERSION = "1.30.0";

/** What is installed, as a project of Deno's. Install scripts, which fetch CUDA's libraries, are not run. */
const project = {
  imports: { "onnxruntime-node": `npm:onnxruntime-node@${VERSION}` },
  nodeModulesDir: "auto",
  lock: true,
  allowScripts: { deny: ["npm:onnxruntime-node"] },
};

/**
 * Loads onnxruntime, and installs its package first where it is not there.
 *
 * @param options.log takes the progress of the installation, a line at a time
 * @throws {Error} where it cannot be installed, or has no library for this machine
 */
export async function loadOnnxRuntime(
  { log }: { readonly log: (line: string) => void },
): Promise<OnnxRuntime> {
  const { state } = await Deno.permissions.query({ name: "ffi" });
  if (state !== "granted") {
    throw new Error("expected the permission for native code but found it is not given");
  }
  const home = join(cacheFolder(), `onnxruntime-${VERSION}-${Deno.build.os}-${Deno.build.arch}`);
  if (!await isInstalled(home)) await install(home, log);
  const runtime: OnnxRuntime = createRequire(join(home, "deno.json"))("onnxruntime-node");
  runtime.env.logLevel = "error"; // it warns of machines without a GPU
  return runtime;
}

/** The last file that an installation writes. */
const DONE = "installed";

async function isInstalled(home: string): Promise<boolean> {
  return await exists(join(home, DONE));
}

async function install(home: string, log: (line: string) => void): Promise<void> {
  await Deno.mkdir(home, { recursive: true });
  await withLock(join(home, "lock"), async () => {
    if (await isInstalled(home)) return; // another process was first
    log(`Installing onnxruntime ${VERSION} from npm, once: about 110 MB`);
    await writeWhole(join(home, "deno.json"), JSON.stringify(project));
    await writeWhole(
      join(home, "deno.lock"),
      await Deno.readTextFile(new URL("lock.json", import.meta.url)),
    );
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--quiet", "--frozen"],
      cwd: home,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
    }).output();
    if (!success) {
      const [why] = new TextDecoder().decode(stderr).trim().split("\n");
      throw new Error(`its package cannot be installed: ${why.replace(/^error: /, "")}`);
    }
    await writeWhole(join(home, DONE), VERSION);
  }, () => log("Waiting for another process that is installing onnxruntime"));
}

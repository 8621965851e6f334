/**
 * Engines that run an encoder beside ours, each at its best: OpenVINO, onnxruntime for Python and onnxruntime-node on Deno, in processes
 * and environments of their own. All run the same ViT-B/16, which PyTorch exports.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../lib/backend/setup.ts";
import { cacheFolder } from "../lib/base/cache.ts";
import { reasonOf } from "../lib/base/errors.ts";
import { exists, writeAll } from "../lib/base/files.ts";
import type { StateDict } from "../lib/weights/state.ts";
import { saveSafetensors } from "../lib/weights/safetensors.ts";
import type { Peer } from "./bench_peer.ts";
import { startTiming, type TimingProcess } from "./bench_process.ts";
import { packagesAlone, privatePython } from "./python.ts";

/** Engines by the names of their rates, with what `tests/peer/engines.py` calls them. */
const inPython = {
  "OpenVINO encoder, int8": "openvino_int8",
  "OpenVINO encoder, bfloat16": "openvino_bf16",
  "onnxruntime encoder, int8": "onnxruntime_int8",
  "onnxruntime encoder, float32": "onnxruntime_fp32",
} as const;

/** The rate of onnxruntime-node, whose model is onnxruntime's int8 one. */
const ON_DENO = "onnxruntime-node encoder, int8";

/** The names of the engines' rates. */
export const engineNames = [...Object.keys(inPython), ON_DENO];

const PACKAGES = ["openvino==2026.4.1", "nncf==3.4.0", "onnx==1.23.2", "onnxruntime==1.32.0", "numpy"];
const EXPORT_PACKAGES = [
  "onnx==1.23.2",
  "onnxscript==0.7.2",
  "onnx_ir==1.1.0",
  "ml_dtypes==0.6.0",
  "protobuf==7.36.2",
];
const NODE_PACKAGE = "npm:onnxruntime-node@1.30.0";

/** Changes when the export or the quantisation does. */
const VERSION = 1;

/** Pictures to compare and to calibrate on: RGB bytes of 224×224 pixels each, and the exact tokens of the former. */
export type EnginePictures = {
  readonly heldOut: readonly Uint8Array[];
  /** Float32, [B, N, D] after B. */
  readonly exact: Float32Array;
  /** Made only where a model is to be calibrated. */
  calibration(): Promise<readonly Uint8Array[]>;
};

/** An engine that has run once. */
export type Engine = {
  readonly name: string;
  /** The mean cosine of its tokens with float32's, on held-out pictures. */
  readonly cosine: number;
  /** The seconds of each of `calls` batches. */
  seconds(calls: number): Promise<readonly number[]>;
};

/** Engines that run here, and by name the reason of each that does not. */
export type Engines = {
  readonly engines: readonly Engine[];
  readonly leftOut: Readonly<Record<string, string>>;
  readonly versions: readonly string[];
  close(): Promise<void>;
};

/**
 * Opens all engines on ViT-B/16 with the weights of `tower`, which takes minutes the first time: the models are kept in the cache folder.
 *
 * @param options.folder for what is not kept
 */
export async function openEngines(
  tower: () => StateDict,
  options: {
    readonly peer: Peer;
    readonly batch: number;
    readonly folder: string;
    readonly pictures: EnginePictures;
    readonly log: (line: string) => void;
  },
): Promise<Engines> {
  const { peer, batch, folder, pictures, log } = options;
  const engines: Engine[] = [];
  const leftOut: Record<string, string> = {};
  const processes: TimingProcess[] = [];
  const leave = (names: readonly string[], error: unknown) => {
    for (const name of names) leftOut[name] = reasonOf(error);
  };
  const opened = (): Engines => ({
    engines,
    leftOut,
    versions: processes.flatMap(({ hello }) => Object.entries(hello).map((pair) => pair.join(" "))),
    close: async () => {
      for (const each of processes) await each.close();
    },
  });
  if (peer.device !== "cpu") {
    leave(engineNames, "it computes on the CPU");
    return opened();
  }
  const what = "run OpenVINO and onnxruntime";
  const models = join(cacheFolder(), `peer-models-${VERSION}-batch-${batch}`);
  try {
    await exportTower(tower, { peer, batch, folder, models, log });
    const python = await privatePython(PACKAGES, { name: "engines", what, size: "about 0.7 GB", log });
    await writePictures(pictures, { folder, models, log });
    const process = await startTiming([python, scriptNamed("engines.py"), `${batch}`, models, folder], {
      what: "OpenVINO and onnxruntime",
      env: peer.env,
    });
    processes.push(process);
    for (const [name, measure] of Object.entries(inPython)) {
      log(`Preparing ${name}`);
      const { cosine, unable } = await process.ask({ measure, cosine: true });
      if (cosine === undefined) leave([name], unable);
      else engines.push({ name, cosine, seconds: (calls) => secondsFrom(process, { name, measure, calls }) });
    }
  } catch (error) {
    leave(engineNames.filter((name) => engines.every((engine) => engine.name !== name)), error);
    return opened();
  }
  const twin = engines.find(({ name }) => name === "onnxruntime encoder, int8");
  try {
    if (twin === undefined) throw new Error("its model is onnxruntime's, which is not to be had");
    log(`Preparing ${ON_DENO}`);
    const model = join(models, "onnxruntime-int8.onnx");
    const script = scriptNamed("onnxruntime_node.ts");
    const args = ["run", "-q", "-A", "--no-config", "--no-lock", script, NODE_PACKAGE, `${batch}`, model];
    const process = await startTiming([Deno.execPath(), ...args], {
      what: "onnxruntime-node",
      env: peer.env,
    });
    processes.push(process);
    const seconds = (calls: number) => secondsFrom(process, { name: ON_DENO, calls });
    engines.push({ name: ON_DENO, cosine: twin.cosine, seconds });
  } catch (error) {
    leave([ON_DENO], error);
  }
  return opened();
}

async function secondsFrom(
  process: TimingProcess,
  { name, ...request }: { readonly name: string; readonly measure?: string; readonly calls: number },
): Promise<readonly number[]> {
  const { seconds, unable } = await process.ask(request);
  if (seconds === undefined) throw new Error(`Cannot time ${name}: expected it to run but found: ${unable}`);
  return seconds;
}

/** Writes `encoder.onnx` where there is none. */
async function exportTower(
  tower: () => StateDict,
  options: {
    readonly peer: Peer;
    readonly batch: number;
    readonly folder: string;
    readonly models: string;
    readonly log: (line: string) => void;
  },
): Promise<void> {
  const { peer, batch, folder, models, log } = options;
  const exported = join(models, "encoder.onnx");
  await Deno.mkdir(models, { recursive: true });
  await withLock(join(models, "export.lock"), async () => {
    if (await exists(exported)) return;
    const what = "export the encoder as ONNX";
    const extra = await packagesAlone(EXPORT_PACKAGES, {
      python: peer.python,
      name: "onnx-export",
      what,
      log,
    });
    log("Exporting the encoder as ONNX, once");
    const weights = join(folder, "clip.safetensors");
    await saveSafetensors(weights, tower());
    const made = join(models, "making-encoder.onnx");
    const { success, stderr } = await new Deno.Command(peer.python, {
      args: [scriptNamed("export_onnx.py"), weights, `${batch}`, made],
      env: { ...peer.env, PYTHONPATH: extra },
      clearEnv: true,
    }).output();
    await Deno.remove(weights);
    if (!success) {
      const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
      throw new Error(`Cannot ${what}: expected PyTorch to succeed but found: ${reason}`);
    }
    await Deno.rename(made, exported);
  }, () => log("Waiting for another process that exports the encoder"));
}

async function writePictures(
  pictures: EnginePictures,
  { folder, models, log }: {
    readonly folder: string;
    readonly models: string;
    readonly log: (line: string) => void;
  },
): Promise<void> {
  const write = async (name: string, images: readonly Uint8Array[]) => {
    using file = await Deno.create(join(folder, name));
    for (const image of images) await writeAll(file, image);
  };
  await write("held-out.u8", pictures.heldOut);
  const { buffer, byteOffset, byteLength } = pictures.exact;
  await Deno.writeFile(join(folder, "held-out.f32"), new Uint8Array(buffer, byteOffset, byteLength));
  if (await exists(join(models, "openvino-int8.xml"))) return;
  log("Drawing the pictures that int8 is calibrated on, once");
  await write("calibration.u8", await pictures.calibration());
}

function scriptNamed(name: string): string {
  return fileURLToPath(new URL(`../tests/peer/${name}`, import.meta.url));
}

/**
 * What training and evaluation both need open: the backend, the data and the encoder.
 *
 * @module
 */
import { type Backend, initBackend } from "../backend/start.ts";
import type { RunConfig } from "./config/config.ts";
import { isSmallDemo, smallDemoWarning } from "./config/small_demo.ts";
import { clipWeights } from "../weights/download.ts";
import type { StateDict } from "../weights/state.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import { describeEncoder } from "../model/encoders/open.ts";
import { encoderWarning, openEncoder } from "./encoder.ts";
import { type Experiment, loadExperiment } from "./experiment.ts";
import type { RunTask } from "./events.ts";
import type { EncoderUse } from "../model/encoders/precisions.ts";
import { loadRunData } from "./folder/run_data.ts";
import { trainedOn } from "./folder/trained_on.ts";

/** An open run; `close()` frees the encoder. */
export type Session = {
  readonly backend: Backend;
  readonly experiment: Experiment;
  readonly encoder: Encoder;
  /** What a reader of the results must know: about the backend, the data and the encoder. */
  readonly warnings: readonly string[];
  close(): void;
};

/** A run whose data are wanted, as `loadRunData()` takes it. */
export type RunFolder = {
  readonly folder: string;
  /** Only its test sets. */
  readonly tests?: boolean;
  /** With `tests`, also its validation images. */
  readonly validation?: boolean;
  /** Where files have moved: `OLD=NEW`. */
  readonly root?: string;
};

/**
 * Starts the backend, reads the data and opens the encoder, telling `report` what it finds.
 *
 * @param options.tests reads only the test sets that `config` names, not the training data
 * @param options.demo says that these are the demo's own, in which there is nothing to find
 * @param options.runFolder takes the data that this run was trained with, split as they were, instead of reading them anew
 * @param options.trainedIn the run whose weights are tested on other data than its own: what it was trained with is no test
 * @param options.kept the precision of the run that goes on or is tested
 * @param options.checkpoint a whole ForgeLens state dict, whose own CLIP weights are then used where it has any
 * @throws {InputError} for data that cannot be used
 *
 * @example
 * ```ts
 * import { openSession, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/a", "real/b", "real/c", "fake/d", "fake/e", "fake/f"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   const noise = crypto.getRandomValues(new Uint8Array(32 * 32 * 3));
 *   await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } }).toFile(`${root}/${video}/0.png`);
 * }
 * const folders = { real: `${root}/real`, fake: `${root}/fake` };
 * const session = await openSession(resolveConfig({ ...folders, clip: "demo", cache: false }));
 * assertEquals(session.experiment.train.length, 2);
 * assertEquals(session.encoder.sizes.width, 192);
 * session.close();
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function openSession(
  config: RunConfig,
  options: RunTask & EncoderUse & {
    readonly tests?: boolean;
    readonly demo?: boolean;
    readonly runFolder?: RunFolder;
    readonly trainedIn?: string;
    readonly checkpoint?: StateDict;
  } = {},
): Promise<Session> {
  const report = options.report ?? (() => {});
  // Known at once, so said before hours of reading images.
  if (config.clipWeights !== undefined) await clipWeights({ model: config.clip, path: config.clipWeights });
  const { runFolder, trainedIn } = options;
  const [backend, loaded] = await startBeside(startBackend(config, report), (signal) => {
    const task = { ...options, signal };
    return runFolder ? loadRunData(config, { ...task, ...runFolder }) : loadExperiment(config, task);
  }, options);
  const seen = trainedIn === undefined
    ? []
    : await trainedOn(trainedIn, { ...options, experiment: loaded, allow: config.allowLeak });
  const small = isSmallDemo(config) ? [smallDemoWarning] : [];
  const experiment = { ...loaded, warnings: [...small, ...loaded.warnings, ...seen] };
  report({ type: "data", demo: experiment.demo, data: experiment.data, skipped: experiment.skipped });
  const encoder = await openEncoder(config, { ...options, report });
  report({ type: "note", message: `Encoder: ${describeEncoder(encoder)}` });
  const warning = encoderWarning(encoder, experiment);
  if (warning) report({ type: "warning", message: warning });
  const parts = { backend, experiment, encoder };
  return { ...parts, warnings: warningsOf(parts), close: encoder.close };
}

/**
 * Has images read, or drawn, while a backend is set up and started, which is in other threads; without it they are not read to the end.
 *
 * @throws {Error} what the start throws, or else what the work does
 */
export async function startBeside<T>(
  starting: Promise<Backend>,
  work: (signal: AbortSignal) => Promise<T>,
  { signal }: Pick<RunTask, "signal">,
): Promise<[Backend, T]> {
  const stop = new AbortController();
  const [started, done] = await Promise.allSettled([
    starting.catch((error) => {
      stop.abort();
      throw error;
    }),
    work(AbortSignal.any([stop.signal, ...(signal ? [signal] : [])])),
  ]);
  if (started.status === "rejected") throw started.reason;
  if (done.status === "rejected") throw done.reason;
  return [started.value, done.value];
}

/** Starts the backend that a run asks for, telling which it is and what to know of it. */
async function startBackend(
  { backend: wanted }: Pick<RunConfig, "backend">,
  report: NonNullable<RunTask["report"]>,
): Promise<Backend> {
  const backend = await initBackend({
    backend: wanted,
    log: (message) => report({ type: "note", message }),
  });
  report({ type: "note", message: `Backend: ${backend.name} ${backend.version} on ${backend.device}` });
  if (backend.note) report({ type: "warning", message: backend.note });
  return backend;
}

/** What a reader of results must know: about the backend, the data and the encoder. */
export function warningsOf(parts: Pick<Session, "backend" | "experiment" | "encoder">): string[] {
  const { backend, experiment, encoder } = parts;
  return [encoderWarning(encoder, experiment), backend.note, ...experiment.warnings]
    .filter((text) => text !== undefined);
}

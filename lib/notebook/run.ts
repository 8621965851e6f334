/**
 * The steps of a run as a notebook takes them: configuration, data, training with a live chart; `testing.ts` goes on.
 *
 * Each step is the command line's own, so that the same settings give the same numbers.
 *
 * @module
 */
import { join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { type Backend, initBackend } from "../backend/start.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import { loadDetectors, type TrainedDetector } from "../runs/detectors.ts";
import type { RunEvent, RunTask } from "../runs/events.ts";
import type { Experiment } from "../runs/experiment.ts";
import {
  newRunName,
  progressOf,
  readCheckpoint,
  readRunConfig,
  unfinishedRun,
} from "../runs/folder/folder.ts";
import { stopOnSignals } from "../runs/interrupt.ts";
import { chartText } from "../report/render.ts";
import { isOf, readNumerics } from "../runs/folder/numerics.ts";
import type { EpochRecord } from "../report/report.ts";
import { type Session, warningsOf } from "../runs/session.ts";
import { trainRun } from "../runs/train.ts";
import { type StepLoss, trainingChart } from "../report/charts/training.ts";
import { isDemo, resolveConfig, type RunConfig } from "../runs/config/config.ts";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { createScreen } from "../runs/screen.ts";
import { bundleOf, type Display, inJupyter, isKernel, liveOutput, settled } from "./display.ts";

/** Where a notebook's own folder stands to what the command line reads and writes. */
const fromNotebooks = { demoRoot: "../data/demo", out: "../checkpoints" };

/**
 * A whole configuration from a notebook's settings; what is left blank or undefined has its default, and with no folders
 * the demo data is taken. Relative paths start at the notebook's folder.
 *
 * @throws {InputError} as `resolveConfig()` does
 */
export function configure(settings: Readonly<Record<string, unknown>>): RunConfig {
  const given = Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined && value !== ""),
  );
  if (isDemo(given)) delete given.set; // the demo sets have their own names
  return inOneLine(() => resolveConfig({ ...fromNotebooks, ...given }));
}

/**
 * Starts the tensor backend and says which.
 *
 * @throws {Error} as `initBackend()` does
 */
export async function startBackend(
  config: RunConfig,
  options: { readonly display?: Display } = {},
): Promise<Backend> {
  // Without a listener, an interrupt that comes while nothing runs would end the kernel.
  if (isKernel()) Deno.addSignalListener("SIGINT", () => {});
  return await watch(async ({ report }) => {
    const log = (message: string) => report({ type: "note", message });
    const backend = await initBackend({ backend: config.backend, log });
    log(`Backend: ${backend.name} ${backend.version} on ${backend.device}`);
    if (backend.note) report({ type: "warning", message: backend.note });
    return backend;
  }, options);
}

/** The open parts as what training and tests take. */
export function assemble(
  parts: { readonly backend: Backend; readonly data: Experiment; readonly encoder: Encoder },
): Session {
  const { backend, data, encoder } = parts;
  const session = { backend, experiment: data, encoder };
  return { ...session, warnings: warningsOf(session), close: () => {} };
}

/**
 * Does `work` and shows its progress in place below the cell, with rate and time left; the notebook's interrupt stops it.
 *
 * @throws {Error} what `work` throws, as one line
 */
export async function watch<T>(
  work: (options: Required<Pick<RunTask, "report" | "signal">>) => Promise<T>,
  { display = inJupyter }: { readonly display?: Display } = {},
): Promise<T> {
  using stop = stopOnSignals();
  const lines = liveLines(display);
  try {
    return await work({ report: lines.take, signal: stop.signal });
  } catch (error) {
    throw plain(error);
  } finally {
    await lines.close();
  }
}

/** What training leaves. */
export type Trained = {
  /** With the run's name. */
  readonly config: RunConfig & { readonly run: string };
  readonly folder: string;
  readonly history: readonly EpochRecord[];
};

/**
 * Trains with a live chart of loss and validation AUC, and progress in place. Interrupt the kernel to stop: a checkpoint is
 * saved, and running the cell again goes on from it, with the numbers of a run that was never stopped.
 *
 * @param options.chart false leaves the chart out
 * @param options.brief true leaves out the lines of the epochs
 * @throws {InputError} when interrupted, so that 'Run All' stops here
 */
export async function train(
  config: RunConfig,
  session: Session,
  options: {
    readonly chart?: boolean;
    readonly brief?: boolean;
    readonly display?: Display;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Trained> {
  const { display = inJupyter, chart: drawn = true, brief = false } = options;
  const { run, resume } = await runToTrain(config, session).catch((error) => {
    throw plain(error);
  });
  const named = { ...config, run };
  const folder = join(config.out, run);
  const history: EpochRecord[] = resume ? [...(await readCheckpoint(folder))?.state.history ?? []] : [];
  const steps: StepLoss[] = [];
  const spec = () => trainingChart(history, { demo: isDemo(config), epochs: config.epochs, steps });
  const lines = liveLines(display);
  const chart = liveOutput({ everyMs: 1000, display });
  let stopped = "";
  try {
    let window: number[] = [];
    let breathed = performance.now();
    for await (const event of trainRun(named, { session, resume, signal: options.signal })) {
      if (event.type !== "epoch" || !brief) lines.take(event);
      if (event.type === "epoch") history.push(event.record);
      if (event.type === "step") {
        const { seedIndex, epoch, epochs, step, steps: perEpoch, loss } = event;
        window.push(loss);
        const every = Math.max(1, Math.round(epochs * perEpoch / 120));
        if (window.length >= every || step === perEpoch) {
          const mean = window.reduce((sum, each) => sum + each, 0) / window.length;
          steps.push({ run: seedIndex, epoch: epoch - 1 + step / perEpoch, loss: mean });
          window = [];
          if (drawn) chart.set(() => specOnly(spec()));
        }
      }
      if (event.type === "interrupted") stopped = `Interrupted; the checkpoint is in ${folder}`;
      // Jupyter's messages and signals are heard only when the loop lets them.
      if (performance.now() - breathed > 100) {
        await new Promise((resolve) => setTimeout(resolve));
        breathed = performance.now();
      }
    }
  } catch (error) {
    throw plain(error);
  } finally {
    if (drawn && (history.length > 0 || steps.length > 0)) chart.set(() => bundleOf(spec()));
    await lines.close();
    await chart.close();
    await settled();
  }
  if (stopped) throw plain(new InputError(`${stopped}. Run this cell again to go on`));
  return { config: named, folder, history };
}

/** A run's trained detectors in its session, ready to be tested. */
export type LoadedRun = Trained & {
  readonly session: Session;
  readonly detectors: readonly TrainedDetector[];
};

/**
 * Reloads what training wrote.
 *
 * @throws {InputError} when there is nothing yet
 */
export async function reload(trained: Trained, session: Session): Promise<LoadedRun> {
  try {
    return { ...trained, session, detectors: await loadDetectors(trained.config, session.encoder) };
  } catch (error) {
    throw plain(error);
  }
}

/** The unfinished run of this configuration and encoder, if it is the named or else the newest one; otherwise a new name. */
async function runToTrain(config: RunConfig, session: Session): Promise<{ run: string; resume: boolean }> {
  const unfinished = config.run === undefined
    ? await unfinishedRun(config.out).catch((error) => {
      if (error instanceof InputError) return undefined;
      throw error;
    })
    : await isUnfinished(join(config.out, config.run))
    ? config.run
    : undefined;
  if (unfinished !== undefined && await isRunOf(join(config.out, unfinished), config, session.encoder)) {
    return { run: unfinished, resume: true };
  }
  return { run: config.run ?? newRunName(config), resume: false };
}

async function isUnfinished(folder: string): Promise<boolean> {
  return await exists(join(folder, "config.json")) && !(await progressOf(folder))?.done;
}

/**
 * Whether a folder's run was begun with this configuration and encoder; its name and the backend do not count.
 *
 * @throws {InputError} when the folder cannot be read
 */
export async function isRunOf(folder: string, config: RunConfig, encoder: Encoder): Promise<boolean> {
  const before = await readRunConfig(folder);
  const numerics = await readNumerics(folder);
  return fingerprint(before) === fingerprint(config) && (!numerics || isOf(numerics, encoder));
}

function fingerprint(config: RunConfig): string {
  return JSON.stringify(
    Object.entries(config).filter(([key]) => !["out", "run", "backend"].includes(key)).sort(),
  );
}

/**
 * Finished lines, and below them the task in progress with a bar, as one output that is updated in place; where there are
 * no lines, the last task stays.
 */
function liveLines(display: Display): { take(event: RunEvent): void; close(): Promise<void> } {
  const output = liveOutput({ display });
  const finished: string[] = [];
  let task = "";
  const draw = (current: string) => {
    const text = [...finished, ...(current ? [current] : [])].join("\n");
    output.set(() => ({ data: { "text/plain": text } }));
  };
  const screen = createScreen({
    print: (line) => {
      finished.push(line);
      draw("");
    },
    inPlace: (line, share) => {
      if (line === undefined) return draw(finished.length > 0 ? "" : task);
      const full = Math.round(24 * share);
      task = line;
      draw(`${"█".repeat(full)}${"░".repeat(24 - full)} ${line}`);
    },
  });
  return {
    take: screen.show,
    async close() {
      screen.close();
      await output.close();
    },
  };
}

function specOnly(spec: TopLevelSpec) {
  return { data: { "application/vnd.vegalite.v5+json": spec, "text/plain": chartText(spec) } };
}

/** An error that a cell shows as one line: the notebook's reader has no use for the library's stack. */
export function plain(error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const shown = new Error(message.split("\n")[0], { cause: error });
  shown.name = name;
  shown.stack = `${name}: ${shown.message}`;
  return shown;
}

/** Does `work`; what it throws of bad input is shown in a notebook without its stack. */
export function inOneLine<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw plain(error);
  }
}

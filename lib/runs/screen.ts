/**
 * Run events on a terminal: a bar with rate and time left, or plain lines where there is no terminal.
 *
 * @module
 */
import { Presets, SingleBar } from "cli-progress";
import { printable, printableLines } from "../base/printable.ts";
import type { RunEvent } from "./events.ts";
import { Interrupted, stopOnSignals } from "./interrupt.ts";
import { tableText } from "../report/table.ts";
import { dataTable } from "../report/tables/data.ts";

/** Draws events as they come, each warning once, names from outside without their controls; `close()` leaves the terminal as it was. */
export type Screen = { show(event: RunEvent): void; close(): void };

type Task = { name: string; unit: string; total: number; began: number; from: number; said: number };

const PLAIN_EVERY_MS = 10_000;
const MOST_NAMED = 50;

/**
 * A screen on standard output, with its bar on standard error.
 *
 * @param options.terminal whether to draw bars; by default, whether standard error is a terminal
 * @param options.print takes each line; standard output by default
 * @param options.inPlace draws the task in progress instead, and nothing when it is over: what it says, and the share done
 * @param options.signal once it has fired, no bar is drawn, so that whatever ends the process leaves the terminal as it was
 */
export function createScreen(
  options: {
    readonly terminal?: boolean;
    readonly print?: (line: string) => void;
    readonly inPlace?: (line: string | undefined, share: number) => void;
    readonly signal?: AbortSignal;
  } = {},
): Screen {
  const { inPlace, print = console.log, signal } = options;
  const { terminal = !inPlace && Deno.stderr.isTerminal() } = options;
  let bar: SingleBar | undefined;
  let task: Task | undefined;
  const warned = new Set<string>();

  const endTask = () => {
    bar?.stop();
    bar = undefined;
    if (task) inPlace?.(undefined, 1);
    task = undefined;
  };

  const progress = (
    name: string,
    reached: { done: number; total: number; unit: string; each?: number; extra?: string },
  ) => {
    if (signal?.aborted) return;
    const { done, total, unit, each = 1, extra = "" } = reached;
    const shown = printable(name);
    const now = performance.now();
    if (task?.name !== name) {
      endTask();
      task = { name, unit, total, began: now, from: done - 1, said: now };
      if (terminal) {
        bar = new SingleBar({
          format: total > 0
            ? "{name} [{bar}] {value}/{total}{rate}{extra} | {left} left"
            : "{name}: {value}{rate}{extra}",
          hideCursor: true,
          clearOnComplete: true,
          linewrap: false,
          stopOnComplete: false,
        }, Presets.rect);
        bar.start(total, done, { name: shown, rate: "", extra, left: "?" });
      }
    }
    const seconds = (now - task.began) / 1000;
    const perSecond = (done - task.from) / Math.max(seconds, 1e-3);
    const rate = seconds > 0.5 ? ` | ${inUnits(perSecond * each, unit)}` : "";
    const left = seconds > 0.5 ? duration((total - done) / perSecond) : "?";
    if (bar) bar.update(done, { rate, extra, left });
    else if (inPlace) {
      const time = done === total ? duration(seconds) : `${left} left`;
      const status = total > 0 ? `${done}/${total}${rate}${extra} | ${time}` : `${done}${rate}${extra}`;
      inPlace(`${shown}: ${status}`, total > 0 ? done / total : 0);
    } else if ((done === total && total > 0) || now - task.said > PLAIN_EVERY_MS) {
      task.said = now;
      const end = done === total ? `, ${duration(seconds)}` : ` | ${left} left`;
      print(`${shown}: ${total > 0 ? `${done}/${total}` : `${done}`}${rate}${extra}${total > 0 ? end : ""}`);
    }
    if (done === total) endTask();
  };

  const line = (text: string) => {
    endTask();
    print(printableLines(text));
  };

  const show = (event: RunEvent): void => {
    switch (event.type) {
      case "note":
        return line(event.message);
      case "warning":
        if (warned.has(event.message)) return;
        warned.add(event.message);
        return line(`Warning: ${printable(event.message)}`);
      case "progress":
        return progress(event.task, event);
      case "data":
        for (const { path, reason } of event.skipped.slice(0, MOST_NAMED)) {
          line(`Skipped ${printable(path)}: ${printable(reason)}`);
        }
        if (event.skipped.length > MOST_NAMED) {
          line(`Skipped ${event.skipped.length - MOST_NAMED} more files`);
        }
        return line(`\n${tableText(dataTable(event))}\n`);
      case "step": {
        const seed = event.seeds > 1 ? `Run ${event.seedIndex + 1}/${event.seeds}, epoch` : "Epoch";
        return progress(`${seed} ${event.epoch}/${event.epochs}`, {
          done: event.step,
          total: event.steps,
          unit: "images",
          each: event.images,
          extra: ` | loss ${event.meanLoss.toFixed(4)}`,
        });
      }
      case "epoch": {
        const { run, epoch, loss, valLoss, valAuc, seconds, best } = event.record;
        const validation = valAuc === undefined
          ? ""
          : `, validation AUC ${valAuc.toFixed(4)}, validation loss ${valLoss!.toFixed(4)}`;
        return line(
          `${run > 0 ? `Run ${run + 1}, epoch` : "Epoch"} ${epoch}: loss ${loss.toFixed(4)}${validation}, ${
            duration(seconds)
          }${best && valAuc !== undefined ? " (best so far)" : ""}`,
        );
      }
      case "trained":
        return line(`Trained: the weights are in ${event.folder}`);
      case "interrupted":
      case "result":
      case "written":
        return endTask();
    }
  };
  signal?.addEventListener("abort", endTask);
  return { show, close: endTask };
}

/**
 * Runs a command's work with a screen and a signal that Ctrl-C fires, and resolves to its exit code: when it was interrupted
 * 130, by SIGTERM 143, by SIGHUP 129, after `interrupted` (default `Interrupted.`) is said on standard error. A second Ctrl-C
 * ends the process at once.
 */
export async function onScreen(
  work: (options: { readonly screen: Screen; readonly signal: AbortSignal }) => Promise<number>,
  options: {
    readonly print?: (line: string) => void;
    readonly interrupted?: () => string | Promise<string>;
  } = {},
): Promise<number> {
  using stop = stopOnSignals(undefined, { once: true });
  const screen = createScreen({ print: options.print, signal: stop.signal });
  try {
    return await work({ screen, signal: stop.signal });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    screen.close();
    console.error(printableLines(await options.interrupted?.() ?? "Interrupted."));
    return error.exitCode;
  } finally {
    screen.close();
  }
}

/** `62` → `1 min 2 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function inUnits(perSecond: number, unit: string): string {
  if (unit === "bytes") return `${(perSecond / 1e6).toFixed(1)} MB/s`;
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} ${unit}/s`;
}

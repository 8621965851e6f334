/**
 * Stopping between steps when the user asks.
 *
 * @module
 */

/** What stops a task, and the number that the system gives it. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

type StopSignal = keyof typeof numbers;

/** Why a stopped task ended: the user asked. Each signal of `stopOnSignals()` has one of its own as its reason. */
export class Interrupted extends Error {
  /** What the error is called in a stack trace. */
  override readonly name = "Interrupted";
  /** What a program that is ended by the signal exits with: 130 for Ctrl-C. */
  readonly exitCode: number;

  /**
   * What a task throws that a signal stopped.
   *
   * @param signal what the process was sent: SIGINT is Ctrl-C, SIGHUP a terminal that was closed
   */
  constructor(signal: "SIGHUP" | "SIGINT" | "SIGTERM" = "SIGINT") {
    super("Interrupted");
    this.exitCode = 128 + numbers[signal];
  }
}

/** An abort signal with the lifetime of a `using` block. */
export type Stop = { readonly signal: AbortSignal } & Disposable;

/** Signals of stops that listen to the system already. */
const listening = new WeakSet<AbortSignal>();

/**
 * A signal that fires on SIGINT (Ctrl-C, or Jupyter's interrupt), SIGTERM, SIGHUP (the terminal is closed) unless the process
 * was started to ignore it, or `outer`; once disposed, the process handles them itself again.
 *
 * @param outer where it is another stop's, that one alone listens
 * @param options.once the first fires the signal; the second ends the process at once, whatever it does
 */
export function stopOnSignals(outer?: AbortSignal, options: { readonly once?: boolean } = {}): Stop {
  const controller = new AbortController();
  const heard = outer && listening.has(outer) ? [] : signalsToHear();
  const listeners = heard.map((name) => ({
    name,
    // Deno takes an ignored signal for one to end by; whoever hears it lives on.
    listener: () => name === "SIGHUP" && hangUpIsIgnored ? undefined : stop(new Interrupted(name)),
  }));
  const silence = () => {
    for (const { name, listener } of listeners.splice(0)) Deno.removeSignalListener(name, listener);
  };
  const stop = (reason: Interrupted) => {
    if (options.once) silence(); // the system's own way is to end the process
    controller.abort(reason);
  };
  const pass = () => stop(outer!.reason instanceof Interrupted ? outer!.reason : new Interrupted());
  for (const { name, listener } of listeners) Deno.addSignalListener(name, listener);
  outer?.addEventListener("abort", pass);
  if (outer?.aborted) pass();
  listening.add(controller.signal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      silence();
      listening.delete(controller.signal);
      outer?.removeEventListener("abort", pass);
    },
  };
}

function signalsToHear(): StopSignal[] {
  return Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
}

/**
 * Whether the process was started to ignore SIGHUP, as `nohup` does; false where the system cannot be asked. Deno itself listens
 * soon after the start, so the command line loads this module first.
 */
const hangUpIsIgnored = askHangUp();

function askHangUp(): boolean {
  if (Deno.build.os !== "linux") return false;
  // Permission is asked for only where it was given: a question would stop the run.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return false;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      sigaction: { parameters: ["i32", "pointer", "buffer"], result: "i32" },
    });
    const action = new BigUint64Array(32); // its first word is the handler: 1 ignores
    const asked = libc.symbols.sigaction(numbers.SIGHUP, null, action) === 0;
    libc.close();
    return asked && action[0] === 1n;
  } catch {
    return false;
  }
}

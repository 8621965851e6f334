/**
 * Stopping between steps when the user asks.
 *
 * @module
 */

/** Why a stopped task ended: the user asked. Each signal of `stopOnSignals()` has one of its own as its reason. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/** An abort signal with the lifetime of a `using` block. */
export type Stop = { readonly signal: AbortSignal } & Disposable;

/**
 * A signal that fires on SIGINT (Ctrl-C, or Jupyter's interrupt), SIGTERM or `outer`; once disposed, the process handles
 * them itself again.
 */
export function stopOnSignals(outer?: AbortSignal): Stop {
  const controller = new AbortController();
  const stop = () => controller.abort(new Interrupted("Interrupted"));
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of signals) Deno.addSignalListener(name, stop);
  outer?.addEventListener("abort", stop);
  if (outer?.aborted) stop();
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of signals) Deno.removeSignalListener(name, stop);
      outer?.removeEventListener("abort", stop);
    },
  };
}

/**
 * The one distinction that the command line makes between errors: bad input (exit 2) and everything else (exit 1).
 *
 * @module
 */

/** An error in what the user gave; its message says what to do. */
export class InputError extends Error {
  /** Stands before the message where a runtime prints it. */
  override name = "InputError";
}

/**
 * The part of an error's message that stands behind its subject, on one line: `expected … but found …`; of one of the
 * system's what happened, without the path: `Permission denied`.
 */
export function reasonOf(error: unknown): string {
  const whole = error instanceof Error ? error.message : String(error);
  const system = /^([^\n]+?) \(os error \d+\)/.exec(whole);
  if (system && !whole.includes(": expected ")) return system[1];
  const message = whole.split("\n")[0];
  const colon = message.lastIndexOf(": expected ");
  return colon < 0 ? message : message.slice(colon + 2);
}

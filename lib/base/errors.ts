/**
 * The one distinction that the command line makes between errors: bad input (exit 2) and everything else (exit 1).
 *
 * @module
 */

/** An error in what the user gave; its message says what to do. */
export class InputError extends Error {
  override name = "InputError";
}

/** The part of an error's message that stands behind its subject, on one line: `expected … but found …`. */
export function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).split("\n")[0];
  const at = message.lastIndexOf(": expected ");
  return at < 0 ? message : message.slice(at + 2);
}

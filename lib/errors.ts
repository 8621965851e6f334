/**
 * The one distinction that the command line makes between errors: bad input (exit 2) and everything else (exit 1).
 *
 * @module
 */

/** An error in what the user gave; its message says what to do. */
export class InputError extends Error {
  override name = "InputError";
}

/** The last part of an error's message, short enough to stand in a list. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^Cannot .*but found /s, "").split("\n")[0];
}

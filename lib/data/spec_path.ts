/**
 * Names within what `--data` and `--test` say, which commas separate: a comma of a name is written twice.
 *
 * @module
 */

/** A folder as `parseSpec()` reads it: with its commas twice. */
export function pathInSpec(path: string): string {
  return path.replaceAll(",", ",,");
}

/** The parts between single commas; two are one within a part. */
export function splitAtCommas(text: string): string[] {
  const parts = [""];
  for (const [piece] of text.matchAll(/,,|,|[^,]+/g)) {
    if (piece === ",") parts.push("");
    else parts[parts.length - 1] += piece === ",," ? "," : piece;
  }
  return parts;
}

/**
 * Texts from outside, such as file names, as a terminal may print them.
 *
 * @module
 */

/** Controls of a terminal, and marks that reorder or break what is read: C0, DEL, C1, bidirectional ones, separators. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A text on one line, what would steer the terminal as `\u001b`, as JSON writes it; the rest as it is. */
export function printable(text: string): string {
  return text.replace(HARMFUL, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** As {@link printable}, line by line: line feeds stay. JSON stays the same JSON. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** A text as one word of a command that can be copied to a shell: in quotes where the shell would read it otherwise. */
export function shellWord(text: string): string {
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The first names of a list, and how many more there are: `a, b and 3 more`.
 *
 * @param options.most how many names
 * @param options.longest characters of a name, which is cut behind them
 */
export function someOf(
  names: readonly string[],
  options: { readonly most: number; readonly longest: number },
): string {
  const { most, longest } = options;
  const first = names.slice(0, most).map((name) =>
    name.length > longest ? `${name.slice(0, longest)}…` : name
  ).join(", ");
  return names.length > most ? `${first} and ${names.length - most} more` : first;
}

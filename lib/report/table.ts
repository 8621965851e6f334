/**
 * Tables, and tables → text for the terminal, Markdown and HTML.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import stringWidth from "string-width";
import { printable, printableLines } from "../base/printable.ts";

/** A titled table of texts; the first row names the columns. */
export type Table = {
  readonly title: string;
  readonly columns: readonly { readonly name: string; readonly align: "left" | "right" }[];
  readonly rows: readonly (readonly string[])[];
  /** Lines below the table that say how to read it. */
  readonly notes: readonly string[];
};

/**
 * A table for a terminal: columns aligned by display width; controls in its texts are shown, as `\u001b`.
 *
 * @example
 * ```ts
 * import { type Table, tableText } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const table: Table = {
 *   title: "Images",
 *   columns: [{ name: "Set", align: "left" }, { name: "Real", align: "right" }],
 *   rows: [["faces", "700"]],
 *   notes: [],
 * };
 * assertEquals(tableText(table).split("\n").slice(2, 5), ["Set    Real", "─────  ────", "faces   700"]);
 * ```
 */
export function tableText(table: Table): string {
  const lines = [table.columns.map((column) => column.name), ...table.rows].map((row) => row.map(printable));
  const widths = table.columns.map((_, i) => Math.max(...lines.map((line) => stringWidth(line[i]))));
  const format = (line: readonly string[]) =>
    line.map((text, i) => {
      const space = " ".repeat(widths[i] - stringWidth(text));
      return table.columns[i].align === "right" ? space + text : text + space;
    }).join("  ").trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const [head, ...body] = lines.map(format);
  return [printable(table.title), "", head, rule, ...body, ...table.notes.map(printable)].join("\n") + "\n";
}

/**
 * A table in Markdown, for a README or a notebook; every text is escaped.
 *
 * @example
 * ```ts
 * import { type Table, tableMarkdown } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const table: Table = {
 *   title: "Images",
 *   columns: [{ name: "Set", align: "left" }, { name: "Real", align: "right" }],
 *   rows: [["faces", "700"]],
 *   notes: [],
 * };
 * assertStringIncludes(tableMarkdown(table), "| faces |  700 |");
 * ```
 */
export function tableMarkdown(table: Table): string {
  const body = markdownTable(
    [table.columns.map((column) => column.name), ...table.rows].map((row) => row.map(escapeMarkdown)),
    { align: table.columns.map((column) => column.align), stringLength: stringWidth },
  );
  return [
    `**${escapeMarkdown(table.title)}**`,
    body,
    ...table.notes.map((note) => `*${escapeMarkdown(note)}*`),
  ].join(
    "\n\n",
  ) +
    "\n";
}

/** Text on one line that Markdown, the HTML and the TeX in it show as it is. */
export function escapeMarkdown(text: string): string {
  return printable(text).replace(/[\\`*_[\]<>|&~$]/g, (mark) => `\\${mark}`);
}

/**
 * A table in HTML; every text is escaped. In a page of `documentHtml()` it scrolls in its own box, sorts by a click on a column's
 * name, and has a filter where it is long.
 */
export function tableHtml(table: Table): string {
  const title = escapeHtml(table.title);
  const cell = (text: string, i: number, scope?: "col" | "row") => {
    const tag = scope ? "th" : "td";
    return `<${tag}${scope ? ` scope="${scope}"` : ""} class="${table.columns[i].align}">${
      escapeHtml(text)
    }</${tag}>`;
  };
  const head = table.columns.map(({ name }, i) => cell(name, i, "col"));
  const rows = table.rows.map((cells) =>
    `<tr>${cells.map((text, i) => cell(text, i, i === 0 ? "row" : undefined)).join("")}</tr>`
  );
  return [
    `<h2>${title}</h2>`,
    `<div class="wide" role="region" aria-label="${title}" tabindex="0"><table>`,
    `<caption>${title}</caption>`,
    `<thead><tr>${head.join("")}</tr></thead>`,
    `<tbody>${rows.join("\n")}</tbody>`,
    `</table></div>`,
    ...table.notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`),
  ].join("\n");
}

/** Text that HTML shows as it is, in elements and in quoted attributes; controls are shown, line feeds stay. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printableLines(text).replace(/[&<>"']/g, (mark) => entities[mark]);
}

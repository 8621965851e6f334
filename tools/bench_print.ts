/**
 * Numbers of the bench as text.
 *
 * @module
 */

/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A Markdown table, the last column aligned right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, i) => Math.max(text.length, 3, ...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]) =>
    `| ${
      row.map((text, i) => i < row.length - 1 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join(" | ")
    } |`;
  const rule = widths.map((width, i) =>
    i < widths.length - 1 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** Ratios as bars, 1 marked: the peer, or the peak. */
export function barChart(rows: readonly (readonly [string, number])[]): string {
  const width = 40;
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const label = Math.max(...rows.map(([name]) => name.length));
  const one = Math.round(width / most);
  return rows.map(([name, value]) => {
    const length = Math.max(1, Math.round(value / most * width));
    const bar = Array.from(
      { length: Math.max(length, one) },
      (_, i) => i === one - 1 ? "│" : i < length ? "█" : " ",
    );
    return `${name.padEnd(label)} ${bar.join("")} ${value.toFixed(2)}`;
  }).join("\n");
}

/**
 * How pages look: on wide screens, phones and paper, and dark where the reader's system is.
 *
 * Charts are drawn for white paper. In the dark their colours are mapped by what the SVG says, so that any chart on any page
 * follows, and a notebook's spec or PNG stays as it is.
 *
 * @module
 */
import { colours, grey, grid, ink, rule } from "./style.ts";

/** Of text, and what it stands on; text has a contrast of 4.5 or more to either (WCAG 2.2, 1.4.3). */
const light = {
  page: "#f6f7f9",
  paper: "#ffffff",
  head: "#f0f2f5",
  ink,
  grey,
  line: grid,
  rule,
  warning: "#fff6e0",
  demo: "#fdeee3",
  real: "#0067a3",
  fake: "#a84a00",
};
const dark: typeof light = {
  page: "#14171a",
  paper: "#1d2126",
  head: "#272c32",
  ink: "#e8ebee",
  grey: "#a9b3bd",
  line: "#353c44",
  rule: "#727e8a",
  warning: "#3a2f14",
  demo: "#44230f",
  real: "#62b5ec",
  fake: "#ff9a5c",
};
/** The series' colours in the dark: as light as needed there, still apart for the colour-blind. */
const darkColours: readonly string[] = [
  "#3f9edb",
  "#f47a2a",
  "#2cc295",
  "#e39cc2",
  "#f3b52f",
  "#9ad4f8",
  dark.ink,
];

/** What an SVG's colour is in the dark. */
const inTheDark: readonly (readonly [string, string])[] = [
  ["black", dark.ink],
  [ink, dark.ink],
  [grey, dark.grey],
  [grid, dark.line],
  [rule, dark.rule],
  ...colours.map((colour, i) => [colour, darkColours[i]] as const),
];

/**
 * The style sheet of a page, without its font. Charts that float two abreast fill the room beside a tall one, in their order; on paper
 * they stand in lines, which no page break cuts.
 */
export const pageStyle = `
:root { color-scheme: light dark; ${variables(light)} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 "Open Sans", system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 1480px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 18px; line-height: 1.3; margin: 36px 0 8px; overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 20px 0 2px; overflow-wrap: anywhere; }
.summary { font-size: 18px; line-height: 1.5; max-width: 62em; margin: 16px 0; overflow-wrap: anywhere; }
.summary p { margin: 0 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 16px; }
dt { color: var(--grey); } dd { margin: 0; overflow-wrap: anywhere; }
.demo, .warning { padding: 10px 14px; border-left: 4px solid #e69f00; background: var(--warning); margin: 12px 0; overflow-wrap: anywhere; }
.demo { border-color: #d55e00; background: var(--demo); font-weight: 600; }
.charts { margin-top: 28px; }
h2 + .charts { margin-top: 12px; }
.charts figure { margin-bottom: 16px; }
figure { margin: 0; padding: 8px; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
figure svg { display: block; width: 100%; max-width: 780px; min-width: 440px; height: auto; }
figure .small { display: none; }
.wide { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
.wide:focus-visible, button:focus-visible, summary:focus-visible, input:focus-visible { outline: 2px solid var(--real); outline-offset: 1px; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; font-weight: 400; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; background: var(--head); }
.left { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 92px; } .left:first-child { min-width: 150px; } .right { text-align: right; }
tbody th { background: var(--paper); }
tbody tr:hover > * { background: var(--head); }
th button { all: unset; cursor: pointer; position: relative; }
th button:hover { text-decoration: underline; }
th[aria-sort] button::after { content: ""; position: absolute; right: -10px; top: 50%; margin-top: -2px; border: 4px solid transparent; border-bottom-width: 0; border-top-color: currentColor; }
th[aria-sort="ascending"] button::after { transform: scaleY(-1); }
.filter { display: block; margin: 0 0 8px; color: var(--grey); font-size: 13px; }
.filter input { font: inherit; font-size: 14px; color: var(--ink); background: var(--paper); border: 1px solid var(--rule); border-radius: 4px; padding: 3px 8px; width: 220px; max-width: 60%; }
.note { color: var(--grey); font-size: 13px; margin: 6px 0; max-width: 100em; overflow-wrap: anywhere; }
.photos { display: grid; grid-template-columns: repeat(6, minmax(0, 205px)); gap: 12px; margin: 8px 0; }
.photos figure { display: grid; grid-template-rows: subgrid; grid-row: span 2; row-gap: 4px; padding: 0; background: none; border: 0; border-radius: 0; overflow: visible; font-size: 12px; line-height: 1.35; color: var(--grey); overflow-wrap: anywhere; }
.photos .mapped { grid-row: span 4; }
.photos img { display: block; width: 100%; aspect-ratio: 1; border-radius: 3px; border: 2px solid; }
.photos strong { font-weight: 600; }
.real { color: var(--real); } .fake { color: var(--fake); }
.scale { display: inline-block; width: 180px; height: 10px; margin: 0 6px; vertical-align: -1px; background: linear-gradient(to right, ${
  mixed(colours[0])
}, #cccccc, ${mixed(colours[1])}); }
details { margin-top: 36px; }
summary { cursor: pointer; width: fit-content; } summary h2 { display: inline; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 12px; overflow-x: auto; font-size: 13px; }
@media (min-width: 1000px) {
  .charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 16px; align-items: start; }
  .facts { grid-template-columns: max-content 1fr max-content 1fr; }
}
@media screen and (max-width: 560px) {
  main { padding: 16px 12px 32px; }
  h1 { font-size: 22px; } .summary { font-size: 16px; }
  figure .small { display: block; min-width: 0; } figure .small ~ svg { display: none; }
  figure { padding: 4px; }
  th, td { padding: 6px 8px; }
  tr > .left:first-child { min-width: 96px; max-width: 38vw; position: sticky; left: 0; z-index: 1; border-right: 1px solid var(--line); }
  .photos { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@media screen and (prefers-color-scheme: dark) {
  :root { ${variables(dark)} }
  figure rect[fill="white"] { fill: var(--paper); }
  figure svg [stroke="white"] { stroke: var(--paper); }
${
  inTheDark.flatMap(([from, to]) => [
    `  figure svg [fill="${from}"] { fill: ${to}; }`,
    `  figure svg [stroke="${from}"] { stroke: ${to}; }`,
  ]).join("\n")
}
}
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  :root { color-scheme: light; }
  body { background: white; color: black; font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .summary { font-size: 14px; }
  .charts { display: block; margin-left: -6px; margin-right: -6px; }
  .charts figure { display: inline-block; vertical-align: top; width: calc(50% - 14px); margin: 0 6px 12px; }
  .charts svg { max-height: 155mm; }
  figure, .photos figure, tr, dl, .demo, .warning { break-inside: avoid; }
  figure, .wide { overflow: visible; }
  figure svg { min-width: 0; }
  h2, h3, thead { break-after: avoid; break-inside: avoid; }
  h2::after { content: ""; display: block; height: 100px; margin-bottom: -100px; } /* room for a table's head and two rows */
  summary h2::after { display: none; }
  tbody tr:last-child, .note { break-before: avoid; }
  table { font-size: 10px; }
  th, td { padding: 3px 6px; white-space: normal; }
  .left:first-child { min-width: 0; }
  tr[hidden] { display: table-row; }
  .filter, th[aria-sort] button::after { display: none; }
  th button { position: static; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .photos { grid-template-columns: repeat(6, 110px); }
}
`.trim();

function variables(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).map(([name, value]) => `--${name}: ${value};`).join(" ");
}

/** A colour as a map shows its strongest values: four fifths of it over grey. */
function mixed(colour: string): string {
  return `color-mix(in srgb, ${colour} 80%, #cccccc)`;
}

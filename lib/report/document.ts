/**
 * A page of its own: one HTML file with its styles and its font, that loads nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { fontPath } from "./render.ts";
import { escapeHtml } from "./table.ts";

/**
 * The text of a page. Its content security policy forbids any load; the font travels in the file.
 *
 * @param options.title of the window, as plain text
 * @param options.body HTML, in which every name from outside is escaped
 */
export async function documentHtml(
  { title, body }: { readonly title: string; readonly body: string },
): Promise<string> {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:">
<title>${escapeHtml(title)}</title>
<style>
${await fontFace(400, "OpenSans-Regular-latin.woff2")}
${await fontFace(600, "OpenSans-SemiBold-latin.woff2")}
${style}
</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

async function fontFace(weight: number, file: string): Promise<string> {
  const base64 = Buffer.from(await Deno.readFile(fontPath(file))).toString("base64");
  return `@font-face { font-family: "Open Sans"; font-weight: ${weight}; src: url(data:font/woff2;base64,${base64}) format("woff2"); }`;
}

const style = `
body { margin: 0; background: #f6f7f9; color: #1b1f23; font: 15px/1.5 "Open Sans", system-ui, sans-serif; }
main { max-width: 1380px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 16px; }
dt { color: #5f6b76; } dd { margin: 0; overflow-wrap: anywhere; }
.demo, .warning { padding: 10px 14px; border-left: 4px solid #e69f00; background: #fff6e0; margin: 12px 0; overflow-wrap: anywhere; }
.demo { border-color: #d55e00; background: #fdeee3; font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 600px), 1fr)); gap: 16px; margin-top: 28px; align-items: start; }
figure { margin: 0; padding: 8px; background: white; border: 1px solid #e3e7eb; border-radius: 6px; overflow-x: auto; }
figure svg { max-width: max(100%, 440px); height: auto; display: block; }
.wide { overflow-x: auto; background: white; border: 1px solid #e3e7eb; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid #eef0f3; white-space: nowrap; }
th { font-weight: 600; background: #f0f2f5; }
.left { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 72px; } .left:first-child { min-width: 150px; } .right { text-align: right; }
.note { color: #5f6b76; font-size: 13px; margin: 6px 0; }
pre { background: white; border: 1px solid #e3e7eb; border-radius: 6px; padding: 12px; overflow-x: auto; font-size: 13px; }
@media print { body { background: white; } .charts { display: block; } figure { break-inside: avoid; margin-bottom: 12px; } }
`.trim();

/**
 * Makes the README's picture of the top of a report as Chromium shows it:
 * `deno run -A tests/report_browser.ts --page checkpoints/<run>/report.html --out DIR`, then
 * `deno run -A tools/picture.ts DIR/<run>-1400.png FILE.png`.
 *
 * @module
 */
import sharp from "sharp";

const HEIGHT = 1120; // to the end of the results

const [from, to] = Deno.args;
const { width } = await sharp(from).metadata();
await sharp(from).extract({ left: 0, top: 0, width: width!, height: HEIGHT })
  .png({ palette: true, effort: 10 }).toFile(to);

/**
 * Draws the README's picture from a run's metrics: `deno run -A tools/picture.ts checkpoints/<run>/metrics.json FILE.png`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { jpegChart } from "../lib/report/charts/perturbation.ts";
import { metricsChart } from "../lib/report/charts/metrics.ts";
import { renderChart } from "../lib/report/render.ts";
import { parseMetricsJson } from "../lib/report/schema.ts";
import sharp from "sharp";

const [from, to] = Deno.args;
const { results, demo } = parseMetricsJson(await Deno.readTextFile(from), { path: from });
const charts = [metricsChart(results, { demo, width: 620 }), jpegChart(results, { demo, width: 620 })];
const drawn = await Promise.all(charts.map(async (spec) => (await renderChart(spec, { scale: 1.5 })).png));
const sizes = await Promise.all(drawn.map((png) => sharp(png).metadata()));
const width = Math.max(...sizes.map((size) => size.width!));
const height = sizes.reduce((sum, size) => sum + size.height!, 0);
let top = 0;
await sharp({ create: { width, height, channels: 3, background: "white" } })
  .composite(drawn.map((input, i) => {
    const place = { input: Buffer.from(input), left: 0, top };
    top += sizes[i].height!;
    return place;
  })).png({ palette: true }).toFile(to);

/**
 * The command that says what a run's data are.
 *
 * @module
 */
import { extname } from "node:path";
import { InputError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import { printable, printableLines } from "../base/printable.ts";
import { inspectionChart, inspectionTables } from "../report/inspection.ts";
import { tableText } from "../report/table.ts";
import { isDemo, resolveConfig } from "../runs/config/config.ts";
import { inspectData } from "../runs/experiment.ts";
import { configFlags, type Flags, fromFile, textOf } from "./flags.ts";
import { onScreen } from "../runs/screen.ts";

/** Prints what a run's data are; resolves to 2 when they could not be used. */
export async function inspect(flags: Flags): Promise<number> {
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  const tests = isDemo(config);
  if (tests && config.test.length === 0) {
    throw new InputError(
      "Cannot inspect data: expected --data NAME=FOLDER, --test, --manifest, or --real and --fake but found none",
    );
  }
  const chart = textOf(flags.chart);
  const form = chart && extname(chart).toLowerCase();
  if (form !== undefined && ![".svg", ".png", ".json"].includes(form)) {
    throw new InputError(`Cannot draw ${chart}: expected a .svg, .png or .json file but found "${form}"`);
  }
  return await onScreen(async ({ screen, signal }) => {
    const inspection = await inspectData(config, {
      report: screen.show,
      signal,
      quick: flags.quick === true,
      tests,
    });
    screen.close();
    if (flags.json) console.log(printableLines(JSON.stringify(inspection, null, 2)));
    else {
      for (const table of inspectionTables(inspection)) console.log(tableText(table));
      for (const message of inspection.warnings) console.log(`Warning: ${printable(message)}`);
    }
    if (chart) {
      const spec = inspectionChart(inspection, { demo: false });
      if (form === ".json") await writeWhole(chart, `${JSON.stringify(spec, null, 2)}\n`);
      else {
        const { renderChart } = await import("../report/render.ts");
        const { svg, png } = await renderChart(spec);
        await writeWhole(chart, form === ".svg" ? svg : png);
      }
      console.error(`Chart: ${printable(chart)}`);
    }
    for (const message of inspection.problems) console.error(printable(message));
    return inspection.problems.length > 0 ? 2 : 0;
  }, { print: console.error });
}

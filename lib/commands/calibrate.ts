/**
 * The command that gives a run's verdicts their guarantee.
 *
 * @module
 */
import { printable } from "../base/printable.ts";
import { tableText } from "../report/table.ts";
import { verdictTable } from "../report/tables/verdicts.ts";
import { type CalibrateOptions, calibrateRun } from "../runs/calibrate.ts";
import { onScreen, type Screen } from "../runs/screen.ts";
import { configFlags, type Flags, numberOf, textOf } from "./flags.ts";
import { runFolderAt } from "./run_folder.ts";

/** Calibrates a run's verdicts; resolves to the exit code. */
export async function calibrate(folder: string, flags: Flags): Promise<number> {
  const { root, ...given } = configFlags(flags);
  const place = await runFolderAt(folder, "Cannot calibrate");
  return await onScreen(async ({ screen, signal }) => {
    await printCalibration(place, {
      ...{ given, root: textOf(root), alpha: numberOf(flags.alpha), screen, signal },
    });
    return 0;
  });
}

/** Calibrates a run and prints what that came to. */
export async function printCalibration(
  folder: string,
  { screen, ...options }: CalibrateOptions & { readonly screen: Screen },
): Promise<void> {
  const { thresholds, results, demo, warnings } = await calibrateRun(folder, {
    ...options,
    report: screen.show,
  });
  screen.close();
  if (results.length > 0) console.log(`\n${tableText(verdictTable(results, { thresholds, demo }))}`);
  const { counts: { real, fake } } = thresholds;
  console.log(printable(
    `Calibrated on ${real} real and ${fake} fake videos that the run never saw; their scores are in its weights`,
  ));
  for (const message of warnings) screen.show({ type: "warning", message });
}

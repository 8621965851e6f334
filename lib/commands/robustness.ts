/**
 * The command that tests a run's weights under perturbations.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { partIndex } from "../base/shard.ts";
import { robustnessSentences } from "../report/robustness/page.ts";
import { tableText } from "../report/table.ts";
import { robustnessTable } from "../report/tables/robustness.ts";
import { allLadders, testRobustness } from "../runs/robustness.ts";
import { onScreen } from "../runs/screen.ts";
import { configFlags, type Flags, textOf } from "./flags.ts";
import { runFolderAt } from "./run_folder.ts";

/** Tests how far a run holds under perturbations; resolves to the exit code. */
export async function robustness(folder: string, flags: Flags): Promise<number> {
  const { root, out, ...given } = configFlags(flags);
  const family = flags.onlyFamily === undefined ? undefined : allLadders[
    partIndex(`${flags.onlyFamily}`, {
      ...{ parts: allLadders, env: Deno.env },
      ...{ doing: "score one family alone", flag: "--only-family" },
    })
  ];
  if (family !== undefined && given.perturb !== undefined) {
    throw new InputError(
      "Cannot score one family alone: expected --only-family or --perturb but found both; leave one of them out",
    );
  }
  const place = await runFolderAt(folder, "Cannot test the robustness of");
  const into = textOf(out) ?? join(folder, "robustness");
  return await onScreen(async ({ screen, signal }) => {
    const report = await testRobustness(place, {
      given: family === undefined ? given : { ...given, perturb: [family] },
      scoresOnly: family !== undefined,
      ...{ into, root: textOf(root), report: screen.show, signal },
    });
    screen.close();
    if (family !== undefined) {
      console.log(`Scores under ${family} are in ${printable(into)}, for the report on all families`);
      return 0;
    }
    console.log(`\n${tableText(robustnessTable(report))}`);
    for (const text of robustnessSentences(report)) console.log(printable(text));
    for (const message of report.warnings) screen.show({ type: "warning", message });
    if (report.warnings.length > 0) {
      console.log(`Warnings: ${report.warnings.length}, said above and in the report`);
    }
    console.log(`\nReport: ${printable(join(into, "robustness.html"))}`);
    return 0;
  }, {
    interrupted: () =>
      "Interrupted. The scores of every perturbation that was finished are kept, and the same command goes on.",
  });
}

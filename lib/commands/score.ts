/**
 * The command that measures any detector's scores.
 *
 * @module
 */
import type { VideoLevel } from "../metrics/levels.ts";
import { onScreen } from "../runs/screen.ts";
import { scoreFile } from "../runs/score.ts";
import { type Flags, numberOf, textOf } from "./flags.ts";
import { printResults } from "./results.ts";

/** Measures a file of scores and writes the report; resolves to the exit code. */
export async function score(file: string, flags: Flags): Promise<number> {
  return await onScreen(async ({ screen, signal }) => {
    await printResults(screen, (onEvent) =>
      scoreFile(file, {
        name: textOf(flags.name),
        detector: textOf(flags.detector),
        out: textOf(flags.out),
        groups: flags.group as readonly string[] | undefined,
        threshold: numberOf(flags.threshold),
        how: flags.videoScore as VideoLevel,
        logits: flags.logits === true,
        onEvent,
        signal,
      }));
    return 0;
  });
}

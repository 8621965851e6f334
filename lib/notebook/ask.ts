/**
 * What a notebook's trained detector says about a file of the reader's.
 *
 * @module
 */
import { dirname, relative } from "node:path";
import { InputError } from "../base/errors.ts";
import { demoTitle } from "../report/report.ts";
import { escapeMarkdown, type Table } from "../report/table.ts";
import { calibrateRun } from "../runs/calibrate.ts";
import { loadCarded } from "../runs/folder/card.ts";
import { type Answer, notesOf, whichFace } from "../runs/predict/answer.ts";
import { openCutter } from "../runs/predict/cutter.ts";
import { explain } from "../runs/predict/explain.ts";
import { type Judge, openJudge, weightsIn } from "../runs/predict/judge.ts";
import { predict } from "../runs/predict/predict.ts";
import type { Display, Showable } from "./display.ts";
import { type LoadedRun, watch } from "./run.ts";

/** Of so many answers maps are drawn, each of which takes as long as dozens of scores. */
const MOST_MAPS = 4;

/**
 * What `deno task predict` says about an image, a video or a folder of them, by a run's first seed: each verdict with its score, what is
 * promised of verdicts, and what drove the first few scores. A demo run is calibrated first, where it is not yet.
 *
 * @param options.cropped whether pictures are faces that are cut out already; false unless given
 * @param options.alpha the risk of verdicts; 0.05 unless given
 * @throws {InputError} when the run has no weights
 */
export async function askAbout(
  file: string,
  run: Pick<LoadedRun, "folder" | "config" | "session">,
  options: { readonly cropped?: boolean; readonly alpha?: number; readonly display?: Display } = {},
): Promise<Showable[]> {
  const { cropped = false, alpha = 0.05, display } = options;
  const { folder, config: { backend, clipWeights }, session: { experiment } } = run;
  return await watch(async ({ report, signal }) => {
    const weights = await weightsIn(folder);
    if (experiment.demo && !(await loadCarded(weights)).card?.verdicts) {
      await calibrateRun(folder, { report, signal });
    }
    const judge = await openJudge(weights, { alpha, given: { backend, clipWeights }, signal });
    try {
      await using cutter = await openCutter(judge, { cropped });
      const maps: Showable[] = [];
      const answers = await Array.fromAsync(predict(judge, [file], {
        ...{ faces: cutter.faces, signal },
        onJudged: async (answer, squares) => {
          if (maps.length < MOST_MAPS) maps.push(await mapOf(answer, squares, { judge, signal }));
        },
      }));
      const notes = [...judge.notes, cutter.note];
      const scored = answers.filter(({ score }) => score !== null).length;
      if (scored > maps.length) notes.push(`Maps are of the first ${maps.length} of ${scored} answers.`);
      // A notebook is shared: where on a disk the file lies is nobody else's business.
      const named = answers.map((answer) => ({ ...answer, path: relative(dirname(file), answer.path) }));
      return [answerTable(named, { judge, notes }), ...maps];
    } finally {
      judge.close();
    }
  }, { display });
}

/** What drove a score, as a picture; where none can be drawn, why. */
async function mapOf(
  answer: Answer,
  squares: readonly Uint8Array[],
  { judge, signal }: { readonly judge: Judge; readonly signal: AbortSignal },
): Promise<Showable> {
  try {
    return (await explain(answer, squares, { judge, kind: "gradient", signal })).picture;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return `**No map:** ${escapeMarkdown(error.message)}.`;
  }
}

function answerTable(
  answers: readonly Answer[],
  { judge, notes }: { readonly judge: Judge; readonly notes: readonly string[] },
): Table {
  const rows = answers.map((answer) => [
    answer.verdict,
    answer.score === null ? "–" : answer.score.toFixed(3),
    answer.path,
    [whichFace(answer), ...notesOf(answer)].filter((text) => text !== "").join("; "),
  ]);
  const names = ["Verdict", "Score", "File", "Note"];
  return {
    title: demoTitle(`Answer by the ${judge.about.replace(/, DEMO$/, "")}`, judge.demo),
    columns: names.map((name, i) => ({ name, align: i === 1 ? "right" : "left" })),
    rows,
    notes,
  };
}

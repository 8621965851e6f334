/**
 * Results and predictions at the levels that charts draw, named after them: "ffpp test videos".
 *
 * @module
 */
import { numberVideos, scoreVideos } from "../../metrics/levels.ts";
import { byLevel, type EvaluationResult, type LevelledResult, type Prediction, testName } from "../report.ts";

/**
 * What gives tests names that differ, which charts tell them apart by: the set "A test" without a split, and the split "test" of the
 * set "A", are both called "A test".
 */
export function apart(
  results: readonly EvaluationResult[],
): <Of extends Pick<EvaluationResult, "set" | "split">>(item: Of) => Of {
  const tests = new Map(results.map(({ set, split }) => [JSON.stringify([set, split]), { set, split }]));
  const taken = new Map<string, number>();
  const splits = new Map<string, string>();
  for (const [key, { set, split }] of tests) {
    const name = testName({ set, split, perturbation: "none" });
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    if (count > 1) splits.set(key, `${split} (${count})`.trim());
  }
  if (splits.size === 0) return (item) => item;
  return (item) => ({ ...item, split: splits.get(JSON.stringify([item.set, item.split])) ?? item.split });
}

/** Results at all of their levels, video level first. */
export function levelled(results: readonly EvaluationResult[]): EvaluationResult[] {
  return byLevel(results).map(named);
}

/** Results at video level, and those that have none as they are. */
export function topLevel(results: readonly EvaluationResult[]): EvaluationResult[] {
  return byLevel(results).filter(({ level }) => level !== "frame").map(named);
}

/**
 * The predictions of the same level: of tests with a video level one for each video, the others as they are.
 *
 * @param results of the tests that the predictions are of
 */
export function topPredictions(
  predictions: readonly Prediction[],
  results: readonly EvaluationResult[],
): Prediction[] {
  const keyOf = ({ set, split, perturbation }: Pick<Prediction, "set" | "split" | "perturbation">) =>
    JSON.stringify([set, split, perturbation]);
  const hows = new Map(results.map((result) => [keyOf(result), result.video?.how]));
  const tests = new Map<string, Map<number, Prediction[]>>();
  for (const each of predictions) {
    const key = keyOf(each);
    const runs = tests.get(key) ?? new Map<number, Prediction[]>();
    const rows = runs.get(each.run) ?? [];
    rows.push(each);
    tests.set(key, runs.set(each.run, rows));
  }
  return [...tests].flatMap(([key, runs]) => {
    const how = hows.get(key);
    return [...runs.values()].flatMap((rows) => {
      if (how === undefined) return rows;
      const videos = numberVideos(rows);
      const scores = scoreVideos(videos, rows.map(({ score }) => score), { how });
      return videos.firstRows.map((row, i): Prediction => ({
        ...rows[row],
        split: splitAt(rows[row].split, "video"),
        path: rows[row].video,
        score: scores[i],
      }));
    });
  });
}

function named({ level, ...result }: LevelledResult): EvaluationResult {
  return level === "image" ? result : { ...result, split: splitAt(result.split, level) };
}

function splitAt(split: string, level: "video" | "frame"): string {
  return `${split} ${level}s`.trim();
}

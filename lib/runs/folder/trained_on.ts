/**
 * Images that a run was trained with among those that it is tested on.
 *
 * @module
 */
import { dirname } from "node:path";
import { dataFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import { isFlat } from "../../data/audit/copies.ts";
import { readAllFacts } from "../../images/facts.ts";
import { judgeLeaks, type Leak } from "../../data/audit/leaks.ts";
import type { TaskOptions } from "../../base/task.ts";
import type { Sample } from "../../data/sample.ts";
import type { Experiment } from "../experiment.ts";
import { keptRunData } from "./run_data.ts";

/**
 * Looks for files of a test, by their bytes, among those that a run was trained with or chose its epoch by, and for other frames of
 * their videos in the same folders.
 *
 * @param folder the run's; one that does not say what it was trained with is not compared
 * @param options.allow says them instead of refusing
 * @returns warnings
 * @throws {InputError} naming the files
 */
export async function trainedOn(
  folder: string,
  options: Omit<TaskOptions, "report"> & { readonly experiment: Experiment; readonly allow: boolean },
): Promise<string[]> {
  const { experiment: { tests, digests }, allow, signal, cacheDir = dataFolder() } = options;
  let kept: Experiment | undefined;
  try {
    kept = await keptRunData(folder);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [`whether the run was trained with images of the test could not be looked at: ${error.message}`];
  }
  if (!kept) return [];
  const seen = new Map<string, string>();
  const videos = new Map<string, string>();
  for (const part of ["train", "val"] as const) {
    for (const sample of kept[part]) {
      const { path } = sample;
      const video = placeOf(sample);
      if (video !== undefined) videos.set(video, `the run's ${part}: ${path}`);
      const digest = kept.digests.get(path);
      if (digest !== undefined && digest !== "") seen.set(digest, `the run's ${part}: ${path}`);
    }
  }
  const found = tests.flatMap(({ set, split, samples }) =>
    samples.flatMap(({ path }) => {
      const before = seen.get(digests.get(path) ?? "");
      return before === undefined ? [] : [{ path, where: [before, `${set} ${split}: ${path}`] as const }];
    })
  );
  const facts = await readAllFacts(found.map(({ path }) => path), { cacheDir, signal });
  const leaks = found.map(({ path, where }, i): Leak => ({
    kind: "file",
    what: path,
    where,
    // A black frame may be in any two videos.
    refused: !isFlat(facts[i]),
  }));
  const named = new Set(found.filter((_, i) => leaks[i].refused).map(({ path }) => path));
  return judgeLeaks([...leaks, ...otherFrames(tests, { videos, named })], { allow });
}

/** Videos of a test of which the run was trained with other frames, by where they lie. */
function otherFrames(
  tests: Experiment["tests"],
  { videos, named }: { readonly videos: ReadonlyMap<string, string>; readonly named: ReadonlySet<string> },
): Leak[] {
  const leaks = new Map<string, Leak>();
  const said = new Set<string>(); // by a file of theirs
  for (const { set, split, samples } of tests) {
    for (const sample of samples) {
      const video = placeOf(sample);
      const before = video === undefined ? undefined : videos.get(video);
      if (video === undefined || before === undefined) continue;
      if (named.has(sample.path)) said.add(video);
      const where = [before, `${set} ${split}: ${sample.path}`] as const;
      if (!leaks.has(video)) {
        leaks.set(video, { kind: "identity", what: sample.video!, where, refused: true });
      }
    }
  }
  return [...leaks].flatMap(([video, leak]) => said.has(video) ? [] : [leak]);
}

/** What is the same for the frames of one video that lie in one folder; undefined for what is of no video. */
function placeOf({ path, video }: Sample): string | undefined {
  return video === undefined ? undefined : `${dirname(path)} ${video}`;
}

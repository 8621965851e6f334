/**
 * The detectors that `--detector` trains.
 *
 * @module
 */
import { z } from "zod";
import type { DetectorKind } from "./detector.ts";
import { knn } from "./knn.ts";
import { linearProbe } from "./linear_probe.ts";
import { lnTuned } from "./ln_tuned.ts";
import { notebookHead } from "./notebook_head.ts";
import { forgelensStage1 } from "./published/stage1.ts";
import { forgelens } from "./published/stage2.ts";

/** The kinds of detector by name. */
export const detectors = {
  "notebook-head": notebookHead,
  "linear-probe": linearProbe,
  "knn": knn,
  "ln-tuned": lnTuned,
  "forgelens-stage1": forgelensStage1,
  forgelens,
} as const;

/** The name of a kind of detector. */
export type DetectorName = keyof typeof detectors;

/** The names of all kinds. */
export const detectorNames = Object.keys(detectors) as [DetectorName, ...DetectorName[]];

type Shapes = (typeof detectors)[DetectorName]["settings"]["shape"];
type Both<T> = (T extends unknown ? (each: T) => void : never) extends (each: infer All) => void ? All
  : never;

/** The settings of all kinds, each of which is a flag. */
export const detectorSettings = Object.assign(
  {},
  ...Object.values(detectors).map(({ settings }) => settings.shape),
) as Both<Shapes>;

/** The values of the settings of all kinds. */
export type DetectorSettings = z.output<z.ZodObject<Both<Shapes>>>;

/** A kind of detector, which takes of all settings its own. */
export function detectorKind(name: DetectorName): DetectorKind<DetectorSettings> {
  return detectors[name];
}

/** Whether a kind, by its name or title, is fitted at once, so that there are no epochs of it. */
export function isFitted(text: string): boolean {
  const name = detectorNamed(text);
  return name !== undefined && detectorKind(name).fit !== undefined;
}

/** Whether the training of a kind of that name or title changes the tower, whose weights its file then holds. */
export function hasOwnTower(text: string): boolean {
  const name = detectorNamed(text);
  return name !== undefined && detectorKind(name).tuned !== undefined;
}

/** What a reader calls a kind of detector: `notebook head`. */
export function detectorTitle(name: string): string {
  return name.replaceAll("-", " ");
}

/** The kind of that name or title; undefined where there is none. */
export function detectorNamed(text: string): DetectorName | undefined {
  return detectorNames.find((name) => name === text || detectorTitle(name) === text);
}

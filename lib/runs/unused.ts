/**
 * Settings that a run has no use for, where they are not the defaults: whoever gave one may have expected something of it.
 *
 * @module
 */
import {
  detectorKind,
  type DetectorName,
  detectorNames,
  detectorSettings,
  detectorTitle,
} from "../model/detectors/mod.ts";
import { resolveConfig, type RunConfig } from "./config/config.ts";
import { keyGroups } from "./config/keys.ts";
import { flagName } from "./config/names.ts";
import { drawingOf } from "./config/sets.ts";

/** A sentence on settings of training that a fit has no use for, and one on those of other detectors. */
export function unusedNotes(config: RunConfig): string[] {
  const { preset, detector, real, fake, data, manifest } = config;
  const defaults = resolveConfig({ preset, detector, real, fake, data, manifest });
  const kind = detectorKind(detector);
  const given = (keys: readonly string[]) =>
    (keys as (keyof RunConfig)[]).filter((key) =>
      JSON.stringify(config[key]) !== JSON.stringify(defaults[key])
    );
  const title = detectorTitle(detector);
  const notes: string[] = [];
  if (kind.fit) {
    const used: readonly string[] = ["batchSize", ...(detector === "knn" ? [] : ["balance"])];
    const unused = given(Object.keys(keyGroups.training.keys).filter((key) => !used.includes(key)));
    if (unused.length > 0) {
      notes.push(`The ${title} is fitted to all training images at once, which ${listed(unused)} not change`);
    }
  }
  if (detector === "knn" && drawingOf(config).weights?.values().some((weight) => weight !== 1)) {
    notes.push(`The ${title} counts every training image alike, which weight= in --also does not change`);
  }
  // A stage is given the settings of the whole.
  const firstStage = (name: DetectorName) => detectorKind(name).base ?? name;
  const stages = detectorNames.filter((name) => firstStage(name) === firstStage(detector));
  const own = new Set(stages.flatMap((name) => Object.keys(detectorKind(name).settings.shape)));
  const others = given(Object.keys(detectorSettings).filter((key) => !own.has(key)));
  if (others.length > 0) notes.push(`The ${title} has other settings: ${listed(others)} not change it`);
  return notes;
}

function listed(keys: readonly string[]): string {
  return `${keys.map(flagName).join(", ")} ${keys.length === 1 ? "does" : "do"}`;
}

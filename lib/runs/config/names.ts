/**
 * Names of flags, and the known one that a mistyped name is nearest to.
 *
 * @module
 */
import { distance } from "fastest-levenshtein";
import { dashed } from "../../base/dashed.ts";

/** `batchSize` → `--batch-size`. */
export function flagName(key: string): string {
  return `--${dashed(key)}`;
}

/** The known name with the fewest edits to `name`, if any is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((other) => ({ other, edits: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0] && ranked[0].edits <= Math.max(2, name.length / 2) ? ranked[0].other : undefined;
}

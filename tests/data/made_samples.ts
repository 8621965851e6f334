/**
 * Samples of videos that lie nowhere, for tests of how they are dealt and drawn.
 *
 * @module
 */
import type { Sample } from "../../lib/data/sample.ts";

/** The frames of videos, by label, method, and how many there are of each. */
export function samplesOf(
  groups: readonly (readonly [label: 0 | 1, method: string, videos: number, frames: number])[],
  set = "s",
): Sample[] {
  return groups.flatMap(([label, method, videos, frames]) =>
    Array.from({ length: videos * frames }, (_, i): Sample => {
      const video = `${method}/${label ? "f" : "r"}${Math.floor(i / frames)}`;
      return {
        path: `${video}/${i % frames}.png`,
        label,
        set,
        video,
        method,
        source: `${video}/${i % frames}.png`,
      };
    })
  );
}

/** How often each item comes. */
export function count<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

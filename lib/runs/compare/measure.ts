/**
 * Detectors' scores of the same videos → each one's metrics, and paired tests of each two.
 *
 * @module
 */
import { compareAucs } from "../../metrics/compare/aucs.ts";
import { compareByBootstrap } from "../../metrics/compare/by_bootstrap.ts";
import { evaluateScores } from "../../metrics/evaluate.ts";
import { bootstrapIntervals, resamplesFor } from "../../metrics/intervals/bootstrap.ts";
import type { BootstrapDifference, InputResult, PairResult } from "../../report/comparison.ts";
import type { Matched } from "./match.ts";

/** Each detector's metrics, with the interval of its first seed's AUC, by persons where they are known. */
export function measureInputs(
  { labels, scores, leftOut, persons }: Matched,
  names: readonly string[],
): InputResult[] {
  return names.map((input, i) => {
    const all = scores[i].map((ofRun) => evaluateScores(labels, ofRun));
    return {
      input,
      metrics: all[0],
      ...(all.length > 1 ? { runs: all } : {}),
      interval:
        bootstrapIntervals(labels, scores[i][0], { groups: persons, samples: resamplesFor(labels.length) })
          .auc,
      leftOut: leftOut[i],
    };
  });
}

/** The paired tests of each two detectors, with Holm's correction over all pairs where there are several. */
export function measurePairs(matched: Matched, names: readonly string[]): PairResult[] {
  const pairs = names.flatMap((first, a) =>
    names.slice(a + 1).map((second, i) => ({ first, second, ...measurePair(matched, [a, a + 1 + i]) }))
  );
  const corrected = holm(pairs.map(({ deLong }) => deLong?.p ?? null));
  return pairs.map((pair, i) => ({ ...pair, holm: pairs.length > 1 ? corrected[i] : null }));
}

function measurePair(
  { labels, scores, persons }: Matched,
  [first, second]: readonly [number, number],
): Omit<PairResult, "first" | "second" | "holm"> {
  const [a, b] = [scores[first][0], scores[second][0]];
  const differ = (groups?: readonly string[]) =>
    compareByBootstrap(labels, a, b, { groups, samples: resamplesFor(labels.length) });
  const part = ({ interval, units, samples }: BootstrapDifference) => ({ interval, units, samples });
  const videos = differ();
  const fakes = labels.filter((label) => label === 1).length;
  const enough = fakes >= 2 && labels.length - fakes >= 2;
  const deLong = enough ? compareAucs(labels, a, b) : null;
  return {
    difference: videos.difference,
    // JSON has no NaN: a difference without a standard error has no p.
    deLong: deLong && { ...deLong, p: Number.isNaN(deLong.p) ? null : deLong.p },
    byVideo: part(videos),
    ...(persons ? { byPersons: part(differ(persons)) } : {}),
  };
}

/**
 * p corrected for several tests (Holm 1979, Scandinavian Journal of Statistics 6, 65–70): the smallest times their number, the next
 * times one less, none smaller than one before it, at most 1. What has no p stays without one, and does not count.
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const order = [...ps.keys()].filter((i) => ps[i] !== null).sort((a, b) => ps[a]! - ps[b]!);
  const corrected: (number | null)[] = ps.map(() => null);
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.max(least, Math.min(1, (order.length - rank) * ps[i]!));
    corrected[i] = least;
  }
  return corrected;
}

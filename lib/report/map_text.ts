/**
 * Maps in words: what their shares add up to, and how far they can be trusted.
 *
 * @module
 */
import { sigmoid } from "../base/sigmoid.ts";
import type { Pointing } from "../model/detectors/attribution.ts";
import type { Trust } from "../model/maps/trust.ts";
import { signed } from "./tables/column.ts";

/**
 * How far a map can be trusted, in a line: what becomes of the score once the half of the patches that it marks most are gone, beside
 * as many in random orders; whether it is better than these over all steps; and, where masks are known, how often its peak is in them.
 *
 * @example
 * ```ts
 * import { trustText } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const curve = (scores: number[], area: number) => ({ scores, area });
 * const text = trustText({
 *   ...{ images: 1, called: 1, isSigned: true },
 *   deletion: curve([0.93, 0.41, 0.2], 0.49),
 *   insertion: curve([0.2, 0.9, 0.93], 0.73),
 *   randomDeletion: curve([0.93, 0.88, 0.2], 0.72),
 *   randomInsertion: curve([0.2, 0.88, 0.93], 0.72),
 * });
 * assertEquals(
 *   text,
 *   "without the half of the patches that it marks most, the score falls from 0.93 to 0.41 (random halves: 0.88)",
 * );
 * ```
 */
export function trustText(trust: Trust, pointing?: Pointing): string {
  const { images, deletion, randomDeletion, called, isSigned } = trust;
  const half = Math.floor(deletion.scores.length / 2);
  const [whole, left, random] = [deletion.scores[0], deletion.scores[half], randomDeletion.scores[half]];
  const [from, to] = [digits(whole), digits(left)];
  const change = from === to ? `stays at ${to}` : `${left < whole ? "falls" : "rises"} from ${from} to ${to}`;
  const parts = [
    `without the half of the patches that it marks most${
      isSigned && called === 0 ? " for real" : ""
    }, the score ${change} (random halves: ${digits(random)})${
      images > 1 ? `, mean of ${images} frames` : ""
    }`,
  ];
  const worse = [
    ...(deletion.area < randomDeletion.area ? [] : ["taken away"]),
    ...(trust.insertion.area > trust.randomInsertion.area ? [] : ["put back"]),
  ];
  if (worse.length > 0) {
    parts.push(
      `NOT TO BE TRUSTED: ${worse.join(" or ")} in its order, patches tell no more than in random orders`,
    );
  }
  if (pointing && pointing.images > 0) parts.push(`its peak is ${pointingText(pointing)}`);
  return parts.join("; ");
}

/** Where the peaks of maps are: `in what was manipulated in 17 of 24 images (by chance 21 %)`. */
export function pointingText({ hits, images, chance }: Pointing): string {
  const said = images === 1
    ? `${hits === 1 ? "" : "not "}in what was manipulated`
    : `in what was manipulated in ${hits} of ${images} images`;
  return `${said} (by chance ${(100 * chance).toFixed(0)} %)`;
}

/**
 * The sum that a map of a logit adds up to, of which the even image is what an image of equal patches has as well: `logit −0.94 (score
 * 0.28) = even image +0.31, patches −1.05, class token −0.20`.
 *
 * @example
 * ```ts
 * import { sumText } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   sumText({ patches: [-1.25, 0.25], classToken: -0.5, even: 0.5, total: -1 }),
 *   "logit −1.00 (score 0.27) = even image +0.50, patches −1.00, class token −0.50",
 * );
 * ```
 */
export function sumText(
  map: {
    readonly patches: ArrayLike<number>;
    readonly classToken: number;
    readonly even: number;
    readonly total: number;
  },
): string {
  const { classToken, even, total } = map;
  const patches = Array.from(map.patches).reduce((sum, share) => sum + share, 0);
  const score = sigmoid(total);
  return `logit ${signed(total, 2)} (score ${digits(score)}) = even image ${signed(even, 2)}, patches ${
    signed(patches, 2)
  }, class token ${signed(classToken, 2)}`;
}

function digits(score: number): string {
  return score.toFixed(2);
}

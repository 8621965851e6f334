/**
 * What is in two splits and must not be: a video, a person, a file.
 *
 * @module
 */
import sharp from "sharp";
import { InputError } from "../base/errors.ts";
import type { Sample } from "./dataset.ts";
import type { ImageFacts } from "./facts.ts";
import { holdPixels } from "./image.ts";

/** Samples that play one part in a run; the tests of all sets play the same. */
export type Part = {
  readonly role: "train" | "val" | "test";
  /** `ffpp train`. */
  readonly name: string;
  readonly samples: readonly Sample[];
};

/** One thing that is in two places. */
export type Leak = {
  /** `identity`: a video, a person or an original; `file`: the same bytes; `look`: the same picture, stored otherwise; `label`: the same bytes, called real and fake. */
  readonly kind: "identity" | "file" | "look" | "label";
  /** The identity, or the first file. */
  readonly what: string;
  /** Where it is: two parts, with a file of each. */
  readonly where: readonly [string, string];
  /** False for what may be as it should, which is told: what a set's own official split has, and names that begin anew. */
  readonly refused: boolean;
};

/** Two looks of 128 bits with at most so many different ones are compared as pictures. */
const NEAR_BITS = 7;
/** Correlation of two pictures' fine detail that copies keep through compression and resizing, and other pictures do not reach. */
const SAME_DETAIL = 0.7;
/** Of two videos that FaceForensics++ names apart only this much is refused: a speaker in the same studio comes near. */
const SAME_DETAIL_NAMED = 0.9;
/** Detail of less than so many levels, of 255, tells no picture from another. */
const LEAST_DETAIL = 1.5;
/** A look that so many pictures share is no help in finding pairs. */
const COMMON = 3000;
/** Pairs that are compared as pictures; there is no need to name more. */
const MOST_COMPARED = 3000;

/**
 * Finds what is in two parts of different roles: identities, files by content, and pictures by their look, which survives
 * compression and resizing; and files that are called both real and fake.
 *
 * @param facts by path; without any only identities are compared
 */
export async function findLeaks(
  parts: readonly Part[],
  facts: ReadonlyMap<string, ImageFacts>,
): Promise<Leak[]> {
  if (facts.size === 0) return sharedIdentities(parts);
  const files = sharedFiles(parts, facts);
  const named = new Set(files.flatMap(({ where }) => where));
  const looks = await sharedLooks(parts, { facts, named });
  return [...sharedIdentities(parts), ...files, ...looks];
}

/**
 * Refuses leaks, or with `allow` says them.
 *
 * @returns warnings
 * @throws InputError naming the leaks.
 */
export function judgeLeaks(leaks: readonly Leak[], options: { readonly allow: boolean }): string[] {
  const refused = leaks.filter((leak) => leak.refused);
  const told = leaks.filter((leak) => !leak.refused);
  const recordings = told.filter(({ what }) => what.startsWith("celebdf:"));
  const folders = told.filter(({ what }) => what.startsWith("folder:"));
  const warnings: string[] = [];
  if (recordings.length > 0) {
    warnings.push(
      `the official split has ${recordings.length} recordings in training and test, as a real video and as a fake's target, such as ${
        recordings[0].what
      }`,
    );
  }
  const looks = told.filter(({ kind }) => kind === "look");
  if (looks.length > 0) {
    warnings.push(
      `${looks.length} pictures look alike in two splits, such as ${looks[0].where.join(" and ")}`,
    );
  }
  if (folders.length > 0) {
    warnings.push(
      `${folders.length} videos have a name in two splits, such as ${folders[0].what} in ${
        folders[0].where.join(" and ")
      }; if it is the same video, the results are too good`,
    );
  }
  if (refused.length === 0) return warnings;
  const found = kinds.flatMap(([kind, one, many]) => {
    const some = refused.filter((leak) => leak.kind === kind);
    if (some.length === 0) return [];
    const names = some.slice(0, 5).map(({ what, where }) =>
      kind === "identity" ? `${what} in ${where.join(" and ")}` : where.join(" and ")
    );
    return [
      `${some.length} ${some.length === 1 ? one : many} (${names.join("; ")}${some.length > 5 ? "; …" : ""})`,
    ];
  }).join(", ");
  if (options.allow) return [...warnings, `LEAK, allowed by --allow-leak: ${found}`];
  throw new InputError(
    `Cannot use the data: expected nothing in two splits but found ${found}; --allow-leak goes on, with results that are too good`,
  );
}

const kinds: readonly (readonly [Leak["kind"], string, string])[] = [
  ["identity", "video or person", "videos or persons"],
  ["file", "file twice", "files twice"],
  ["look", "picture twice", "pictures twice"],
  ["label", "file both real and fake", "files both real and fake"],
];

function sharedIdentities(parts: readonly Part[]): Leak[] {
  const first = new Map<string, { role: string; name: string }>();
  const leaks = new Map<string, Leak>();
  for (const { role, name, samples } of parts) {
    let last: readonly string[] | undefined;
    for (const { identities } of samples) {
      if (identities === undefined || identities === last) continue; // the frames of a video share them
      last = identities;
      for (const identity of identities) {
        const before = first.get(identity);
        if (!before) first.set(identity, { role, name });
        else if (before.role !== role && !leaks.has(identity)) {
          leaks.set(identity, {
            kind: "identity",
            what: identity,
            where: [before.name, name],
            // Celeb-DF's authors split it so; and in folders that are named one by one, names may begin anew in each.
            refused: !identity.startsWith("celebdf:") && !identity.startsWith("folder:"),
          });
        }
      }
    }
  }
  return [...leaks.values()];
}

type Place = { readonly role: string; readonly name: string; readonly sample: Sample; readonly look: string };

function sharedFiles(parts: readonly Part[], facts: ReadonlyMap<string, ImageFacts>): Leak[] {
  const first = new Map<string, Place>();
  const leaks: Leak[] = [];
  for (const { role, name, samples } of parts) {
    for (const sample of samples) {
      const { digest, look } = facts.get(sample.path) ?? { digest: "", look: "" };
      if (digest === "") continue;
      const before = first.get(digest);
      const here = { role, name, sample, look };
      if (!before) {
        first.set(digest, here);
        continue;
      }
      const leak = {
        what: before.sample.path,
        where: [placed(before), placed(here)],
        refused: true,
      } as const;
      if (before.role !== role) leaks.push({ kind: "file", ...leak });
      // A black frame may be in a real video and in its fake.
      else if (before.sample.label !== sample.label && look !== "") leaks.push({ kind: "label", ...leak });
    }
  }
  return leaks;
}

function placed({ name, sample }: Pick<Place, "name" | "sample">): string {
  return `${name}: ${sample.path}`;
}

/** Pairs of near looks by the bands of 16 bits that they share: of eight bands, at most seven differ in seven bits. */
async function sharedLooks(
  parts: readonly Part[],
  options: { readonly facts: ReadonlyMap<string, ImageFacts>; readonly named: ReadonlySet<string> },
): Promise<Leak[]> {
  const { facts, named } = options;
  const places: Place[] = [];
  const words: Uint32Array[] = [];
  for (const { role, name, samples } of parts) {
    const seen = new Set<string>();
    for (const sample of samples) {
      const look = facts.get(sample.path)?.look ?? "";
      if (look === "") continue;
      const key = `${sample.label} ${sample.video} ${look}`;
      if (seen.has(key)) continue;
      seen.add(key);
      places.push({ role, name, sample, look });
      words.push(Uint32Array.from({ length: 4 }, (_, i) => parseInt(look.slice(i * 8, i * 8 + 8), 16)));
    }
  }
  if (new Set(places.map(({ role }) => role)).size < 2) return [];
  const pairs = new Map<string, [number, number]>();
  for (let band = 0; band < 8 && pairs.size < MOST_COMPARED; band++) {
    const buckets = new Map<number, number[]>();
    words.forEach((word, i) => {
      const value = (word[band >> 1] >>> (band % 2 === 0 ? 16 : 0)) & 0xffff;
      const bucket = buckets.get(value);
      if (bucket) bucket.push(i);
      else buckets.set(value, [i]);
    });
    for (const bucket of buckets.values()) {
      if (bucket.length > COMMON) continue;
      for (let a = 1; a < bucket.length; a++) {
        for (let b = 0; b < a; b++) {
          const [i, j] = [bucket[b], bucket[a]];
          if (places[i].role === places[j].role || differentBits(words[i], words[j]) > NEAR_BITS) continue;
          if (pairs.size < MOST_COMPARED) pairs.set(`${i} ${j}`, [i, j]);
        }
      }
    }
  }
  const details = new Map<string, Promise<Float32Array>>();
  const detail = (path: string): Promise<Float32Array> => {
    const found = details.get(path) ?? detailOf(path);
    details.set(path, found);
    return found;
  };
  const leaks: Leak[] = [];
  for (const [i, j] of pairs.values()) {
    const where = [placed(places[i]), placed(places[j])] as const;
    if (named.has(where[0]) && named.has(where[1])) continue;
    const [a, b] = [places[i].sample, places[j].sample];
    const correlation = correlate(await detail(a.path), await detail(b.path));
    if (correlation < SAME_DETAIL) continue;
    const apart = isNamed(a) && isNamed(b);
    leaks.push({ kind: "look", what: a.path, where, refused: !apart || correlation >= SAME_DETAIL_NAMED });
  }
  return leaks;
}

function isNamed({ identities = [] }: Sample): boolean {
  return identities.some((identity) => identity.startsWith("ffpp:"));
}

function differentBits(a: Uint32Array, b: Uint32Array): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) {
    for (let rest = a[i] ^ b[i]; rest !== 0; rest &= rest - 1) bits++;
  }
  return bits;
}

/**
 * Correlation of two pictures' detail, in [-1, 1]: grey at 64 × 64, less the mean of the 7 × 7 around each pixel, so that
 * light, colour and what all faces share count little; 0 where one has no detail.
 */
export async function detailCorrelation(a: string, b: string): Promise<number> {
  return correlate(await detailOf(a), await detailOf(b));
}

function correlate(first: Float32Array, second: Float32Array): number {
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < first.length; i++) {
    xy += first[i] * second[i];
    xx += first[i] ** 2;
    yy += second[i] ** 2;
  }
  const least = LEAST_DETAIL ** 2 * first.length;
  return xx < least || yy < least ? 0 : xy / Math.sqrt(xx * yy);
}

async function detailOf(path: string): Promise<Float32Array> {
  const [size, reach] = [64, 3];
  using _held = await holdPixels(await sharp(path).metadata());
  const { data } = await sharp(path).removeAlpha().greyscale().resize(size, size, { fit: "fill" })
    .raw().toBuffer({ resolveWithObject: true });
  const sums = new Float64Array((size + 1) ** 2); // of all pixels above and to the left
  for (let y = 0; y < size; y++) {
    for (let x = 0, row = 0; x < size; x++) {
      row += data[y * size + x];
      sums[(y + 1) * (size + 1) + x + 1] = sums[y * (size + 1) + x + 1] + row;
    }
  }
  const detail = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [top, bottom] = [Math.max(0, y - reach), Math.min(size, y + reach + 1)];
      const [left, right] = [Math.max(0, x - reach), Math.min(size, x + reach + 1)];
      const at = (v: number, u: number) => sums[v * (size + 1) + u];
      const sum = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
      detail[y * size + x] = data[y * size + x] - sum / ((bottom - top) * (right - left));
    }
  }
  return detail;
}

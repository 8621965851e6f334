/**
 * What is in two splits and must not be: a video, a person, a file.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { findAlike } from "./moved_copies.ts";
import { type CompareOptions, findCopies, isFlat } from "./copies.ts";
import type { Sample } from "../sample.ts";
import type { ImageFacts } from "../../images/facts.ts";

/** Samples that play one part in a run; the tests of all sets play the same. */
export type Part = {
  readonly role: "train" | "val" | "test";
  /** `ffpp train`. */
  readonly name: string;
  readonly samples: readonly Sample[];
};

/** One thing that is in two places. */
export type Leak = {
  /** `identity`: a video, a person or an original; `file`: the same bytes; `look`: the same picture, stored otherwise; `label`: the same bytes, called real and fake; `alike`: likely the same picture, mirrored, cropped, turned or painted into. */
  readonly kind: "identity" | "file" | "look" | "label" | "alike";
  /** The identity, or the first file. */
  readonly what: string;
  /** Where it is: two parts, with a file of each. */
  readonly where: readonly [string, string];
  /** False for what may be as it should, which is told: what a set's own official split has, and names that begin anew. */
  readonly refused: boolean;
};

/** Of two videos that FaceForensics++ names apart only this much is refused: a speaker in the same studio comes near. */
const SAME_DETAIL_NAMED = 0.9;
/** Pairs that are compared as pictures; there is no need to name more. */
const MOST_COMPARED = 3000;

/**
 * Finds what is in two parts of different roles: identities, files by content, and pictures by their look, which survives
 * compression and resizing; and files that are called both real and fake. Copies of training pictures that were mirrored,
 * cropped, turned or painted into are looked for too, among 2,500 pictures of each side, and told of.
 *
 * @param facts by path; without any only identities are compared
 *
 * @example
 * ```ts
 * import { findLeaks, type Part, type Sample } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const faces = { label: 0, set: "faces" } as const;
 * const train: Sample[] = [{ path: "a.png", ...faces, identities: ["anna"] }];
 * const test: Sample[] = [{ path: "b.png", ...faces, identities: ["ben", "anna"] }];
 * const part = (role: Part["role"], samples: Sample[]): Part => ({ role, name: role, samples });
 * const [leak] = await findLeaks([part("train", train), part("test", test)], new Map());
 * assertEquals([leak.kind, leak.what], ["identity", "anna"]);
 * ```
 */
export async function findLeaks(
  parts: readonly Part[],
  facts: ReadonlyMap<string, ImageFacts>,
  options: CompareOptions = {},
): Promise<Leak[]> {
  if (facts.size === 0) return sharedIdentities(parts);
  const files = sharedFiles(parts, facts);
  const named = new Set(files.flatMap(({ where }) => where));
  const looks = await sharedLooks(parts, { facts, named, ...options });
  const said = new Set([...named, ...looks.flatMap(({ where }) => where)]);
  const alike = await alikePictures(parts, { facts, said, ...options });
  return [...sharedIdentities(parts), ...files, ...looks, ...alike];
}

/**
 * Refuses leaks, or with `allow` says them.
 *
 * @returns warnings
 * @throws {InputError} naming the leaks.
 */
export function judgeLeaks(leaks: readonly Leak[], options: { readonly allow: boolean }): string[] {
  const refused = leaks.filter((leak) => leak.refused);
  const tolerated = leaks.filter((leak) => !leak.refused);
  const recordings = tolerated.filter(({ what }) => what.startsWith("celebdf:"));
  const folders = tolerated.filter(({ what }) => what.startsWith("folder:"));
  const warnings: string[] = [];
  if (recordings.length > 0) {
    warnings.push(
      `the official split has ${recordings.length} recordings in training and test, as a real video and as a fake's target, such as ${
        recordings[0].what
      }`,
    );
  }
  const flat = tolerated.filter(({ kind }) => kind === "file");
  if (flat.length > 0) {
    warnings.push(
      `${flat.length} files of one brightness, as black frames are, are in two splits, such as ${
        flat[0].where.join(" and ")
      }`,
    );
  }
  const looks = tolerated.filter(({ kind }) => kind === "look");
  if (looks.length > 0) {
    warnings.push(
      `${looks.length} pictures look alike in two splits, such as ${looks[0].where.join(" and ")}`,
    );
  }
  const alike = tolerated.filter(({ kind }) => kind === "alike");
  if (alike.length > 0) {
    warnings.push(
      `${alike.length} pictures of training and of another split look like one, mirrored, cropped, turned or painted into, such as ${
        alike[0].where.join(" and ")
      }; if they are, the results are too good`,
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
      const known = facts.get(sample.path);
      if (!known || known.digest === "") continue;
      const { digest, look } = known;
      const before = first.get(digest);
      const here = { role, name, sample, look };
      if (!before) {
        first.set(digest, here);
        continue;
      }
      // A black frame may be in any two videos.
      const leak = {
        what: before.sample.path,
        where: [placed(before), placed(here)],
        refused: !isFlat(known),
      } as const;
      if (before.role !== role) leaks.push({ kind: "file", ...leak });
      else if (before.sample.label !== sample.label && look !== "") leaks.push({ kind: "label", ...leak });
    }
  }
  return leaks;
}

function placed({ name, sample }: Pick<Place, "name" | "sample">): string {
  return `${name}: ${sample.path}`;
}

/** Pictures in two parts of different roles that are the same by their look, as {@link findCopies} finds them. */
async function sharedLooks(
  parts: readonly Part[],
  options: CompareOptions & {
    readonly facts: ReadonlyMap<string, ImageFacts>;
    readonly named: ReadonlySet<string>;
  },
): Promise<Leak[]> {
  const { facts, named, signal, onProgress } = options;
  const places: (Place & { readonly path: string })[] = [];
  for (const { role, name, samples } of parts) {
    const seen = new Set<string>();
    for (const sample of samples) {
      const look = facts.get(sample.path)?.look ?? "";
      if (look === "") continue;
      const key = `${sample.label} ${sample.video} ${look}`;
      if (seen.has(key)) continue;
      seen.add(key);
      places.push({ role, name, sample, look, path: sample.path });
    }
  }
  if (new Set(places.map(({ role }) => role)).size < 2) return [];
  const leaks: Leak[] = [];
  const apart = (i: number, j: number) => places[i].role !== places[j].role;
  const compared = { apart, most: MOST_COMPARED, signal, onProgress };
  for await (const { a: i, b: j, correlation } of findCopies(places, compared)) {
    const where = [placed(places[i]), placed(places[j])] as const;
    if (named.has(where[0]) && named.has(where[1])) continue;
    const [a, b] = [places[i].sample, places[j].sample];
    const apart = isNamed(a) && isNamed(b);
    leaks.push({ kind: "look", what: a.path, where, refused: !apart || correlation >= SAME_DETAIL_NAMED });
  }
  return leaks;
}

/** Pictures of training and of another part that are likely the same, but for those that are said already. */
async function alikePictures(
  parts: readonly Part[],
  options: CompareOptions & {
    readonly facts: ReadonlyMap<string, ImageFacts>;
    readonly said: ReadonlySet<string>;
  },
): Promise<Leak[]> {
  const sides = [true, false].map((isTrain) =>
    parts.filter(({ role }) => (role === "train") === isTrain).flatMap(({ name, samples }) =>
      samples.map((sample) => ({ name, sample }))
    )
  );
  const [first, second] = sides.map((side) => side.map(({ sample }) => sample.path));
  return (await findAlike([first, second], options)).flatMap(({ a, b }): Leak[] => {
    const where = [placed(sides[0][a]), placed(sides[1][b])] as const;
    const isSaid = options.said.has(where[0]) && options.said.has(where[1]);
    return isSaid ? [] : [{ kind: "alike", what: first[a], where, refused: false }];
  });
}

function isNamed({ identities = [] }: Sample): boolean {
  return identities.some((identity) => identity.startsWith("ffpp:"));
}

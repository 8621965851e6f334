import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import type { ScoredBy } from "../../../lib/runs/compare/inputs.ts";
import { matchVideos } from "../../../lib/runs/compare/match.ts";

/** A row of a file, which names an image, a video, or both. */
type Given = {
  readonly label: 0 | 1;
  readonly score: number;
  readonly path?: string;
  readonly video?: string;
  readonly method?: string;
  readonly persons?: string;
};

/** A detector's scores, its lines numbered as in a file with a header. */
function scored(name: string, rows: readonly Given[]): ScoredBy {
  const items = rows.map(({ label, method = "", path, video = path!, persons }) => ({
    ...{ label, method, path: path ?? video, video },
    ...(rows.some((row) => row.persons) ? { identities: persons ? persons.split("|") : [] } : {}),
  }));
  const test = {
    ...{ set: "", split: "", perturbation: "none", items, seeds: [""], groups: new Map() },
    lines: Uint32Array.from(rows, (_, i) => i + 2),
    scores: [Float64Array.from(rows, ({ score }) => score)],
  };
  return { name, file: `${name}.csv`, test, hasPaths: rows.some(({ path }) => path !== undefined) };
}

const real = (video: string, score: number, path?: string): Given => ({ label: 0, video, score, path });
const fake = (video: string, score: number, path?: string): Given => ({ label: 1, video, score, path });

Deno.test("matchVideos() takes the mean of a video's frames, and the videos that all have, in any order", () => {
  const a = scored("a", [real("x", 0.25), real("x", 0.75), fake("y", 1), fake("z", 0)]);
  const b = scored("b", [fake("y", 0.5), real("x", 0), fake("w", 1)]);
  const { level, labels, scores, leftOut } = matchVideos([a, b]);
  assertEquals([level, labels, leftOut], ["video", [0, 1], [1, 1]]);
  assertEquals(scores.map(([first]) => [...first]), [[0.5, 1], [0, 0.5]]);
});

Deno.test("matchVideos() keeps videos of one name apart by label and by method", () => {
  const rows = [
    real("a", 0.1),
    { ...fake("a", 0.2), method: "swap" },
    { ...fake("a", 0.3), method: "blend" },
  ];
  const { labels, scores, leftOut } = matchVideos([scored("a", rows), scored("b", rows.toReversed())]);
  assertEquals([labels, leftOut], [[0, 1, 1], [0, 0]]);
  assertEquals([...scores[0][0]], [...scores[1][0]]);
});

Deno.test("matchVideos() leaves methods out of the match where a file has none, unless they tell videos apart", () => {
  const told = [real("a", 0.1), { ...fake("b", 0.2), method: "swap" }];
  const untold = [real("a", 0.1), fake("b", 0.2)];
  assertEquals(matchVideos([scored("a", told), scored("b", untold)]).leftOut, [0, 0]);
  const twice = [...told, { ...fake("b", 0.9), method: "blend" }];
  assertThrows(
    () => matchVideos([scored("a", twice), scored("b", untold)]),
    InputError,
    "Cannot match the videos of a.csv: expected their methods in every file, as two of them have a video b (swap and blend, line 4)",
  );
});

Deno.test("matchVideos() gives images without videos those that another file's rows of their paths name", () => {
  const a = scored("a", [real("x", 0.2, "1.png"), real("x", 0.4, "2.png"), fake("y", 1, "3.png")]);
  const b = scored("b", [
    { label: 0, score: 0.5, path: "2.png" },
    { label: 1, score: 1, path: "3.png" },
    { label: 0, score: 0, path: "1.png" },
  ]);
  const { level, scores, frames } = matchVideos([a, b]);
  assertEquals([level, [...scores[1][0]], frames], ["video", [0.25, 1], [undefined, undefined]]);
});

Deno.test("matchVideos() is at image level where every image is a video of its own", () => {
  const rows = [{ label: 0, score: 0, path: "a" }, { label: 1, score: 1, path: "b" }] as const;
  assertEquals(matchVideos([scored("a", [...rows]), scored("b", [...rows])]).level, "image");
});

Deno.test("matchVideos() knows the persons by the file that tells them; other videos are groups of their own", () => {
  const rows = [
    { ...real("a", 0), persons: "p" },
    { ...fake("b", 1), persons: "p|q" },
    { ...fake("c", 1), persons: "q" },
    fake("d", 1),
  ];
  const bare = scored("a", rows.map(({ persons: _, ...row }: Given) => row));
  const { persons } = matchVideos([bare, scored("b", rows)]);
  // The second joins the first and the third.
  assertEquals(persons!.map((person) => persons!.indexOf(person)), [0, 0, 0, 3]);
  const apart = rows.map((row, i) => ({ ...row, persons: `${i}` }));
  assertEquals(matchVideos([bare, scored("b", apart)]).persons, undefined);
});

Deno.test("matchVideos() refuses a video or an image that one file calls real and another fake, with both lines", () => {
  assertThrows(
    () => matchVideos([scored("a", [fake("y", 1), real("x", 0)]), scored("b", [fake("y", 1), fake("x", 0)])]),
    InputError,
    "Cannot compare the video x: expected one label but found 0 in line 3 of a.csv and 1 in line 3 of b.csv",
  );
  assertThrows(
    () => matchVideos([scored("a", [real("x", 0, "1.png")]), scored("b", [fake("z", 0, "1.png")])]),
    InputError,
    "Cannot compare the image 1.png: expected one label but found 0 in line 2 of a.csv and 1 in line 2 of b.csv",
  );
  // A fake that is named as its original is another video, whichever file has both.
  const [both, one, other] = [[real("x", 0), fake("x", 1)], [real("x", 0), real("y", 0)], [fake("x", 1)]];
  assertEquals(matchVideos([scored("a", both), scored("b", other)]).leftOut, [1, 0]);
  const three = [scored("a", one), scored("b", both), scored("c", [...other, real("y", 0)])];
  assertThrows(() => matchVideos(three), InputError, "expected videos that all have scored but found none");
});

Deno.test("matchVideos() refuses files without a video in common", () => {
  assertThrows(
    () => matchVideos([scored("a", [real("x", 0)]), scored("b", [real("/data/x", 0)])]),
    InputError,
    "expected videos that all have scored but found none (x in a.csv, /data/x in b.csv)",
  );
});

/**
 * Holds faces against those that facenet-pytorch found: `tests/peer/faces.py`.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { join } from "node:path";
import { openFaceFinder } from "../../lib/faces/find.ts";
import { decodeImage } from "../../lib/images/image.ts";

/** What stands in `expected.json`. */
export type ExpectedFaces = {
  readonly leastSide: number;
  readonly faces: Readonly<
    Record<
      string,
      readonly { readonly box: number[]; readonly score: number; readonly landmarks5: number[] }[]
    >
  >;
};

/** The least score of the original's last net. */
export const ORIGINAL_SCORE = 0.7;

/**
 * The worst difference of the faces in a folder's images to those in its `expected.json`: boxes and points in pixels, and scores.
 *
 * @throws where the faces of an image are not as many.
 */
export async function compareFaces(folder: string): Promise<{ box: number; points: number; score: number }> {
  const { leastSide, faces }: ExpectedFaces = JSON.parse(
    await Deno.readTextFile(join(folder, "expected.json")),
  );
  const finder = await openFaceFinder({ leastSide, leastScore: ORIGINAL_SCORE });
  const worst = { box: 0, points: 0, score: 0 };
  const compare = (key: keyof typeof worst, actual: readonly number[], expected: readonly number[]) => {
    actual.forEach((value, i) => worst[key] = Math.max(worst[key], Math.abs(value - expected[i])));
  };
  for await (const { name } of Deno.readDir(folder)) {
    const [, stem] = /^(.*)\.(?:jpg|png)$/.exec(name) ?? [];
    if (stem === undefined) continue;
    const [found] = await finder.find([await decodeImage(join(folder, name))]);
    assertEquals(found.length, faces[stem].length, name);
    // Scores near 1 are tied.
    const byPlace = found.toSorted((a, b) => a.box.x - b.box.x);
    faces[stem].toSorted((a, b) => a.box[0] - b.box[0]).forEach((expected, i) => {
      const { box: { x, y, width, height }, score, landmarks5 } = byPlace[i];
      compare("box", [x, y, width, height], expected.box);
      compare("points", landmarks5, expected.landmarks5);
      compare("score", [score], [expected.score]);
    });
  }
  finder.close();
  return worst;
}

/** As near as single precision stays when sums are taken in another order: far below a pixel. */
export async function assertFaces(folder: string): Promise<void> {
  const { box, points, score } = await compareFaces(folder);
  assertLess(box, 0.02, "pixels of a box");
  assertLess(points, 0.02, "pixels of a point");
  assertLess(score, 1e-4, "score");
}

/**
 * What scikit-image, OpenCV and NumPy make of points and images, as `tests/peer/align.py` writes it, against ours.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "node:path";
import { decodeImage, type RgbImage } from "../../lib/images/image.ts";
import { alignFace, type AlignmentName } from "../../lib/faces/align.ts";
import { readNpy, writeNpy } from "../../lib/faces/npy.ts";
import { sharpness } from "../../lib/faces/sharpness.ts";
import { robustSimilarity, similarityTransform, type Transform } from "../../lib/faces/transform.ts";
import { warp } from "../../lib/faces/warp.ts";
import { worstDifference } from "../tensors.ts";

type Points = { readonly from: number[]; readonly to: number[]; readonly matrix: number[] };

/** What `cases.json` holds. */
export type AlignCases = {
  readonly similar: readonly Points[];
  readonly robust: readonly Points[];
  readonly warped: readonly { readonly file: string; readonly matrix: Transform }[];
  readonly aligned: readonly {
    readonly file: string;
    readonly alignment: AlignmentName;
    readonly size: number | null;
    readonly scale: number;
    readonly landmarks5: number[];
  }[];
  readonly sharpness: readonly { readonly file: string; readonly variance: number }[];
  readonly arrays: readonly {
    readonly type: "int64" | "float32";
    readonly points: number[];
    readonly bytes: string;
  }[];
};

/** Reads the cases of a folder. */
export async function alignCases(
  folder: string,
): Promise<AlignCases & { image(file: string): Promise<RgbImage> }> {
  const cases: AlignCases = JSON.parse(await Deno.readTextFile(join(folder, "cases.json")));
  return { ...cases, image: async (file) => decodeImage(await Deno.readFile(join(folder, file))) };
}

/** Compares all cases of a folder; throws where one differs. */
export async function compareAlignCases(folder: string): Promise<void> {
  const cases = await alignCases(folder);
  compareTransforms(cases);
  const source = await cases.image("source.png");
  for (const { file, matrix } of cases.warped) {
    const { width, height, data } = await cases.image(file);
    assertEquals([...warp(source, matrix, { width, height }).data], [...data], file); // the same fixed point
  }
  for (const { file, alignment, size, scale, landmarks5 } of cases.aligned) {
    const expected = await cases.image(file);
    const ours = await alignFace(source, landmarks5, { alignment, scale, ...(size ? { size } : {}) });
    assertEquals([ours.width, ours.height], [expected.width, expected.height], file);
    // Matrices that differ in the last bits round some positions to another 1024th of a pixel.
    const far = ours.data.filter((value, i) => Math.abs(value - expected.data[i]) > 2).length;
    assertLess(far, ours.data.length / 1000, file);
  }
  for (const { file, variance } of cases.sharpness) {
    const ours = sharpness(await cases.image(file));
    assertLess(Math.abs(ours - variance), 1e-9 * variance, file); // sums of float64 in another order
  }
  for (const { type, points, bytes } of cases.arrays) {
    const expected = Uint8Array.fromBase64(bytes);
    assertEquals([...writeNpy(points, { type })], [...expected]);
    assertEquals([...readNpy(expected, "points.npy")], points);
  }
}

function compareTransforms({ similar, robust }: AlignCases): void {
  for (const { from, to, matrix } of similar) {
    assertLess(worstDifference([...similarityTransform(from, to)], matrix), 1e-6, JSON.stringify(from));
  }
  assert(robust.length > 0);
  for (const { from, to, matrix } of robust) {
    // OpenCV refines by ten damped steps from a start in float32, which end within 1e-5 of the least squares.
    assertLess(worstDifference([...robustSimilarity(from, to)], matrix), 1e-4, JSON.stringify(from));
  }
}

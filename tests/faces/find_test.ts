import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import sharp from "sharp";
import { isOnGpu } from "../../lib/backend/raw.ts";
import { InputError } from "../../lib/base/errors.ts";
import type { Face } from "../../lib/faces/face.ts";
import { findFaces, openFaceFinder } from "../../lib/faces/find.ts";
import { overlap } from "../../lib/images/box.ts";
import { decodeImage } from "../../lib/images/image.ts";
import type { RgbImage } from "../../lib/images/resize.ts";
import { fixture, tensorTest } from "../tensors.ts";
import { assertFaces } from "./mtcnn_cases.ts";

const astronaut = fixture("mtcnn/astronaut.jpg");
const several = fixture("mtcnn/several.jpg");
const none = fixture("mtcnn/none.jpg");

await findFaces(await decodeImage(several)); // opens the detector, which is kept, and each net's weights with its first image

function grey(width: number, height: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(128) };
}

/** Asserts that two detections are of the same faces to the bit; on a GPU within a hundredth of a pixel, as its kernels go by the batch. */
function assertSame(actual: readonly Face[], expected: readonly Face[]): void {
  if (!isOnGpu()) return assertEquals(actual, expected);
  assertEquals(actual.length, expected.length);
  actual.forEach(({ box, score, landmarks5 }, i) => {
    assertAlmostEquals(score, expected[i].score, 1e-4);
    for (const key of ["x", "y", "width", "height"] as const) {
      assertLess(Math.abs(box[key] - expected[i].box[key]), 1e-2, key);
    }
    landmarks5.forEach((value, k) => assertLess(Math.abs(value - expected[i].landmarks5[k]), 1e-2, "point"));
  });
}

tensorTest("faces, points and scores match facenet-pytorch", async () => {
  await assertFaces(fixture("mtcnn"));
});

tensorTest("findFaces() gives faces by falling score, their eyes left and right in the image", async () => {
  const faces = await findFaces(await decodeImage(several));
  assertEquals(faces.length, 3);
  faces.slice(1).forEach(({ score }, i) => assert(score <= faces[i].score));
  for (const { box, landmarks5: [leftX, leftY, rightX, , noseX, noseY, , mouthY] } of faces) {
    assert(box.x < leftX && leftX < noseX && noseX < rightX && rightX < box.x + box.width);
    assert(box.y < leftY && leftY < noseY && noseY < mouthY && mouthY < box.y + box.height);
  }
});

Deno.test("a face is found at every turn and mirroring that EXIF explains, at the same place", async () => {
  const image = await decodeImage(astronaut);
  const [upright] = await findFaces(image);
  const raw = { raw: { width: image.width, height: image.height, channels: 3 } } as const;
  for (let orientation = 1; orientation <= 8; orientation++) {
    // What a viewer undoes: a mirroring, then a turn clockwise.
    const mirrored = [2, 4, 5, 7].includes(orientation);
    const turn = [0, 0, 0, 180, 180, 270, 90, 90, 270][orientation];
    const turned = await sharp(image.data, raw).rotate(360 - turn).png().toBuffer();
    const stored = await sharp(turned)[mirrored ? "flop" : "clone"]().withMetadata({ orientation }).png()
      .toBuffer();
    const seen = await decodeImage(stored, { upright: true });
    assertEquals(seen.data, image.data, `pixels of orientation ${orientation}`);
    assertEquals(await findFaces(seen), [upright]);
    const asStored = await decodeImage(stored);
    assertEquals(asStored.data, new Uint8Array(await sharp(stored).raw().toBuffer())); // as Pillow, without it
  }
});

Deno.test("faces are found down to 40 pixels, by default and with JPEG at quality 50", async () => {
  const [whole] = await findFaces(await decodeImage(astronaut));
  for (const height of [40, 48, 64, 100]) {
    const width = Math.round(256 * height / whole.box.height);
    const small = await sharp(astronaut).resize(width).jpeg({ quality: 50 }).toBuffer();
    const [face, ...others] = await findFaces(await decodeImage(small));
    assertEquals(others, []);
    assertLess(Math.abs(face.box.height / height - 1), 0.15, `a face of ${height} pixels`);
  }
});

Deno.test("nothing is found in a cup, in noise, in the dark, and in an image below the least face", async () => {
  const noise = (most: number) => crypto.getRandomValues(new Uint8Array(160 * 120 * 3)).map((x) => x % most);
  assertEquals(await findFaces(await decodeImage(none)), []);
  assertEquals(await findFaces({ width: 160, height: 120, data: noise(256) }), []);
  assertEquals(await findFaces({ width: 160, height: 120, data: noise(6) }), []);
  for (const [width, height] of [[1, 1], [1, 500], [500, 1], [29, 200], [30, 30], [31, 30]]) {
    assertEquals(await findFaces(grey(width, height)), [], `${width}×${height}`);
  }
});

tensorTest("a batch gives each image's own faces, whatever is beside it and of whatever size", async () => {
  const finder = await openFaceFinder({ leastSide: 20, leastScore: 0.7 });
  const [one, many, cup] = await Promise.all([astronaut, several, none].map((path) => decodeImage(path)));
  const flipped = await decodeImage(await sharp(several).flop().png().toBuffer());
  const images = [many, one, flipped, cup, many];
  const together = await finder.find(images);
  assertEquals(together.map((faces) => faces.length), [3, 1, 3, 0, 3]);
  for (const [i, image] of images.entries()) assertSame(together[i], (await finder.find([image]))[0]);
  finder.close();
});

tensorTest("findFaces() finds the same to the bit whatever frames are beside it", async () => {
  const finder = await openFaceFinder();
  // An odd height has windows that reach beyond it; of the largest size the first level holds one frame at a time, of the others more.
  for (
    const { size: [width, height], counts } of [
      { size: [201, 113], counts: [2, 3, 9] },
      { size: [1280, 720], counts: [2, 9] },
      { size: [1920, 1081], counts: [2] },
    ]
  ) {
    const frames = await Promise.all([astronaut, several, none].map(async (path) => ({
      ...{ width, height },
      data: new Uint8Array(await sharp(path).resize(width, height, { fit: "fill" }).raw().toBuffer()),
    })));
    const alone = await Promise.all(frames.map((frame) => findFaces(frame)));
    assert(alone[0].length === 1 && alone[1].length >= 2);
    for (const count of counts) {
      const beside = Array.from({ length: count }, (_, i) => frames[i % 3]);
      (await finder.find(beside)).forEach((faces, i) => assertSame(faces, alone[i % 3]));
    }
  }
  finder.close();
});

tensorTest("an image of many pixels is computed in strips, with the same faces", async () => {
  const small = await decodeImage(several);
  const wide = await decodeImage(
    await sharp(several).extend({ right: 1400, bottom: 700, background: "#808080" }).png().toBuffer(),
  );
  const finder = await openFaceFinder({ leastSide: 20 });
  const [[near], [far]] = await Promise.all([finder.find([small]), finder.find([wide])]);
  assertEquals(far.length, near.length);
  // Other sizes of a pyramid's levels move boxes by a part of a pixel.
  for (const face of near) assert(far.some(({ box }) => overlap(box, face.box) > 0.85));
  finder.close();
});

Deno.test("a finder names its model and its weights, and refuses what it cannot look for", async () => {
  const finder = await openFaceFinder();
  assertEquals(finder.name, "MTCNN (facenet-pytorch 2.6.0)");
  assertEquals(finder.digest.length, 64);
  finder.close();
  const bytes = { width: 4, height: 2, data: new Uint8Array(32) };
  await assertRejects(
    () => findFaces(bytes),
    InputError,
    "expected 24 bytes of RGB for 4×2 pixels but found 32",
  );
  await assertRejects(
    () => findFaces(grey(9, 9), { leastSide: 11 }),
    InputError,
    "at least 12 pixels but found 11",
  );
  await assertRejects(() => openFaceFinder({ leastScore: 95 }), InputError, "from 0 to 1 but found 95");
});

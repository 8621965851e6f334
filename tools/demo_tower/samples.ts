/**
 * What the demo tower is trained on: faces, half of them with a region edited, all through a camera's small differences and JPEG.
 *
 * @module
 */
import sharp from "sharp";
import { createRandom, type Random } from "../../lib/base/random.ts";
import { between } from "../../lib/data/demo/noise.ts";
import { editNames, editRegion } from "./edits.ts";
import { drawRegion, sharesOf } from "./regions.ts";

/** Side of the images, and of the patches that are told apart. */
export const SIZE = 224;
const SIDE = 16;

/** One batch; everything is a function of its number and the seed. */
export type Samples = {
  /** RGB bytes, each [SIZE, SIZE, 3]. */
  readonly images: Uint8Array<ArrayBuffer>[];
  /** 1 where a region was edited. */
  readonly labels: Float32Array; // [B]
  /** 0 for none, else one more than the place of the first edit in `editNames`. */
  readonly kinds: Int32Array; // [B]
  /** The edited share of each patch. */
  readonly shares: Float32Array; // [B · 196]
};

/** Steps over which edits become as weak, and JPEG as strong, as they may be. */
const EASY = 500;

/** Draws the batch `step`: as many images as asked for, every second one edited. */
export async function drawSamples(
  faces: readonly string[],
  { seed, step, count }: { seed: number; step: number; count: number },
): Promise<Samples> {
  const patches = (SIZE / SIDE) ** 2;
  const samples = {
    images: new Array<Uint8Array<ArrayBuffer>>(count),
    labels: new Float32Array(count),
    kinds: new Int32Array(count),
    shares: new Float32Array(count * patches),
  };
  const ease = Math.max(0, 1 - step / EASY);
  for (let i = 0; i < count; i++) {
    const random = createRandom(seed, "sample", step, i);
    let image = await decode(facesAt(faces, { seed, place: step * count + i }), random);
    if (i % 2 === 1) {
      const region = drawRegion(random, SIZE);
      const other = await decode(faces[random.integer(faces.length)], random);
      const edited = await editRegion({ image, other, size: SIZE, region, random, least: 0.7 * ease });
      image = edited.image;
      samples.labels[i] = 1;
      samples.kinds[i] = 1 + editNames.indexOf(edited.kinds[0]);
      samples.shares.set(sharesOf(region, { size: SIZE, side: SIDE }), i * patches);
    }
    samples.images[i] = await photographed(image, { random, ease });
  }
  return samples;
}

/** The face at a place of an endless list: all faces in a random order, then all in another. */
function facesAt(faces: readonly string[], { seed, place }: { seed: number; place: number }): string {
  const round = Math.floor(place / faces.length);
  if (order?.round !== round || order.faces !== faces || order.seed !== seed) {
    order = { round, seed, faces, shuffled: createRandom(seed, "order", round).shuffled(faces) };
  }
  return order.shuffled[place % faces.length];
}
let order: { round: number; seed: number; faces: readonly string[]; shuffled: string[] } | undefined;

async function decode(path: string, random: Random): Promise<Uint8Array> {
  const image = sharp(path);
  return new Uint8Array(await (random.uniform() < 0.5 ? image.flop() : image).raw().toBuffer());
}

/** Gains of all channels and of each, then JPEG on most. */
async function photographed(
  image: Uint8Array,
  { random, ease }: { random: Random; ease: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const all = 1 + between(random, -0.15, 0.15);
  const gains = [0, 0, 0].map(() => all * (1 + between(random, -0.04, 0.04)));
  const gained = new Uint8Array(image.length);
  for (let q = 0; q < gained.length; q++) gained[q] = Math.min(255, Math.round(image[q] * gains[q % 3]));
  if (random.uniform() < 0.25) return gained;
  const quality = Math.round(between(random, 70 + 20 * ease, 97));
  const raw = { width: SIZE, height: SIZE, channels: 3 } as const;
  const file = await sharp(gained, { raw }).jpeg({ quality, chromaSubsampling: "4:2:0", mozjpeg: false })
    .toBuffer();
  return new Uint8Array(await sharp(file).raw().toBuffer());
}

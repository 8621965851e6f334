/**
 * The edits that the demo tower learns to see: things that can be done to a region of any photograph, drawn at random.
 *
 * None of them is one of the demo data's own manipulations, which know where a face is; the tower never sees those.
 * Bytes are RGB, [size, size, 3], row by row.
 *
 * @module
 */
import sharp from "sharp";
import type { Random } from "../../lib/base/random.ts";
import { between, valueNoise } from "../../lib/data/demo/noise.ts";
import type { Region } from "./regions.ts";

/** What an edit is given: the image, another one of the same size, and where the edit will show. */
type Scene = {
  readonly image: Uint8Array;
  readonly other: Uint8Array;
  readonly size: number;
  readonly region: Region;
  readonly random: Random;
  /** Least strength, 0..1: how far up its range every strength is drawn from. */
  readonly least: number;
};

/** The content of the region's rectangle after an edit, [height, width, 3]. */
type Content = ArrayLike<number>;
type Edit = (scene: Scene) => Content | Promise<Content>;

/** A strength between two, by ratios; `low` may be the larger one. */
function strength({ random, least }: Pick<Scene, "random" | "least">, low: number, high: number): number {
  return low * (high / low) ** (least + (1 - least) * random.uniform());
}
const chance = (random: Random, probability: number) => random.uniform() < probability;

/** Samples channel `c` at a fractional place; edges repeat. */
function sample({ image, size }: Pick<Scene, "image" | "size">, x: number, y: number, c: number): number {
  const last = size - 1;
  const cx = x < 0 ? 0 : x > last ? last : x, cy = y < 0 ? 0 : y > last ? last : y;
  const x0 = Math.floor(cx), y0 = Math.floor(cy);
  const right = x0 < last ? 3 : 0, below = y0 < last ? 3 * size : 0;
  const fx = cx - x0, fy = cy - y0, q = (y0 * size + x0) * 3 + c;
  const top = image[q] * (1 - fx) + image[q + right] * fx;
  const low = image[q + below] * (1 - fx) + image[q + below + right] * fx;
  return top * (1 - fy) + low * fy;
}

/** Asks for every value of the region's rectangle, in order: at pixel (x, y) of the image, channel c. */
function fill({ region }: Scene, value: (x: number, y: number, c: number) => number): Float32Array {
  const { left, top, width, height } = region;
  const content = new Float32Array(width * height * 3);
  for (let y = 0, q = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, q++) content[q] = value(left + x, top + y, c);
    }
  }
  return content;
}

/** The rectangle sampled where `place` says that each pixel comes from. */
function moved(scene: Scene, place: (x: number, y: number) => readonly [number, number]): Float32Array {
  const { left, top, width, height } = scene.region;
  const content = new Float32Array(width * height * 3);
  for (let y = 0, q = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = place(left + x, top + y);
      for (let c = 0; c < 3; c++, q++) content[q] = sample(scene, u, v, c);
    }
  }
  return content;
}

/** A turn, a stretch and a shift about the region's middle. */
function drawAffine(
  { region, random }: Scene,
  { turn, stretch, shift }: Record<"turn" | "stretch" | "shift", number>,
) {
  const a = between(random, -turn, turn), sx = 1 + between(random, -stretch, stretch);
  const sy = chance(random, 0.5) ? sx : 1 + between(random, -stretch, stretch);
  const dx = between(random, -shift, shift), dy = between(random, -shift, shift);
  const mx = region.left + region.width / 2, my = region.top + region.height / 2;
  return (x: number, y: number): [number, number] => {
    const u = x - mx, v = y - my;
    return [mx + sx * u - a * v + dx, my + sy * v + a * u + dy];
  };
}

/** The rectangle as an image for sharp, and back. */
const cut = (scene: Scene) => {
  const { left, top, width, height } = scene.region;
  const { size } = scene;
  return sharp(scene.image, { raw: { width: size, height: size, channels: 3 } })
    .extract({ left, top, width, height });
};
const rawOf = async (image: ReturnType<typeof sharp>) => new Uint8Array(await image.raw().toBuffer());

/** Pulled out of shape by a smooth field, or turned and stretched a little: interpolation softens it. */
const warp: Edit = (scene) => {
  const { random } = scene;
  if (chance(random, 0.5)) return moved(scene, drawAffine(scene, { turn: 0.05, stretch: 0.05, shift: 2 }));
  const cell = between(random, 10, 60), bend = strength(scene, 1, 8);
  const seed = random.integer(1_000_000_000);
  const push = (x: number, y: number, s: number) => 2 * bend * (valueNoise(x / cell, y / cell, s) - 0.5);
  return moved(scene, (x, y) => [x + push(x, y, seed), y + push(x, y, seed + 1)]);
};

/** Made smaller and larger again, or larger and smaller again, with kernels of several kinds. */
const rescale: Edit = async (scene) => {
  const { region: { width, height }, random } = scene;
  const factor = chance(random, 0.75) ? 1 / strength(scene, 1.25, 4) : strength(scene, 1.3, 2.5);
  const kernels = ["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"] as const;
  const [there, back] = [0, 0].map(() => kernels[random.integer(kernels.length)]);
  const [w, h] = [width, height].map((side) => Math.max(2, Math.round(side * factor)));
  const other = await cut(scene).resize(w, h, { fit: "fill", kernel: there }).raw().toBuffer();
  return await rawOf(
    sharp(other, { raw: { width: w, height: h, channels: 3 } })
      .resize(width, height, { fit: "fill", kernel: back }),
  );
};

/** Blurred, cleaned of noise by medians, or sharpened. */
const blur: Edit = async (scene) => {
  const { random } = scene;
  const kind = random.uniform();
  if (kind < 0.6) return await rawOf(cut(scene).blur(strength(scene, 0.45, 2.5)));
  if (kind < 0.75) return await rawOf(cut(scene).median(3));
  return await rawOf(cut(scene).sharpen({ sigma: between(random, 0.6, 1.6), m1: strength(scene, 0.5, 3) }));
};

/** Noise of its own, of single or of coarse grains, grey or coloured. */
const noise: Edit = (scene) => {
  const { random, image, size } = scene;
  const level = strength(scene, 1.5, 10), isGrey = chance(random, 0.4);
  const grain = chance(random, 0.7) ? 0 : between(random, 1.2, 2.5);
  const seed = random.integer(1_000_000_000);
  let grey = 0;
  return fill(scene, (x, y, c) => {
    if (c === 0 || !isGrey) {
      grey = grain === 0
        ? level * 2.45 * (random.uniform() + random.uniform() - 1)
        : level * 4 * (valueNoise(x / grain, y / grain, seed + c) - 0.5);
    }
    return image[(y * size + x) * 3 + c] + grey;
  });
};

/** Another face's pixels in place, or the image's own from elsewhere; their colours brought near or not. */
const paste: Edit = (scene) => {
  const { random, image, size, region } = scene;
  const isOther = chance(random, 0.6);
  const source = isOther ? { ...scene, image: scene.other } : scene;
  const place = drawAffine(scene, { turn: 0.1, stretch: 0.1, shift: isOther ? 12 : 60 });
  const content = moved(source, place);
  if (chance(random, 0.75)) {
    const { left, top, width } = region;
    for (let c = 0; c < 3; c++) {
      let before = 0, after = 0;
      for (let q = c; q < content.length; q += 3) {
        const p = (q - c) / 3, x = left + p % width, y = top + Math.floor(p / width);
        const weight = region.weights[y * size + x];
        before += weight * image[(y * size + x) * 3 + c], after += weight * content[q];
      }
      const gain = (before + 1) / (after + 1) * between(random, 0.95, 1.05);
      for (let q = c; q < content.length; q += 3) content[q] *= gain;
    }
  }
  return content;
};

/** Another light: gains of the channels, contrast, and a lift. */
const light: Edit = (scene) => {
  const { random, image, size } = scene;
  const most = strength(scene, 0.06, 0.3);
  const all = 1 + between(random, -most, most);
  const gains = [0, 0, 0].map(() => all * (1 + between(random, -most, most) / 2));
  const contrast = 1 + between(random, -most, most), lift = between(random, -40, 40) * most;
  return fill(scene, (x, y, c) => 128 + contrast * (image[(y * size + x) * 3 + c] * gains[c] - 128) + lift);
};

/** Compressed by itself, its blocks beside those of the image. */
const recompress: Edit = async (scene) => {
  const { random } = scene;
  const chromaSubsampling = chance(random, 0.7) ? "4:2:0" : "4:4:4";
  const quality = Math.round(strength(scene, 65, 12));
  return await rawOf(sharp(await cut(scene).jpeg({ quality, chromaSubsampling }).toBuffer()));
};

/** The kinds of edit by name. */
export const edits = { warp, rescale, blur, noise, paste, light, recompress } as const satisfies Record<
  string,
  Edit
>;

/** The names of all kinds. */
export const editNames = Object.keys(edits) as (keyof typeof edits)[];

/** How often a second edit of another kind follows in the same region. */
const TWICE = 0.3;

/**
 * Edits a region of an image, which stays as it is, and says with what: an edit, or one and another.
 *
 * @param scene.other what `paste` may take pixels from
 * @param scene.kinds what it is edited with, in turn; drawn unless given
 */
export async function editRegion(
  scene: Scene & { readonly kinds?: readonly (keyof typeof edits)[] },
): Promise<{ image: Uint8Array; kinds: readonly (keyof typeof edits)[] }> {
  const { random, size, region } = scene;
  const kinds = scene.kinds ?? random.shuffled(editNames).slice(0, chance(random, TWICE) ? 2 : 1);
  let image = scene.image;
  for (const kind of kinds) {
    image = blend(image, { content: await edits[kind]({ ...scene, image }), size, region });
  }
  return { image, kinds };
}

/** Lays the rectangle's new content over the image, by the region's weights. */
function blend(
  image: Uint8Array,
  { content, size, region }: { content: Content; size: number; region: Region },
): Uint8Array {
  const { weights, left, top, width, height } = region;
  const out = Uint8Array.from(image);
  for (let y = 0, q = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const p = (top + y) * size + left + x;
      for (let c = 0; c < 3; c++, q++) {
        const value = image[3 * p + c] + weights[p] * (content[q] - image[3 * p + c]);
        out[3 * p + c] = value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
      }
    }
  }
  return out;
}

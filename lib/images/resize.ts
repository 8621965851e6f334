/**
 * Pillow's bilinear and bicubic resize, to the byte.
 *
 * @module
 */
import { openNative, whileHeld } from "../backend/native.ts";

/** Bits after the binary point of a filter coefficient: Pillow's `PRECISION_BITS`, 32 - 8 - 2. */
const PRECISION = 22;

/** Tables kept at a time; data sets of face crops come in many sizes, and a table is cheap to make again. */
const MAX_TABLES = 256;
/** Longer tables, of pictures with millions of pixels a side, are not kept. */
const MAX_KEPT = 1 << 18;

/** One axis of the filter: output `i` is the sum of `taps[i]` inputs from `first[i]` on. */
interface Filter {
  readonly first: Int32Array; // [outSize]
  readonly taps: Int32Array; // [outSize]
  readonly stride: number;
  readonly weights: Int32Array; // [outSize, stride], fixed point
  /** All of it, as `resize.cc` takes it: outSize, stride, and the three arrays. */
  readonly packed: Int32Array<ArrayBuffer>;
}

const filters = new Map<string, Filter>();

/** What weighs an input by its distance from an output's centre, and how far it reaches. */
interface Kernel {
  readonly name: string;
  readonly reach: number;
  weight(distance: number): number;
}

const triangle: Kernel = {
  name: "triangle",
  reach: 1,
  weight: (distance) => (distance < 1 ? 1 - distance : 0),
};

/** Pillow's and Keys' cubic with a = -0.5, in the order in which Pillow computes it. */
const cubic: Kernel = {
  name: "cubic",
  reach: 2,
  weight: (distance) => {
    const a = -0.5;
    if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
    return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
  },
};

const kernels = { bilinear: triangle, bicubic: cubic } as const;

/** The outputs that are wanted of an axis. */
interface Part {
  readonly start: number;
  readonly count: number;
}

/** A kernel, widened by the scale when shrinking (Pillow's antialias), as fixed-point weights of `part` of the outputs. */
function filterOf(
  kernel: Kernel,
  { inSize, outSize, part }: { readonly inSize: number; readonly outSize: number; readonly part: Part },
): Filter {
  const { start, count } = part;
  const key = `${kernel.name}:${inSize}:${outSize}:${start}:${count}`;
  const known = filters.get(key);
  if (known) return known;

  const scale = inSize / outSize;
  const wider = Math.max(scale, 1);
  const support = kernel.reach * wider;
  const stride = Math.ceil(support) * 2 + 1;
  const packed = new Int32Array(2 + count * (2 + stride));
  packed.set([count, stride]);
  const first = packed.subarray(2, 2 + count);
  const taps = packed.subarray(2 + count, 2 + 2 * count);
  const weights = packed.subarray(2 + 2 * count);
  const exact = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const center = (start + i + 0.5) * scale;
    const from = Math.max(Math.trunc(center - support + 0.5), 0);
    const inputs = Math.min(Math.trunc(center + support + 0.5), inSize) - from;
    let total = 0;
    for (let t = 0; t < inputs; t++) {
      // Multiplied by 1 / scale rather than divided by it: Pillow does, and the last bit can differ.
      exact[t] = kernel.weight(Math.abs((t + from - center + 0.5) * (1 / wider)));
      total += exact[t];
    }
    for (let t = 0; t < inputs; t++) {
      const weight = total === 0 ? exact[t] : exact[t] / total;
      weights[i * stride + t] = Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * (1 << PRECISION));
    }
    first[i] = from;
    taps[i] = inputs;
  }

  if (filters.size >= MAX_TABLES) filters.clear();
  const filter = { first, taps, stride, weights, packed };
  if (packed.length <= MAX_KEPT) filters.set(key, filter);
  return filter;
}

/** A byte, as sums with negative weights may be none. */
function clipped(value: number): number {
  return value > 255 ? 255 : value < 0 ? 0 : value;
}

/** RGB [height, filter's inputs, 3] → [height, filter's outputs, 3]. */
function resizeRows(
  source: Uint8Array,
  filter: Filter,
  { height, inWidth }: { height: number; inWidth: number },
): Uint8Array {
  const { first, taps, stride, weights } = filter;
  const outWidth = first.length;
  const target = new Uint8Array(height * outWidth * 3);
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = y * inWidth * 3;
    for (let x = 0; x < outWidth; x++) {
      let red = 1 << (PRECISION - 1); // rounds to nearest when shifted back
      let green = red;
      let blue = red;
      let offset = row + first[x] * 3;
      const end = x * stride + taps[x];
      for (let w = x * stride; w < end; w++) {
        const weight = weights[w];
        red += Math.imul(source[offset], weight);
        green += Math.imul(source[offset + 1], weight);
        blue += Math.imul(source[offset + 2], weight);
        offset += 3;
      }
      target[out] = clipped(red >> PRECISION);
      target[out + 1] = clipped(green >> PRECISION);
      target[out + 2] = clipped(blue >> PRECISION);
      out += 3;
    }
  }
  return target;
}

/** RGB [filter's inputs, width, 3] → [filter's outputs, width, 3]. */
function resizeColumns(source: Uint8Array, filter: Filter, width: number): Uint8Array {
  const { first, taps, stride, weights } = filter;
  const outHeight = first.length;
  const rowLength = width * 3;
  const target = new Uint8Array(outHeight * rowLength);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < outHeight; y++) {
    sums.fill(1 << (PRECISION - 1));
    for (let t = 0; t < taps[y]; t++) {
      const weight = weights[y * stride + t];
      const row = (first[y] + t) * rowLength;
      for (let x = 0; x < rowLength; x++) sums[x] += Math.imul(source[row + x], weight);
    }
    const row = y * rowLength;
    for (let x = 0; x < rowLength; x++) target[row + x] = clipped(sums[x] >> PRECISION);
  }
  return target;
}

/** An 8-bit RGB image. */
export interface RgbImage {
  /** [height, width, 3], row by row. */
  data: Uint8Array;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
}

/** How an image is resized. */
export type Resizing = {
  /** Of the whole result, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Pillow's filter of that name; `"bilinear"` unless given. */
  readonly filter?: "bilinear" | "bicubic";
  /** The square of the whole result that is kept, by its place and side in pixels; all of it unless given. */
  readonly square?: { readonly left: number; readonly top: number; readonly size: number };
};

/** The filters of both axes; an axis that stays as it is has none. */
function filtersOf(
  image: { readonly width: number; readonly height: number },
  { width, height, filter = "bilinear", square }: Resizing,
): { readonly across?: Filter; readonly down?: Filter } {
  const along = (inSize: number, outSize: number, start?: number) => {
    const part = { start: start ?? 0, count: square?.size ?? outSize };
    if (inSize === outSize && part.count === outSize) return undefined;
    return filterOf(kernels[filter], { inSize, outSize, part });
  };
  return {
    across: along(image.width, width, square?.left),
    down: along(image.height, height, square?.top),
  };
}

/** Width and height of what is kept. */
function sizeOf({ width, height, square }: Resizing): { readonly width: number; readonly height: number } {
  return { width: square?.size ?? width, height: square?.size ?? height };
}

/**
 * Resizes as Pillow's `Image.resize()` does, byte for byte (versions up to 12): triangle or cubic filter with antialias, rows
 * first, rounded to bytes between the two passes, no pass along a side that keeps its length.
 *
 * @param image RGB, any size.
 * @returns A new image, or `image` itself when nothing changes.
 */
export function resize(image: RgbImage, resizing: Resizing): RgbImage {
  const { across, down } = filtersOf(image, resizing);
  let data = image.data;
  if (across) data = resizeRows(data, across, { height: image.height, inWidth: image.width });
  if (down) data = resizeColumns(data, down, sizeOf(resizing).width);
  return data === image.data ? image : { data, ...sizeOf(resizing) };
}

/** What `resize.cc` exports. */
export const resizeSymbols = {
  resize_supported: { parameters: [], result: "i32" },
  resize: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "void",
    nonblocking: true,
  },
  resize_by_avx2: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer"], result: "void" },
} as const;

/** What the project's C++ takes to resize an image: its height and width, a filter for each axis that changes, and where to. */
export function nativeResize(
  image: { readonly width: number; readonly height: number },
  resizing: Resizing,
): {
  readonly sizes: Int32Array<ArrayBuffer>;
  readonly across: Int32Array<ArrayBuffer> | null;
  readonly down: Int32Array<ArrayBuffer> | null;
  readonly target: Uint8Array<ArrayBuffer>;
} {
  const { across, down } = filtersOf(image, resizing);
  const { width, height } = sizeOf(resizing);
  return {
    sizes: Int32Array.of(image.height, image.width),
    across: across?.packed ?? null,
    down: down?.packed ?? null,
    target: new Uint8Array(width * height * 3),
  };
}

/**
 * `resize()` in another thread, by the project's C++, where this machine can compile and run it; the same bytes anywhere, and
 * `image` itself when nothing changes.
 */
export async function resizeAside(image: RgbImage, resizing: Resizing): Promise<RgbImage> {
  const { sizes, across, down, target } = nativeResize(image, resizing);
  if (!across && !down) return image;
  const library = await openNative("resize", resizeSymbols).catch(() => undefined); // the same is to be had without
  if (!library?.resize_supported()) return resize(image, resizing);
  const call = [image.data as Uint8Array<ArrayBuffer>, sizes, across, down, target] as const;
  await whileHeld(call, library.resize(...call));
  return { data: target, ...sizeOf(resizing) };
}

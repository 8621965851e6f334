/**
 * Image files → RGB bytes, the same ones that Pillow and torchvision give.
 *
 * @module
 */
import type { Metadata, Sharp } from "sharp";
import { reasonOf } from "../base/errors.ts";
import { createBudget } from "../base/pool.ts";
import { withoutTransforms } from "./avif.ts";
import { jpegResized } from "./jpeg_aside.ts";
import { jpegFault, jpegSize } from "./jpeg_fault.ts";
import { jpeg } from "./perturbations/jpeg.ts";
import { drawFor, type Perturbation, perturbationName } from "./perturbations/perturbation.ts";
import type { CropPart, FitKind } from "./fits/fit.ts";
import { type Fit, fits } from "./fits/mod.ts";
import type { Resizing, RgbImage } from "./resize.ts";
import { loadSharp } from "./sharp.ts";
import { foreignTiff, tiffLayout } from "./tiff.ts";

export type { RgbImage } from "./resize.ts";

/** What cannot be decoded is an error, and not grey or black; libjpeg's warnings are none, for Pillow. */
const FAIL_ON = "error";

/** Pillow's limit, from which on it takes a picture for an attack. */
const MAX_PIXELS = 178_956_970;

/** Pixels that are decoded and resized at a time, by whoever asks: each takes some ten bytes on its way. */
const pixels = createBudget(100e6);

const SIGNATURES: readonly (readonly [format: string, offset: number, magic: string])[] = [
  ["JPEG", 0, "\xff\xd8\xff"],
  ["PNG", 0, "\x89PNG\r\n\x1a\n"],
  ["WebP", 8, "WEBP"],
  ["GIF", 0, "GIF8"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["BMP", 0, "BM"],
  ["PDF", 0, "%PDF"],
  ["ZIP archive", 0, "PK\x03\x04"],
  ["AVIF or HEIC", 4, "ftyp"],
];

/** The format that a file's first bytes are of: `PNG`, `JPEG`, `WebP`, …; undefined for others. */
export function formatOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return SIGNATURES.find(([, offset, magic]) => head.startsWith(magic, offset))?.[0];
}

function describe(bytes: Uint8Array, reason: string): string {
  if (bytes.length === 0) return "an empty file";
  const format = formatOf(bytes);
  if (format === "JPEG" || format === "PNG" || format === "WebP" || format === "GIF" || format === "TIFF") {
    return `a ${format} that is truncated or damaged (${reason})`;
  }
  if (format) return `${/^[AEIOU]/.test(format) ? "an" : "a"} ${format} file`;
  const text = bytes.subarray(0, 512).every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
  return text ? "text" : `${bytes.length} bytes of no known image format`;
}

function unreadable(name: string, expected: string, found: string): Error {
  return new Error(`Cannot read image ${name}: expected ${expected} but found ${found}`);
}

async function readBytes(source: string | Uint8Array): Promise<{ bytes: Uint8Array; name: string }> {
  if (typeof source !== "string") return { bytes: source, name: "(bytes)" };
  try {
    return { bytes: await Deno.readFile(source), name: source };
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound
      ? "no such file"
      : error instanceof Deno.errors.IsADirectory
      ? "a folder"
      : reasonOf(error);
    throw unreadable(source, "a file", found);
  }
}

/** Pillow's naive CMYK → RGB, [pixels, 4] → [pixels, 3]. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3];
    for (let c = 0; c < 3; c++) {
      // Pillow's MULDIV255: the product over 255, rounded, without a division.
      const product = cmyk[from + c] * light + 128;
      rgb[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}

/** 16-bit grey → RGB as Pillow 11 does it for PNG: clipped to 255, not scaled. */
function grey16ToRgb(grey: Uint16Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(Math.min(grey[i], 255), i * 3, i * 3 + 3);
  return rgb;
}

/** An image that is whole, but of a kind that is not read; the message says which. */
class Foreign extends Error {}

/** The same image as Pillow stores it, or a refusal of what Pillow refuses and libvips does not. */
function asPillow(bytes: Uint8Array): Uint8Array {
  const format = formatOf(bytes);
  if (format === "AVIF or HEIC") return withoutTransforms(bytes);
  if (format === "JPEG") {
    const fault = jpegFault(bytes);
    if (fault !== undefined) throw new Error(fault);
  }
  const layout = format === "TIFF" ? tiffLayout(bytes) : undefined;
  const foreign = layout && foreignTiff(layout);
  if (foreign !== undefined) throw new Foreign(foreign);
  return bytes;
}

/** Whether 16-bit grey has its values clipped: a TIFF's, and a PNG's without alpha, though it may name a transparent value. */
function isClipped(bytes: Uint8Array, hasAlpha: boolean): boolean {
  const format = formatOf(bytes);
  return format === "PNG" ? bytes[25] === 0 : !hasAlpha;
}

/** How an image is decoded. */
export type DecodeOptions = {
  /** Turned and mirrored as its EXIF orientation says, so that faces stand upright; off unless given, as in Pillow. */
  readonly upright?: boolean;
};

/** The RGB of an image, 8 bits a sample; rejects with libvips' reason. */
async function decode(
  bytes: Uint8Array,
  image: Sharp,
  { upright = false, ...meta }: Metadata & DecodeOptions,
): Promise<RgbImage> {
  const { space, hasAlpha, depth, format } = meta;
  // Pillow turns a TIFF as it is loaded, and nothing else.
  const turned = upright || format === "tiff" ? image.autoOrient() : image;
  if (space === "cmyk") {
    const wide = depth === "ushort";
    const { data, info } = await turned.pipelineColourspace("cmyk").toColourspace("cmyk")
      .raw({ depth: wide ? "ushort" : "uchar" }).toBuffer({ resolveWithObject: true });
    const cmyk = wide ? Uint8Array.from({ length: data.length / 2 }, (_, i) => data[2 * i + 1]) : data;
    return { data: cmykToRgb(cmyk), ...sizeOf(info) };
  }
  if (space === "grey16" && isClipped(bytes, hasAlpha)) {
    const { data, info } = await turned.removeAlpha().toColourspace("grey16").raw({ depth: "ushort" })
      .toBuffer({ resolveWithObject: true });
    const grey = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height);
    // libvips turns a TIFF whose white is zero about; Pillow does so only up to 8 bits.
    const inverted = format === "tiff" && tiffLayout(bytes)?.photometric === 0;
    return { data: grey16ToRgb(inverted ? grey.map((value) => 65535 - value) : grey), ...sizeOf(info) };
  }
  // Pillow takes signed bytes for unsigned ones.
  const bits = depth === "char" ? { depth: "char" } as const : {};
  const { data, info } = await turned.removeAlpha().raw(bits).toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), ...sizeOf(info) };
}

function sizeOf({ width, height }: { readonly width: number; readonly height: number }) {
  return { width, height };
}

/**
 * Decodes an image as `decodeImage()` does and gives it to `use`. All images that are in use at a time have at most 100
 * million pixels together, or one has more: the rest wait, so that a few large ones do not take the machine's memory.
 *
 * @param use must not wait for another image; is given how many pictures the file has too, of which the image is the first.
 * @throws {Error} as `decodeImage()`, and what `use` throws.
 */
export async function withImage<T>(
  source: string | Uint8Array,
  use: (image: RgbImage, pictures: number) => T | Promise<T>,
  options: DecodeOptions = {},
): Promise<T> {
  return await withDecoded({ ...await readBytes(source), ...options }, use);
}

async function withDecoded<T>(
  { bytes, name, upright }: { readonly bytes: Uint8Array; readonly name: string } & DecodeOptions,
  use: (image: RgbImage, pictures: number) => T | Promise<T>,
): Promise<T> {
  const refusal = (error: unknown) => {
    const reason = (error as Error).message.trim().split("\n")[0];
    const found = error instanceof Foreign ? reason : describe(bytes, reason);
    return unreadable(name, "a JPEG, PNG, WebP, GIF or TIFF image", found);
  };
  const { image, meta, stored } = await header(bytes).catch((error) => Promise.reject(refusal(error)));
  using _held = await pixels.take(meta.width * meta.height);
  return await use(
    await decode(stored, image, { ...meta, upright }).catch((error) => Promise.reject(refusal(error))),
    meta.pages ?? 1,
  );
}

async function header(bytes: Uint8Array) {
  const sharp = await loadSharp();
  const stored = asPillow(bytes);
  const image = sharp(stored, { failOn: FAIL_ON, ignoreIcc: true, limitInputPixels: false });
  const meta = await image.metadata();
  if (meta.format === "svg") throw new Error("SVG is a drawing");
  if (meta.format === "jpeg" && formatOf(bytes) !== "JPEG") throw new Error("a JPEG that begins otherwise");
  if (meta.width * meta.height > MAX_PIXELS) {
    throw new Foreign(
      `${meta.width} × ${meta.height} pixels, more than the ${MAX_PIXELS} from which on Pillow refuses an image; make it smaller, or cut the face out`,
    );
  }
  return { image, meta, stored };
}

/** Waits until a picture of this size may be decoded beside the others that are; what is disposed lets others begin. */
export async function holdPixels(
  size: { readonly width: number; readonly height: number },
): Promise<Disposable> {
  return await pixels.take(size.width * size.height);
}

/**
 * Reads an image as RGB at its own size, as Pillow 11.3's `open → convert("RGB")` does: EXIF orientation ignored but in TIFF,
 * colour profiles ignored, alpha removed and not blended, grey replicated, palettes looked up, CMYK by the naive formula,
 * the first frame of several. What is damaged is refused where Pillow refuses it and read where libjpeg only warns.
 *
 * Known differences: a transparent pixel of a GIF is black here and the palette's colour there. Refused here and read
 * there: a PNG cut within its last chunk, a GIF without its last bytes, a JPEG of a hundred warnings, BMP, TIFF in Lab, of compressed YCbCr without
 * subsampling, or of YCbCr with one sample. AVIF is off by 1 where its chroma is whole, and by more where it is subsampled,
 * which Pillow smooths; a TIFF with premultiplied alpha is off by 1. An uncompressed TIFF that is not RGB and lies on
 * its side is turned here and scrambled there.
 *
 * @param source a path, or the file's bytes. JPEG, PNG, WebP, GIF, TIFF and AVIF, by content and not by name.
 * @param options.upright turned and mirrored as its EXIF orientation says, for those who look for faces; off unless given
 * @returns `data` is [height, width, 3], values 0 to 255.
 * @throws {Error} `Cannot read image …` for a missing, empty, truncated or foreign file, and from 178,956,970 pixels on, as Pillow.
 *
 * @example
 * ```ts
 * import { decodeImage } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const create = { width: 2, height: 1, channels: 3, background: "red" } as const;
 * const { data, width, height } = await decodeImage(await sharp({ create }).png().toBuffer());
 * assertEquals([width, height], [2, 1]);
 * assertEquals([...data], [255, 0, 0, 255, 0, 0]);
 * ```
 */
export async function decodeImage(
  source: string | Uint8Array,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  return await withDecoded({ ...await readBytes(source), ...options }, (image) => image);
}

/**
 * Reads an image as the square RGB that a model is fed, byte for byte what Pillow gives for
 * `open → convert("RGB") → [save as JPEG and reopen] → resize((size, size), BILINEAR)`, which is torchvision's
 * `Resize((size, size))` too; or cut out, with another `fit`.
 *
 * @param source a path, or the file's bytes. JPEG, PNG, WebP, GIF and TIFF, by content and not by name.
 * @param options.size side of the result in pixels, default 224.
 * @param options.fit how the image becomes a square, `"resize"` unless given.
 * @param options.part what a fit that cuts takes instead of the centre.
 * @param options.perturbation what is done to the image at its own size before that. Default: nothing.
 * @param options.jpegQuality 1 to 100: compress as JPEG; short for that perturbation.
 * @param options.bytes what the file at the path `source` holds, where it has been read before.
 * @returns RGB [size, size, 3], row by row, values 0 to 255.
 * @throws {Error} `Cannot read image …` for a missing, empty, truncated or foreign file, and when an option is out of range.
 *
 * @example
 * ```ts
 * import { loadImage } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const create = { width: 300, height: 200, channels: 3, background: "white" } as const;
 * const png = await sharp({ create }).png().toBuffer();
 * const pixels = await loadImage(png, { jpegQuality: 50 });
 * assertEquals(pixels, new Uint8Array(224 * 224 * 3).fill(255));
 * ```
 */
export async function loadImage(
  source: string | Uint8Array,
  options: {
    size?: number;
    fit?: Fit;
    part?: CropPart;
    perturbation?: Perturbation;
    jpegQuality?: number;
    bytes?: Uint8Array;
  } = {},
): Promise<Uint8Array> {
  const { size = 224, fit = "resize", part, bytes } = options;
  if (!Number.isInteger(size) || size < 1) {
    throw new Error(`Cannot resize image: expected a positive integer size but found ${size}`);
  }
  const perturbation = perturbationIn(options);
  const read = bytes && typeof source === "string" ? { bytes, name: source } : await readBytes(source);
  const { resizing } = fits[fit] as FitKind;
  if (resizing && !perturbation) {
    const square = await jpegAside(read.bytes, (image) => resizing(image, size));
    if (square) return square;
  }
  return await withDecoded(read, async (whole) => {
    let image = whole;
    if (perturbation) {
      image = await perturbation.kind.apply(whole, perturbation.level, drawFor(read.bytes));
      releaseBytes(whole.data);
    }
    const data = await fits[fit].apply(image, { size, part });
    if (data !== image.data) releaseBytes(image.data);
    return data;
  });
}

/** A JPEG's picture as `resizing` says; nothing where it has to be decoded alone, or refused. */
async function jpegAside(
  bytes: Uint8Array,
  resizing: (image: { readonly width: number; readonly height: number }) => Resizing,
): Promise<Uint8Array | undefined> {
  const image = formatOf(bytes) === "JPEG" ? jpegSize(bytes) : undefined;
  if (!image || image.width * image.height > MAX_PIXELS) return undefined;
  return await jpegResized(bytes, { image, resizing: resizing(image) });
}

function perturbationIn(
  { perturbation, jpegQuality }: { perturbation?: Perturbation; jpegQuality?: number },
): Perturbation | undefined {
  if (jpegQuality === undefined) return perturbation;
  if (perturbation) {
    throw new Error(
      `Cannot perturb image: expected one perturbation but found ${
        perturbationName(perturbation)
      } and JPEG quality ${jpegQuality}`,
    );
  }
  return { kind: jpeg, level: jpegQuality };
}

/**
 * Gives back the memory of bytes that nobody will use again, with all of the buffer that they are in, now rather than when V8
 * collects them: its heap hardly grows while images pass through it, so that hundreds of megabytes of them would wait.
 *
 * @throws {Error} when they have been released before
 */
export function releaseBytes(bytes: Uint8Array): void {
  (bytes.buffer as ArrayBuffer).transfer(0);
}

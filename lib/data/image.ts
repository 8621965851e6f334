/**
 * Image files → RGB bytes, the same ones that Pillow and torchvision give.
 *
 * @module
 */
import sharp from "sharp";
import { resizeAside, type RgbImage } from "./resize.ts";

export type { RgbImage } from "./resize.ts";

// Every file is read once, so that libvips' cache of results would only hold memory.
sharp.cache(false);

/** Pillow refuses a truncated file but reads on past the decoder's warnings. */
const FAIL_ON = "truncated";

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

function formatOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return SIGNATURES.find(([, offset, magic]) => head.startsWith(magic, offset))?.[0];
}

function describe(bytes: Uint8Array, reason: string): string {
  if (bytes.length === 0) return "an empty file";
  const format = formatOf(bytes);
  if (format === "JPEG" || format === "PNG" || format === "WebP" || format === "GIF" || format === "TIFF") {
    return `a ${format} that is truncated or damaged (${reason})`;
  }
  if (format) return `a ${format} file`;
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
      : (error as Error).message;
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

/** The image in `bytes` as RGB; rejects with libvips' reason. */
async function decode(bytes: Uint8Array): Promise<RgbImage> {
  const image = sharp(bytes, { failOn: FAIL_ON, ignoreIcc: true });
  const { format, space, hasAlpha } = await image.metadata();
  if (format === "svg") throw new Error("SVG is a drawing");
  if (space === "cmyk") {
    const { data, info } = await image.pipelineColourspace("cmyk").toColourspace("cmyk").raw().toBuffer({
      resolveWithObject: true,
    });
    return { data: cmykToRgb(data), width: info.width, height: info.height };
  }
  if (space === "grey16" && !hasAlpha) {
    const { data, info } = await image.toColourspace("grey16").raw({ depth: "ushort" }).toBuffer({
      resolveWithObject: true,
    });
    const grey = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height);
    return { data: grey16ToRgb(grey), width: info.width, height: info.height };
  }
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const rgb = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data: rgb, width: info.width, height: info.height };
}

/**
 * Reads an image as RGB at its own size, as Pillow's `open → convert("RGB")` does: no EXIF rotation, colour
 * profiles ignored, alpha removed and not blended, grey replicated, palettes looked up, CMYK by the naive formula,
 * the first frame of several.
 *
 * Known differences: a transparent pixel of a GIF is black here and the palette's colour there, and a PNG cut within
 * its last chunk or a GIF without its last bytes is refused here and read there. Pillow's BMP is not read.
 *
 * @param source A path, or the file's bytes. JPEG, PNG, WebP, GIF and TIFF, by content and not by name.
 * @returns `data` is [height, width, 3], values 0 to 255.
 * @throws `Cannot read image …` for a missing, empty, truncated or foreign file.
 */
export async function decodeImage(source: string | Uint8Array): Promise<RgbImage> {
  const { bytes, name } = await readBytes(source);
  try {
    return await decode(bytes);
  } catch (error) {
    const reason = (error as Error).message.trim().split("\n")[0];
    throw unreadable(name, "a JPEG, PNG, WebP, GIF or TIFF image", describe(bytes, reason));
  }
}

/**
 * Encodes as JPEG in memory and decodes again, as Pillow's `save(…, "JPEG", quality=…)` and reopen do: 4:2:0
 * chroma, the standard Huffman tables.
 *
 * @param image RGB, any size up to 65,535 a side.
 * @param quality 1 to 100, in libjpeg's scale.
 * @returns A new image of the same size.
 * @throws When `quality` is not an integer from 1 to 100.
 */
export async function jpegRoundTrip(image: RgbImage, quality: number): Promise<RgbImage> {
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw new Error(
      `Cannot compress as JPEG: expected an integer quality from 1 to 100 but found ${quality}`,
    );
  }
  const { data, width, height } = image;
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: "4:2:0", mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  return await decode(jpeg);
}

/**
 * Reads an image as the square RGB that a model is fed, byte for byte what Pillow gives for
 * `open → convert("RGB") → [save as JPEG and reopen] → resize((size, size), BILINEAR)`, which is torchvision's
 * `Resize((size, size))` too.
 *
 * @param source A path, or the file's bytes. JPEG, PNG, WebP, GIF and TIFF, by content and not by name.
 * @param options.size Side of the result in pixels, default 224.
 * @param options.jpegQuality 1 to 100: compress at the image's own size before resizing. Default: do not.
 * @returns RGB [size, size, 3], row by row, values 0 to 255.
 * @throws `Cannot read image …` for a missing, empty, truncated or foreign file, and when an option is out of range.
 */
export async function loadImage(
  source: string | Uint8Array,
  options: { size?: number; jpegQuality?: number } = {},
): Promise<Uint8Array> {
  const { size = 224, jpegQuality } = options;
  if (!Number.isInteger(size) || size < 1) {
    throw new Error(`Cannot resize image: expected a positive integer size but found ${size}`);
  }
  let image = await decodeImage(source);
  if (jpegQuality !== undefined) {
    const whole = image;
    image = await jpegRoundTrip(whole, jpegQuality);
    releaseBytes(whole.data);
  }
  const { data } = await resizeAside(image, { width: size, height: size });
  if (data !== image.data) releaseBytes(image.data);
  return data;
}

/**
 * Gives back the memory of bytes that nobody will use again, with all of the buffer that they are in, now rather than when V8
 * collects them: its heap hardly grows while images pass through it, so that hundreds of megabytes of them would wait.
 *
 * @throws when they have been released before
 */
export function releaseBytes(bytes: Uint8Array): void {
  (bytes.buffer as ArrayBuffer).transfer(0);
}

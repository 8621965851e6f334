/**
 * A JPEG decoded and resized in one go in another thread, by the project's C++: neither the whole picture nor a copy of it is made.
 *
 * @module
 */
import { openNative, whileHeld } from "../backend/native.ts";
import { createBudget } from "../base/pool.ts";
import { nativeResize, type Resizing } from "./resize.ts";

/** What `jpeg.cc` exports. */
export const jpegSymbols = {
  jpeg_supported: { parameters: [], result: "i32" },
  jpeg_resized: {
    parameters: ["buffer", "usize", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** Pictures that are decoded at a time: one for each core, and as many that wait for it, since JavaScript's thread takes a moment to give the next. */
const turns = createBudget(2 * navigator.hardwareConcurrency);

/**
 * A JPEG's picture, resized, with the bytes that libjpeg and Pillow give; nothing where this machine cannot do that in one go, and for what
 * has to be decoded otherwise or refused: only whole baseline files in grey or YCbCr are read.
 *
 * @param options.image what the file's header says of its size
 */
export async function jpegResized(
  bytes: Uint8Array,
  options: {
    readonly image: { readonly width: number; readonly height: number };
    readonly resizing: Resizing;
  },
): Promise<Uint8Array | undefined> {
  const { image, resizing } = options;
  if (image.width < 1 || image.height < 1) return undefined;
  const library = await openNative("jpeg", jpegSymbols).catch(() => undefined); // the same is to be had without
  if (!library?.jpeg_supported()) return undefined;
  using _turn = await turns.take(1);
  const { sizes, across, down, target } = nativeResize(image, resizing);
  const call = [bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.length), sizes, across, down, target] as const;
  return await whileHeld(call, library.jpeg_resized(...call)) ? target : undefined;
}

/**
 * The tags of a TIFF that say how its samples are to be read, and what of it Pillow reads.
 *
 * @module
 */

/** How a TIFF's first picture is stored. */
export type TiffLayout = {
  /** 1 for none, 7 for JPEG. */
  readonly compression: number;
  /** 0: white is zero, 1: black is zero, 2: RGB, 3: palette, 5: CMYK, 6: YCbCr, 8: Lab. */
  readonly photometric: number;
  readonly samples: number;
  /** Bits of a sample. */
  readonly bits: number;
  /** 1: unsigned, 2: signed, 3: floating point; of each sample where they are told apart. */
  readonly formats: readonly number[];
  /** Horizontal and vertical subsampling of chroma. */
  readonly subsampling: readonly number[];
};

/** Bytes of a value by the type's number: byte, text, short, long. */
const sizes: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4 };

/** Reads the first directory of a TIFF; undefined when it is none, is a BigTIFF, or is cut before the directory's end. */
export function tiffLayout(bytes: Uint8Array): TiffLayout | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const values = new Map<number, number[]>();
  try {
    if (view.getUint16(2, little) !== 42) return undefined;
    const start = view.getUint32(4, little);
    const count = view.getUint16(start, little);
    for (let entry = start + 2; entry < start + 2 + 12 * count; entry += 12) {
      const size = sizes[view.getUint16(entry + 2, little)];
      const length = view.getUint32(entry + 4, little);
      if (size === undefined || length > 16) continue; // none of the tags that are asked for
      const place = size * length > 4 ? view.getUint32(entry + 8, little) : entry + 8;
      values.set(
        view.getUint16(entry, little),
        Array.from(
          { length },
          (_, i) =>
            size === 1
              ? view.getUint8(place + i)
              : size === 2
              ? view.getUint16(place + 2 * i, little)
              : view.getUint32(place + 4 * i, little),
        ),
      );
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const one = (tag: number, otherwise: number) => values.get(tag)?.[0] ?? otherwise;
  return {
    compression: one(259, 1),
    photometric: one(262, 0),
    samples: one(277, 1),
    bits: one(258, 1),
    formats: values.get(339) ?? [1],
    subsampling: values.get(530) ?? [2, 2],
  };
}

/** What a TIFF is that is not read, or nothing: YCbCr without JPEG or subsampling, and samples that Pillow has no mode for. */
export function foreignTiff(layout: TiffLayout): string | undefined {
  const { compression, photometric, samples, bits, formats, subsampling } = layout;
  const jpeg = compression === 6 || compression === 7;
  if (photometric === 6 && compression === 1 && samples === 3) {
    return "a TIFF of uncompressed YCbCr, which Pillow does not read either";
  }
  if (photometric === 6 && !jpeg && Math.max(...subsampling) === 1) {
    return "a TIFF of compressed YCbCr without subsampling: save it as RGB";
  }
  if (photometric === 8) return "a TIFF of Lab colours: save it as RGB";
  const plain = formats.every((format) => format === 1);
  const number = samples === 1 && (formats[0] === 3 ? bits === 32 && photometric < 2 : photometric === 1);
  if (!plain && !(formats.length === 1 && number)) {
    return `a TIFF of ${samples} ${
      formats[0] === 3 ? "floating-point" : "signed"
    } samples of ${bits} bits, which Pillow does not read either`;
  }
  if (photometric < 2 && samples > 1 && bits > 8) {
    return `a TIFF of grey and ${samples - 1} more of ${bits} bits, which Pillow does not read either`;
  }
  return undefined;
}

/**
 * What libjpeg refuses at the end of a JPEG's picture, where libvips stops looking: Pillow reads on to the end marker.
 *
 * @module
 */

const RST0 = 0xd0;
const RST7 = 0xd7;
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DRI = 0xdd;
const TEM = 0x01;

/** Whether segments of this marker are read or skipped wherever they stand: tables, comments, application data. */
const isSegment = (marker: number) =>
  marker === 0xc4 || marker === 0xcc || (marker >= 0xdb && marker <= 0xdd) ||
  marker >= 0xe0 && marker <= 0xef ||
  marker === 0xfe;

/** The frames that libjpeg decodes: baseline, extended and progressive, with Huffman or arithmetic coding. */
const frames: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);

/** The next marker's place from `start` on: 0xff, then neither 0, which is data, nor 0xff, which fills. */
function markerAt(bytes: Uint8Array, start: number): number | undefined {
  for (let i = bytes.indexOf(0xff, start); i >= 0 && i + 1 < bytes.length; i = bytes.indexOf(0xff, i + 1)) {
    if (bytes[i + 1] !== 0 && bytes[i + 1] !== 0xff) return i;
  }
  return undefined;
}

/**
 * Why libjpeg gives a JPEG up, or nothing where it goes on, at most with a warning. Of the picture's data only the markers in
 * them are looked at.
 */
export function jpegFault(bytes: Uint8Array): string | undefined {
  let restarts = false;
  let components = 0;
  let progressive = false;
  let scanned = false; // the only scan of all components is behind
  let unknown: number | undefined;
  for (let offset = markerAt(bytes, 2); offset !== undefined; offset = markerAt(bytes, offset)) {
    const marker = bytes[offset + 1];
    offset += 2;
    if (marker === EOI) {
      return unknown === undefined
        ? undefined
        : `the unknown marker ${unknown.toString(16)} within the picture's data`;
    }
    if (marker >= RST0 && marker <= RST7) {
      unknown = undefined; // looked for in its place, and found
      continue;
    }
    if (marker === TEM) continue;
    const inScan = scanned ? " after the picture's data began" : "";
    if (marker === SOI) return `a second start of an image${inScan}`;
    if (marker < 0xc0 && scanned && restarts) {
      unknown ??= marker;
      continue;
    }
    if (marker !== SOS && !frames.has(marker) && !isSegment(marker)) {
      return `the unknown marker ${marker.toString(16)}${inScan}`;
    }
    if (offset + 2 > bytes.length) break;
    const length = (bytes[offset] << 8) | bytes[offset + 1];
    if (length < 2) return `a segment of length ${length}${inScan}`;
    if (frames.has(marker)) {
      if (components > 0) return `a second frame${inScan}`;
      progressive = marker === 0xc2 || marker === 0xca;
      components = bytes[offset + 7] ?? 0;
    } else if (marker === DRI && !scanned) restarts = bytes[offset + 2] + bytes[offset + 3] > 0;
    else if (marker === SOS) {
      if (scanned) return "a second scan of a picture with one";
      scanned = !progressive && bytes[offset + 2] === components;
    } else if (scanned && !isTable(marker, bytes.subarray(offset + 2, offset + length))) {
      return `a broken table${inScan}`;
    }
    offset += length;
  }
  return undefined; // no end: whether the picture is there without it, the decoder says
}

/** Whether a segment, without its length, is what its marker says; always for those that are skipped. */
function isTable(marker: number, body: Uint8Array): boolean {
  if (marker === 0xcc) return body.length === 0; // of arithmetic coding, which has no place in what Huffman coded
  if (marker === DRI) return body.length === 2;
  if (marker !== 0xc4 && marker !== 0xdb) return true;
  let offset = 0;
  while (offset < body.length) {
    const counts = body.subarray(offset + 1, offset + 17).reduce((sum, count) => sum + count, 0);
    if ((body[offset] & 15) > 3 || (marker === 0xc4 && (body[offset] > 0x13 || counts > 256))) return false;
    offset += marker === 0xc4 ? 17 + counts : 1 + (body[offset] >> 4 === 0 ? 64 : 128);
  }
  return offset === body.length;
}

/** Width and height in pixels as a JPEG's header has them; nothing where it has none, or of a kind that libjpeg does not decode. */
export function jpegSize(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number } | undefined {
  for (let offset = markerAt(bytes, 2); offset !== undefined; offset = markerAt(bytes, offset)) {
    const marker = bytes[offset + 1];
    if (marker === SOS || offset + 9 > bytes.length) return undefined;
    const at = offset;
    const number = (place: number) => (bytes[at + place] << 8) | bytes[at + place + 1];
    if (frames.has(marker)) return { height: number(5), width: number(7) };
    offset += isSegment(marker) ? 2 + number(2) : 2;
  }
  return undefined;
}

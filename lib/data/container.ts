/**
 * Whether a video file is whole, by its outermost boxes alone.
 *
 * @module
 */
import { readAt } from "../base/files.ts";

/**
 * Says what is wrong with an MP4, MOV or AVI file: a box that reaches past its end, or no index (`moov`), or that it is text; undefined
 * when nothing is, or the file is of another kind. Reads 16 bytes a box (ISO/IEC 14496-12, 4.2; RIFF).
 */
export async function containerFault(path: string): Promise<string | undefined> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  if (size === 0) return "empty file";
  const kinds = new Set<string>();
  for (let offset = 0; offset < size;) {
    const head = await readAt(file, offset, Math.min(16, size - offset));
    const count = head.length;
    const view = new DataView(head.buffer);
    const kind = String.fromCharCode(...head.subarray(4, 8));
    const riff = String.fromCharCode(...head.subarray(0, 4)) === "RIFF";
    if (offset === 0 && !riff && !["ftyp", "moov", "mdat", "free", "skip", "wide"].includes(kind)) {
      return isText(await readAt(file, 0, Math.min(512, size)))
        ? "text, as of a playlist: no video"
        : undefined;
    }
    if (count < 8) return "truncated: its last box is cut";
    if (riff || kinds.has("RIFF")) {
      const length = riff ? view.getUint32(4, true) : 0;
      if (length === 0) return undefined; // written to a pipe, or what some writers put behind the last list
      if (offset + 8 + length > size) return "truncated: its end is missing";
      kinds.add("RIFF");
      offset += 8 + length + length % 2;
      continue;
    }
    const short = view.getUint32(0);
    if (short === 1 && count < 16) return "truncated: its last box is cut";
    const length = short === 1 ? Number(view.getBigUint64(8)) : short === 0 ? size - offset : short;
    if (length < 8) return "damaged: a box of no length";
    if (offset + length > size) return "truncated: its end is missing";
    kinds.add(kind);
    offset += length;
  }
  return kinds.has("moov") || kinds.has("RIFF") ? undefined : "truncated: no index of frames (moov)";
}

/** The brands of files in MP4's boxes that are images: AVIF and HEIC. */
const imageBrands = new Set(["avif", "avis", "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]);
/** What Matroska and WebM, FLV, MPEG, WMV and OGG begin with. */
const magics = [
  "\x1a\x45\xdf\xa3",
  "FLV\x01",
  "\x00\x00\x01\xba",
  "\x30\x26\xb2\x75\x8e\x66\xcf\x11",
  "OggS",
];

/** Whether a file's first bytes, 200 where it has them, are a video's. */
export function looksLikeVideo(head: Uint8Array): boolean {
  const text = String.fromCharCode(...head);
  if (text.startsWith("ftyp", 4)) return !imageBrands.has(text.slice(8, 12));
  if (text.startsWith("RIFF")) return text.startsWith("AVI ", 8);
  // Packets of an MPEG transport stream begin with a G, those of cameras with four bytes more.
  const isStream = [[0, 188], [4, 196]].some((places) => places.every((place) => text[place] === "G"));
  return magics.some((magic) => text.startsWith(magic)) || (isStream && !isText(head));
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 32 && byte !== 127 || byte >= 9 && byte <= 13);
}

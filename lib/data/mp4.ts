/**
 * Whether an MP4 or MOV file is whole, by its outermost boxes alone.
 *
 * @module
 */

/**
 * Says what is wrong with a file: a box that reaches past its end, or no index (`moov`); undefined when nothing is, or the
 * file is of another kind. Reads 16 bytes a box (ISO/IEC 14496-12, 4.2).
 */
export async function mp4Fault(path: string): Promise<string | undefined> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  if (size === 0) return "empty file";
  const kinds = new Set<string>();
  for (let at = 0; at < size;) {
    const head = new Uint8Array(16);
    await file.seek(at, Deno.SeekMode.Start);
    const count = await file.read(head) ?? 0;
    const view = new DataView(head.buffer);
    const kind = String.fromCharCode(...head.subarray(4, 8));
    if (at === 0 && !["ftyp", "moov", "mdat", "free", "skip", "wide"].includes(kind)) return undefined;
    if (count < 8) return "truncated: its last box is cut";
    const short = view.getUint32(0);
    const length = short === 1 ? Number(view.getBigUint64(8)) : short === 0 ? size - at : short;
    if (length < 8) return "damaged: a box of no length";
    if (at + length > size) return "truncated: its end is missing";
    kinds.add(kind);
    at += length;
  }
  return kinds.has("moov") ? undefined : "truncated: no index of frames (moov)";
}

/**
 * AVIF's instructions to turn, mirror and cut the picture, which libheif follows and Pillow does not.
 *
 * @module
 */

const TRANSFORMS: ReadonlySet<string> = new Set(["irot", "imir", "clap"]);

/**
 * A copy of an AVIF file without instructions to turn, mirror or cut: each is made a turn by 0°, at its own length, so that
 * nothing else in the file moves.
 */
export function withoutTransforms(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const walk = (start: number, end: number, path: string): void => {
    for (let offset = start; offset + 8 <= end;) {
      const type = String.fromCharCode(...copy.subarray(offset + 4, offset + 8));
      const size = view.getUint32(offset) || end - offset; // 0: up to the end
      if (size < 8 || offset + size > end) return; // of 64 bits, as only pictures' data have, or damaged
      if (path === "" && type === "meta") walk(offset + 12, offset + size, "meta"); // behind version and flags
      else if (path === "meta" && type === "iprp") walk(offset + 8, offset + size, "iprp");
      else if (path === "iprp" && type === "ipco") walk(offset + 8, offset + size, "ipco");
      else if (path === "ipco" && TRANSFORMS.has(type) && size > 8) {
        copy.set([0x69, 0x72, 0x6f, 0x74], offset + 4); // irot
        copy[offset + 8] = 0;
      }
      offset += size;
    }
  };
  walk(0, copy.length, "");
  return copy;
}

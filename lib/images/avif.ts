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
    for (let at = start; at + 8 <= end;) {
      const type = String.fromCharCode(...copy.subarray(at + 4, at + 8));
      const size = view.getUint32(at) || end - at; // 0: up to the end
      if (size < 8 || at + size > end) return; // of 64 bits, as only pictures' data have, or damaged
      if (path === "" && type === "meta") walk(at + 12, at + size, "meta"); // behind version and flags
      else if (path === "meta" && type === "iprp") walk(at + 8, at + size, "iprp");
      else if (path === "iprp" && type === "ipco") walk(at + 8, at + size, "ipco");
      else if (path === "ipco" && TRANSFORMS.has(type) && size > 8) {
        copy.set([0x69, 0x72, 0x6f, 0x74], at + 4); // irot
        copy[at + 8] = 0;
      }
      at += size;
    }
  };
  walk(0, copy.length, "");
  return copy;
}

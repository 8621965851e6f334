/**
 * Points in NumPy's `.npy` files, as DeepfakeBench keeps landmarks: 5, 68 or 81 of them beside each frame.
 *
 * @module
 */

/**
 * The numbers of a NumPy array of shape [N, 2] in C order, `[x, y, x, y, …]`: all of them, however many.
 *
 * @param path for messages
 * @throws {Error} for another format, shape or type.
 */
export function readNpy(bytes: Uint8Array, path: string): Float64Array {
  const wrong = (found: string): never => {
    throw new Error(
      `Cannot read the landmarks ${path}: expected a NumPy array of points [N, 2] but found ${found}`,
    );
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 0) wrong("an empty file");
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") wrong("no .npy file");
  const long = bytes[6] >= 2;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  if (start > bytes.length) wrong("a cut header");
  const header = new TextDecoder().decode(bytes.subarray(long ? 12 : 10, start));
  const type = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape':\s*\((\d+),\s*2,?\)/.exec(header)?.[1];
  if (shape === undefined || /'fortran_order':\s*True/.test(header)) {
    wrong(header.replace(/[^ -~]+/g, " ").trim().slice(0, 80));
  }
  const readers: Readonly<Record<string, [number, (offset: number) => number]>> = {
    "<i2": [2, (offset) => view.getInt16(offset, true)],
    "<i4": [4, (offset) => view.getInt32(offset, true)],
    "<i8": [8, (offset) => Number(view.getBigInt64(offset, true))],
    "<f4": [4, (offset) => view.getFloat32(offset, true)],
    "<f8": [8, (offset) => view.getFloat64(offset, true)],
  };
  const [size, read] = readers[type ?? ""] ?? wrong(`numbers of type ${type}`);
  const count = Number(shape) * 2;
  if (start + count * size > bytes.length) wrong("a cut array");
  if (count === 0) wrong("no points");
  const points = Float64Array.from({ length: count }, (_, i) => read(start + i * size));
  if (!points.every(Number.isFinite)) wrong("a value that is no number");
  return points;
}

/**
 * The file of points `[x, y, x, y, …]` as `numpy.save` writes an array of shape [N, 2], byte for byte.
 *
 * @param options.type `int64` rounds, and is what DeepfakeBench's own files hold. Default: `float32`.
 */
export function writeNpy(
  points: ArrayLike<number>,
  options: { readonly type?: "float32" | "int64" } = {},
): Uint8Array<ArrayBuffer> {
  const whole = options.type === "int64";
  const header = `{'descr': '<${whole ? "i8" : "f4"}', 'fortran_order': False, 'shape': (${
    points.length / 2
  }, 2), }`;
  const size = whole ? 8 : 4;
  const bytes = new Uint8Array(START + points.length * size);
  // Version 1.0, and a header whose length of 118 makes the array begin at a multiple of 64.
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, START - 10, 0]);
  bytes.set(new TextEncoder().encode(header.padEnd(START - 11) + "\n"), 10);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < points.length; i++) {
    if (whole) view.setBigInt64(START + i * size, BigInt(Math.round(points[i])), true);
    else view.setFloat32(START + i * size, points[i], true);
  }
  return bytes;
}

/** Where the array begins. */
const START = 128;

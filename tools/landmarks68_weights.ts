/**
 * Writes the weights of the 68 landmarks to `assets/`, from the npm package that carries them:
 * `npm pack @vladmandic/face-api@1.7.15`, unpack it, then `deno run -A tools/landmarks68_weights.ts package/model`.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../lib/base/checksum.ts";
import { saveSafetensors } from "../lib/weights/safetensors.ts";
import type { StateDict } from "../lib/weights/state.ts";

/** The file that the weights of this project are from. */
const SHA256 = "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b";

/** What the manifest says of an array: bytes in the file's order, each of value byte × scale + min. */
type Entry = {
  readonly name: string;
  readonly shape: number[];
  readonly quantization: { readonly dtype: "uint8"; readonly scale: number; readonly min: number };
};

if (import.meta.main) {
  const [folder, out = "assets/landmarks68.safetensors"] = Deno.args;
  const path = join(folder, "face_landmark_68_model.bin");
  const bytes = await Deno.readFile(path);
  if (sha256(bytes) !== SHA256) {
    throw new Error(
      `Cannot read ${path}: expected that of @vladmandic/face-api 1.7.15 (SHA-256 ${SHA256}) but found ${
        sha256(bytes)
      }`,
    );
  }
  const manifest = join(folder, "face_landmark_68_model-weights_manifest.json");
  const [{ weights }]: readonly { readonly weights: readonly Entry[] }[] = JSON.parse(
    await Deno.readTextFile(manifest),
  );
  const dict: StateDict = new Map();
  let offset = 0;
  for (const { name, shape, quantization: { scale, min } } of weights) {
    const key = name.replaceAll("/", ".");
    const length = shape.reduce((product, side) => product * side, 1);
    dict.set(key, { dtype: "uint8", shape, data: bytes.slice(offset, offset + length) });
    dict.set(`${key}.range`, { dtype: "float32", shape: [2], data: Float32Array.of(scale, min) });
    offset += length;
  }
  const metadata = {
    model:
      "68 landmarks of a face: four blocks of separable convolutions (Vincent Mühler's face-api.js, 2018)",
    source: "@vladmandic/face-api 1.7.15 (npm), model/face_landmark_68_model.bin",
    sha256: SHA256,
    license: "MIT: copyright 2018 Vincent Mühler, Vladimir Mandic",
    made: "deno run -A tools/landmarks68_weights.ts",
  };
  await saveSafetensors(out, dict, { metadata, checksum: true });
  console.log(`Wrote ${out}`);
}

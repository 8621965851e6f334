/**
 * Writes the weights of the face detector to `assets/`, from the wheel of facenet-pytorch that carries them:
 * `pip download --no-deps facenet-pytorch==2.6.0`, then `deno run -A tools/mtcnn_weights.ts facenet_pytorch-2.6.0-py3-none-any.whl`.
 *
 * @module
 */
import { join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { sha256 } from "../lib/base/checksum.ts";
import { inTemporaryFolder } from "../lib/base/temporary.ts";
import { loadStateDict } from "../lib/weights/load.ts";
import { saveSafetensors } from "../lib/weights/safetensors.ts";
import type { StateDict } from "../lib/weights/state.ts";

/** The wheel that the weights of this project are from. */
const VERSION = "2.6.0";
const SHA256 = "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca";

/** The tensors of the three nets, by PyTorch's names with the net's before them. */
async function weightsIn(wheel: Uint8Array<ArrayBuffer>): Promise<StateDict> {
  const entries = await new ZipReader(new Uint8ArrayReader(wheel)).getEntries();
  return await inTemporaryFolder(async (folder) => {
    const dict: StateDict = new Map();
    for (const net of ["pnet", "rnet", "onet"]) {
      const entry = entries.find(({ filename }) => filename === `facenet_pytorch/data/${net}.pt`);
      if (!entry || entry.directory) throw new Error(`expected ${net}.pt in the wheel but found none`);
      const path = join(folder, `${net}.pt`);
      await Deno.writeFile(path, await entry.getData(new Uint8ArrayWriter()));
      for (const [key, tensor] of await loadStateDict(path)) dict.set(`${net}.${key}`, tensor);
    }
    return dict;
  }, { prefix: "mtcnn-" });
}

if (import.meta.main) {
  const [wheelPath, out = "assets/mtcnn.safetensors"] = Deno.args;
  const wheel = await Deno.readFile(wheelPath);
  const found = sha256(wheel);
  if (found !== SHA256) {
    throw new Error(
      `Cannot read ${wheelPath}: expected the wheel of facenet-pytorch ${VERSION} (SHA-256 ${SHA256}) but found ${found}`,
    );
  }
  const metadata = {
    model: "MTCNN: three nets that find faces and five landmarks (Zhang, Zhang, Li and Qiao, 2016)",
    source:
      `facenet-pytorch ${VERSION} (PyPI), facenet_pytorch/data/{pnet,rnet,onet}.pt; ported there from ` +
      "github.com/davidsandberg/facenet, and there from github.com/kpzhang93/MTCNN_face_detection_alignment",
    version: VERSION,
    sha256: `${SHA256} (the wheel)`,
    license: "MIT: copyright 2016 Kaipeng Zhang, 2016 David Sandberg, 2019 Timothy Esler",
    made: "deno run -A tools/mtcnn_weights.ts",
  };
  await saveSafetensors(out, await weightsIn(wheel), { metadata, checksum: true });
  console.log(`Wrote ${out}`);
}

import { assert } from "@std/assert";
import { dirname, join } from "node:path";
import { assertFaces } from "../faces/mtcnn_cases.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("facenet_pytorch");
const photographer = pythonWith("skimage", "PIL");

/** FORGELENS_SEED draws others. */
const seed = Deno.env.get("FORGELENS_SEED") ?? "1";

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: `faces in photographs, and in ones drawn from a seed, match facenet-pytorch${
    python && photographer
      ? ""
      : " (skipped: no Python with facenet-pytorch, or none with scikit-image; set FORGELENS_PYTHON)"
  }`,
  ignore: python === undefined || photographer === undefined,
  fn: async () => {
    const script = join(import.meta.dirname!, "faces.py");
    const module = await outputOf(photographer!, ["-c", "import skimage; print(skimage.__file__)"]);
    const folder = await Deno.makeTempDir();
    try {
      await outputOf(photographer!, [script, "write", join(dirname(module), "data"), folder, seed]);
      for (const leastSide of ["20", "33"]) {
        await outputOf(python!, [script, "find", folder, leastSide]);
        await assertFaces(folder);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

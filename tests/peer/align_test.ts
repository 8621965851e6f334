import { assert } from "@std/assert";
import { join } from "node:path";
import { compareAlignCases } from "../faces/align_cases.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("skimage", "cv2");

/** FORGELENS_SEED draws others. */
const seed = Deno.env.get("FORGELENS_SEED") ?? "1";

Deno.test({
  name:
    `transforms, aligned faces, sharpness and .npy files drawn from a seed match scikit-image, OpenCV and NumPy${
      python ? "" : " (skipped: no Python with scikit-image and OpenCV; set FORGELENS_PYTHON)"
    }`,
  ignore: python === undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { success, stderr } = await new Deno.Command(python!, {
        args: [join(import.meta.dirname!, "align.py"), folder, seed, "10"],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      await compareAlignCases(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

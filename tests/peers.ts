/**
 * Runs the tests that compare with PyTorch, open_clip, facenet-pytorch, scikit-learn, OpenCV and scikit-image, in environments that are made once:
 * `deno run -A tests/peers.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { facenetFolder, peerPython } from "../tools/bench_peer.ts";
import { privatePython } from "../tools/python.ts";

const python = Deno.env.get("FORGELENS_PYTHON") ?? await peerPython(console.log);
const sklearn = await privatePython(["scikit-learn==1.9.0", "numpy"], {
  name: "sklearn",
  what: "compare with scikit-learn",
  size: "about 0.3 GB",
  log: console.log,
});
// OpenCV 4.10 is the last whose warpAffine computes in fixed point.
const faces = await privatePython(["opencv-python-headless==4.10.0.84", "scikit-image==0.26.0", "numpy"], {
  name: "faces",
  what: "compare with OpenCV and scikit-image",
  size: "about 0.4 GB",
  log: console.log,
});
const facenet = await facenetFolder(python, console.log);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "tests/peer/"],
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { FORGELENS_PYTHON: python, FORGELENS_SKLEARN: sklearn, FORGELENS_FACES: faces, PYTHONPATH: facenet },
}).spawn().status;
Deno.exit(code);

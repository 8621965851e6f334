/**
 * Runs the tests that compare with PyTorch, open_clip and scikit-learn, in environments that are made once:
 * `deno run -A tests/peers.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { peerPython } from "../tools/bench_peer.ts";
import { privatePython } from "../tools/python.ts";

const python = Deno.env.get("FORGELENS_PYTHON") ?? await peerPython(console.log);
const sklearn = await privatePython(["scikit-learn==1.9.0", "numpy"], {
  name: "sklearn",
  what: "compare with scikit-learn",
  size: "about 0.3 GB",
  log: console.log,
});
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "tests/peer/"],
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { FORGELENS_PYTHON: python, FORGELENS_SKLEARN: sklearn },
}).spawn().status;
Deno.exit(code);

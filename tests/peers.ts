/**
 * Runs the tests that compare with PyTorch and open_clip, in an environment that is made once: `deno run -A tests/peers.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { peerPython } from "../tools/bench_peer.ts";

const python = Deno.env.get("FORGELENS_PYTHON") ?? await peerPython(console.log);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "tests/peer/"],
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { FORGELENS_PYTHON: python },
}).spawn().status;
Deno.exit(code);

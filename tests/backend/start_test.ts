import * as tf from "@tensorflow/tfjs";
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { BackendName } from "../../lib/backend/backends/mod.ts";
import { type Backend, initBackend } from "../../lib/backend/start.ts";

const PERMISSIONS = ["--allow-read", "--allow-write", "--allow-env", "--allow-run", "--allow-ffi"];
const running = await initBackend();

type Probe = {
  backend: Backend;
  active: string;
  leaked: number;
  results: { [name: string]: { forward: number[]; gradient: number[] } };
};

/** Runs probe.ts on one backend, from a folder that has nothing to do with the project. */
async function probe(backend: BackendName): Promise<Probe> {
  const elsewhere = await Deno.makeTempDir();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // No network, and no more than SECURITY.md says.
    args: [
      "run",
      "--no-prompt",
      ...PERMISSIONS,
      new URL("probe.ts", import.meta.url).pathname,
      backend,
    ],
    cwd: elsewhere,
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(elsewhere, { recursive: true });
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The largest difference, relative to the larger of 1 and the values. */
function distance(a: number[], b: number[]): number {
  assertEquals(a.length, b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(1, Math.abs(value))));
}

Deno.test("initBackend() returns the same backend again, and refuses to change to another", async () => {
  assertEquals(await initBackend(), running);
  assertEquals(await initBackend({ backend: running.name }), running);
  const other = running.name === "wasm" ? "tensorflow" : "wasm";
  const error = await assertRejects(
    () => initBackend({ backend: other }),
    Error,
    `Cannot use the ${other} backend`,
  );
  assertStringIncludes(error.message, `${running.name} is in use already`);
});

Deno.test("initBackend() refuses an unknown name", async () => {
  const unknown = "webgl" as BackendName;
  await assertRejects(
    () => initBackend({ backend: unknown }),
    Error,
    "expected auto, tensorflow, onnx or wasm but found webgl",
  );
});

Deno.test("initBackend() says why when it is WebAssembly, and nothing when it is TensorFlow on the expected device", () => {
  assertEquals(
    running.name === "wasm",
    running.note !== undefined && running.note.startsWith("Using WebAssembly"),
  );
  assertEquals(tf.getBackend(), running.name);
});

Deno.test("initBackend() stands in for TensorFlow where native code may not be loaded, and says why", async () => {
  const start = async (backend: BackendName | "auto") => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-read", "--allow-env"],
        new URL("started.ts", import.meta.url).pathname,
        backend,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  };
  const { name, note } = await start("auto");
  assertEquals(name, "wasm");
  const reason = note.replace(/^Using WebAssembly, about ten times slower than TensorFlow: /, "");
  assertNotEquals(reason, note);
  const [tensorflow, onnx] = [await start("tensorflow"), await start("onnx")].map((message) =>
    message.replace(/^Cannot use the (?:tensorflow|onnx) backend: /, "")
  );
  assertEquals(reason, `${tensorflow}; ${onnx}`);
  assertEquals(
    onnx,
    "onnxruntime cannot be used: expected the permission for native code but found it is not given",
  );
});

Deno.test("the wasm backend starts offline from any folder and computes the closed forms", async () => {
  const { backend, active, results, leaked } = await probe("wasm");
  assertEquals([backend.name, active, backend.note], ["wasm", "wasm", undefined]);
  assertEquals(leaked, 0);
  const x = Array.from({ length: 24 }, (_, i) => Math.sin(1.7 * i));
  // d/dx of the sum of tanh(x)^2 is 2·tanh(x)·(1 − tanh(x)²); float32 keeps about seven digits.
  const tanh = x.map(Math.tanh);
  assertLess(distance(tanh, results.tanh.forward), 1e-6);
  assertLess(distance(tanh.map((t) => 2 * t * (1 - t * t)), results.tanh.gradient), 1e-6);
});

Deno.test({
  name: "tensorflow and wasm agree, forwards and backwards, and neither leaks",
  ignore: running.name !== "tensorflow",
  fn: async () => {
    const [tensorflow, wasm] = [await probe("tensorflow"), await probe("wasm")];
    assertEquals(tensorflow.active, "tensorflow");
    assertEquals([tensorflow.leaked, wasm.leaked], [0, 0]);
    assertEquals(Object.keys(tensorflow.results), Object.keys(wasm.results));
    for (const [name, { forward, gradient }] of Object.entries(tensorflow.results)) {
      assertGreater(Math.max(...gradient.map(Math.abs)), 0, name);
      // Both compute in float32 but sum in another order and approximate erf and exp differently.
      assertLess(distance(forward, wasm.results[name].forward), 1e-5, name);
      assertLess(distance(gradient, wasm.results[name].gradient), 1e-5, name);
    }
  },
});

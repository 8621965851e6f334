/**
 * The reference's Python stack as a process that times calls on request: `tests/peer/serve.py` in an environment of its own.
 *
 * @module
 */
import { reasonOf } from "../lib/base/errors.ts";
import { startTiming } from "./bench_process.ts";
import { outputOf, packagesAlone, privatePython } from "./python.ts";

/**
 * What the peer can time: a batch through the encoder, a training step of the head, one of the whole loop, images prepared, and steps
 * of LN-tuning and ForgeLens's stage 1, in float32 and in bfloat16 autocast with recomputation; and what `at_best.py` makes of the
 * encoder, the head's step and five epochs.
 */
export type PeerMeasure =
  | ("encoder_fp32" | "encoder_bf16" | "head_fp32" | "seed_step_fp32" | "images")
  | ("encoder_compiled" | "head_fused" | "head_compiled" | "five_epochs")
  | ("ln_step_fp32" | "ln_step_bf16" | "stage1_step_fp32" | "stage1_step_bf16");

/** A running peer; `close()` ends it. */
export type Peer = {
  /** For example `PyTorch 2.15.0, 2 threads`, or on a GPU `PyTorch 2.15.0, cuda`. */
  readonly name: string;
  /** What runs it, where, and in which environment. */
  readonly python: string;
  readonly device: "cpu" | "cuda";
  /** What `at_best.py` computes in: float32 where the processor has no products in bfloat16. */
  readonly low: "bfloat16" | "float32";
  readonly env: Readonly<Record<string, string>>;
  /**
   * The seconds of each of `calls` calls, or of as many as begin within `LIMIT` seconds.
   *
   * @throws {Error} with the reason, when the measure cannot run there
   */
  seconds(
    measure: PeerMeasure,
    options: {
      readonly calls: number;
      readonly paths?: readonly string[];
      /** Images of a step of LN-tuning or stage 1. */
      readonly batch?: number;
    },
  ): Promise<readonly number[]>;
  /** The ops that attend in bfloat16, as PyTorch calls them, for example `aten::_scaled_dot_product_flash_attention`. */
  attention(): Promise<string>;
  close(): Promise<void>;
};

const PACKAGES = ["torch==2.15.0", "open_clip_torch==3.3.0", "pillow==11.3.0", "numpy"];

/**
 * The Python of an environment with the reference's stack, some gigabytes, which is made once in the cache folder.
 *
 * @throws as `privatePython()` does
 */
export async function peerPython(log: (line: string) => void): Promise<string> {
  return await privatePython(PACKAGES, { name: "peer", what: "make the peer", size: "about 5.5 GB", log });
}

/**
 * A folder for PYTHONPATH with facenet-pytorch, whose MTCNN is the original of ours; it asks for a torch of 2024 and works with later ones.
 *
 * @throws as `packagesAlone()` does
 */
export async function facenetFolder(python: string, log: (line: string) => void): Promise<string> {
  const requests = [
    "requests==2.34.2",
    "urllib3==2.8.0",
    "certifi",
    "idna==3.20",
    "charset-normalizer==3.5.3",
  ];
  return await packagesAlone(["facenet-pytorch==2.6.0", ...requests], {
    ...{ python, name: "facenet", what: "compare with facenet-pytorch", log },
  });
}

/**
 * Which of these measures run there, each warm, and by name the reason of each that does not.
 *
 * @param measures by the names of their rates
 */
export async function peersThatRun(
  peer: Peer | undefined,
  measures: Readonly<Record<string, PeerMeasure>>,
  options: { readonly paths?: readonly string[]; readonly batch?: number } = {},
): Promise<{
  readonly able: readonly { readonly name: string; readonly measure: PeerMeasure }[];
  readonly leftOut: Readonly<Record<string, string>>;
}> {
  const able: { name: string; measure: PeerMeasure }[] = [];
  const leftOut: Record<string, string> = {};
  if (peer === undefined) return { able, leftOut };
  for (const [name, measure] of Object.entries(measures)) {
    try {
      await peer.seconds(measure, { calls: 0, ...options });
      able.push({ name, measure });
    } catch (error) {
      leftOut[name] = reasonOf(error);
    }
  }
  return { able, leftOut };
}

/**
 * Starts the peer, which warms up before the first of its measures, for a minute or so.
 *
 * @param options.device where PyTorch computes
 * @param options.env its environment
 * @param options.python a Python that has torch, open_clip_torch and pillow; without it an environment is made once in the cache folder (some
 * gigabytes)
 * @throws when it cannot be made or does not start
 */
export async function startPeer(
  options: {
    readonly batch: number;
    readonly python?: string;
    readonly device: "cpu" | "cuda";
    readonly env: Readonly<Record<string, string>>;
    readonly log: (line: string) => void;
  },
): Promise<Peer> {
  const { log, device, env } = options;
  const python = options.python ?? await peerPython(log);
  if (await outputOf([python, "-c", "import torch, open_clip, PIL; print('found')"]) !== "found") {
    throw new Error(
      `Cannot time the peer: expected a Python with torch, open_clip_torch and pillow but found ${python}, which lacks them; ` +
        "leave out --peer-python to have an environment made",
    );
  }
  const script = new URL("../tests/peer/serve.py", import.meta.url).pathname;
  log("Starting the peer (PyTorch, open_clip)");
  const { hello, ask, close } = await startTiming([python, script, `${options.batch}`, device], {
    what: "the peer",
    env,
  });
  return {
    name: `PyTorch ${hello.torch}, ${device === "cpu" ? `${hello.threads} threads` : device}`,
    python,
    device,
    low: hello.low === "bfloat16" ? "bfloat16" : "float32",
    env,
    seconds: async (measure, options) => {
      const { seconds, unable } = await ask({ measure, ...options });
      if (seconds === undefined) {
        throw new Error(`Cannot time the peer's ${measure}: expected it to run but found: ${unable}`);
      }
      return seconds;
    },
    attention: async () => {
      const { attention, unable } = await ask({ measure: "attention" });
      return attention ?? `unknown (${unable})`;
    },
    close,
  };
}

/**
 * The parts of `gpu_check.ts`: each a program of its own that is ended when its time is over, and what it is to show.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ignoreNotFound } from "../lib/backend/build_tensorflow.ts";
import { type Outcome, type Stage, StageTimeout } from "./gpu_check_stages.ts";
import type { Probe } from "./gpu_probe.ts";

/** What is checked. */
export type Device = "cuda" | "cpu";

/** What the parts share. */
export type Check = {
  readonly device: Device;
  /** A Python with torch, open_clip and pillow; undefined where there is none. */
  readonly python?: string;
  readonly folder: string;
  /** What the bench measured, by batch size, and of images. */
  readonly measured: Record<string, unknown>;
};

/** What the bench ends with, as far as it is read here. */
type BenchNumbers = {
  readonly ratios: Readonly<Record<string, number>>;
  readonly bases: Readonly<Record<string, string>>;
  readonly rates: Readonly<Record<string, number>>;
  readonly peers: readonly string[];
  readonly leftOut: Readonly<Record<string, string>>;
  readonly rounds: readonly unknown[];
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Of a product in float32; TF32 is near 3e-4. */
const MOST_ERROR = 1e-5;
/** How many times as fast as a peer ours is to be, by the bench's name of the ratio. */
const ratiosWanted = {
  encoderVsBestPeer: { name: "encoder, against PyTorch's fastest", least: 1.1 },
  headStepVsBestPeer: { name: "head's step, against PyTorch's fastest", least: 1.1 },
  fiveEpochsVsPeer: { name: "5 epochs from files, against the reference's loop", least: 1.5 },
  secondRunVsPeer: { name: "5 epochs again, against the same", least: 1.5 },
  fiveEpochsVsBestPeer: { name: "5 epochs from files, against the fastest", least: 1 },
} as const;

/** The tests of what computes otherwise on a GPU, with the seconds that each is given. */
const TESTS: readonly (readonly [file: string, seconds: number])[] = [
  ["tests/backend/raw_test.ts", 15],
  ["tests/model/encoders/clip_graph_test.ts", 40],
  ["tests/training/trainer_test.ts", 30],
  ["tests/training/tower_engine_test.ts", 20],
  ["tests/model/features/batches_test.ts", 15],
];

/**
 * Runs a program of this project to its end, its standard error into a file of `folder`; resolves to what it printed.
 *
 * @throws {StageTimeout} when it was ended after `seconds`, {Error} with its last line when it failed
 */
async function runProgram(
  args: readonly string[],
  { seconds, folder, env = {} }: {
    readonly seconds: number;
    readonly folder: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string> {
  const signal = AbortSignal.timeout(Math.max(1, seconds * 1000));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    // CUDA keeps what it compiles for a new card, a gigabyte unless told; PyPI may be out of reach.
    env: { NO_COLOR: "1", CUDA_CACHE_MAXSIZE: "4294967296", PIP_RETRIES: "1", ...env },
    signal,
  }).output();
  const [printed, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  await Deno.writeTextFile(join(folder, "log.txt"), `$ deno ${args.join(" ")}\n${printed}${problems}\n`, {
    append: true,
  });
  if (success) return printed;
  if (signal.aborted) throw new StageTimeout(`did not end within ${Math.round(seconds)} s`);
  const lines = `${printed}\n${problems}`.trim().split("\n");
  throw new Error(lines.findLast((line) => /error|Cannot|FAILED/i.test(line)) ?? lines.at(-1));
}

const run = (permissions: string, ...args: readonly string[]) => ["run", "-q", `-P=${permissions}`, ...args];

/** The last line of what a program printed, as JSON. */
function lastJson<T>(printed: string): T {
  return JSON.parse(printed.trim().split("\n").at(-1)!);
}

/** TensorFlow set up and started on the device, in float32 that is none of TF32's, but where it is asked for. */
function setUp({ device, folder }: Check): Stage {
  const names = {
    device: "TensorFlow's device",
    float32: "error of float32",
    tf32: "error with NVIDIA_TF32_OVERRIDE=1",
  };
  return {
    ...{ name: "set up", seconds: 75, least: 1, isNeeded: true },
    wishes: [
      { name: names.device, wanted: device === "cuda" ? "a GPU" : "the CPU" },
      { name: names.float32, wanted: `at most ${MOST_ERROR}` },
      { name: names.tf32, wanted: `above ${MOST_ERROR}` },
    ],
    run: async ({ seconds, say }) => {
      const ends = performance.now() + seconds * 1000;
      const within = () => ({ seconds: (ends - performance.now()) / 1000, folder });
      await runProgram(run("setup", "lib/backend/setup.ts", "--variant", device), within());
      const probe = async (env: Readonly<Record<string, string>>) =>
        lastJson<Probe>(await runProgram(run("bench", "tools/gpu_probe.ts"), { ...within(), env }));
      const own = await probe({});
      say(names.device, { measured: own.name, met: own.isOnGpu === (device === "cuda") });
      say(names.float32, { measured: own.error.toExponential(1), met: own.error <= MOST_ERROR });
      if (device === "cpu") return say(names.tf32, { notMeasured: "needs a GPU" });
      const { error } = await probe({ NVIDIA_TF32_OVERRIDE: "1" });
      say(names.tf32, { measured: error.toExponential(1), met: error > MOST_ERROR });
    },
  };
}

/** The same training twice in a precision, each encoding for itself: equal predictions and weights. */
function twice(check: Check, precision: "float32" | "bfloat16"): Stage {
  const names = { predictions: "predictions.csv of two runs", weights: "weights of two runs" };
  return {
    ...{ name: `twice, ${precision}`, seconds: 35, least: 10 },
    wishes: Object.values(names).map((name) => ({ name, wanted: "equal" })),
    run: async ({ seconds, say }) => {
      const ends = performance.now() + seconds * 1000;
      const out = join(check.folder, precision);
      for (const name of ["first", "second"]) {
        const settings = {
          clip: precision === "float32" ? "demo" : "demo-tower",
          ...{ epochs: "1", precision, backend: "tensorflow", out, run: name },
          "cache-folder": join(out, `tokens-${name}`),
        };
        const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
        const left = (ends - performance.now()) / 1000;
        await runProgram(run("train", "lib/cli.ts", "train", ...flags), {
          seconds: left,
          folder: check.folder,
        });
      }
      for (
        const [name, file] of [[names.predictions, "predictions.csv"], [names.weights, "model.safetensors"]]
      ) {
        const [first, second] = await Promise.all(
          ["first", "second"].map((one) => Deno.readFile(join(out, one, file))),
        );
        const met = first.length === second.length && first.every((byte, i) => byte === second[i]);
        say(name, { measured: met ? `equal, ${first.length} bytes` : "different", met });
      }
    },
  };
}

/** The encoder, the head's step and five epochs beside PyTorch, in batches of `batch`. */
function beside(
  check: Check,
  { batch, seconds }: { readonly batch: number; readonly seconds: number },
): Stage {
  const names = { compiled: "torch.compile among the peers", attention: "PyTorch's attention" };
  return {
    ...{ name: `batches of ${batch}`, seconds, least: 30 },
    wishes: [
      ...Object.values(ratiosWanted).map(({ name, least }) => ({ name, wanted: atLeast(least) })),
      { name: names.compiled, wanted: "runs" },
      { name: names.attention, wanted: "flash" },
    ],
    run: async ({ seconds, say }) => {
      const numbers = await bench(
        check,
        ["--only", "encoder", "head", "runs", "--batch", `${batch}`],
        seconds,
      );
      if (typeof numbers === "string") {
        const all = [...Object.values(ratiosWanted).map(({ name }) => name), ...Object.values(names)];
        return all.forEach((name) => say(name, { notMeasured: numbers }));
      }
      check.measured[`batches of ${batch}`] = numbers;
      for (const [key, { name, least }] of Object.entries(ratiosWanted)) {
        const ratio = numbers.ratios[key];
        if (ratio === undefined) continue;
        const measured = `${ratio.toFixed(2)} (${numbers.bases[key]})`;
        say(name, onGpu(check, { measured, met: ratio >= least }));
      }
      const isCompiled = (name: string) => /^PyTorch encoder.*compiled$/.test(name);
      const [, rate] = Object.entries(numbers.rates).find(([name]) => isCompiled(name)) ?? [];
      say(
        names.compiled,
        rate === undefined
          ? {
            notMeasured: Object.entries(numbers.leftOut).find(([name]) => isCompiled(name))?.[1] ??
              "the time was over before it",
          }
          : { measured: `${Math.round(rate)} images/s`, met: true },
      );
      const attention = numbers.peers.find((peer) => /attends/.test(peer)) ?? "unknown";
      const measured = attention.replace(/^.* by /, "");
      say(names.attention, onGpu(check, { measured, met: /flash/.test(attention) }));
    },
  };
}

/** Large JPEGs made ready on all cores. */
function images(check: Check): Stage {
  const name = `1080p JPEGs on ${navigator.hardwareConcurrency} threads, against Pillow`;
  return {
    ...{ name: "images", seconds: 35, least: 15 },
    wishes: [{ name, wanted: atLeast(1) }],
    run: async ({ seconds, say }) => {
      const numbers = await bench(check, ["--only", "images"], seconds);
      if (typeof numbers === "string") return say(name, { notMeasured: numbers });
      check.measured.images = numbers;
      const ratio = numbers.ratios.imagesVsPillow;
      const rate = Math.round(numbers.rates["1080p images prepared"]);
      say(name, { measured: `${ratio.toFixed(2)}, ${rate} images/s`, met: ratio >= 1 });
    },
  };
}

/** A file of tests; those of what a GPU does otherwise. */
function tests(check: Check, [file, seconds]: typeof TESTS[number]): Stage {
  return {
    ...{ name: "tests", seconds, least: Math.min(10, seconds) },
    wishes: [{ name: file, wanted: "all pass" }],
    run: async ({ seconds, say }) => {
      const printed = await runProgram(["test", "-q", "-A", "--no-check", file], {
        seconds,
        folder: check.folder,
      });
      const counts = /(\d+) passed.*?(\d+) failed(?: \| (\d+) ignored)?/.exec(printed);
      if (counts === null) throw new Error("the tests ended without saying how many passed");
      const [, passed, failed, ignored = "0"] = counts;
      say(file, {
        measured: `${passed} passed, ${failed} failed, ${ignored} ignored`,
        met: failed === "0" && passed !== "0",
      });
    },
  };
}

/**
 * What the bench measured in rounds until a third of the time is over, and of the one after it, as far as it came; or why there is nothing.
 *
 * @throws {StageTimeout} when it was ended before it had measured anything
 */
async function bench(
  check: Check,
  flags: readonly string[],
  seconds: number,
): Promise<BenchNumbers | string> {
  if (check.python === undefined) {
    return "no Python with torch, open_clip and pillow (--peer-python names one)";
  }
  const rounds = ["--rounds", "5", "--seconds", `${Math.max(1, Math.floor(seconds / 3))}`];
  const peer = ["--peer-python", check.python, "--no-engines"];
  const file = join(check.folder, "bench.json");
  await Deno.remove(file).catch(ignoreNotFound);
  const args = run(
    "bench",
    "tools/bench.ts",
    "--backend",
    "tensorflow",
    ...peer,
    ...rounds,
    ...flags,
    "--json-file",
    file,
  );
  try {
    await runProgram(args, { seconds, folder: check.folder });
  } catch (error) {
    // What it measured before counts; what is missing is said in the table.
    if (!(error instanceof StageTimeout) || !await Deno.stat(file).then(() => true, ignoreNotFound)) {
      throw error;
    }
  }
  return JSON.parse(await Deno.readTextFile(file));
}

const atLeast = (ratio: number) => `at least ${ratio.toFixed(2)}`;

/** What says nothing of a GPU when a CPU measured it. */
function onGpu(
  { device }: Check,
  outcome: { readonly measured: string; readonly met: boolean },
): Outcome {
  return device === "cuda" ? outcome : { notMeasured: `needs a GPU; on this CPU ${outcome.measured}` };
}

/** All parts in their order, the set-up first; those beside PyTorch in batches of each of `batches` images. */
export function stagesOf(check: Check, batches: readonly number[]): readonly Stage[] {
  return [
    setUp(check),
    ...batches.map((batch) => beside(check, { batch, seconds: 240 / batches.length })),
    twice(check, "float32"),
    twice(check, "bfloat16"),
    images(check),
    ...TESTS.map((test) => tests(check, test)),
  ];
}

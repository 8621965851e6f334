/**
 * Sets up, tests and measures a machine with an NVIDIA GPU within minutes: `deno task gpu-check`.
 *
 * Each number stands in one table: measured, wanted, met or not.
 *
 * @module
 */
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { hasNvidiaGpu } from "../lib/backend/setup.ts";
import { cacheFolder } from "../lib/base/cache.ts";
import { writeWhole } from "../lib/base/files.ts";
import { makeTemporaryFolder } from "../lib/base/temporary.ts";
import { type Check, type Device, stagesOf } from "./gpu_check_parts.ts";
import { describeRows, exitCode, runStages } from "./gpu_check_stages.ts";
import { count } from "./flags.ts";
import { outputOf } from "./python.ts";

/** The first Python that has what the peer needs, and on a GPU a torch that sees it. */
async function findPython(device: Device, named?: string): Promise<string | undefined> {
  const test =
    `import torch, open_clip, PIL; print('found' if torch.cuda.is_available() or '${device}' == 'cpu' else 'no GPU')`;
  const own = join(cacheFolder(), "peer", "bin", "python");
  for (const python of named === undefined ? ["python3", own] : [named]) {
    if (await outputOf([python, "-c", test]) === "found") return python;
  }
  return undefined;
}

type Flags = {
  readonly device: Device;
  readonly minutes: number;
  readonly batch: readonly number[];
  readonly only?: readonly string[];
  readonly peerPython?: string;
  readonly out?: string;
};

const stageNames = ["twice", "batches", "images", "tests"] as const;

async function main(flags: Flags): Promise<number> {
  const began = performance.now();
  const { device } = flags;
  if (device === "cuda" && !await hasNvidiaGpu()) {
    console.error(
      "Cannot check the GPU: expected an NVIDIA GPU (nvidia-smi -L lists it) but found none; run it on a machine with one, " +
        "or try the check itself with --device cpu",
    );
    return 2;
  }
  const folder = makeTemporaryFolder({ prefix: "forgelens-gpu-check-" });
  const python = await findPython(device, flags.peerPython);
  const check: Check = { device, python, folder, measured: {} };
  const stages = stagesOf(check, flags.batch);
  const wanted = flags.only;
  const chosen = stages.filter(({ name }, i) =>
    i === 0 || !wanted || wanted.some((one) => name.startsWith(one))
  );
  const seconds = flags.minutes * 60 - (performance.now() - began) / 1000;
  const rows = await runStages(chosen, { seconds, log: console.error });
  const took = Math.round((performance.now() - began) / 1000);
  const left = stages.filter((stage) => !chosen.includes(stage)).map(({ name }) => name);
  const notes = [
    `Device: ${device === "cuda" ? "NVIDIA GPU" : "CPU, so that no number here is a GPU's"}; peer: ${
      python ?? "none"
    }; took ${took} s`,
    ...left.length > 0 ? [`Not asked for: ${[...new Set(left)].join(", ")}`] : [],
  ];
  console.log(`${notes.join("\n")}\n\n${describeRows(rows)}`);
  if (flags.out) {
    await Deno.mkdir(flags.out, { recursive: true });
    const record = {
      device,
      python: python ?? null,
      took,
      notAskedFor: left,
      rows,
      measured: check.measured,
    };
    await writeWhole(join(flags.out, "gpu-check.json"), JSON.stringify(record, null, 2) + "\n");
    await Deno.copyFile(join(folder, "log.txt"), join(flags.out, "gpu-check.log"));
  }
  await Deno.remove(folder, { recursive: true });
  return exitCode(rows);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError(`expected a number above 0 but found ${text}`);
  return value;
}

function batchSizes(text: string, before: readonly number[] | undefined): readonly number[] {
  return [...before ?? [], count(text)];
}

if (import.meta.main) {
  const program = new Command("gpu-check")
    .description(
      "Sets up, tests and measures a machine with an NVIDIA GPU; exits with 0 where all that ran met what is wanted.",
    )
    .addOption(
      new Option("--device <name>", "cpu only tries the check itself").choices(["cuda", "cpu"]).default(
        "cuda",
      ),
    )
    .option("--minutes <n>", "the time that all of it may take", positive, 7.5)
    .option("--batch <sizes...>", "batch sizes beside PyTorch: 8 and 128 unless given", batchSizes)
    .addOption(new Option("--only <stages...>", "these after the set-up").choices(stageNames))
    .option(
      "--peer-python <path>",
      "a Python with torch, open_clip_torch and pillow; else python3, or the bench's own",
    )
    .option("--out <folder>", "write gpu-check.json and gpu-check.log there")
    .exitOverride()
    .action(async (flags) => Deno.exit(await main({ ...flags, batch: flags.batch ?? [8, 128] })));
  try {
    await program.parseAsync(Deno.args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) Deno.exit(error.exitCode === 0 ? 0 : 2);
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

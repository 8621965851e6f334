/**
 * The command that trains a detector and tests it.
 *
 * @module
 */
import { join } from "node:path";
import { initBackend } from "../backend/start.ts";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { unlockedNote } from "../base/owner.ts";
import { printable } from "../base/printable.ts";
import { partIndex } from "../base/shard.ts";
import { readMarker } from "../data/demo/folder.ts";
import { drawDemo } from "../data/split/parts.ts";
import { compileHeads } from "../model/detectors/head_native.ts";
import { isDemo, resolveConfig, type RunConfig } from "../runs/config/config.ts";
import { isSmallDemo, smallDemoOf, smallDemoWarning } from "../runs/config/small_demo.ts";
import { evaluateRun } from "../runs/evaluate.ts";
import {
  checkRunFolder,
  newRunName,
  ownRunFolder,
  readRunConfig,
  unfinishedRun,
} from "../runs/folder/folder.ts";
import { readNumerics } from "../runs/folder/numerics.ts";
import { seedRun, seedsOf, seedWeights } from "../runs/folder/seeds.ts";
import { isAccelerated } from "../runs/head_use.ts";
import { openSession, startBeside } from "../runs/session.ts";
import { trainRun } from "../runs/train.ts";
import { printCalibration } from "./calibrate.ts";
import { configFlags, type Flags, fromFile } from "./flags.ts";
import { printResults } from "./results.ts";
import { onScreen, type Screen } from "../runs/screen.ts";

const demoNotice = "DEMO: no data is named, so this run takes procedural faces and a built-in encoder. " +
  "Its numbers say nothing about real faces or CLIP.\n" +
  "For your own: deno task train --real FOLDER --fake FOLDER";

/** Trains, tests and reports; resolves to the exit code. */
export async function train(flags: Flags): Promise<number> {
  if (flags.onlySeed !== undefined) return await trainSeed(`${flags.onlySeed}`, flags);
  const { config, resume } = flags.resume
    ? { config: await resumedConfig(flags), resume: true }
    : await newOrBegunConfig(flags);
  const run = config.run ?? newRunName(config);
  await checkRunFolder({ ...config, run }, { resume });
  const folder = join(config.out, run);
  return await onScreen(async ({ screen, signal }) => {
    // From the first reading to the last result, so that whoever is refused has not worked in vain.
    await using owner = await ownRunFolder(folder);
    const unlocked = unlockedNote(folder, owner);
    if (unlocked) screen.show({ type: "warning", message: unlocked });
    if (isDemo(config)) console.log(demoNotice);
    const named = { ...(resume ? config : await forBackend(config, { screen, signal })), run };
    if (isSmallDemo(named)) console.log(smallDemoWarning);
    const kept = (await readNumerics(folder))?.precision;
    const runFolder = resume ? { folder } : undefined;
    const session = await openSession(named, { report: screen.show, signal, runFolder, kept });
    try {
      for await (const event of trainRun(named, { resume, session, owner, signal })) screen.show(event);
      signal.throwIfAborted();
      await printResults(screen, (onEvent) => evaluateRun(named, { session, owner, onEvent, signal }));
    } finally {
      session.close();
    }
    if (isDemo(named)) await printCalibration(folder, { screen, owner, signal });
    return 0;
  }, {
    interrupted: async () => {
      const started = await exists(join(folder, "config.json"));
      const out = config.out === "checkpoints" ? "" : ` --out ${config.out}`;
      return started
        ? `Interrupted. To go on: deno task train --resume --run ${run}${out}`
        : "Interrupted before training began.";
    },
  });
}

/** Trains one seed of a run in a folder of its own, or what is left of it; resolves to the exit code. */
async function trainSeed(text: string, flags: Flags): Promise<number> {
  if (flags.resume) {
    throw new InputError(
      "Cannot train one seed alone: expected --only-seed without --resume, since it goes on by itself, but found both; leave --resume out",
    );
  }
  const { config, resume } = await newOrBegunConfig({ ...flags, startOrResume: true });
  const named = { ...config, run: config.run! };
  const seeds = seedsOf(config);
  if (seeds < 2) {
    throw new InputError(
      "Cannot train one seed alone: expected --only-seed with several --runs but found one; give --runs N, or leave --only-seed out",
    );
  }
  const seedIndex = partIndex(text, {
    ...{ parts: Array.from({ length: seeds }, (_, i) => `${i + 1}`), listed: `1 to ${seeds}`, env: Deno.env },
    ...{ doing: "train one seed alone", flag: "--only-seed" },
  });
  if (resume) await checkRunFolder(named, { resume });
  const name = `Seed ${seedIndex + 1} of ${seeds}`;
  if (await seedWeights(named, seedIndex) !== undefined) {
    console.log(`${name} is trained already`);
    return 0;
  }
  const { out, run } = seedRun(named, seedIndex);
  const begun = await exists(join(out, run, "config.json"));
  return await onScreen(async ({ screen, signal }) => {
    const events = trainRun(named, { resume: begun, onlySeed: seedIndex, signal });
    for await (const event of events) screen.show(event);
    signal.throwIfAborted();
    screen.close();
    console.log(`${name} is trained, in ${printable(join(out, run))}; the run takes it from there`);
    return 0;
  }, { interrupted: () => "Interrupted. The same command goes on." });
}

/**
 * A new run's configuration, of which a demo is smaller where WebAssembly alone computes; while that is found out, the images, the same
 * for either, are drawn, and what takes the head's steps is compiled.
 */
async function forBackend(
  config: RunConfig,
  { screen, signal }: { readonly screen: Screen; readonly signal: AbortSignal },
): Promise<RunConfig> {
  if (!isDemo(config)) return config;
  const log = (message: string) => screen.show({ type: "note", message });
  const starting = initBackend({ backend: config.backend, log });
  const draw = async (signal: AbortSignal) => {
    // What is there is looked at once, by whoever reads it.
    if (!await readMarker(config.demoRoot)) await drawDemo(config.demoRoot, { report: screen.show, signal });
    if (isAccelerated(config)) compileHeads();
  };
  const [{ name }] = await startBeside(starting, draw, { signal });
  return name === "wasm" ? smallDemoOf(config) : config;
}

/** The configuration that is given, and with `--start-or-resume` whether its run was begun before. */
async function newOrBegunConfig(flags: Flags): Promise<{ config: RunConfig; resume: boolean }> {
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  if (!flags.startOrResume) return { config, resume: false };
  if (config.run !== undefined) {
    const folder = join(config.out, config.run);
    if (!await exists(join(folder, "config.json"))) return { config, resume: false };
    const wasSmall = isSmallDemo(await readRunConfig(folder));
    return { config: wasSmall ? smallDemoOf(config) : config, resume: true };
  }
  throw new InputError(
    "Cannot start or resume a run: expected its name but found none, and a new run has a new one; give --run NAME",
  );
}

async function resumedConfig(flags: Flags): Promise<RunConfig> {
  const given = configFlags(flags);
  const { run, out = "checkpoints", backend, root, ...others } = given;
  if (Object.keys(others).length > 0 || flags.config !== undefined) {
    const names = [...Object.keys(others), ...(flags.config === undefined ? [] : ["config"])];
    throw new InputError(
      `Cannot resume with other settings: expected at most --run, --out, --backend and --root beside --resume but found ${
        names.join(", ")
      }`,
    );
  }
  const name = run === undefined ? await unfinishedRun(`${out}`, { onNote: console.log }) : `${run}`;
  return resolveConfig(await readRunConfig(join(`${out}`, name)), {
    out: `${out}`,
    run: name,
    backend,
    root,
  });
}

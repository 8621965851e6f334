/**
 * Seeds of a run that are trained as tasks of their own, each in a folder below the run's, and how the run takes them.
 *
 * Nobody waits for another: a task writes to its own folder alone, and the run's own process takes every seed that is finished as if it had
 * trained it.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { exists, writeWhole } from "../../base/files.ts";
import type { EpochRecord } from "../../report/report.ts";
import type { RunConfig } from "../config/config.ts";
import { readState, weightsPath } from "./folder.ts";
import { noteIn, type Numerics, readNumerics, writeNumerics } from "./numerics.ts";
import { otherImages } from "./run_data.ts";
import { checkSameConfig, type TrainState } from "./train_state.ts";

type Named = RunConfig & { readonly run: string };

/** How many seeds a run trains; the reference's runs repeat the evaluation, not the training. */
export function seedsOf({ preset, runs }: Pick<RunConfig, "preset" | "runs">): number {
  return preset === "reference" ? 1 : runs;
}

/** The run with its folder where one of its seeds is trained alone, `<run>/seed-2` for the second. */
export function seedRun<T extends Named>(config: T, seedIndex: number): T {
  return { ...config, out: join(config.out, config.run), run: `seed-${seedIndex + 1}` };
}

/** The folder where one of a run's seeds is trained alone. */
export function seedFolder(config: Named, seedIndex: number): string {
  const { out, run } = seedRun(config, seedIndex);
  return join(out, run);
}

/** Where a finished seed's weights are: in the run's own folder, or in the seed's; undefined where it is not finished. */
export async function seedWeights(config: Named, seedIndex: number): Promise<string | undefined> {
  const folder = join(config.out, config.run);
  const own = await readState(folder);
  if (own && (own.done || own.run > seedIndex)) return weightsPath(folder, seedIndex);
  const alone = seedFolder(config, seedIndex);
  return (await readState(alone))?.done ? weightsPath(alone, seedIndex) : undefined;
}

/** A seed that a run took. */
export type TakenSeed = { readonly history: readonly EpochRecord[]; readonly numerics: Numerics };

/**
 * Takes the next seed from the folder where it was trained alone: its weights into the run's folder, and what is known of it; resolves to
 * undefined where it was not, or is not finished.
 *
 * @param options.state where the run stands
 * @param options.numerics the run's choices
 * @throws {InputError} when it was trained with other settings, images, or in another precision, or stands on another first stage
 */
export async function takeSeed(
  config: Named,
  { state, numerics }: { readonly state: TrainState; readonly numerics: Numerics },
): Promise<TakenSeed | undefined> {
  const from = seedFolder(config, state.run);
  const found = await readState(from);
  if (!found?.done) return undefined;
  checkSameConfig(config, { state: found, file: join(from, "config.json") });
  if (found.digest !== state.digest) throw otherImages(from);
  const own = await readNumerics(from);
  const expected = [...choicesOf(numerics), numerics.stageOne?.[state.run]];
  const other = own ? [...choicesOf(own), own.stageOne?.[0]] : [];
  const differs = expected.findIndex((value, i) => value !== other[i]);
  if (!own || differs >= 0) {
    const [name, value, its] = [names[differs], expected[differs], other[differs]];
    throw new InputError(
      `Cannot take the seed in ${from}: expected the run's ${name}, ${shortened(value)}, but found ${
        shortened(its)
      }; give all tasks one --precision and --head-precision, or remove that folder, and the seed is trained anew`,
    );
  }
  const folder = join(config.out, config.run);
  const [path, target] = [from, folder].map((each) => weightsPath(each, state.run));
  for (const ending of [".safetensors", ".pth"]) {
    const [file, copy] = [path, target].map((each) => each.replace(/\.safetensors$/, ending));
    if (ending === ".safetensors" || await exists(file)) await writeWhole(copy, await Deno.readFile(file));
  }
  let settled = numerics;
  if (settled.engine === undefined && own.engine !== undefined) {
    settled = { ...settled, engine: own.engine, engineSeconds: own.engineSeconds };
    await writeNumerics(folder, settled);
  }
  const notes = settled.engine === own.engine ? own.notes : [
    ...own.notes,
    `Seed ${
      config.seed + state.run
    } was trained with another engine than those before it: ${own.engine} instead of ${settled.engine}; sums differ in their last digits.`,
  ];
  for (const note of notes) settled = await noteIn(folder, settled, note);
  return { history: found.history, numerics: settled };
}

const names = ["encoder", "encoder's precision", "head's precision", "first stage"] as const;

function choicesOf({ encoder: { digest }, precision }: Numerics): string[] {
  return [digest, precision.encoder, precision.head];
}

/** A name as it is, and the beginning of a digest. */
function shortened(value: string | undefined): string {
  return value?.slice(0, 12) ?? "none";
}

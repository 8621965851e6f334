/**
 * Where a run stands, as text with a checksum: a changed digit would be another number in a report.
 *
 * @module
 */
import { z } from "zod";
import { sealedJson, unsealed } from "../../base/checksum.ts";
import { InputError } from "../../base/errors.ts";
import type { EpochRecord } from "../../report/report.ts";
import type { RunConfig } from "../config/config.ts";
import { runSchema } from "../config/keys.ts";
import { alsoSets } from "../config/sets.ts";

/** Where a run stands; together with weights and moments, all that resuming needs. */
export type TrainState = {
  readonly version: 1;
  /** The index of the seed in progress, from 0. */
  run: number;
  /** The epoch in progress, from 1. */
  epoch: number;
  /** Steps of that epoch done. */
  step: number;
  /** Sum of those steps' losses. */
  lossSum: number;
  /** Seconds that those steps took. */
  seconds: number;
  history: EpochRecord[];
  /** The best epoch so far of the seed in progress. */
  best: { epoch: number; auc: number } | null;
  /** Of the data that it is trained on. */
  readonly digest: string;
  /** What the run was started with; older versions did not keep it. */
  readonly config?: RunConfig;
  done: boolean;
};

const count = z.int().min(0);
const schema = z.looseObject({
  version: z.literal(1),
  run: count,
  epoch: count,
  step: count,
  lossSum: z.number(),
  seconds: z.number(),
  history: z.array(z.looseObject({
    run: count,
    epoch: count,
    step: count,
    loss: z.number(),
    seconds: z.number(),
    best: z.boolean(),
  })),
  best: z.looseObject({ epoch: count, auc: z.number() }).nullable(),
  digest: z.string(),
  done: z.boolean(),
});

/** A state as JSON with its checksum. */
export function stateText(state: TrainState): string {
  return sealedJson(state);
}

/**
 * The state of {@link stateText}; those of older versions have no checksum.
 *
 * @throws {Error} with the part `expected … but found …` alone, when it is none or was changed.
 */
export function parseState(value: unknown): TrainState {
  const { success, error } = schema.safeParse(value);
  if (!success) {
    const { path, message } = error.issues[0];
    throw new Error(
      `expected where a run stands but found ${path.join(".") || "it"} of another form: ${message}`,
    );
  }
  return unsealed(value as object, { expected: "state" }) as TrainState;
}

/** That a run has weights although its training goes on: one sentence, or none. */
export function unfinishedDoubts(
  state: TrainState | undefined,
  { epochs, runs }: Pick<RunConfig, "epochs" | "runs">,
): string[] {
  if (!state || state.done) return [];
  const seed = runs > 1 ? ` of run ${state.run + 1} of ${runs}` : "";
  return [
    `Training is not finished: it stands in epoch ${state.epoch} of ${epochs}${seed}, and the weights are the best of those before it. train --resume goes on.`,
  ];
}

/** Settings that say where things lie, or how fast they go, and change no number. */
const movable: ReadonlySet<string> = new Set<keyof RunConfig>([
  ...[
    "out",
    "run",
    "backend",
    "real",
    "fake",
    "valReal",
    "valFake",
    "testReal",
    "testFake",
    "data",
    "test",
  ] as const,
  ...["manifest", "root", "demoRoot", "clipWeights", "cacheFolder", "cacheLimit"] as const,
]);

/**
 * Refuses a configuration that is not the one that a run was started with; where the data lie may differ.
 *
 * @param options.file where it was read from
 * @throws {InputError} naming what differs.
 */
export function checkSameConfig(
  config: RunConfig,
  options: { readonly state: Pick<TrainState, "config"> | undefined; readonly file: string },
): void {
  const { config: before } = options.state ?? {};
  if (!before) return; // an older version's
  // An older version lacks keys that were added since; what it did is their default.
  const was = (key: keyof RunConfig): unknown =>
    key in before ? before[key] : runSchema.shape[key].safeParse(undefined).data;
  const changed = (Object.keys(runSchema.shape) as (keyof RunConfig)[]).filter((key) =>
    key === "also"
      ? inJson(mixOf(config)) !== inJson(mixOf({ set: before.set, also: was(key) as string[] }))
      : !movable.has(key) && inJson(config[key]) !== inJson(was(key))
  );
  if (changed.length === 0) return;
  const [first] = changed;
  throw new InputError(
    `Cannot use ${options.file}: expected the configuration that the run was started with but found another ${
      changed.join(", ")
    }; put back "${first}": ${inJson(was(first))}`,
  );
}

/** What of the further training sets changes numbers: where they lie may differ. */
function mixOf(config: Pick<RunConfig, "also" | "set">): unknown {
  return alsoSets(config).map(({ name, weight }) => [name, weight]);
}

function inJson(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

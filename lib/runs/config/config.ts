/**
 * One run's whole configuration from what is given, and what of it contradicts itself.
 *
 * @module
 */
import { flagName, nearestName } from "./names.ts";
import { augmentationOf, perturbationsOf } from "./perturbations.ts";
import type { z } from "zod";
import { InputError } from "../../base/errors.ts";
import type { DetectorKind } from "../../model/detectors/detector.ts";
import { detectorKind, detectorNames, type DetectorSettings } from "../../model/detectors/mod.ts";
import { engineNames } from "../../training/engine.ts";
import { optimizers } from "../../training/optimizers.ts";
import { dataSet, testSets } from "./sets.ts";
import { checkTraining } from "./training.ts";
import type { RunConfig, RunInput } from "./run_config.ts";
import { runSchema } from "./keys.ts";
import { presets } from "./presets.ts";

export type { RunConfig, RunInput } from "./run_config.ts";

/**
 * What the demo data changes of the defaults.
 *
 * @example
 * ```ts
 * import { demoDefaults, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveConfig({}).set, demoDefaults.set);
 * ```
 */
export const demoDefaults: RunInput = { set: "demo" };

/**
 * True when no data is configured, so that the run takes the demo data.
 *
 * @example
 * ```ts
 * import { isDemo } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isDemo({}), true);
 * assertEquals(isDemo({ data: "ffpp=faces/ffpp,c23" }), false);
 * ```
 */
export function isDemo(config: Pick<RunInput, "real" | "fake" | "manifest" | "data">): boolean {
  return config.real === undefined && config.fake === undefined && config.manifest === undefined &&
    config.data === undefined;
}

/** The kind of detector that is asked for; undefined for a name that is none. */
function kindOf({ detector = "notebook-head" }: RunInput): DetectorKind<DetectorSettings> | undefined {
  return detectorNames.includes(detector) ? detectorKind(detector) : undefined;
}

/**
 * The whole configuration from what is given: later sources win over earlier ones, any of them over the preset, and the
 * preset over the defaults.
 *
 * @throws {InputError} naming every bad key, and for an unknown one the nearest known name.
 *
 * @example
 * ```ts
 * import { resolveConfig } from "@forgelens/bench";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const config = resolveConfig({ preset: "reference" }, { epochs: 10, run: "first" });
 * assertEquals([config.epochs, config.attendAcross, config.batchSize], [10, "batch", 8]);
 * assertThrows(() => resolveConfig({ epoch: 10 }), Error, "epochs");
 * ```
 */
export function resolveConfig(...sources: readonly Readonly<Record<string, unknown>>[]): RunConfig {
  const given = Object.assign({}, ...sources.map(withoutUndefined)) as RunInput;
  const preset = presets[given.preset ?? "corrected"] ?? {};
  const demo = isDemo(given) ? demoDefaults : {};
  const { defaults } = kindOf({ ...preset, ...given }) ?? {};
  const input: RunInput = { ...demo, ...defaults, ...preset, ...given };
  const { weightDecay } = optimizers[input.optimizer ?? "adamw"] ?? {};
  const result = runSchema.safeParse({ weightDecay, ...input }, { reportInput: true });
  if (!result.success) {
    throw new InputError(`Cannot use the configuration: ${result.error.issues.map(inWords).join("; ")}`);
  }
  const config = result.data;
  const pairs = [["real", "fake"], ["valReal", "valFake"], ["testReal", "testFake"]] as const;
  for (const [real, fake] of pairs) {
    if ((config[real] === undefined) !== (config[fake] === undefined)) {
      const [has, lacks] = config[real] === undefined ? [fake, real] : [real, fake];
      throw new InputError(
        `Cannot use the configuration: expected ${flagName(real)} and ${
          flagName(fake)
        } together but found only ${flagName(has)}; add ${flagName(lacks)} FOLDER`,
      );
    }
  }
  const named = [
    config.data !== undefined && "--data",
    config.manifest !== undefined && "--manifest",
    config.real !== undefined && "--real and --fake",
  ].filter((name) => name !== false);
  if (named.length > 1) {
    throw new InputError(
      `Cannot use the configuration: expected one of --data, --manifest, or --real and --fake but found ${
        named.join(" and ")
      }`,
    );
  }
  if (config.data !== undefined && (config.valReal !== undefined || config.testReal !== undefined)) {
    throw new InputError(
      "Cannot use the configuration: expected --real and --fake beside validation or test folders but found --data; a further set goes to --test",
    );
  }
  if (isDemo(config) && (config.valReal !== undefined || config.testReal !== undefined)) {
    throw new InputError(
      "Cannot use the configuration: expected --real and --fake beside validation or test folders but found neither",
    );
  }
  const isBuiltIn = config.clip === "demo" || config.clip === "demo-tower";
  if (isBuiltIn && (config.clipWeights !== undefined || config.randomClip)) {
    throw new InputError(
      `Cannot use the configuration: expected no --clip-weights or --random-clip with --clip ${config.clip}`,
    );
  }
  if (config.exportFull && (isBuiltIn || config.randomClip || isDemo(config))) {
    throw new InputError(
      "Cannot export the whole model: expected CLIP's weights beside --export-full but found another encoder; give your data and --clip-weights",
    );
  }
  if (config.exportFull && config.detector !== "notebook-head") {
    throw new InputError(
      `Cannot export the whole model: expected --detector notebook-head, which the reference's class has a place for, but found ${config.detector}`,
    );
  }
  if (config.runs > 1 && config.preset !== "reference" && detectorKind(config.detector).fit) {
    throw new InputError(
      `Cannot train ${config.runs} seeds: expected --runs 1 with --detector ${config.detector}, whose fit is the same for each, but found --runs ${config.runs}`,
    );
  }
  if (config.precision === "int8" && detectorKind(config.detector).tuned) {
    throw new InputError(
      `Cannot use the configuration: expected --precision auto, bfloat16 or float32 with --detector ${config.detector}, whose tower is trained, but found int8`,
    );
  }
  checkEngine(config);
  if (config.asPublished && !("asPublished" in detectorKind(config.detector).settings.shape)) {
    throw new InputError(
      `Cannot use the configuration: expected --as-published with --detector forgelens or forgelens-stage1 but found ${config.detector}; leave --as-published out`,
    );
  }
  if (config.asPublished && config.stageOne === "none") {
    throw new InputError(
      "Cannot use the configuration: expected a first stage, whose dropout --as-published leaves on, but found --stage-one none; leave one of them out",
    );
  }
  if (config.clipWeights !== undefined && config.randomClip) {
    throw new InputError(
      "Cannot use the configuration: expected --clip-weights or --random-clip but found both",
    );
  }
  // A manifest and a distributed set may have validation images of their own.
  const mayHaveVal = config.valReal !== undefined || config.manifest !== undefined ||
    config.data !== undefined;
  if (config.select === "best" && config.valShare === 0 && !mayHaveVal) {
    const give = isDemo(config) ? "leave --val-share out" : "give --val-real and --val-fake";
    throw new InputError(
      `Cannot choose the best epoch: expected validation images but found --val-share 0; ${give}, or --select last`,
    );
  }
  if (config.also.length > 0 && isDemo(config)) {
    throw new InputError(
      "Cannot use --also: expected --data, --manifest, or --real and --fake beside it but found only the demo data",
    );
  }
  const set = dataSet(config)?.name ?? config.set;
  testSets({ ...config, set }); // refuses a malformed --also or --test now, not after training
  perturbationsOf(config);
  augmentationOf(config);
  checkTraining(config);
  return { ...config, set };
}

/** @throws {InputError} for a precision of the head, or an engine, that the detector's training does not have */
function checkEngine({ detector, engine, precision, headPrecision }: RunConfig): void {
  const { tuned, fit } = detectorKind(detector);
  if (tuned && headPrecision !== "auto" && headPrecision !== precision) {
    throw new InputError(
      `Cannot use the configuration: expected --head-precision auto with --detector ${detector}, whose tower is trained with its head, but found ${headPrecision}; give --precision ${headPrecision}`,
    );
  }
  // The notebook's head alone has engines of its own.
  const takes: readonly string[] = detector === "notebook-head"
    ? ["auto", ...engineNames]
    : tuned
    ? ["auto", "graph", "eager"]
    : fit
    ? ["auto"]
    : ["auto", "eager"];
  if (takes.includes(engine)) return;
  throw new InputError(
    `Cannot use the configuration: expected --engine ${
      takes.join(" or ")
    } with --detector ${detector} but found ${engine}`,
  );
}

function withoutUndefined(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined));
}

function inWords(issue: z.core.$ZodIssue): string {
  const key = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((unknown) => {
      const near = nearestName(unknown, Object.keys(runSchema.shape));
      return `unknown key "${unknown}"${near ? `, did you mean "${near}"?` : ""}`;
    }).join("; ");
  }
  const expected = issue.message.replace(/^.*: (?=expected )/, "").replace(/, received .*/, "");
  const found = issue.input === undefined ? "" : ` but found ${JSON.stringify(issue.input)}`;
  return `${key}: ${expected}${found}`;
}

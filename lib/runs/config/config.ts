/**
 * One run's configuration: typed, validated, documented, and the presets.
 *
 * Every key is also a flag of the command line (`batchSize` is `--batch-size`), and stands in the `config.json` of a run.
 *
 * @module
 */
import { flagName, nearestName } from "./names.ts";
import { augmentationOf, perturbationsOf } from "./perturbations.ts";
import { ladderNames } from "../../images/perturbations/mod.ts";
import { z } from "zod";
import { compressions, videosChoices } from "../../data/layouts/vocabulary.ts";
import { layoutTitles } from "../../data/layouts/mod.ts";
import { backendNames, backendTitles } from "../../backend/backends/mod.ts";
import { InputError } from "../../base/errors.ts";
import type { DetectorKind } from "../../model/detectors/detector.ts";
import {
  detectorKind,
  detectorNames,
  detectors,
  type DetectorSettings,
  detectorSettings,
} from "../../model/detectors/mod.ts";
import { fitNames, fits } from "../../images/fits/mod.ts";
import { encoderNames } from "../../model/encoders/mod.ts";
import { videoLevelNames } from "../../metrics/levels.ts";
import { thresholdNames } from "../../metrics/threshold.ts";
import { optimizers } from "../../training/optimizers.ts";
import { dataSet, testSets } from "./sets.ts";
import { checkTraining, training } from "./training.ts";
import type { RunConfig, RunInput } from "./run_config.ts";

export type { RunConfig, RunInput } from "./run_config.ts";

const folder = z.string().min(1);
const share = z.number().min(0).max(0.9);

/** A folder's name on every system: Windows has names that it keeps for devices, and takes no dot at the end. */
const runName = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))(?=\w)[\w.-]{0,149}[\w-]$/i;

/** How the whole run is done. */
const run = {
  preset: z.enum([
    ...["corrected", "reference", "gend"] as const,
    ...["published-1", "published-2", "published-3", "published-genimage"] as const,
  ]).default("corrected").describe(
    "corrected: the bench's protocol; reference: the notebook's, mistakes included; gend: the bench's protocol with a detector trained as GenD; published-1, -2, -3 and -genimage: with ForgeLens in both stages, as in its official settings",
  ),
  seed: z.int().min(0).default(0).describe("seed of initial weights, order, dropout and splits"),
  runs: z.int().min(1).max(100).default(1).describe(
    "corrected: training runs with the seeds seed, seed+1, …; reference: repeats of the same evaluation",
  ),
  precision: z.enum(["auto", "float32", "bfloat16", "int8"]).default("auto").describe(
    "of matrix products, int8 in the encoder alone; auto: the fastest whose tokens agree with float32's, by measurement (float32 for the demo encoder and with attention across the batch)",
  ),
  backend: z.enum(["auto", ...backendNames]).default("auto").describe(
    `tensor backend; auto: ${backendTitles.join(" where it can be set up, else ")}`,
  ),
};

/** The images that are trained, validated and tested on. */
const data = {
  data: z.string().min(1).optional().describe(
    `a data set as it is distributed (${layoutTitles}), as NAME=FOLDER[,c23][,train][,frames=N][,method=NAME][,layout=NAME]`,
  ),
  also: z.array(z.string().min(1)).default([]).describe(
    "a further data set to train on at once, as NAME=FOLDER[,options as for --data][,weight=W]; its images are drawn W times as often as those of the first set, 1 unless given; may be given several times",
  ),
  test: z.array(z.string().min(1)).default([]).describe(
    "a further data set to test on, as NAME=FOLDER[,options as for --data] or NAME=REAL_FOLDER,FAKE_FOLDER; may be given several times",
  ),
  real: folder.optional().describe(
    "folder of real training images (sub-folders too); none means the demo data",
  ),
  fake: folder.optional().describe("folder of fake training images"),
  valReal: folder.optional().describe(
    "folder of real validation images, instead of a share of the training videos",
  ),
  valFake: folder.optional().describe("folder of fake validation images"),
  testReal: folder.optional().describe(
    "folder of real test images, instead of a share of the training videos",
  ),
  testFake: folder.optional().describe("folder of fake test images"),
  manifest: folder.optional().describe(
    "CSV file with the columns path,label[,split,set,video,method,source,persons], instead of folders",
  ),
  set: z.string().min(1).default("data").describe("name of the training data set in tables and files"),
  compression: z.enum(compressions).optional().describe(
    "compression of FaceForensics++ and DFD, where --data or --test names none",
  ),
  methods: z.array(z.string().min(1)).default([]).describe(
    "a method of the --data set's fakes to train on, or several separated by commas; all unless given",
  ),
  framesPerVideo: z.int().min(1).optional().describe(
    "so many evenly spaced frames of each video; all unless given",
  ),
  videos: z.enum(videosChoices).default("auto").describe(
    "what names a video in --real and --fake, in folders of --data and --test, and in manifests without a video column: the folder, the file's name without the frame's number, or each file; auto: what names and the look of a few images say",
  ),
  root: z.string().min(1).optional().describe(
    "where the paths of a list or manifest lie on this machine: FOLDER, or OLD=NEW",
  ),
  valShare: share.default(0.15).describe("share of the training videos held out for validation"),
  testShare: share.default(0.15).describe(
    "share of the training videos held out for the test, when no test set is given",
  ),
  strict: z.boolean().default(false).describe("refuse to start when any file is not a readable image"),
  allowLeak: z.boolean().default(false).describe(
    "go on although a video, a person or a file is in two splits, with a warning",
  ),
};

/** What turns pixels into features. */
const encoder = {
  clip: z.enum(["auto", ...encoderNames]).default("auto").describe(
    "image encoder; auto: ViT-B-16 for your data where its weights can be had, else the built-in demo encoder with a warning",
  ),
  clipWeights: folder.optional().describe(
    "CLIP's weights under OpenAI's, open_clip's or Hugging Face's names: a .pt, .pth, .bin or .safetensors file",
  ),
  randomClip: z.boolean().default(false).describe(
    "full-size CLIP with seeded random weights, for plumbing and timing",
  ),
  activation: z.enum(["quickgelu", "gelu"]).default("quickgelu").describe(
    "activation inside CLIP: quickgelu for OpenAI's weights, gelu for open_clip's own (LAION, DataComp) unless their model's name ends in -quickgelu; settings beside the file that say otherwise are heeded",
  ),
  attendAcross: z.enum(["tokens", "batch"]).default("tokens").describe(
    "what CLIP's attention runs across; batch is the reference's mistake",
  ),
  fit: z.enum(fitNames).default("resize").describe(
    `how an image is brought to the encoder's square; ${
      Object.entries(fits).map(([name, { about }]) => `${name}: ${about}`).join("; ")
    }`,
  ),
  cache: z.boolean().default(true).describe("keep tokens on disk, so that an image is encoded once"),
  cacheFolder: folder.optional().describe("where tokens are kept; by default in the user's cache folder"),
  cacheLimit: z.number().min(0).default(50).describe("most gigabytes that kept tokens may take"),
};

/** What turns features into logits. */
const detector = {
  detector: z.enum(detectorNames).default("notebook-head").describe(
    `what is trained on the frozen encoder's features; ${
      Object.entries(detectors).map(([name, { about }]) => `${name}: ${about}`).join("; ")
    }`,
  ),
  ...detectorSettings,
};

/** What the test images go through, and how their scores are measured. */
const tests = {
  videoScore: z.enum(videoLevelNames).default("mean").describe(
    "how a video's score is made of its frames' at video level",
  ),
  thresholdBy: z.enum(thresholdNames).default("eer").describe(
    "the threshold beside 0.5, chosen on validation videos; eer: as many false alarms as misses; fpr-5: at most 5 % of the reals called fake",
  ),
  jpegQualities: z.array(z.int().min(1).max(100)).default([100, 90, 75, 50, 30]).describe(
    "JPEG qualities that the test set is compressed with in memory",
  ),
  perturb: z.array(z.string().min(1)).default([]).describe(
    `what else is done to the test set in memory, as a family or ladder (${
      ladderNames.join(", ")
    }) for all its levels or as one level, such as jpeg-50; several separated by commas`,
  ),
};

/** What is written, and where. */
const output = {
  run: z.string().regex(
    runName,
    "expected up to 150 letters, digits, dots, dashes and underscores that begin with a letter, digit or underscore, do not end with a dot, and are no device of Windows",
  ).optional()
    .describe(
      "name of this run's folder; by default made from data, preset and time",
    ),
  out: folder.default("checkpoints").describe("folder of runs"),
  pth: z.boolean().default(false).describe("also write the weights as the reference's own .pth file"),
  exportFull: z.boolean().default(false).describe(
    "also write the head together with CLIP, as the reference's whole ForgeLens class loads it",
  ),
  demoRoot: folder.default("data/demo").describe("where the demo data is written once"),
};

/**
 * The keys of the configuration in the groups that help and README show them in, each group with an example of its flags.
 *
 * A further key is one line in its group.
 */
export const keyGroups = {
  run: { keys: run, example: "--seed 1" },
  data: { keys: data, example: "--data ffpp=DIR,c23" },
  encoder: { keys: encoder, example: "--clip ViT-L-14 --clip-weights FILE.pt" },
  detector: { keys: detector, example: "--depth 1 --dropout 0.2" },
  training: { keys: training, example: "--epochs 10 --learning-rate 5e-5" },
  tests: { keys: tests, example: "--jpeg-qualities 90,50" },
  output: { keys: output, example: "--run first --out runs" },
} as const;

/** The schema of a run; defaults are the `corrected` preset's. Its types are written by `deno run -A tools/run_config.ts`. */
export const runSchema = z.strictObject({
  ...run,
  ...data,
  ...encoder,
  ...detector,
  ...training,
  ...tests,
  ...output,
}) satisfies z.ZodType<RunConfig, RunInput>;

/** What ForgeLens's settings have in common, of its official `train_*.sh` (arXiv 2408.13697); its encoder is ViT-L-14. */
const forgeLens: RunInput = {
  ...{ detector: "forgelens", faformerHeads: 2, wsgmReduction: 4, fit: "crop", seed: 3407 },
  ...{ loss: "binary-cross-entropy", optimizer: "adam", weightDecay: 0, schedule: "step", stepFactor: 0.7 },
  selectBy: "loss",
};

/**
 * What each preset changes of the defaults.
 *
 * @example
 * ```ts
 * import { presets, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveConfig({ preset: "reference" }).activation, presets.reference.activation);
 * ```
 */
export const presets: Readonly<Record<RunConfig["preset"], RunInput>> = {
  corrected: {},
  reference: { activation: "gelu", attendAcross: "batch", balance: false, select: "last", valShare: 0 },
  // arXiv 2508.06248; how many epochs, and its augmentation, stay as they are given.
  gend: {
    ...{ detector: "ln-tuned", normalise: true, fit: "clip" },
    ...{ loss: "uniformity-alignment", alignment: 0.1, uniformity: 0.5 },
    ...{ optimizer: "adamw", learningRate: 3e-4, weightDecay: 0, schedule: "cosine", leastRate: 1e-6 },
    ...{ batchSize: 32, accumulate: 4 }, // 128 images a step; pairs are those of a batch
  },
  "published-1": {
    ...forgeLens,
    ...{ wsgmCount: 12, faformerLayers: 2, stepEvery: 2 },
    ...{ stage1Epochs: 50, stage1BatchSize: 32, stage1LearningRate: 5e-5 },
    ...{ epochs: 10, batchSize: 16, learningRate: 2e-6 },
  },
  "published-2": {
    ...forgeLens,
    ...{ wsgmCount: 8, faformerLayers: 4, stepEvery: 1 },
    ...{ stage1Epochs: 5, stage1BatchSize: 32, stage1LearningRate: 1e-5 },
    ...{ epochs: 5, batchSize: 32, learningRate: 1e-7 },
  },
  "published-3": {
    ...forgeLens,
    ...{ wsgmCount: 8, faformerLayers: 16, stepEvery: 1 },
    ...{ stage1Epochs: 3, stage1BatchSize: 32, stage1LearningRate: 1e-5 },
    ...{ epochs: 3, batchSize: 16, learningRate: 2.5e-8 },
  },
  "published-genimage": {
    ...forgeLens,
    ...{ wsgmCount: 4, faformerLayers: 2, stepEvery: 2 },
    ...{ stage1Epochs: 20, stage1BatchSize: 16, stage1LearningRate: 5e-5 },
    ...{ epochs: 10, batchSize: 16, learningRate: 2.5e-6 },
  },
};

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

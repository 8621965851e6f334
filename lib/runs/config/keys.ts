/**
 * The keys of a run's configuration: typed, validated and documented.
 *
 * Every key is also a flag of the command line (`batchSize` is `--batch-size`), and stands in the `config.json` of a run.
 *
 * @module
 */
import { ladderNames } from "../../images/perturbations/mod.ts";
import { z } from "zod";
import { compressions, videosChoices } from "../../data/layouts/vocabulary.ts";
import { layoutTitles } from "../../data/layouts/mod.ts";
import { backendNames, backendTitles } from "../../backend/backends/mod.ts";
import { detectorNames, detectors, detectorSettings } from "../../model/detectors/mod.ts";
import { fitNames, fits } from "../../images/fits/mod.ts";
import { encoderNames } from "../../model/encoders/mod.ts";
import { videoLevelNames } from "../../metrics/levels.ts";
import { thresholdNames } from "../../metrics/threshold.ts";
import { engineNames } from "../../training/engine.ts";
import { training } from "./training.ts";
import type { RunConfig, RunInput } from "./run_config.ts";

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
  headPrecision: z.enum(["auto", "float32", "bfloat16"]).default("auto").describe(
    "of matrix products where the head is trained; auto: the encoder's, or beside int8 the faster one, by measurement; on the demo bfloat16 where native code takes the steps",
  ),
  engine: z.enum(["auto", ...engineNames]).default("auto").describe(
    "what takes the training steps: a TensorFlow graph, native code by AVX2, AVX-512 or AMX, or op by op; auto: the fastest that takes the detector, by measurement",
  ),
  backend: z.enum(["auto", ...backendNames]).default("auto").describe(
    `tensor backend; auto: ${backendTitles.join(" where it can be set up, else ")}`,
  ),
};

/** The images that are trained, validated and tested on. */
const data = {
  data: z.string().min(1).optional().describe(
    `a data set as it is distributed (${layoutTitles}), as NAME=FOLDER[,c23][,train][,frames=N][,method=NAME][,layout=NAME][,labels=WORD=fake]; a comma in a folder's name is written twice`,
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
  labels: z.array(z.string().min(1)).default([]).describe(
    "what a word for a label means in DeepfakeBench's lists, or a folder's name in plain folders, where it is not a usual one: WORD=real or WORD=fake, or several separated by commas",
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

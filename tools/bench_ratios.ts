/**
 * What the bench compares: ours over the best peer of each measure, and over single ones.
 *
 * @module
 */
import { median } from "./bench_print.ts";
import type { Rates } from "./bench_setting.ts";

/**
 * Two measures of a round, `ours` over one of `bases`, rates both: the base that is fastest here, by its median.
 *
 * Where there is a choice of peers, `bases` says what each is called after the title.
 */
type Comparison = {
  readonly name: string;
  readonly title: string;
  readonly ours: string;
  readonly bases: Readonly<Record<string, string>>;
  /** Whether the chart shows it: not where another shows the best of the same. */
  readonly isInChart: boolean;
};

/** A comparison's outcome: the median over rounds of the ratio within a round. */
export type Ratio = {
  readonly name: string;
  /** What is compared with what, with the best peer's name. */
  readonly title: string;
  readonly value: number;
  /** The rate that ours is held against. */
  readonly base: string;
  readonly isInChart: boolean;
};

const encoderPeers = {
  "PyTorch encoder, float32": "PyTorch float32",
  "PyTorch encoder, bfloat16": "PyTorch bfloat16",
  "PyTorch encoder, bfloat16, compiled": "torch.compile bfloat16",
  "PyTorch encoder, float32, compiled": "torch.compile float32",
  "OpenVINO encoder, int8": "OpenVINO int8",
  "OpenVINO encoder, bfloat16": "OpenVINO bfloat16",
  "onnxruntime encoder, int8": "onnxruntime int8",
  "onnxruntime encoder, float32": "onnxruntime float32",
  "onnxruntime-node encoder, int8": "onnxruntime-node int8",
};

const headStepPeers = {
  "PyTorch head step, float32": "PyTorch float32",
  "PyTorch head step, bfloat16 autocast": "PyTorch autocast",
  "PyTorch head step, bfloat16 autocast, compiled": "torch.compile autocast",
  "PyTorch head step, float32, fused AdamW": "PyTorch float32, fused AdamW",
  "PyTorch head step, float32, fused AdamW, compiled": "torch.compile float32",
};

const fiveEpochsPeers = {
  "reference's loop, 5 epochs": "the reference's loop",
  "PyTorch 5 epochs, tokens kept in memory": "PyTorch, tokens kept",
};

const trainingPeers = (name: string) => ({
  [`PyTorch ${name} step, float32`]: "PyTorch float32",
  [`PyTorch ${name} step, bfloat16 autocast`]: "PyTorch autocast",
});

const againstBest = (
  name: string,
  options: { readonly title: string; readonly ours: string; readonly peers: Comparison["bases"] },
): Comparison => ({
  name: `${name}VsBestPeer`,
  title: options.title,
  ours: options.ours,
  bases: options.peers,
  isInChart: true,
});

const against = (
  name: string,
  options: {
    readonly title: string;
    readonly ours: string;
    readonly base: string;
    readonly isInChart?: boolean;
  },
): Comparison => ({
  name,
  title: options.title,
  ours: options.ours,
  bases: { [options.base]: "" },
  isInChart: options.isInChart ?? false,
});

const comparisons: readonly Comparison[] = [
  againstBest("encoder", { title: "encoder", ours: "encoder as runs choose it", peers: encoderPeers }),
  againstBest("headStep", {
    title: "head's training step",
    ours: "head step as runs choose it",
    peers: headStepPeers,
  }),
  againstBest("fiveEpochs", {
    title: "5 epochs from files",
    ours: "5 epochs, nothing cached",
    peers: fiveEpochsPeers,
  }),
  againstBest("secondRun", {
    title: "5 epochs again",
    ours: "5 epochs, tokens cached",
    peers: fiveEpochsPeers,
  }),
  againstBest("lnStep", {
    title: "LN-tuning step",
    ours: "LN-tuning step",
    peers: trainingPeers("LN-tuning"),
  }),
  againstBest("stage1Step", { title: "stage-1 step", ours: "stage-1 step", peers: trainingPeers("stage-1") }),
  against("imagesVsDecoding", {
    title: "1080p JPEGs to 224×224, against libjpeg-turbo's decoding alone",
    ours: "1080p images prepared",
    base: "libjpeg-turbo, 1080p images decoded",
    isInChart: true,
  }),
  against("imagesVsPillow", {
    title: "1080p JPEGs to 224×224, against Pillow",
    ours: "1080p images prepared",
    base: "Pillow, 1080p images prepared",
    isInChart: true,
  }),
  against("facesVsPeer", {
    title: "faces in 720p frames, against facenet-pytorch",
    ours: "720p frames searched for faces",
    base: "facenet-pytorch, 720p frames searched",
    isInChart: true,
  }),
  against("prepareVsParts", {
    title: "prepare --faces, against 1.5 × ffmpeg and the detector",
    ours: "720p frames prepared with faces",
    base: "1.5 times ffmpeg and the detector, 720p frames",
    isInChart: false,
  }),
  against("encoderVsMatmulPeak", {
    title: "encoder FLOP/s in bfloat16, against that peak",
    ours: "encoder GFLOP/s, bfloat16",
    base: "matmul peak, bfloat16",
    isInChart: true,
  }),
  against("encoderInt8VsPeak", {
    title: "encoder's products a second in 8 bits, against their peak",
    ours: "encoder GOP/s, int8",
    base: "products' peak, int8",
  }),
  against("encoderVsPeerBfloat16", {
    title: "encoder, against PyTorch bfloat16",
    ours: "encoder as runs choose it",
    base: "PyTorch encoder, bfloat16",
  }),
  against("encoderVsPeerFloat32", {
    title: "encoder, against PyTorch float32",
    ours: "encoder as runs choose it",
    base: "PyTorch encoder, float32",
  }),
  against("encoderBfloat16VsPeerBfloat16", {
    title: "encoder in bfloat16, against PyTorch bfloat16",
    ours: "encoder compiled, bfloat16",
    base: "PyTorch encoder, bfloat16",
  }),
  against("headStepVsPeer", {
    title: "head's training step, against PyTorch float32",
    ours: "head step as runs choose it",
    base: "PyTorch head step, float32",
  }),
  against("fiveEpochsVsPeer", {
    title: "5 epochs from files, against the reference's loop",
    ours: "5 epochs, nothing cached",
    base: "reference's loop, 5 epochs",
  }),
  against("secondRunVsPeer", {
    title: "5 epochs again, against the reference's loop",
    ours: "5 epochs, tokens cached",
    base: "reference's loop, 5 epochs",
  }),
  against("lnStepVsPeerFloat32", {
    title: "LN-tuning step, against PyTorch float32",
    ours: "LN-tuning step",
    base: "PyTorch LN-tuning step, float32",
  }),
  against("lnStepVsPeerBfloat16", {
    title: "LN-tuning step, against autocast, recomputing",
    ours: "LN-tuning step",
    base: "PyTorch LN-tuning step, bfloat16 autocast",
  }),
  against("stage1StepVsPeerFloat32", {
    title: "stage-1 step, against PyTorch float32",
    ours: "stage-1 step",
    base: "PyTorch stage-1 step, float32",
  }),
  against("stage1StepVsPeerBfloat16", {
    title: "stage-1 step, against autocast, recomputing",
    ours: "stage-1 step",
    base: "PyTorch stage-1 step, bfloat16 autocast",
  }),
];

/** The median of each rate over the rounds that have it. */
export function medianRates(rounds: readonly Rates[]): Map<string, number> {
  const names = new Set(rounds.flatMap((rates) => [...rates.keys()]));
  return new Map([...names].map((name) => [
    name,
    median(rounds.flatMap((rates) => rates.get(name) ?? [])),
  ]));
}

/** The fastest of `names` by its median; undefined where none was measured. */
export function fastest(names: readonly string[], rates: Rates): string | undefined {
  const measured = names.filter((name) => rates.has(name));
  return measured.toSorted((a, b) => rates.get(b)! - rates.get(a)!)[0];
}

/** The ratios of what was measured, those against the best peer first. */
export function ratiosOf(rounds: readonly Rates[]): Ratio[] {
  const medians = medianRates(rounds);
  return comparisons.flatMap(({ name, title, ours, bases, isInChart }) => {
    const base = fastest(Object.keys(bases), medians);
    if (base === undefined) return [];
    const values = rounds.flatMap((rates) => {
      const [mine, others] = [rates.get(ours), rates.get(base)];
      return mine !== undefined && others !== undefined ? [mine / others] : [];
    });
    if (values.length === 0) return [];
    const label = bases[base];
    return [{
      name,
      title: label ? `${title}, against the best peer, ${label}` : title,
      value: median(values),
      base,
      isInChart,
    }];
  });
}

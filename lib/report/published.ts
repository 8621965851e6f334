/**
 * The figures that the field has published, each with whose table it stands in, and which of our tests may stand beside it.
 *
 * They were read in the projects' own files, or where `secondHand` says so in what others say of them.
 *
 * @module
 */

/** A set that there are figures of. */
export type PublishedSet =
  | "FF++"
  | "Celeb-DF v2"
  | "DFDC"
  | "DFD"
  | "DFDCP"
  | "WDF"
  | "FFIW"
  | "DF40"
  | "UniversalFakeDetect";

/** What a detector was trained on. */
export type TrainingSet = {
  readonly set: string;
  /** FaceForensics++'s: `raw`, `c23` or `c40`; missing where it is not known. */
  readonly compression?: string;
};

/** One figure that was published. */
export type PublishedFigure = {
  readonly model: string;
  readonly set: PublishedSet;
  readonly metric: "auc" | "ap" | "accuracy";
  /** In [0, 1]. */
  readonly value: number;
  /** The higher end, where two values are given. */
  readonly upTo?: number;
  readonly level: "frame" | "video" | "image" | "unknown";
  /** Missing where it is not known. */
  readonly trainedOn?: TrainingSet;
  /** Whose table: the model's own files, or another's; `not named` where who said it did not say. */
  readonly source: string;
  /** Read in what others say, and not in the source. */
  readonly secondHand: boolean;
  /** When it was read: `2026-11`. */
  readonly read: string;
  /** When the paper came out, where that is known: `2025-03`. */
  readonly published?: string;
  /** Frames of a video, where that is said. */
  readonly frames?: number;
  readonly note?: string;
};

type Kept = Omit<PublishedFigure, "model" | "set" | "metric" | "value" | "secondHand" | "read"> & {
  readonly secondHand?: boolean;
};

const c23: TrainingSet = { set: "FF++", compression: "c23" };

/** CNNDetection's images of things and scenes, none of faces; read in UnivFD's and ForgeLens's own files. */
const proGan: TrainingSet = { set: "ProGAN images" };

/** A model's AUCs by set, which have the rest in common. */
function aucs(
  model: string,
  values: Readonly<Partial<Record<PublishedSet, number>>>,
  kept: Kept,
): PublishedFigure[] {
  return Object.entries(values).map(([set, value]) => ({
    model,
    set: set as PublishedSet,
    metric: "auc",
    value,
    secondHand: false,
    read: "2026-11",
    ...kept,
  }));
}

/** A model's mean accuracy and AP over UniversalFakeDetect's 19 sets. */
function over19(model: string, values: readonly [number, number], kept: Partial<Kept> = {}) {
  return (["accuracy", "ap"] as const).map((metric, i): PublishedFigure => ({
    model,
    set: "UniversalFakeDetect",
    metric,
    value: values[i],
    level: "image",
    source: "not named",
    secondHand: true,
    read: "2026-11",
    note: "mean over 19 sets",
    ...kept,
  }));
}

const ownSbi = "SBI's own files";

/** All figures, by model. */
export const publishedFigures: readonly PublishedFigure[] = [
  ...aucs("Xception", { "FF++": 0.964, "Celeb-DF v2": 0.737, DFDC: 0.708, DFD: 0.816 }, {
    level: "frame",
    trainedOn: c23,
    source: "DeepfakeBench's table",
  }),
  ...aucs("UCF", { "FF++": 0.971, "Celeb-DF v2": 0.753, DFDC: 0.719, DFD: 0.807 }, {
    level: "frame",
    trainedOn: c23,
    source: "DeepfakeBench's table",
  }),
  ...aucs("LSDA", { "Celeb-DF v2": 0.83, DFDC: 0.736, DFD: 0.88 }, {
    level: "frame",
    trainedOn: c23,
    source: "ForensicsAdapter's README",
  }),
  ...aucs("ForensicsAdapter", { "Celeb-DF v2": 0.9, DFDC: 0.843, DFD: 0.933 }, {
    level: "frame",
    trainedOn: c23,
    source: "ForensicsAdapter's README",
  }),
  ...aucs("ForensicsAdapter", { "Celeb-DF v2": 0.957, DFDC: 0.872 }, {
    level: "video",
    trainedOn: c23,
    source: "ForensicsAdapter's README",
  }),
  ...aucs("ForensicsAdapter", { DFDCP: 0.929 }, {
    level: "unknown",
    trainedOn: c23,
    source: "ForensicsAdapter's README",
  }),
  ...aucs("SBI", { "Celeb-DF v2": 0.938, DFDC: 0.73, DFD: 0.979 }, {
    level: "video",
    trainedOn: { set: "FF++", compression: "raw" },
    source: ownSbi,
  }),
  ...aucs("SBI", { "Celeb-DF v2": 0.929, DFDC: 0.72, DFD: 0.982 }, {
    level: "video",
    trainedOn: c23,
    source: ownSbi,
  }),
  ...aucs("SBI", { "Celeb-DF v2": 0.932 }, {
    level: "unknown",
    trainedOn: { set: "FF++" },
    source: "ForensicsAdapter's table",
  }),
  ...aucs("SBI", { "Celeb-DF v2": 0.886 }, {
    level: "unknown",
    trainedOn: { set: "FF++" },
    source: "Effort's table",
  }),
  ...aucs("Effort", { "Celeb-DF v2": 0.956, DFDC: 0.843, DFD: 0.965 }, {
    level: "video",
    trainedOn: c23,
    source: "Effort's own figure",
    frames: 8,
  }),
  ...aucs("Effort", { DFDCP: 0.909, WDF: 0.848, FFIW: 0.921 }, {
    level: "unknown",
    trainedOn: c23,
    source: "Effort's own figure",
  }),
  ...aucs("Effort", { DF40: 0.94 }, {
    level: "unknown",
    trainedOn: c23,
    source: "Effort's own figure",
    note: "8 methods",
  }),
  ...aucs("CLIP linear probe", { "Celeb-DF v2": 0.781, DFDC: 0.736, DFD: 0.882 }, {
    level: "video",
    trainedOn: c23,
    source: "not named",
    secondHand: true,
  }),
  ...aucs("CLIP LN-tuning", { "Celeb-DF v2": 0.966, DFDC: 0.872, DFD: 0.98 }, {
    level: "video",
    trainedOn: c23,
    source: "arXiv 2503.19683",
    secondHand: true,
    published: "2025-03",
  }),
  ...aucs("GenD", { "Celeb-DF v2": 0.96, DFDC: 0.871 }, {
    level: "video",
    trainedOn: c23,
    source: "not named",
    secondHand: true,
  }),
  ...aucs("GenD", { DFD: 0.965 }, {
    level: "video",
    trainedOn: c23,
    source: "not named",
    secondHand: true,
    upTo: 0.97,
  }),
  ...aucs("LAA-Net with SBI", { "Celeb-DF v2": 0.954, DFD: 0.984 }, {
    level: "unknown",
    trainedOn: c23,
    source: "LAA-Net's README",
  }),
  ...aucs("LAA-Net with SBI", { DFDCP: 0.869 }, {
    level: "unknown",
    trainedOn: c23,
    source: "LAA-Net's README",
    note: "called DFDC there; ForensicsAdapter's table has it as DFDCP",
  }),
  ...aucs("frozen CLIP-L linear probe", { "Celeb-DF v2": 0.738 }, {
    level: "unknown",
    trainedOn: c23,
    source: "CodeRafay on Hugging Face",
    secondHand: true,
  }),
  ...over19("UnivFD", [0.8138, 0.9014], { trainedOn: proGan }),
  ...over19("FatFormer", [0.9086, 0.9816]),
  ...over19("C2P-CLIP", [0.9379, 0.9866]),
  ...over19("ForgeLens", [0.9499, 0.9883], { trainedOn: proGan }),
  ...over19("ForgeLens, WSGM only", [0.9452, 0.9812], { trainedOn: proGan }),
  ...over19("ForgeLens, FAFormer only", [0.8789, 0.9226], { trainedOn: proGan }),
  ...over19("Effort", [0.9517, 0.9934], { source: "Effort's own figure", secondHand: false }),
];

/** Videos of the official test, where FaceForensics++'s has four methods; DFD has no official split, and of the others it is not known here. */
export const officialTests: Readonly<
  Partial<Record<PublishedSet, { readonly real: number; readonly fake: number }>>
> = {
  "FF++": { real: 140, fake: 560 },
  "Celeb-DF v2": { real: 178, fake: 340 },
  DFDC: { real: 2500, fake: 2500 },
};

/** Layouts → sets; a list of DeepfakeBench's and plain folders may be any. */
const byLayout: Readonly<Record<string, PublishedSet>> = {
  ffpp: "FF++",
  dfd: "DFD",
  "celeb-df-v2": "Celeb-DF v2",
  dfdc: "DFDC",
  dfdcp: "DFDCP",
  wilddeepfake: "WDF",
};

/** Names that the layouts give the origins of reals and the methods of fakes → sets; all of a test's must be of one. */
const byMethods: readonly (readonly [PublishedSet, RegExp])[] = [
  ["Celeb-DF v2", /^(Celeb-real|YouTube-real|Celeb-synthesis|CelebDFv2_(real|fake))$/],
  ["DFDC", /^DFDC_(Real|Fake)$/],
  ["DFDCP", /^(DFDCP_(Real|FakeA|FakeB)|original_videos|method_[AB])$/],
  ["DFD", /^(actors|DeepFakeDetection|DFD_real)$/],
  ["FF++", /^(youtube|FF-real|Deepfakes|Face2Face|FaceSwap|NeuralTextures|FaceShifter)$/],
];

/** Names that users give sets, without their marks. */
const byName: readonly (readonly [PublishedSet, RegExp])[] = [
  ["FF++", /^(ff|ffpp|ffplusplus|faceforensics(pp|plusplus)?)(c23|c40|raw|c0)?$/],
  ["Celeb-DF v2", /^(celebdf|cdf)(v?2)?$/],
  ["DFDC", /^dfdc$/],
  ["DFD", /^(dfd|deepfakedetection)$/],
  ["DFDCP", /^dfdcp(review)?$/],
  ["WDF", /^(wdf|wilddeepfake)$/],
  ["FFIW", /^ffiw(10k)?$/],
  ["DF40", /^df40$/],
  ["UniversalFakeDetect", /^(universalfakedetect|ufd)$/],
];

/** Which published set a test is of. */
export type KnownSet = {
  readonly set: PublishedSet;
  /** The layout that was named, the names that a layout gave its methods, or the name that a user gave the set alone. */
  readonly by: "layout" | "methods" | "name";
};

/**
 * The published set that a test is of, as far as that is known; undefined for every other set.
 *
 * @param test.name the set's
 * @param test.layout as `layout=` said it
 * @param test.methods those of the fakes and the origins of the reals; empty ones say nothing
 *
 * @example
 * ```ts
 * import { publishedSetOf } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const methods = ["youtube", "Deepfakes", "FaceSwap"];
 * assertEquals(publishedSetOf({ name: "mine", methods }), { set: "FF++", by: "methods" });
 * ```
 */
export function publishedSetOf(
  test: { readonly name: string; readonly layout?: string; readonly methods: readonly string[] },
): KnownSet | undefined {
  const { name, layout } = test;
  if (layout === "celeb-df-v1" || layout === "celeb-df-pp") return undefined;
  if (layout !== undefined && layout in byLayout) return { set: byLayout[layout], by: "layout" };
  const plain = name.toLowerCase().replaceAll("+", "p").replaceAll(/[^a-z0-9]/g, "");
  if (/^(celebdf|cdf)v?1$/.test(plain)) return undefined;
  const methods = [...new Set(test.methods)].filter((method) => method !== "");
  const found = byMethods.find(([, names]) =>
    methods.length > 1 && methods.every((each) => names.test(each))
  );
  if (found) return { set: found[0], by: "methods" };
  const named = byName.find(([, names]) => names.test(plain));
  return named && { set: named[0], by: "name" };
}

/**
 * In what precision a run's encoder and head compute: its own where it has one, else what is asked for or measured.
 *
 * @module
 */
import { isTensorFlow } from "../../backend/raw.ts";
import { reasonOf } from "../../base/errors.ts";
import type { CompiledTower, EncoderPrecision, Precision, PrecisionUsed, Tower } from "./encoder.ts";
import { choosePrecision } from "./precision.ts";

/** What a run's matrix products are computed in, and why. */
export type KeptPrecision = Pick<PrecisionUsed, "head" | "reason" | "doubt" | "seconds"> & {
  readonly encoder: EncoderPrecision;
};

/** For what an encoder is opened. */
export type EncoderUse = {
  /** The precision of the run that goes on, or whose weights are tested; unless given, the one asked for is taken, or measured. */
  readonly kept?: KeptPrecision;
  /** For a test, which never measures: without `kept` it takes float32. */
  readonly testing?: boolean;
  /** For a tower that is trained, or was: it takes the precision of training, in which there is no int8. */
  readonly tuned?: boolean;
  /** Why this machine does not train in the head's precision of the run that goes on, which then goes on in float32. */
  readonly headFault?: string;
};

/** A precision for encoder and head, what to say of it, and whether another may stand in where the machine has none such. */
type Wanted = Omit<PrecisionUsed, "instead"> & {
  readonly wanted: EncoderPrecision;
  readonly canChange?: boolean;
};

/**
 * The precisions to compile in: those of a run, those that are asked for, or for `auto` what a measurement chooses; a test never
 * measures.
 *
 * @param options.headPrecision what a new run's head is trained in; unless given, what goes with the encoder's
 */
export async function precisionsOf(
  tower: Tower,
  options: EncoderUse & {
    readonly precision: EncoderPrecision | "auto";
    readonly headPrecision?: Precision | "auto";
    readonly signal?: AbortSignal;
  },
): Promise<Wanted> {
  const { headPrecision = "auto", kept, tuned } = options;
  const found = await anyPrecisionsOf(tower, options);
  const head = kept || headPrecision === "auto" ? found.head : headPrecision;
  return { ...found, head, wanted: tuned && found.wanted === "int8" ? head : found.wanted };
}

async function anyPrecisionsOf(
  tower: Tower,
  options: EncoderUse & { readonly precision: EncoderPrecision | "auto"; readonly signal?: AbortSignal },
): Promise<Wanted> {
  const { precision, kept, testing, signal } = options;
  if (kept && (precision === "auto" || precision === kept.encoder || !testing)) {
    return { wanted: kept.encoder, head: kept.head, doubt: kept.doubt, canChange: true };
  }
  if (kept) {
    const doubt =
      `Tested in ${precision} as --precision asks; the weights were trained on tokens in ${kept.encoder}.`;
    return { wanted: precision as EncoderPrecision, head: kept.head, doubt };
  }
  const fixed = precisionIn(tower, precision);
  if (fixed) return { ...fixed, wanted: fixed.precision };
  if (testing) {
    if (precision !== "auto") return { wanted: precision, head: "float32" };
    const doubt = "In what precision the weights were trained is not known: tested in float32.";
    return { wanted: "float32", head: "float32", doubt };
  }
  const { precision: wanted, ...choice } = await choosePrecision(tower, { signal });
  if (precision === "auto" || wanted === precision) return { ...choice, wanted };
  return {
    wanted: precision,
    head: choice.head,
    doubt: `int8 was asked for and a measurement advises against it: ${choice.reason}.`,
  };
}

/**
 * What needs no measurement: bfloat16 and float32 where they are asked for; for `auto`, float32 for the demo encoder and where
 * the reference's way is compared with the reference.
 */
function precisionIn(
  { settings, isBuiltIn }: Tower,
  precision: EncoderPrecision | "auto",
): { readonly precision: EncoderPrecision; readonly head: Precision } | undefined {
  if (precision === "bfloat16" || precision === "float32") return { precision, head: precision };
  if (precision === "auto" && isBuiltIn) return { precision: "float32", head: "float32" };
  if (settings.attendAcross === "tokens") return undefined;
  return { precision: precision === "auto" ? "float32" : precision, head: "float32" };
}

/** Each precision and what is tried after it. */
const below: Readonly<Record<EncoderPrecision, EncoderPrecision | undefined>> = {
  int8: "bfloat16",
  bfloat16: "float32",
  float32: undefined,
};

/** An encoder compiled in the wanted precision, or, where it may change and this machine has none such, in the next that it has. */
export async function compileAs(
  tower: Tower,
  options: Pick<Wanted, "wanted" | "head" | "canChange"> & Pick<EncoderUse, "headFault">,
): Promise<{ compiled: CompiledTower; headPrecision: Precision; instead?: string }> {
  const { wanted, head, canChange, headFault } = options;
  const why = headFault === undefined ? "" : ` (${headFault})`;
  const reasons: string[] = [];
  for (let precision = wanted;;) {
    try {
      const compiled = await tower.compile(precision);
      const headPrecision = canChange && (!isTensorFlow() || headFault !== undefined) ? "float32" : head;
      const changes = [
        ...(precision === wanted ? [] : [`${precision} instead of ${wanted} (${reasons.join("; ")})`]),
        ...(headPrecision === head ? [] : [`the head in ${headPrecision} instead of ${head}${why}`]),
      ];
      const instead = changes.length === 0
        ? undefined
        : `This machine cannot compute in the run's precision: ${
          changes.join(", ")
        }; scores may differ a little from those of a machine that can.`;
      return { compiled, headPrecision, instead };
    } catch (error) {
      const next = below[precision];
      if (!canChange || next === undefined) throw error;
      reasons.push(reasonOf(error).replace(/; choose --precision .*/, ""));
      precision = next;
    }
  }
}

/**
 * What a demo run's head is trained in where nothing is asked for.
 *
 * @module
 */
import { isOnGpu, isTensorFlow } from "../backend/raw.ts";
import { nativeHeadFault } from "../model/detectors/head_native.ts";
import type { Tower } from "../model/encoders/encoder.ts";
import type { EncoderUse } from "../model/encoders/precisions.ts";
import { crossEntropy } from "../training/losses/cross_entropy.ts";
import { lossKind } from "../training/losses/mod.ts";
import { isDemo, type RunConfig } from "./config/config.ts";

/** What is asked of a run's head, and why this machine has not what it was begun in. */
export type HeadUse = Pick<RunConfig, "headPrecision"> & Pick<EncoderUse, "headFault">;

/**
 * What `--head-precision` asks for; but for a demo run of which no precision is asked, whose encoder stays in float32, bfloat16 for the
 * head where the project's C++ takes its steps, which is several times as fast. Such a run goes on in float32 where it does not: there
 * bfloat16 is slower than that.
 *
 * @param options.use for what the tower is opened: a test trains nothing
 * @param options.faultOf why the C++ does not take such a head; asked of this machine unless given
 */
export async function headUseOf(
  config: RunConfig,
  options: {
    readonly tower: Pick<Tower, "isBuiltIn" | "sizes">;
    readonly use?: EncoderUse;
    readonly faultOf?: typeof nativeHeadFault;
  },
): Promise<HeadUse> {
  const { tower: { isBuiltIn, sizes }, use: { kept, testing } = {}, faultOf = faultHere } = options;
  const { headPrecision, precision, attendAcross, engine } = config;
  const isOpen = headPrecision === "auto" && precision === "auto" && !testing;
  const isDemoRun = isDemo(config) && isBuiltIn === true && attendAcross === "tokens";
  const isForNative = isAccelerated(config) && engine !== "graph" && engine !== "eager";
  if (!isOpen || !isDemoRun || !isForNative || kept?.head === "float32") return { headPrecision };
  const headFault = await faultOf({ ...config, dim: sizes.width }, { precision: "bfloat16" });
  if (kept) return { headPrecision, headFault: isOnGpu() ? undefined : headFault }; // which has a fast bfloat16 of its own
  return { headPrecision: headFault === undefined ? "bfloat16" : headPrecision };
}

/** Whether engines beside automatic differentiation take what a run trains: the notebook's head, by cross-entropy. */
export function isAccelerated(config: RunConfig): boolean {
  const { detector, loss } = config;
  return detector === "notebook-head" && lossKind(loss).create(config) === crossEntropy;
}

/** Why the C++ does not take a head in this process, whose backend has to leave the steps to the CPU. */
async function faultHere(...head: Parameters<typeof nativeHeadFault>): Promise<string | undefined> {
  if (!isTensorFlow() || isOnGpu()) return "expected TensorFlow on a CPU but found another backend";
  return await nativeHeadFault(...head);
}

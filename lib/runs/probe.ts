/**
 * The linear probe that stands beside every other detector of a run: what a gain is measured against.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { dirname, join } from "node:path";
import { exists } from "../base/files.ts";
import type { Scorer } from "../model/detectors/detector.ts";
import { linearProbe } from "../model/detectors/linear_probe.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import type { Trunk } from "../model/features/trunk.ts";
import { clsTokenOf } from "../model/encoders/clip.ts";
import type { RunConfig } from "./config/config.ts";
import { type CardedWeights, loadCarded } from "./folder/card.ts";

/** A run's probe, or why it has none; neither for a run whose detector is one. */
export type ProbeBeside = {
  /** With its trunk. */
  readonly probe?: Scorer & { readonly trunk: Trunk };
  readonly missing?: string;
};

/** Where a run keeps its probe. */
export function probePath(folder: string): string {
  return join(folder, "probe.safetensors");
}

/** The configuration of a run's probe, as its card states it. */
export function probeConfig(config: RunConfig): RunConfig {
  return {
    ...config,
    detector: "linear-probe",
    tap: "clsToken",
    asPublished: false,
    pth: false,
    exportFull: false,
  };
}

/** Why no probe can stand beside a run's detector; undefined where one can. */
export function probeHindrance(config: RunConfig, encoder: Encoder): string | undefined {
  if (config.preset === "reference") return "the reference has none";
  if (encoder.trunk("clsToken").isPerImage) return undefined;
  return "with attention across the batch a class token is not of its image alone";
}

/** What a probe stands on, and how its class token is had of that. */
export type ProbeView = { readonly trunk: Trunk; of(features: tf.Tensor): tf.Tensor };

/**
 * The class token among the features of the run's own detector where these hold it, so that nothing is encoded twice; else on its own.
 *
 * @param own what the detector stands on
 */
export function probeView(encoder: Encoder, own: Trunk): ProbeView {
  if (own === encoder.trunk("tokens")) {
    return {
      trunk: own,
      of: (tokens) => clsTokenOf(tokens as tf.Tensor3D),
    };
  }
  return { trunk: encoder.trunk("clsToken"), of: (features) => tf.clone(features) };
}

/** A probe that takes what its view takes. */
export function probeOn(probe: Scorer, { trunk, of }: ProbeView): Scorer & { readonly trunk: Trunk } {
  return {
    ...probe,
    trunk,
    async scores(features) {
      const clsToken = of(features);
      try {
        return await probe.scores(clsToken);
      } finally {
        clsToken.dispose();
      }
    },
  };
}

/**
 * The probe of the run in whose folder weights lie; the caller closes it.
 *
 * @param options.own what the weights' detector stands on
 * @throws {InputError} when the file is there and cannot be read
 */
export async function openProbe(
  weights: CardedWeights,
  options: { readonly config: RunConfig; readonly encoder: Encoder; readonly own: Trunk },
): Promise<ProbeBeside> {
  const { config, encoder, own } = options;
  if (config.detector === "linear-probe") return {};
  const hindrance = probeHindrance(config, encoder);
  if (hindrance !== undefined) return { missing: hindrance };
  const path = probePath(dirname(weights.path));
  if (!(await exists(path))) return { missing: "none lies beside the weights" };
  const { dict, card } = await loadCarded(path);
  const sameRun = (["run", "set", "seed"] as const).every((key) =>
    card?.config?.[key] === weights.card?.config?.[key]
  );
  if (!sameRun) return { missing: "the one beside the weights is of another run" };
  if (card?.encoderDigest !== encoder.digest) {
    return { missing: "its encoder is not open: the detector's training changed the tower" };
  }
  return { probe: probeOn(linearProbe.bind(dict), probeView(encoder, own)) };
}

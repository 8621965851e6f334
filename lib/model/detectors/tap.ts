/**
 * The vector of an image that probes stand on.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import type { Encoder } from "../encoders/encoder.ts";
import type { Trunk } from "../features/trunk.ts";

/** A setting of all probes. */
export const tapSetting = z.enum(["clsToken", "embedding", "clsTokens"]).default("clsToken").describe(
  "what a linear probe or kNN stands on: the class token after the last layer norm, its projection, or the class tokens after all blocks",
);

/**
 * The trunk of a probe.
 *
 * @throws {InputError} for the projection of an encoder that has none
 */
export function tapTrunk(encoder: Encoder, { tap }: { readonly tap: z.output<typeof tapSetting> }): Trunk {
  if (tap === "embedding" && encoder.sizes.embedDim === 0) {
    throw new InputError(
      `Cannot train a probe on the embedding: expected an encoder with a projection but found the ${encoder.name}; take --tap clsToken`,
    );
  }
  return encoder.trunk(tap);
}

/**
 * What says which activation a file of CLIP's weights was trained with: the weights do not, but the settings that are distributed
 * beside them.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import { exists, readJson } from "../../base/files.ts";
import type { TowerSettings } from "./encoder.ts";

/** Hugging Face's names for the two activations. */
const activations = new Map([["quick_gelu", "quickgelu"], ["gelu", "gelu"]]);

const act = z.looseObject({ hidden_act: z.string().optional() });
const theirs = z.looseObject({ vision_config: act.optional(), hidden_act: z.string().optional() });
const openClips = z.looseObject({ model_cfg: z.looseObject({ quick_gelu: z.boolean().optional() }) });

/** Each file of settings with what it says: a name, or nothing. */
const files: readonly (readonly [name: string, activationIn: (value: unknown) => string | undefined])[] = [
  ["config.json", (value) => {
    const { data } = theirs.safeParse(value);
    const said = data?.vision_config?.hidden_act ?? data?.hidden_act;
    return said === undefined ? undefined : activations.get(said) ?? said;
  }],
  ["open_clip_config.json", (value) => {
    const { success, data } = openClips.safeParse(value);
    // What open_clip takes where a model's settings do not name it.
    return success ? (data.model_cfg.quick_gelu ? "quickgelu" : "gelu") : undefined;
  }],
];

/**
 * Throws where Hugging Face's `config.json` or open_clip's `open_clip_config.json` beside a file of weights says another activation.
 *
 * @throws {InputError} with both
 */
export async function checkActivation(
  path: string,
  { activation }: Pick<TowerSettings, "activation">,
): Promise<void> {
  for (const [name, activationIn] of files) {
    const file = join(dirname(path), name);
    if (!(await exists(file))) continue;
    const found = activationIn(await readJson(file, { expected: "a model's settings" }));
    if (found === undefined || found === activation) continue;
    throw new InputError(
      `Cannot load ${path}: expected --activation ${found}, as ${file} says, but found ${activation}`,
    );
  }
}

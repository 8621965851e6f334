/**
 * CLIP's vision towers as encoders: OpenAI's weights from a file or downloaded once, or random ones.
 *
 * @module
 */
import { dispose } from "../../backend/tensors.ts";
import { InputError } from "../../base/errors.ts";
import { clipWeights } from "../../weights/download.ts";
import { loadStateDict } from "../../weights/load.ts";
import { checkActivation } from "./activation.ts";
import {
  type Clip,
  clipMean,
  clipModels,
  clipStd,
  encodeTokens,
  modelOf,
  projectClsToken,
  tokenCount,
  toPixels,
} from "./clip.ts";
import { bindClip, randomClip } from "./clip_weights.ts";
import { compileClip, encoderDigest, weightsDigest } from "./clip_graph.ts";
import type { EncoderKind, Tower } from "./encoder.ts";

/** Names of the towers that OpenAI published. */
export type ClipName = keyof typeof clipModels;

/** A CLIP as a tower, which owns it from now on; `about` is what it cannot say of itself. */
export function clipTower(
  clip: Clip,
  about: Pick<Tower, "name" | "kind" | "file" | "warning" | "isBuiltIn">,
): Tower {
  const { width, layers, heads, imageSize, patchSize, embedDim, activation, attendAcross } = clip.config;
  return {
    ...about,
    input: { size: imageSize, mean: clipMean, std: clipStd },
    sizes: { width, layers, heads, patchSize, tokens: tokenCount(clip.config), prefix: 1, embedDim },
    settings: { activation, attendAcross },
    clip,
    digest: weightsDigest(clip),
    digestIn: (precision) => encoderDigest(clip, precision),
    pixels: (images) => toPixels(images, imageSize),
    tokens: (pixels) => encodeTokens(clip, pixels),
    embedding: (clsToken) => projectClsToken(clip, clsToken),
    compile: (precision) => compileClip(clip, { precision }),
    close: () => dispose(clip),
  };
}

/** A tower of a published shape with seeded random weights. */
export function randomTower(
  name: ClipName,
  { kind, settings }: Pick<Tower, "kind" | "settings">,
): Tower {
  return clipTower(bindClip(randomClip(clipModels[name], 0), settings), {
    kind,
    name: `${name} with random weights`,
    warning: `The encoder is ${name} with random weights: timings are real, scores mean nothing.`,
  });
}

/** A tower that OpenAI published. */
function published(name: ClipName): EncoderKind {
  return {
    about: `CLIP ${name} with OpenAI's weights`,
    async bind({ settings, file, random, isNamed, check, report, signal }) {
      if (random) return randomTower(name, { kind: name, settings });
      const path = await clipWeights({
        model: name,
        path: file,
        signal,
        onProgress: (done, total) => {
          const task = `Downloading CLIP ${name}`;
          if (total !== undefined) report?.({ type: "progress", task, unit: "bytes", done, total });
        },
      });
      report?.({ type: "note", message: `Loading CLIP from ${path}` });
      const dict = await loadStateDict(path);
      if (file !== undefined) await checkActivation(path, settings);
      check?.(dict);
      const clip = bindClip(dict, settings);
      if (isNamed) checkModel(clip, { name, path });
      const kind = modelOf(clip.config) ?? name;
      return clipTower(clip, { kind, name: `CLIP ${modelName(clip)}`, file: path });
    },
  };
}

/** ViT-B/16, the reference notebook's. */
export const vitB16: EncoderKind = published("ViT-B-16");
/** ViT-B/32. */
export const vitB32: EncoderKind = published("ViT-B-32");
/** ViT-L/14. */
export const vitL14: EncoderKind = published("ViT-L-14");
/** ViT-L/14 for images of 336 pixels a side. */
export const vitL14At336: EncoderKind = published("ViT-L-14-336");

/** The published name of a tower of this shape, else the shape. */
export function modelName({ config }: Clip): string {
  const { width, layers, patchSize } = config;
  return modelOf(config) ?? `of width ${width}, ${layers} layers, patches of ${patchSize}`;
}

/**
 * Throws where a file has another published tower than the one that its user named.
 *
 * @throws {InputError} with both
 */
export function checkModel(
  clip: Clip,
  { name, path }: { readonly name: ClipName; readonly path: string },
): void {
  const found = modelOf(clip.config);
  if (found === undefined || found === name) return; // another shape is what its name says
  dispose(clip);
  throw new InputError(
    `Cannot load ${path}: expected a ${name}, as --clip says, but found a ${found}; say --clip ${found}, or name another file with --clip-weights`,
  );
}

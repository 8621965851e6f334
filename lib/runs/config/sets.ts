/**
 * The data sets that a configuration names in texts.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { Drawing } from "../../data/epoch.ts";
import { type LayoutSpec, type PairSpec, parseSpec } from "../../data/spec.ts";
import type { RunConfig } from "./run_config.ts";

/**
 * The set that `data` names; undefined without it.
 *
 * @throws {InputError} when it is of another form.
 */
export function dataSet(config: Pick<RunConfig, "data" | "set">): LayoutSpec | undefined {
  if (config.data === undefined) return undefined;
  const spec = parseSpec(config.data, { flag: "--data", name: config.set });
  if (spec.kind === "pair") {
    throw new InputError(
      `Cannot use --data: expected one folder and options but found "${config.data}"; two folders go to --real and --fake, and a comma in a folder's name is written twice`,
    );
  }
  return spec;
}

/**
 * The further sets that `also` names, which are trained on too; their weight is 1 unless given.
 *
 * @throws {InputError} when one is of another form, or a name comes twice.
 */
export function alsoSets(
  config: Pick<RunConfig, "also" | "set">,
): (LayoutSpec & { readonly weight: number })[] {
  const names = new Set([config.set]);
  return config.also.map((text) => {
    const spec = parseSpec(text, { flag: "--also", weighted: true });
    if (spec.kind === "pair") {
      throw new InputError(
        `Cannot use --also: expected one folder and options but found "${text}"; a folder that holds two, real and fake, is one`,
      );
    }
    if (names.has(spec.name)) {
      throw new InputError(
        `Cannot use --also: expected names of training sets that differ but found "${spec.name}" twice`,
      );
    }
    names.add(spec.name);
    return { ...spec, weight: spec.weight ?? 1 };
  });
}

/**
 * The further test sets that `test` names.
 *
 * @throws {InputError} when one is of another form or a name comes twice, or is that of a training set.
 */
export function testSets(config: Pick<RunConfig, "test" | "also" | "set">): (LayoutSpec | PairSpec)[] {
  const names = new Set([config.set, ...alsoSets(config).map(({ name }) => name)]);
  return config.test.map((text) => {
    const spec = parseSpec(text, { flag: "--test" });
    if (names.has(spec.name)) {
      throw new InputError(`Cannot use --test: expected names that differ but found "${spec.name}" twice`);
    }
    names.add(spec.name);
    return spec;
  });
}

/** How an epoch draws the training images; those of the set that `also` stands beside have weight 1. */
export function drawingOf(
  config: Pick<RunConfig, "balance" | "also" | "set" | "asPublished">,
): Drawing {
  const { balance, also, asPublished } = config;
  const drawing = { balance, ...(asPublished && { replaced: true }) };
  if (also.length === 0) return drawing;
  return { ...drawing, weights: new Map(alsoSets(config).map(({ name, weight }) => [name, weight])) };
}

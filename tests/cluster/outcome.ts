/**
 * What a run leaves that no fault may change, and what it says that it did.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { readJson } from "../../lib/base/files.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import { filesBelow } from "../faults/world.ts";
import type { World } from "./world.ts";

/** What must not depend on any fault. */
export type Outcome = {
  /** Each image's features by encoder and key, as hexadecimal digits. */
  readonly features: ReadonlyMap<string, string>;
  readonly predictions: string;
  /** Of all seeds. */
  readonly weights: string;
  readonly results: string;
  /** What further tests in folders below the run's left. */
  readonly further: string;
};

/** What a run left. @throws {Error} when it left no results */
export async function outcomeOf({ cache, out, name }: World): Promise<Outcome> {
  const folder = join(out, name);
  const { results } = await readJson(join(folder, "metrics.json")) as { results: unknown };
  return {
    features: await featuresOf(cache),
    predictions: await Deno.readTextFile(join(folder, "predictions.csv")),
    weights: JSON.stringify(
      await Promise.all((await namesIn(folder, /^model.*\.safetensors$/)).map(weightsIn)),
    ),
    results: JSON.stringify(results),
    further: await furtherIn(folder),
  };
}

/** The arrays alone: what stands beside them names the run's folder. */
async function weightsIn(path: string): Promise<unknown> {
  return [...await loadStateDict(path)].map(([key, array]) => [key, hexOf(array)]);
}

async function furtherIn(folder: string): Promise<string> {
  const all: string[] = [];
  for (const each of await namesIn(folder, /^(evaluate|robustness)-/)) {
    for (const path of await namesIn(each, /^(predictions|robustness)\.csv$/)) {
      all.push(`${each.slice(folder.length)} ${await Deno.readTextFile(path)}`);
    }
  }
  return all.join("\n");
}

/** The paths of what in a folder has such a name, in their order. */
async function namesIn(folder: string, name: RegExp): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.filter((entry) => name.test(entry.name)).map((entry) => join(folder, entry.name)).sort();
}

/** The features in a cache, as an outcome has them. */
export async function featuresOf(cache: string): Promise<Outcome["features"]> {
  const features = new Map<string, string>();
  for (const name of await filesBelow(cache)) {
    if (!name.endsWith(".safetensors")) continue;
    const encoder = dirname(name);
    for (const [key, array] of await loadStateDict(join(cache, name))) {
      const [kept, bytes] = [`${encoder} ${key}`, hexOf(array)];
      const isOther = features.has(kept) && features.get(kept) !== bytes;
      features.set(isOther ? `${kept} in ${name}` : kept, bytes); // no encoder may give an image two features
    }
  }
  return features;
}

function hexOf({ data }: { readonly data: ArrayBufferView<ArrayBufferLike> }): string {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).toHex();
}

/** What of a run differs from the single machine's; nothing when all is equal. */
export function differences(single: Outcome, found: Outcome): string[] {
  const other = [...single.features].filter(([key, bytes]) => found.features.get(key) !== bytes).length;
  const more = [...found.features.keys()].filter((key) => !single.features.has(key)).length;
  return [
    ...(other > 0 ? [`other features of ${other} images`] : []),
    ...(more > 0 ? [`features of ${more} images that the single machine has not`] : []),
    ...(["predictions", "weights", "results", "further"] as const).filter((part) =>
      found[part] !== single[part]
    )
      .map((part) => `other ${part}`),
  ];
}

/** How many images tasks say in their logs that they encoded, and those that were there already, by shard in their order. */
export async function encodedOf({ root }: World): Promise<Map<number, { encoded: number; there: number }[]>> {
  const said = new Map<number, { encoded: number; there: number }[]>();
  for (const name of (await filesBelow(root)).filter((each) => /encode-\d+_\d+\.log$/.test(each))) {
    const shard = Number(/_(\d+)\.log$/.exec(name)![1]);
    const text = await Deno.readTextFile(join(root, name));
    for (const [, encoded, there] of text.matchAll(/^Encoded (\d+) of \d+ images; (\d+) were/gm)) {
      said.set(shard, [...said.get(shard) ?? [], { encoded: Number(encoded), there: Number(there) }]);
    }
  }
  return said;
}

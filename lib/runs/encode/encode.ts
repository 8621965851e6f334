/**
 * Encodes a run's images ahead of it, or a share of them, so that the run reads all features from disk.
 *
 * No share knows of another: what it encodes is kept under what it is made of, so any share may be encoded again at any time, on any machine
 * that sees the same cache, also by two at once.
 *
 * @module
 */
import { initBackend } from "../../backend/start.ts";
import { tokenFolder } from "../../base/cache.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { shardName, type ShardOf, wholeShard } from "../../base/shard.ts";
import { setNames } from "../../data/sample.ts";
import { encodeFeatures } from "../../model/features/encode.ts";
import { describeEncoder } from "../../model/encoders/open.ts";
import { clipWeights } from "../../weights/download.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../config/config.ts";
import { openEncoder } from "../encoder.ts";
import type { RunTask } from "../events.ts";
import { Interrupted, stopOnSignals } from "../interrupt.ts";
import { type EncodePass, partsToEncode, planOf } from "./plan.ts";
import { type EncodeProgress, progressFolder, progressWriter, readProgress, thisWriter } from "./progress.ts";
import { imagesOf } from "./share.ts";

/** What encoding did. */
export type Encoded = {
  /** Images of the share; one that is tested under five perturbations counts six times. */
  readonly images: number;
  /** Those of them that were not in the cache. */
  readonly encoded: number;
  /** Those of them that cannot be read, which a run skips. */
  readonly unreadable: number;
};

const MOST_NAMED = 10;

/**
 * Encodes the images of a run of this configuration, or a share of them, into its cache.
 *
 * While it works, SIGINT and SIGTERM stop it after the current batch, and so does `signal`; what was encoded is kept, and the same call
 * goes on.
 *
 * @param options.shard which share; all images unless given
 * @throws {InputError} for data that cannot be used, a detector whose features are not kept, or a cache too small for them
 * @throws {Error} where the cache cannot be written to, or the signal's reason
 */
export async function encodeRun(
  input: RunInput,
  options: RunTask & { readonly shard?: ShardOf } = {},
): Promise<Encoded> {
  using stop = stopOnSignals(options.signal);
  const { signal } = stop;
  const { shard = wholeShard, report = () => {} } = options;
  const config = resolveConfig(input);
  const note = (message: string) => report({ type: "note", message });
  const backend = await initBackend({ backend: config.backend, log: note });
  note(`Backend: ${backend.name} ${backend.version} on ${backend.device}`);
  if (config.clipWeights !== undefined) await clipWeights({ model: config.clip, path: config.clipWeights });
  const parts = await partsToEncode(config, { ...options, report, signal });
  const encoder = await openEncoder(config, { report, signal });
  try {
    note(`Encoder: ${describeEncoder(encoder)}`);
    if (encoder.warning !== undefined) report({ type: "warning", message: encoder.warning });
    const whole = planOf(config, { parts, encoder });
    checkRoom(whole, config);
    const plan = whole.map(({ trunk, items }) => ({ trunk, items: imagesOf(items, shard) }));
    const total = plan.reduce((sum, { items }) => sum + items.length, 0);
    const folder = progressFolder(config.cacheFolder ?? tokenFolder(), config);
    const write = progressWriter(folder, { shard, onNote: note });
    let progress: EncodeProgress = {
      version: 1,
      shard,
      data: setNames([...parts.train, ...parts.val, ...parts.tests.flatMap(({ samples }) => samples)]).join(
        ", ",
      ),
      encoder: describeEncoder(encoder),
      digest: plan[0].trunk.digest,
      ...{ done: 0, total, encoded: 0, unreadable: 0, rate: 0 },
      ...thisWriter(),
      updated: new Date().toISOString(),
    };
    const others = (await readProgress(folder)).filter(({ digest }) => digest !== progress.digest);
    if (others.length > 0) {
      const [other] = others;
      const message = `Encoding with the ${progress.encoder}, but the ${
        shardName(other.shard)
      } on ${other.host} with the ${other.encoder}: a run reads the features of its own encoder alone. Name --precision where machines differ.`;
      report({ type: "warning", message });
    }
    const began = performance.now();
    const update = async (changes: Partial<EncodeProgress>, now?: boolean) => {
      const rate = (changes.encoded ?? progress.encoded) / Math.max(1e-3, (performance.now() - began) / 1000);
      progress = { ...progress, ...changes, rate, updated: new Date().toISOString() };
      await write(progress, now);
    };
    await update({}, true);
    const task = shard.count === 1 ? "Encoding" : `Encoding ${shardName(shard)}`;
    try {
      for (const { trunk, items } of plan) {
        for await (const { done, encoded, unreadable } of encodeFeatures(trunk, items)) {
          for (const [i, { path, reason }] of unreadable.entries()) {
            if (progress.unreadable + i < MOST_NAMED) {
              report({ type: "warning", message: `Skipped ${path}: ${reason}` });
            }
          }
          await update({
            done: progress.done + done,
            encoded: progress.encoded + encoded,
            unreadable: progress.unreadable + unreadable.length,
          });
          report({ type: "progress", task, unit: "images", done: progress.done, total });
          signal.throwIfAborted();
        }
      }
    } catch (error) {
      const said = error instanceof Interrupted
        ? "stopped by a signal; the same command goes on"
        : reasonOf(error);
      await update({ error: said }, true);
      throw error;
    }
    for (const { trunk } of plan) await (await trunk.cache())?.close();
    await update({ finished: new Date().toISOString() }, true);
    const { encoded, unreadable } = progress;
    return { images: total, encoded, unreadable };
  } finally {
    encoder.close();
  }
}

/** Refuses what would push itself out of the cache. @throws {InputError} with both sizes */
function checkRoom(plan: readonly EncodePass[], { cacheLimit }: RunConfig): void {
  const bytes = plan.reduce((sum, { trunk: { shape, keptIn }, items }) => {
    const numbers = shape.reduce((a, b) => a * b, 1);
    return sum + items.length * (numbers * (keptIn === "float16" ? 2 : 4) + KEY_BYTES);
  }, 0);
  if (bytes <= cacheLimit * 1e9) return;
  throw new InputError(
    `Cannot encode: expected features that fit into --cache-limit ${cacheLimit} (gigabytes) but found such of ${
      (bytes / 1e9).toFixed(2)
    } GB in all; give at least --cache-limit ${Math.ceil(bytes / 1e9)}`,
  );
}

/** What a shard's header takes for each image. */
const KEY_BYTES = 160;

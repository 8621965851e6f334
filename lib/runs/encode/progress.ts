/**
 * How far each share of an encoding is: a small file that its process writes anew every few seconds, beside the features.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "../../base/checksum.ts";
import { reasonOf } from "../../base/errors.ts";
import { readJson, writeWhole } from "../../base/files.ts";
import { machineName } from "../../base/machine.ts";
import { shardName, type ShardOf } from "../../base/shard.ts";
import { progressRoom } from "../../model/features/cache.ts";
import type { Table } from "../../report/table.ts";
import type { RunConfig } from "../config/config.ts";

const schema = z.object({
  version: z.literal(1),
  shard: z.object({ number: z.int(), count: z.int() }),
  data: z.string(),
  /** Name and precision; another in one shard means that its features are not the others'. */
  encoder: z.string(),
  digest: z.string(),
  done: z.int(),
  total: z.int(),
  encoded: z.int(),
  unreadable: z.int(),
  /** Images encoded a second. */
  rate: z.number(),
  host: z.string(),
  pid: z.int(),
  started: z.iso.datetime(),
  updated: z.iso.datetime(),
  finished: z.iso.datetime().optional(),
  error: z.string().optional(),
});

/** How far one share is. */
export type EncodeProgress = Readonly<z.infer<typeof schema>>;

/** Who writes it, and since when. */
export type EncodeWriter = Pick<EncodeProgress, "host" | "pid" | "started">;

const WRITE_EVERY_MS = 3000;
/** A process that has not written for so long has ended, or its machine has. */
const SILENT_MS = 5 * 60e3;

/** This process, from now on. */
export function thisWriter(): EncodeWriter {
  return { host: machineName() ?? "unknown", pid: Deno.pid, started: new Date().toISOString() };
}

/** Where an encoding's shares say how far they are: by what is encoded, not where runs go or which machine it is. */
export function progressFolder(root: string, config: RunConfig): string {
  const { run: _run, out: _out, cacheFolder: _folder, cacheLimit: _limit, ...what } = config;
  return join(root, progressRoom, sha256(JSON.stringify(what), { digits: 12 }));
}

/** Writes how far a share is, at most every few seconds unless it is `now`; a disk that takes nothing stops no work. */
export function progressWriter(
  folder: string,
  { shard, onNote }: { readonly shard: ShardOf; readonly onNote: (message: string) => void },
): (progress: EncodeProgress, now?: boolean) => Promise<void> {
  const path = join(folder, `${shard.number}-of-${shard.count}.json`);
  let written = 0;
  let hasFailed = false;
  return async (progress, now = false) => {
    if (!now && Date.now() - written < WRITE_EVERY_MS) return;
    written = Date.now();
    try {
      await writeWhole(path, `${JSON.stringify(progress, null, 2)}\n`);
    } catch (error) {
      if (!hasFailed) onNote(`How far the ${shardName(shard)} is cannot be written: ${reasonOf(error)}`);
      hasFailed = true;
    }
  };
}

/** What the shares in a folder said last, by number; files that cannot be read are left out. */
export async function readProgress(folder: string): Promise<EncodeProgress[]> {
  const found: EncodeProgress[] = [];
  for (const name of await namesIn(folder)) {
    if (!/^\d+-of-\d+\.json$/.test(name)) continue;
    const parsed = schema.safeParse(await readJson(join(folder, name)).catch(() => undefined));
    if (parsed.success) found.push(parsed.data);
  }
  return found.sort((a, b) => a.shard.count - b.shard.count || a.shard.number - b.shard.number);
}

/** The progress of every encoding into a cache, a table for each; the one that was begun last comes last. */
export async function progressTables(root: string): Promise<Table[]> {
  const all: (readonly EncodeProgress[])[] = [];
  for (const name of await namesIn(join(root, progressRoom))) {
    const found = await readProgress(join(root, progressRoom, name));
    if (found.length > 0) all.push(found);
  }
  const begun = (found: readonly EncodeProgress[]) =>
    Math.max(...found.map(({ started }) => Date.parse(started)));
  return all.sort((a, b) => begun(a) - begun(b)).map(progressTable);
}

/** What the shares of one encoding said last. */
export function progressTable(found: readonly EncodeProgress[]): Table {
  const [{ data, shard: { count } }] = found;
  const same = found.filter(({ shard }) => shard.count === count);
  const silent = count - same.length;
  const digests = new Set(found.map(({ digest }) => digest));
  return {
    title: `Encoding ${data}`,
    columns: [
      { name: "Shard", align: "right" },
      { name: "Images", align: "right" },
      { name: "Rate", align: "right" },
      { name: "State", align: "left" },
      { name: "Encoder", align: "left" },
      { name: "Where", align: "left" },
    ],
    rows: found.map((each) => [
      `${each.shard.number}/${each.shard.count}`,
      `${each.done}/${each.total}`,
      `${each.rate.toFixed(1)}/s`,
      stateOf(each),
      each.encoder,
      `${each.host}, process ${each.pid}`,
    ]),
    notes: [
      ...(silent > 0 ? [`${silent} of ${count} shards have not begun.`] : []),
      ...(digests.size > 1
        ? ["The shards are of different encoders, and a run reads those of its own alone: name --precision."]
        : []),
    ],
  };
}

function stateOf({ finished, error, updated, unreadable }: EncodeProgress): string {
  const missing = unreadable > 0 ? `, ${unreadable} unreadable` : "";
  if (error !== undefined) return `failed: ${error}${missing}`;
  if (finished !== undefined) return `done${missing}`;
  const age = Date.now() - Date.parse(updated);
  return age > SILENT_MS ? `silent for ${Math.round(age / 60e3)} min${missing}` : `at work${missing}`;
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
  return names.sort();
}

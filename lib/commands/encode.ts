/**
 * The command that encodes a run's images ahead of it.
 *
 * @module
 */
import { tokenFolder } from "../base/cache.ts";
import { printable } from "../base/printable.ts";
import type { ShardOf } from "../base/shard.ts";
import { tableText } from "../report/table.ts";
import { resolveConfig, type RunConfig } from "../runs/config/config.ts";
import { encodeRun } from "../runs/encode/encode.ts";
import { progressTables } from "../runs/encode/progress.ts";
import { onScreen } from "../runs/screen.ts";
import { configFlags, type Flags, fromFile } from "./flags.ts";
import { inShards } from "./shards.ts";

/** Encodes, or says how far it is; resolves to the exit code. */
export async function encode(flags: Flags): Promise<number> {
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  if (flags.status) return await status(config);
  return await inShards("encode", { flags, work: (shard) => encodeShare(config, shard) });
}

async function encodeShare(config: RunConfig, shard: ShardOf | undefined): Promise<number> {
  return await onScreen(async ({ screen, signal }) => {
    const { images, encoded, unreadable } = await encodeRun(config, { shard, report: screen.show, signal });
    screen.close();
    const skipped = unreadable === 0 ? "" : `, ${unreadable} cannot be read`;
    console.log(
      `Encoded ${encoded} of ${images} images; ${images - encoded - unreadable} were there already${skipped}`,
    );
    return 0;
  }, { interrupted: () => "Interrupted. What was encoded is kept, and the same command goes on." });
}

async function status({ cacheFolder = tokenFolder() }: RunConfig): Promise<number> {
  const tables = await progressTables(cacheFolder);
  for (const table of tables) console.log(tableText(table));
  if (tables.length === 0) {
    console.log(`Nothing was encoded into ${printable(cacheFolder)} by deno task encode`);
  }
  return 0;
}

/**
 * The command that encodes a run's images ahead of it.
 *
 * @module
 */
import { join } from "node:path";
import { tokenFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { inTemporaryFolder } from "../base/temporary.ts";
import { tableText } from "../report/table.ts";
import { resolveConfig, type RunConfig } from "../runs/config/config.ts";
import { encodeRun } from "../runs/encode/encode.ts";
import { progressTables } from "../runs/encode/progress.ts";
import { parseShard, shardName, type ShardOf, slurmShard } from "../runs/encode/shard.ts";
import { Interrupted, stopOnSignals } from "../runs/interrupt.ts";
import { onScreen } from "../runs/screen.ts";
import { configFlags, type Flags, fromFile, numberOf, textOf } from "./flags.ts";

/** After so long a signal is passed on: Slurm sends one to every process itself, and two end a child at once. */
const PASS_AFTER_MS = 2000;

/** Encodes, or says how far it is; resolves to the exit code. */
export async function encode(flags: Flags): Promise<number> {
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  if (flags.status) return await status(config);
  const shards = numberOf(flags.shards);
  const asked = textOf(flags.shard);
  if (asked !== undefined && shards !== undefined) {
    throw new InputError("Cannot encode: expected --shard or --shards but found both");
  }
  if (shards !== undefined) return await encodeApart(config, shards);
  return await encodeHere(config, asked === undefined ? shardOfSlurm() : parseShard(asked));
}

function shardOfSlurm(): ShardOf | undefined {
  const shard = slurmShard(Deno.env);
  if (shard) console.log(`This is a task of a Slurm array: ${shardName(shard)}`);
  return shard;
}

async function encodeHere(config: RunConfig, shard: ShardOf | undefined): Promise<number> {
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

/** Each share in a process of its own; resolves to the greatest exit code. */
async function encodeApart(config: RunConfig, count: number): Promise<number> {
  const program = Deno.mainModule;
  const permissions = ["read", "write", "env", "run", "ffi", "sys", "net"].map((name) => `--allow-${name}`);
  using stop = stopOnSignals();
  return await inTemporaryFolder(async (folder) => {
    const file = join(folder, "config.json");
    await Deno.writeTextFile(file, JSON.stringify(config));
    const codes = await Promise.all(Array.from({ length: count }, async (_, i) => {
      const shard = `${i + 1}/${count}`;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", ...permissions, program, "encode", "--config", file, "--shard", shard],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        detached: true, // a terminal's Ctrl-C comes to this process alone, as a second one would end a child at once
      }).spawn();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pass = () => {
        const { exitCode } = stop.signal.reason as Interrupted;
        timer = setTimeout(() => child.kill(exitCode === 143 ? "SIGTERM" : "SIGINT"), PASS_AFTER_MS);
      };
      stop.signal.addEventListener("abort", pass);
      const [{ code }] = await Promise.all([
        child.status,
        prefixed(child.stdout, { prefix: shard, print: console.log }),
        prefixed(child.stderr, { prefix: shard, print: console.error }),
      ]);
      stop.signal.removeEventListener("abort", pass);
      clearTimeout(timer);
      return code;
    }));
    return Math.max(...codes);
  }, { prefix: "forgelens-encode-" });
}

/** Prints each line with what it is of. */
async function prefixed(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  { prefix, print }: { readonly prefix: string; readonly print: (line: string) => void },
): Promise<void> {
  let rest = "";
  const say = (line: string) => line === "" ? undefined : print(`[${prefix}] ${line}`);
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(say);
  }
  say(rest);
}

async function status({ cacheFolder = tokenFolder() }: RunConfig): Promise<number> {
  const tables = await progressTables(cacheFolder);
  for (const table of tables) console.log(tableText(table));
  if (tables.length === 0) {
    console.log(`Nothing was encoded into ${printable(cacheFolder)} by deno task encode`);
  }
  return 0;
}

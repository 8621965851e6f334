/**
 * Commands that do a share of their work: `--shard`, a task of a Slurm array, and `--shards` in processes of their own.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { parseShard, shardName, type ShardOf, slurmShard } from "../base/shard.ts";
import { type Interrupted, stopOnSignals } from "../runs/interrupt.ts";
import { type Flags, numberOf, textOf } from "./flags.ts";

/** After so long a signal is passed on: Slurm sends one to every process itself, and two end a child at once. */
const PASS_AFTER_MS = 2000;

/**
 * Does a command's work: all of it, the share that `--shard` or a Slurm array names, or with `--shards` all shares at once, each by this
 * program in a process of its own; resolves to the exit code, of several the greatest.
 *
 * @param command its name: `encode`
 * @throws {InputError} for both flags, or a share that cannot be
 */
export async function inShards(
  command: string,
  options: { readonly flags: Flags; readonly work: (shard: ShardOf | undefined) => Promise<number> },
): Promise<number> {
  const { flags, work } = options;
  const shards = numberOf(flags.shards);
  const asked = textOf(flags.shard);
  if (asked !== undefined && shards !== undefined) {
    throw new InputError(`Cannot ${command}: expected --shard or --shards but found both`);
  }
  if (shards !== undefined) return await workApart(shards);
  if (asked !== undefined) return await work(parseShard(asked, { command }));
  const shard = slurmShard(Deno.env, { command });
  if (shard) console.log(`This is a task of a Slurm array: ${shardName(shard)}`);
  return await work(shard);
}

/** Runs this program once for each share, with the same flags. */
async function workApart(count: number): Promise<number> {
  using stop = stopOnSignals();
  const codes = await Promise.all(Array.from({ length: count }, async (_, i) => {
    const shard = `${i + 1}/${count}`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...granted(), Deno.mainModule, ...withoutShards(Deno.args), "--shard", shard],
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
    const status = child.status.finally(() => {
      stop.signal.removeEventListener("abort", pass);
      clearTimeout(timer);
    });
    const [{ code }] = await Promise.all([
      status,
      prefixed(child.stdout, { prefix: shard, print: console.log }),
      prefixed(child.stderr, { prefix: shard, print: console.error }),
    ]);
    return code;
  }));
  return Math.max(...codes);
}

/** The permissions of this process, as flags. */
function granted(): string[] {
  return (["read", "write", "env", "run", "ffi", "sys", "net"] as const)
    .filter((name) => Deno.permissions.querySync({ name }).state === "granted")
    .map((name) => `--allow-${name}`);
}

function withoutShards(args: readonly string[]): string[] {
  return args.filter((arg, i) =>
    arg !== "--shards" && !arg.startsWith("--shards=") && args[i - 1] !== "--shards"
  );
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

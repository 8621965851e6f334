/**
 * The command line as a test runs it: in a process of its own.
 *
 * @module
 */
import { join } from "node:path";

/** Flags that make a run small: the demo encoder, a narrow head of one layer, small batches. */
export const smallRun = ["--clip", "demo", "--feed-forward", "32", "--depth", "1", "--batch-size", "4"];

/**
 * Runs a command and resolves to its exit code and what it printed.
 *
 * @param options.cache where it keeps what it finds out about data
 * @param options.interruptAt sends `options.signal`, SIGINT unless given, once, as soon as standard output matches
 */
export async function commandLine(
  args: readonly string[],
  options: {
    readonly cache: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly interruptAt?: RegExp;
    readonly signal?: Deno.Signal;
  },
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    // A first run would list what it downloads among what the program says.
    args: ["run", "--quiet", "-A", join(import.meta.dirname!, "../lib/cli.ts"), ...args],
    env: { NO_COLOR: "1", FORGELENS_DEBUG: "", FORGELENS_DATA_CACHE: options.cache, ...options.env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "";
  let { interruptAt } = options;
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      out += text;
      if (interruptAt?.test(out)) {
        child.kill(options.signal ?? "SIGINT");
        interruptAt = undefined;
      }
    }
  })();
  const [err, { code }] = await Promise.all([new Response(child.stderr).text(), child.status, reading]);
  return { code, out, err };
}

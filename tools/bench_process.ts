/**
 * Processes that time calls on request: a line of JSON each way.
 *
 * @module
 */

/** Seconds after which a measure begins no further call, so that what is slow here does not hold up the rest. */
export const LIMIT = 2;

/** A running process; `close()` ends it. */
export type TimingProcess = {
  /** What it said of itself when it was ready. */
  readonly hello: Readonly<Record<string, string | number>>;
  /** Its answer to a request. */
  ask(request: object): Promise<Answer>;
  close(): Promise<void>;
};

/** Seconds of each call, a cosine or the name of an op, or why there is none. */
export type Answer = {
  readonly seconds?: readonly number[];
  readonly cosine?: number;
  readonly attention?: string;
  readonly unable?: string;
};

/**
 * Starts a process that says a line of JSON when it is ready, and answers each line with one.
 *
 * @param options.what it times, as in "Cannot time OpenVINO"
 * @param options.env its environment, all of it
 * @throws {Error} with the last line of what it complained of, when it ends instead of answering
 */
export async function startTiming(
  [program, ...args]: readonly string[],
  options: { readonly what: string; readonly env: Readonly<Record<string, string>> },
): Promise<TimingProcess> {
  const child = new Deno.Command(program, {
    args,
    env: options.env,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const problems = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(lineSplitter()).getReader();
  const input = child.stdin.getWriter();
  const answer = async () => {
    const { value } = await lines.read();
    if (value !== undefined) return JSON.parse(value);
    const reason = (await problems).trim().split("\n").at(-1) || "that it ended";
    throw new Error(`Cannot time ${options.what}: expected an answer but found ${reason}`);
  };
  const hello = await answer();
  return {
    hello,
    ask: async (request) => {
      await input.write(new TextEncoder().encode(`${JSON.stringify({ limit: LIMIT, ...request })}\n`));
      return await answer();
    },
    close: async () => {
      await input.close().catch(() => {}); // of a process that ended by itself
      await lines.cancel();
      await child.status;
    },
  };
}

function lineSplitter(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.trim()) controller.enqueue(line);
    },
  });
}

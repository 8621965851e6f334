/**
 * What a task wrote last: how a task ended is told by its own log when Slurm has forgotten it.
 *
 * @module
 */

/** The end of a task's log. */
export type LogEnd = {
  /** The exit code that the command ended with; undefined while it works, or where it was killed. */
  readonly code?: number;
  /** Whether the task put itself into the queue again after that. */
  readonly isRequeued: boolean;
  /** What the command said last; empty where it said nothing. */
  readonly said: string;
  /** What Slurm wrote into it about its end: `CANCELLED AT … DUE TO TIME LIMIT`; empty where it wrote nothing. */
  readonly slurm: string;
};

const TAIL_BYTES = 1 << 14;

/** The end of a log; undefined where there is none. */
export async function readLogEnd(path: string): Promise<LogEnd | undefined> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    await file.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
    return parseLog(await new Response(file.readable).text());
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What the last lines of a log say; lines that begin with `[task]` are of `cluster/slurm/task.sh`. */
export function parseLog(text: string): LogEnd {
  let code: number | undefined;
  let isRequeued = false;
  let said = "";
  let slurm = "";
  for (const line of text.split(/[\r\n]+/)) {
    if (line.startsWith("[task] ")) {
      const [, ended] = /ended with exit code (\d+)$/.exec(line) ?? [];
      if (ended !== undefined) code = Number(ended);
      isRequeued = line.endsWith("goes into the queue again, to go on");
      if (/ begins on /.test(line)) [code, said, slurm] = [undefined, "", ""];
    } else if (/^slurmstepd\S*: error: /.test(line)) {
      slurm = line.replace(/^slurmstepd\S*: error: /, "").replaceAll("***", "").trim();
    } else if (line.trim() !== "") said = line.trim();
  }
  return { ...(code === undefined ? {} : { code }), isRequeued, said, slurm };
}

/**
 * The command that gives a run to Slurm, and says how far it is there.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { tableText } from "../report/table.ts";
import { resolveConfig } from "../runs/config/config.ts";
import { newRunName } from "../runs/folder/folder.ts";
import { encodeHindrance, wordsOf } from "../runs/submit/parts.ts";
import { submitRun } from "../runs/submit/submit.ts";
import { submissionTable } from "../runs/submit/tables.ts";
import { configFlags, type Flags, fromFile, numberOf, textOf } from "./flags.ts";

/** Submits a run, or says how far it is; resolves to the exit code. */
export async function submit(flags: Flags): Promise<number> {
  if (flags.status) {
    throw new InputError("Cannot say how far a run is: that is not there yet; squeue lists its jobs");
  }
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  const named = { ...config, run: config.run ?? newRunName(config) };
  const { submission, file, config: { cacheFolder, out } } = await submitRun(named, {
    shards: numberOf(flags.shards) ?? 1,
    prepare: flags.prepare as readonly string[] | undefined,
    encode: flags.encode !== false,
    evaluate: flags.evaluate as readonly string[] | undefined,
    robustness: flags.robustness as readonly string[] | undefined,
    partition: textOf(flags.partition),
    time: textOf(flags.time),
    memory: textOf(flags.mem),
    cores: numberOf(flags.cpusPerTask),
    more: wordsOf(textOf(flags.sbatch) ?? ""),
    again: flags.again === true,
  });
  console.log(tableText(submissionTable(named.run, submission)));
  const hindrance = encodeHindrance(config);
  if (hindrance !== undefined) console.log(`Nothing is encoded ahead: ${hindrance}`);
  if (config.runs > 1) {
    console.log(`The ${config.runs} seeds are one task: they are one run with one report, in one folder`);
  }
  const folders = [Deno.cwd(), out, ...(cacheFolder === undefined ? [] : [cacheFolder])];
  console.log(`All nodes must see, beside the data: ${folders.map(printable).join(", ")}`);
  console.log(`Written to ${printable(file)}`);
  const place = config.out === "checkpoints" ? "" : ` --out ${config.out}`;
  console.log(`How far it is: deno task submit --status --run ${named.run}${place}`);
  return 0;
}

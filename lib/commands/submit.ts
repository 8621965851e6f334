/**
 * The command that gives a run to Slurm, and says how far it is there.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { printable, printableLines, shellWord } from "../base/printable.ts";
import { tableText } from "../report/table.ts";
import { resolveConfig, type RunConfig } from "../runs/config/config.ts";
import { flagName } from "../runs/config/names.ts";
import { newRunName } from "../runs/folder/folder.ts";
import { encodeHindrance, wordsOf } from "../runs/submit/parts.ts";
import { submitRun } from "../runs/submit/submit.ts";
import { submissionStatus } from "../runs/submit/status.ts";
import { newestSubmitted, readSubmissions, submitFolder } from "../runs/submit/submission.ts";
import { statusTable, submissionTable } from "../runs/submit/tables.ts";
import { configFlags, type Flags, fromFile, numberOf, textOf } from "./flags.ts";

/** Submits a run, or says how far it is; resolves to the exit code. */
export async function submit(flags: Flags): Promise<number> {
  const config = resolveConfig(await fromFile(flags), configFlags(flags));
  if (flags.status) return await status(config, flags);
  const named = { ...config, run: config.run ?? newRunName(config) };
  const { submission, file, config: pinned } = await submitRun(named, {
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
  if (flags.json) {
    console.log(printableLines(JSON.stringify({ run: named.run, file, ...submission }, null, 2)));
    return 0;
  }
  console.log(tableText(submissionTable(named.run, submission)));
  const hindrance = encodeHindrance(config);
  if (hindrance !== undefined) console.log(`Nothing is encoded ahead: ${hindrance}`);
  const same = (["headPrecision", "engine"] as const).filter((key) => pinned[key] !== config[key])
    .map((key) => `${flagName(key)} ${pinned[key]}`);
  if (same.length > 0) console.log(`So that no number depends on the node that trains: ${same.join(", ")}`);
  const { cacheFolder, out } = pinned;
  const folders = [Deno.cwd(), out, ...(cacheFolder === undefined ? [] : [cacheFolder])];
  console.log(`All nodes must see, beside the data: ${folders.map(printable).join(", ")}`);
  console.log(`Written to ${printable(file)}`);
  const place = config.out === "checkpoints" ? "" : ` --out ${shellWord(config.out)}`;
  console.log(`How far it is: deno task submit --status --run ${shellWord(named.run)}${place}`);
  return 0;
}

async function status({ run: named, out }: RunConfig, flags: Flags): Promise<number> {
  const run = named ?? await newestSubmitted(out);
  const folder = run === undefined ? undefined : submitFolder({ out, run });
  const submission = folder === undefined ? undefined : (await readSubmissions(folder))?.submissions.at(-1);
  if (run === undefined || folder === undefined || submission === undefined) {
    throw new InputError(
      `Cannot say how far a run is: expected one that was submitted but found ${
        named === undefined ? `none in ${out}` : `nothing in ${folder}`
      }; name it with --run and --out, or submit it`,
    );
  }
  const found = await submissionStatus(folder, submission);
  if (flags.json) {
    console.log(printableLines(JSON.stringify({ run, submitted: submission.submitted, ...found }, null, 2)));
  } else console.log(tableText(statusTable(run, found)));
  return 0;
}

/**
 * What of a run was submitted to Slurm: a file in a folder beside the run's own.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "../../base/checksum.ts";
import { InputError } from "../../base/errors.ts";
import { exists, readJson, writeWhole } from "../../base/files.ts";
import { resolveConfig, type RunConfig } from "../config/config.ts";

const schema = z.object({
  version: z.literal(1),
  run: z.string(),
  /** Each time that the run was submitted, the newest last. */
  submissions: z.array(z.object({
    submitted: z.iso.datetime(),
    /** The file with the run's whole configuration, by its name in this folder. */
    settings: z.string(),
    parts: z.array(z.object({
      kind: z.enum(["prepare", "encode", "seeds", "train", "evaluate", "robustness"]),
      name: z.string(),
      /** The job's number. */
      job: z.string(),
      /** Tasks of its array; none where it is no array. */
      tasks: z.int().optional(),
      after: z.array(z.string()),
      command: z.array(z.string()),
      sbatch: z.array(z.string()),
    })),
  })),
});

/** What was submitted of a run. */
export type Submissions = Readonly<z.infer<typeof schema>>;

/** One submission of it. */
export type Submission = Submissions["submissions"][number];

/** One part of a submission, with its job. */
export type SubmittedPart = Submission["parts"][number];

const fileName = "submissions.json";
const ending = ".submit";

/** Where a run's submissions stand, with their logs: `checkpoints/first.submit`. */
export function submitFolder({ out, run }: { readonly out: string; readonly run: string }): string {
  return join(out, `${run}${ending}`);
}

/** The run under `out` that was submitted last; undefined where none was. */
export async function newestSubmitted(out: string): Promise<string | undefined> {
  const entries = await Array.fromAsync(Deno.readDir(out)).catch(() => []);
  const found: { readonly run: string; readonly changed: number }[] = [];
  for (const { name } of entries) {
    const info = await Deno.stat(join(out, name, fileName)).catch(() => undefined);
    if (!name.endsWith(ending) || !info) continue;
    found.push({ run: name.slice(0, -ending.length), changed: info.mtime?.getTime() ?? 0 });
  }
  return found.toSorted((a, b) => b.changed - a.changed).at(0)?.run;
}

/**
 * What was submitted of a run; undefined where nothing was.
 *
 * @throws {InputError} where it cannot be read
 */
export async function readSubmissions(folder: string): Promise<Submissions | undefined> {
  const path = join(folder, fileName);
  if (!(await exists(path))) return undefined;
  const { success, data, error } = schema.safeParse(
    await readJson(path, { expected: "a run's submissions" }),
  );
  if (success) return data;
  throw new InputError(
    `Cannot read ${path}: expected a run's submissions but found ${
      error.issues[0].path.join(".")
    } of another form`,
  );
}

/** Writes what was submitted of a run, whole or not at all; returns the file's path. */
export async function writeSubmissions(folder: string, submissions: Submissions): Promise<string> {
  const path = join(folder, fileName);
  await writeWhole(path, `${JSON.stringify(submissions, null, 2)}\n`);
  return path;
}

/** Writes a run's whole configuration for its tasks; returns the file's name, which another configuration does not have. */
export async function writeSettings(folder: string, config: RunConfig): Promise<string> {
  const text = `${JSON.stringify(config, null, 2)}\n`;
  const name = `settings-${sha256(text, { digits: 8 })}.json`; // tasks of an earlier submission may read theirs yet
  await writeWhole(join(folder, name), text);
  return name;
}

/** The configuration that a submission's tasks were given. @throws {InputError} where it cannot be read */
export async function readSettings(folder: string, { settings }: Submission): Promise<RunConfig> {
  const value = await readJson(join(folder, settings), { expected: "a run's configuration" });
  return resolveConfig(value as Readonly<Record<string, unknown>>);
}

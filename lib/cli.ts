/**
 * The command line: parses flags and calls the command.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { InputError } from "./base/errors.ts";
import { printable } from "./base/printable.ts";
import "./runs/interrupt.ts"; // asks at once what it cannot ask later
import { addConfigFlags, refuseTwice, toNumber, toWhole } from "./commands/flags.ts";

/** The configuration's keys that say what the data are. */
const dataKeys = [
  "data",
  "test",
  "real",
  "fake",
  "valReal",
  "valFake",
  "testReal",
  "testFake",
  "manifest",
  "set",
  "compression",
  "methods",
  "framesPerVideo",
  "videos",
  "root",
  "valShare",
  "testShare",
  "seed",
  "strict",
  "allowLeak",
];

type Flags = Readonly<Record<string, unknown>>;

/** Runs the command that `args` name and resolves to the exit code: 0, 1 for a failure, 2 for bad input, 129, 130 or 143 when interrupted. */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("forgelens")
    .description("A benchmark of CLIP-based deepfake detection (ForgeLens).")
    .usage("<command> [flags]   (deno task <command> [flags])")
    .exitOverride()
    .configureOutput({ writeErr: () => {} }) // errors are printed once, below
    .showSuggestionAfterError();
  const add = (name: string) => program.command(name).exitOverride().configureOutput({ writeErr: () => {} });

  addConfigFlags(
    add("train").description(
      "train a detector, test it within and across data sets and under JPEG, and write a report",
    )
      .option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it")
      .option("--resume", "go on with an interrupted run: the one --run names, or the newest"),
  ).action(async (flags: Flags) => {
    code = await (await import("./commands/runs.ts")).train(flags);
  });
  addConfigFlags(
    add("evaluate").description("test trained weights again, or on other data sets")
      .argument("<checkpoint>", "a run's folder, or a .safetensors or .pth file of weights")
      .option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it"),
  ).action(async (checkpoint: string, flags: Flags) => {
    code = await (await import("./commands/runs.ts")).evaluate(checkpoint, flags);
  });
  addConfigFlags(
    add("inspect").description("say what of your data is there, missing, skipped and leaking; trains nothing")
      .option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it")
      .option("--json", "print JSON")
      .option("--chart <file>", "also draw a chart, as .svg, .png or Vega-Lite .json")
      .option("--quick", "do not open the images: no unreadable ones, duplicates and shortcuts are found"),
    dataKeys,
  ).action(async (flags: Flags) => {
    code = await (await import("./commands/data.ts")).inspect(flags);
  });
  addConfigFlags(
    add("prepare").description(
      "extract evenly spaced frames from the videos of a data set, and crop the faces",
    )
      .requiredOption("--into <folder>", "where the frames go; the set itself is never written to")
      .option("--frames <number>", "frames of each video", toWhole(1), 32)
      .option("--boxes <file>", "CSV of face boxes: video,frame,x,y,w,h; frame counts from 0")
      .option("--landmarks", "take boxes around the .npy landmarks beside the videos or frames")
      .option("--margin <number>", "side of the crop over the longer side of the box", toNumber, 1.3)
      .option("--workers <number>", "videos at a time; as many as there are cores unless given", toWhole(1)),
    ["data", "set", "compression", "methods", "videos", "root"],
  ).action(async (flags: Flags) => {
    code = await (await import("./commands/data.ts")).prepare(flags);
  });
  add("demo-data").description("write the procedural demo data set")
    .option("--root <folder>", "where to", "data/demo")
    .option("--seed <number>", "another seed gives other faces", toWhole(0), 0)
    .action(async (flags: { root: string; seed: number }) => {
      code = await (await import("./commands/runs.ts")).demoData(flags);
    });
  const cache = add("cache").description(
    "the tokens that are kept on disk, so that an image is encoded once",
  );
  const cacheCommand = (name: string, isDefault: boolean) =>
    cache.command(name, { isDefault }).exitOverride().configureOutput({ writeErr: () => {} })
      .option("--cache-folder <folder>", "where they are kept; by default in the user's cache folder");
  cacheCommand("show", true).description("what each encoder's tokens take").action(async (flags: Flags) => {
    code = await (await import("./commands/cache.ts")).showCache(flags);
  });
  cacheCommand("prune", false).description("remove what was not used for longest, or all of it")
    .option("--to <gigabytes>", "how much may stay", toNumber, 0)
    .action(async (flags: Flags) => {
      code = await (await import("./commands/cache.ts")).prune(flags);
    });

  for (const command of [...program.commands, ...cache.commands]) refuseTwice(command);
  try {
    await program.parseAsync(args.length > 0 ? [...args] : ["help"], { from: "user" });
    return code;
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // help, which is printed by now
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    console.error(
      `Cannot read the command line: ${printable(message)}; deno task help lists commands and flags`,
    );
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  console.error(printable(error instanceof InputError ? message : message.split("\n")[0]));
  if (Deno.env.get("FORGELENS_DEBUG")) console.error(error);
  return error instanceof InputError ? 2 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

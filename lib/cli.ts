/**
 * The command line: parses flags and calls the command.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { InputError } from "./base/errors.ts";
import { printable } from "./base/printable.ts";
import "./runs/interrupt.ts"; // asks at once what it cannot ask later
import { refuseTwice } from "./commands/flags.ts";
import { type CommandKind, commands } from "./commands/mod.ts";

/**
 * The command line as it is parsed, with its help.
 *
 * @param done takes the exit code of the command that was run
 */
export function createProgram(done: (code: number) => void = () => {}): Command {
  const quiet = { writeErr: () => {} }; // errors are printed once, by main()
  const program = new Command("forgelens")
    .description("A benchmark of CLIP-based deepfake detection (ForgeLens).")
    .usage("<command> [flags]   (deno task <command> [flags])")
    .exitOverride()
    .configureOutput(quiet)
    .showSuggestionAfterError();
  const list: Readonly<Record<string, CommandKind>> = commands;
  for (const [name, { group, about, example, flags, run }] of Object.entries(list)) {
    const command = program.command(name).description(about).helpGroup(`${group}:`)
      .exitOverride().configureOutput(quiet)
      .addHelpText("after", `\nExample:\n  deno task ${name} ${example}`);
    refuseTwice(flags(command)).action(async () => done(await run(command.opts(), command.args)));
  }
  const examples = Object.entries(list).map(([name, { example }]) => `  deno task ${name} ${example}`);
  return program.addHelpText(
    "after",
    `\nExamples:\n${
      examples.join("\n")
    }\n\nThe flags of a command: deno task help COMMAND, or deno task COMMAND --help`,
  );
}

/** Runs the command that `args` name and resolves to the exit code: 0, 1 for a failure, 2 for bad input, 129, 130 or 143 when interrupted. */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  try {
    await createProgram((given) => code = given)
      .parseAsync(args.length > 0 ? [...args] : ["help"], { from: "user" });
    return code;
  } catch (error) {
    return explain(error, args);
  }
}

function explain(error: unknown, [name]: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // help, which is printed by now
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    const help = name !== undefined && Object.hasOwn(commands, name)
      ? `deno task help ${name} lists its flags`
      : "deno task help lists the commands";
    console.error(`Cannot read the command line: ${printable(message)}; ${help}`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  console.error(printable(error instanceof InputError ? message : message.split("\n")[0]));
  if (Deno.env.get("FORGELENS_DEBUG")) console.error(error);
  return error instanceof InputError ? 2 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

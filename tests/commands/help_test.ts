import { detectors } from "../../lib/model/detectors/mod.ts";
import { encoders } from "../../lib/model/encoders/mod.ts";
import { mapKinds } from "../../lib/model/maps/mod.ts";
import { lossNames } from "../../lib/training/losses/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Command } from "commander";
import { join } from "node:path";
import { createProgram } from "../../lib/cli.ts";
import { configFlags } from "../../lib/commands/flags.ts";
import { type CommandKind, commands } from "../../lib/commands/mod.ts";
import { resolveConfig } from "../../lib/runs/config/config.ts";
import { keyGroups, runSchema } from "../../lib/runs/config/keys.ts";
import { flagName } from "../../lib/runs/config/names.ts";
import { commandLine } from "../command_line.ts";

const list: Readonly<Record<string, CommandKind>> = commands;
const allKeys: string[] = Object.values(keyGroups).flatMap(({ keys }) => Object.keys(keys));

/** A command's flags by the group of help that they stand in. */
function flagsInGroups(command: Command): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const option of command.options) {
    const group = option.helpGroupHeading ?? "Options:";
    groups.set(group, [...groups.get(group) ?? [], `${option.long}`]);
  }
  return groups;
}

/** The flags that only this command has, beside the configuration's keys. */
function ownFlags(command: Command): string[] {
  return flagsInGroups(command).get("Options:") ?? [];
}

Deno.test("every key of the configuration stands in one group", () => {
  assertEquals(allKeys.toSorted(), Object.keys(runSchema.shape).toSorted());
  assertEquals(new Set(allKeys).size, allKeys.length);
});

Deno.test("help lists every command and every key of every command's flags, in groups with an example", () => {
  const program = createProgram();
  assertEquals(program.commands.map((each) => each.name()), Object.keys(commands));
  let help = "";
  program.configureOutput({ writeOut: (text) => help += text });
  program.outputHelp();
  for (const command of program.commands) {
    const { about, example } = list[command.name()];
    const call = `deno task ${command.name()} ${example}`;
    assertStringIncludes(help, call);
    assertStringIncludes(help.replaceAll(/\s+/g, " "), about);
    let own = "";
    command.configureOutput({ writeOut: (text) => own += text });
    command.outputHelp();
    assertStringIncludes(own, `Example:\n  ${call}`);
    for (const { long, hidden } of command.options) {
      // A flag that only takes back what a file says is hidden beside the one that it takes back.
      const shown = hidden ? `${long}`.replace("--no-", "--") : `${long}`;
      assert(new RegExp(`^  ${shown}(?= )`, "m").test(own), `${command.name()} --help lacks ${shown}`);
    }
  }
  const [train] = program.commands;
  assertEquals(
    [...flagsInGroups(train).values()].slice(1).map((flags) =>
      flags.filter((each) => !each.startsWith("--no-"))
    ),
    Object.values(keyGroups).map(({ keys }) => Object.keys(keys).map(flagName)),
  );
});

Deno.test("README lists every command and every key of every command's flags", async () => {
  const readme = (await Deno.readTextFile(new URL("../../README.md", import.meta.url))).replaceAll(
    / +/g,
    " ",
  );
  const assertRow = (row: string) => assert(readme.includes(row), `README.md lacks the row ${row}`);
  const code = (flags: readonly string[]) => flags.map((each) => `\`${each}\``).join(", ");
  for (const command of createProgram().commands) {
    const { about } = list[command.name()];
    assertRow(`| \`${command.name()}\` | ${about} | ${code(ownFlags(command))} |`);
  }
  for (const [group, { keys }] of Object.entries(keyGroups)) {
    assertRow(`| ${group} | ${code(Object.keys(keys).map(flagName))} |`);
  }
});

Deno.test("the examples in help can be used as they are", () => {
  for (const [name, { example, flags }] of Object.entries(list)) {
    const command = flags(new Command(name).exitOverride()).parse(example.split(" "), { from: "user" });
    resolveConfig(configFlags(command.opts()));
  }
  for (const [group, { keys, example }] of Object.entries(keyGroups)) {
    const command = commands.train.flags(new Command("train").exitOverride());
    const given = configFlags(command.parse(example.split(" "), { from: "user" }).opts());
    resolveConfig(given);
    for (const key of Object.keys(given)) assert(key in keys, `${key} is not in the group ${group}`);
  }
});

Deno.test("help, cache and score need no more than their tasks' own permissions", async () => {
  const folder = await Deno.makeTempDir();
  const scores = join(folder, "scores.csv");
  await Deno.writeTextFile(scores, "path,label,score\na.png,0,0.1\nb.png,1,0.9\n");
  const calls = [["help", "help"], ["files", "cache", "--cache-folder", folder], ["files", "score", scores]];
  for (const [set, ...args] of calls) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", `-P=${set}`, "lib/cli.ts", ...args],
      cwd: new URL("../../", import.meta.url),
      env: { NO_COLOR: "1" },
      stderr: "piped",
      stdout: "null",
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  }
});

Deno.test("the command line prints help with exit code 0, whichever way it is asked", async () => {
  const cache = await Deno.makeTempDir();
  const asked = [["help"], [], ["--help"]];
  const [first, ...others] = await Promise.all(asked.map((args) => commandLine(args, { cache })));
  assertEquals([first.code, first.err], [0, ""]);
  assertStringIncludes(first.out, "Examples:");
  for (const each of others) assertEquals(each, first);
  const [before, after] = await Promise.all([
    commandLine(["help", "train"], { cache }),
    commandLine(["train", "--help"], { cache }),
  ]);
  assertEquals(before.code, 0);
  assertEquals(before, after);
});

Deno.test("README lists every encoder, detector and loss with what it is", async () => {
  const text = (await Deno.readTextFile(new URL("../../README.md", import.meta.url))).replaceAll(/ +/g, " ");
  const lists = { "--clip": encoders, "--detector": detectors };
  for (const [flag, list] of Object.entries(lists)) {
    for (const [name, { about }] of Object.entries(list)) {
      const row = `| \`${flag}\` | \`${name}\` | ${about} |`;
      assert(text.includes(row), `README.md lacks the row ${row}`);
    }
  }
  for (const name of lossNames) assert(text.includes(`\`${name}\``), `README.md lacks \`${name}\``);
});

Deno.test("predict takes every kind of map by its name", () => {
  const command = commands.predict.flags(new Command("predict"));
  const choices = command.options.find(({ long }) => long === "--map-kind")!.argChoices;
  assertEquals(choices, Object.keys(mapKinds));
});

import { assertEquals, assertThrows } from "@std/assert";
import { Command } from "commander";
import { InputError } from "../../lib/base/errors.ts";
import { commands } from "../../lib/commands/mod.ts";
import { addConfigFlags, configFlags, refuseTwice, toWhole } from "../../lib/commands/flags.ts";

/** The configuration keys that `args` set. */
function parse(...args: string[]): Record<string, unknown> {
  const command = refuseTwice(
    addConfigFlags(new Command("x").exitOverride().configureOutput({ writeErr() {} })),
  );
  return configFlags(command.parse(args, { from: "user" }).opts());
}

Deno.test("every repeatable flag keeps each value that it is given, numbers once each", () => {
  assertEquals(parse("--jpeg-qualities", "90", "--jpeg-qualities", "50,90"), { jpegQualities: [90, 50] });
  assertEquals(parse("--jpeg-qualities", "none"), { jpegQualities: [] });
  assertEquals(parse("--test", "a=A", "--test", "b=B"), { test: ["a=A", "b=B"] });
  assertEquals(parse("--methods", "A", "--methods", "B,C"), { methods: ["A", "B,C"] });
  for (const values of [["90", "none"], ["none", "90"]]) {
    const args = values.flatMap((value) => ["--jpeg-qualities", value]);
    assertThrows(() => parse(...args), Error, "expected none alone but found it beside 90");
  }
});

Deno.test("refuseTwice() refuses a flag with two values, and takes the same one twice", () => {
  assertEquals(parse("--seed", "1", "--seed", "1", "--no-balance", "--no-balance"), {
    seed: 1,
    balance: false,
  });
  const cases: [string[], string][] = [
    [["--seed", "1", "--seed", "2"], "expected --seed once but found --seed 1 and --seed 2"],
    [["--real", "a", "--real", "b"], "expected --real once but found --real a and --real b"],
    [["--balance", "--no-balance"], "but found --balance and --no-balance"],
    [["--clip", "demo", "--clip", "auto"], "but found --clip demo and --clip auto"],
  ];
  for (const [args, message] of cases) assertThrows(() => parse(...args), InputError, message);
});

Deno.test("refuseTwice() keeps each value of a command's own repeatable flag, and refuses an empty value", () => {
  const parseScore = (...args: string[]) => {
    const command = refuseTwice(
      commands.score.flags(new Command("x").exitOverride().configureOutput({ writeErr() {} })),
    );
    return command.parse(["scores.csv", ...args], { from: "user" }).opts();
  };
  assertEquals(parseScore("--group", "race", "--group", "gender").group, ["race", "gender"]);
  assertThrows(
    () => parseScore("--out", ""),
    InputError,
    "expected a value after --out but found an empty one",
  );
});

Deno.test("flags take names in any case, and refuse other words", () => {
  assertEquals(parse("--compression", "C23", "--clip", "vit-b-16"), { compression: "c23", clip: "ViT-B-16" });
  assertThrows(
    () => parse("--compression", "c32"),
    Error,
    'expected one of raw, c0, c23, c40 but found "c32"',
  );
  assertThrows(() => parse("--epochs", "two"), Error, 'expected a number but found "two"');
});

Deno.test("toWhole() takes whole numbers that are large enough", () => {
  assertEquals(["1", "32", "1e3"].map(toWhole(1)), [1, 32, 1000]);
  for (const text of ["0", "-1", "1.5", "x", "", "Infinity", "1e20"]) {
    assertThrows(() => toWhole(1)(text), Error, `found "${text}"`);
  }
});

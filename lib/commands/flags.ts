/**
 * The configuration's keys as flags of the command line.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { readJson } from "../base/files.ts";
import { keyGroups, runSchema } from "../runs/config/keys.ts";
import { flagName } from "../runs/config/names.ts";

/** A command's flags by camelCase name: only those that were given, and defaults of its own. */
export type Flags = Readonly<Record<string, unknown>>;

type Property = {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: { readonly type?: string };
  readonly default?: unknown;
  readonly description?: string;
};

const properties = z.toJSONSchema(runSchema, { io: "input" }).properties as Readonly<
  Record<string, Property>
>;

/** Adds a flag for each key of the configuration, or of the `keys` given, in their groups; only those that are used get a value. */
export function addConfigFlags(command: Command, keys: readonly string[] = Object.keys(properties)): Command {
  for (const [group, { keys: own, example }] of Object.entries(keyGroups)) {
    const title = `${group[0].toUpperCase()}${group.slice(1)}, for example ${example}:`;
    for (const key of Object.keys(own).filter((each) => keys.includes(each))) {
      for (const option of flagsOf(key, properties[key])) command.addOption(option.helpGroup(title));
    }
  }
  return command;
}

/** The configuration keys among a command's flags. */
export function configFlags(flags: Flags): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).filter(([key, value]) => key in properties && value !== undefined),
  );
}

/** The settings of `--config`; none without it. */
export async function fromFile(flags: Flags): Promise<Record<string, unknown>> {
  if (flags.config === undefined) return {};
  const path = `${flags.config}`;
  const expected = "a JSON object of settings";
  const value = await readJson(path, { expected });
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new InputError(`Cannot read ${path}: expected ${expected} but found another value`);
  }
  return value as Record<string, unknown>;
}

/** Whether each time that a flag is given adds to what it says. */
function isRepeatable(option: Option): boolean {
  return option.parseArg === addText || properties[option.attributeName()]?.type === "array";
}

/**
 * Has a command refuse a flag that is given twice with different values, where the last alone would count, and one that is to have
 * a value and has none.
 *
 * Parsing then throws an InputError.
 */
export function refuseTwice(command: Command): Command {
  const given = new Map<string, string>();
  for (const option of command.options) {
    const key = option.attributeName();
    command.on(`option:${option.name()}`, (value: string | undefined) => {
      if (option.required && value?.trim() === "" && !isRepeatable(option)) {
        throw new InputError(
          `Cannot read the command line: expected a value after ${option.long} but found an empty one`,
        );
      }
      if (isRepeatable(option)) return;
      const said = value === undefined ? `${option.long}` : `${option.long} ${value}`;
      const before = given.get(key) ?? said;
      if (before !== said) {
        throw new InputError(
          `Cannot read the command line: expected ${option.long} once but found ${before} and ${said}`,
        );
      }
      given.set(key, said);
    });
  }
  return command;
}

function flagsOf(key: string, property: Property): Option[] {
  const flag = flagName(key);
  const text = describe(property);
  if (property.type === "boolean") {
    // --no-X for what is on by default; both, so that a config file can be overruled.
    return [
      new Option(flag, text),
      new Option(flag.replace("--", "--no-"), `not ${flag}`).hideHelp(property.default !== true),
    ];
  }
  if (property.enum) return [choice(new Option(`${flag} <name>`, text), property.enum)];
  if (property.type === "number" || property.type === "integer") {
    return [new Option(`${flag} <number>`, text).argParser(toNumber)];
  }
  if (property.type === "array" && property.items?.type !== "string") {
    return [
      new Option(`${flag} <numbers>`, `${text}, separated by commas`).argParser(
        (value, before?: readonly number[]) => numbers(value, before),
      ),
    ];
  }
  if (property.type === "array") {
    return [
      new Option(`${flag} <text>`, text).argParser(addText),
    ];
  }
  return [new Option(`${flag} <text>`, text)];
}

/** An option with a list of names, taken in any case. */
function choice(option: Option, names: readonly string[]): Option {
  return option.choices(names).argParser((value) => {
    const name = names.find((each) => each.toLowerCase() === value.toLowerCase());
    if (name !== undefined) return name;
    throw new InvalidArgumentError(`expected one of ${names.join(", ")} but found "${value}"`);
  });
}

function describe({ description = "", default: value }: Property): string {
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) {
    return description;
  }
  return `${description} (default: ${Array.isArray(value) ? value.join(",") : value})`;
}

/** A flag's text; undefined where it was not given. */
export function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : `${value}`;
}

/** A flag's number; undefined where it was not given. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A parser of a flag that may be given again: its texts in their order. */
export function addText(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** A flag's number. @throws commander's error for another text. */
export function toNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || Number.isNaN(number)) {
    throw new InvalidArgumentError(`expected a number but found "${value}"`);
  }
  return number;
}

/** A parser of whole numbers that are not below `least`. */
export function toWhole(least: number): (value: string) => number {
  return (value) => {
    const number = toNumber(value);
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`expected a whole number of at least ${least} but found "${value}"`);
  };
}

/** What a list of numbers, or `none`, adds to the list before it; each number once. */
function numbers(value: string, before?: readonly number[]): number[] {
  const list = value === "" || value === "none" ? [] : value.split(",").map(toNumber);
  if (before && (before.length === 0) !== (list.length === 0)) {
    throw new InvalidArgumentError(
      `expected none alone but found it beside ${[...before, ...list].join(",")}`,
    );
  }
  return [...new Set([...before ?? [], ...list])];
}

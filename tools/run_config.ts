/**
 * Writes the type of a run's configuration from its schema: `deno run -A tools/run_config.ts`. A package's public types must be
 * written out, and the schema stays the one place that is edited.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { writeWhole } from "../lib/base/files.ts";
import { runSchema } from "../lib/runs/config/keys.ts";

type Property = {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Property;
  readonly description?: string;
  readonly default?: unknown;
};

/** The text of lib/runs/config/run_config.ts, as `deno fmt` leaves it. */
export function runConfigText(): string {
  const { properties = {}, required = [] } = z.toJSONSchema(runSchema, { io: "output" });
  const keys = Object.entries(properties as Readonly<Record<string, Property>>).map(([key, property]) => {
    const { description = "", default: value } = property;
    const unless = value === undefined ? "" : ` (default: ${JSON.stringify(value)})`;
    // What ends a comment must not stand in one.
    const text = `${description}${unless}`.replaceAll("*/", "*\\/");
    return `  /** ${text} */\n  ${key}${required.includes(key) ? "" : "?"}: ${typeText(property)};\n`;
  });
  return `/**
 * The type of a run's configuration. Written by tools/run_config.ts from the schema in keys.ts; edit that.
 *
 * @module
 */

/** A whole, valid run configuration. */
export type RunConfig = {
${keys.join("")}};

/** What a user gives: any part of a configuration. */
export type RunInput = Partial<RunConfig>;
`;
}

function typeText({ type, enum: names, items }: Property): string {
  if (names) return names.map((name) => JSON.stringify(name)).join(" | ");
  if (type === "array" && items) return items.enum ? `(${typeText(items)})[]` : `${typeText(items)}[]`;
  if (type === "integer") return "number";
  if (type === "number" || type === "string" || type === "boolean") return type;
  throw new Error(`Cannot write the type of a key: expected a plain one but found ${type}`);
}

if (import.meta.main) {
  await writeWhole(
    fileURLToPath(new URL("../lib/runs/config/run_config.ts", import.meta.url)),
    runConfigText(),
  );
}

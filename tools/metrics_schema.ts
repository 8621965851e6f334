/**
 * Writes the JSON Schema of metrics.json from the schema that it is read with: `deno run -A tools/metrics_schema.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { writeWhole } from "../lib/base/files.ts";
import { reportSchema } from "../lib/report/schema.ts";

const NAME = "metrics.schema.json";

/** The text of docs/metrics.schema.json. */
export function metricsSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(reportSchema, {
    // The largest count that a double holds says nothing.
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const head = {
    $schema,
    $id: NAME,
    title: "metrics.json",
    description:
      "What a run, an evaluation or a file of scores was measured to be. Rates, AUC and the like are in [0, 1], not in per cent.",
  };
  return JSON.stringify({ ...head, ...schema }, null, 2) + "\n";
}

if (import.meta.main) {
  await writeWhole(fileURLToPath(new URL(`../docs/${NAME}`, import.meta.url)), metricsSchemaText());
}

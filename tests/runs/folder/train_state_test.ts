import { assertThrows } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { resolveConfig, type RunConfig } from "../../../lib/runs/config/config.ts";
import { checkSameConfig } from "../../../lib/runs/folder/train_state.ts";

const check = (config: RunConfig, before: RunConfig) =>
  checkSameConfig(config, { state: { config: before }, file: "config.json" });

Deno.test("checkSameConfig() takes what an older version's configuration lacks for its default", () => {
  const { accumulate: _, clipGradients: __, ...older } = resolveConfig({});
  check(resolveConfig({}), older as RunConfig);
  assertThrows(
    () => check(resolveConfig({ accumulate: 2, clipGradients: 1 }), older as RunConfig),
    InputError,
    'found another accumulate, clipGradients; put back "accumulate": 1',
  );
});

Deno.test("checkSameConfig() finds a key that was left out, and lets data move", () => {
  const before = resolveConfig({ patience: 2, out: "a" });
  check(resolveConfig({ patience: 2, out: "b" }), before);
  assertThrows(
    () => check(resolveConfig({}), before),
    InputError,
    'found another patience; put back "patience": 2',
  );
});

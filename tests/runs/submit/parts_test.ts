import { assertEquals, assertThrows } from "@std/assert";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import { allLadders } from "../../../lib/runs/robustness.ts";
import { needsOf } from "../../../lib/runs/submit/needs.ts";
import { encodeHindrance, partsOf, wordsOf } from "../../../lib/runs/submit/parts.ts";
import { sbatchArguments } from "../../../lib/runs/submit/sbatch.ts";
import { pinnedConfig } from "../../../lib/runs/submit/submit.ts";

const config = {
  ...resolveConfig({ out: "runs", cacheFolder: "/shared/cache", precision: "int8" }),
  run: "a",
};
const options = { configFile: "runs/a.submit/settings.json", shards: 4 };

Deno.test("partsOf() encodes in an array and trains after it", () => {
  assertEquals(partsOf(config, options), [
    {
      kind: "encode",
      name: "encode",
      command: ["encode", "--config", "runs/a.submit/settings.json"],
      tasks: 4,
      after: [],
    },
    {
      kind: "train",
      name: "train",
      command: ["train", "--config", "runs/a.submit/settings.json", "--run", "a", "--out", "runs"],
      after: ["encode"],
    },
  ]);
});

Deno.test("partsOf() prepares before it encodes, and tests after the training", () => {
  const parts = partsOf(config, {
    ...options,
    prepare: ["--data a=A --into crops", "--data b=B --into 'more crops'"],
    evaluate: ["celebdf=DIR"],
    robustness: ["all", "gaussian-blur"],
  });
  assertEquals(parts.map(({ name, tasks, after }) => [name, tasks, after]), [
    ["prepare-1", 4, []],
    ["prepare-2", 4, []],
    ["encode", 4, ["prepare-1", "prepare-2"]],
    ["train", undefined, ["encode"]],
    ["evaluate-celebdf", undefined, ["train"]],
    ["robustness-families", allLadders.length, ["train"]],
    ["robustness", undefined, ["robustness-families"]],
    ["robustness-gaussian-blur", undefined, ["train"]],
  ]);
  assertEquals(parts[1].command, ["prepare", "--data", "b=B", "--into", "more crops"]);
  const [families, all] = [parts[5], parts[6]].map(({ command }) => command.slice(0, 6));
  assertEquals(families, ["robustness", "runs/a", "--only-family", "task", "--out", "runs/a/robustness"]);
  assertEquals(all.slice(0, 4), ["robustness", "runs/a", "--out", "runs/a/robustness"]);
  assertEquals(parts.at(-1)!.command.slice(0, 6), [
    ...["robustness", "runs/a", "--perturb", "gaussian-blur", "--out", "runs/a/robustness-gaussian-blur"],
  ]);
});

Deno.test("partsOf() trains each of several seeds in a task, and the run after them", () => {
  const parts = (runs: number, preset: "corrected" | "reference" = "corrected") =>
    partsOf({ ...config, runs, preset }, options);
  assertEquals(parts(3).slice(1).map(({ name, tasks, after }) => [name, tasks, after]), [
    ["seeds", 3, ["encode"]],
    ["train", undefined, ["seeds"]],
  ]);
  assertEquals(parts(3)[1].command, [...parts(3)[2].command, "--only-seed", "task"]);
  assertEquals(parts(3, "reference").map(({ name }) => name), ["encode", "train"]);
  const lone = partsOf({ ...config, runs: 2 }, { ...options, encode: false, prepare: ["--into crops"] });
  assertEquals(lone.map(({ name, after }) => [name, after]), [
    ["prepare", []],
    ["seeds", ["prepare"]],
    ["train", ["seeds"]],
  ]);
});

Deno.test("pinnedConfig() has all nodes take what each would measure for itself, unless it is given or the run has begun", () => {
  const pins = (changes: RunInput, begun?: RunInput) => {
    const { headPrecision, engine } = pinnedConfig(
      resolveConfig({ precision: "int8", ...changes }),
      begun && resolveConfig(begun),
    );
    return [headPrecision, engine];
  };
  assertEquals(pins({}), ["float32", "graph"]);
  assertEquals(pins({ headPrecision: "bfloat16" }), ["bfloat16", "graph"]);
  assertEquals(pins({ headPrecision: "bfloat16", engine: "native" }), ["bfloat16", "native"]);
  assertEquals(pins({ precision: "bfloat16" }), ["auto", "graph"]);
  assertEquals(pins({ precision: "float32" }), ["auto", "graph"]);
  assertEquals(pins({ precision: "bfloat16", loss: "focal" }), ["auto", "auto"]); // which the graph does not take
  assertEquals(pins({ precision: "bfloat16", detector: "ln-tuned" }), ["auto", "auto"]);
  assertEquals(pins({}, { precision: "int8" }), ["auto", "auto"]);
  assertEquals(pins({}, { precision: "int8", headPrecision: "float32" }), ["float32", "auto"]);
});

Deno.test("sbatchArguments() has an array wait for another's end, which a job does by its name", () => {
  const [, seeds, train] = partsOf({ ...config, runs: 2 }, options);
  const waits = (part: typeof train, before: readonly string[]) =>
    sbatchArguments(part, {
      ...{ run: "a", root: "/bench", logs: "/logs", again: true, more: [], before, after: ["7"] },
      needs: { memory: "4G", cores: 2 },
    }).find((word) => word.startsWith("--dependency="));
  assertEquals(waits(seeds, ["5", "6"]), "--dependency=afterok:7,afterany:5:6");
  assertEquals(waits(train, []), "--dependency=afterok:7,singleton");
});

Deno.test("partsOf() leaves encoding to the training where features are not those of the encoder as it is", () => {
  const staged = { ...resolveConfig({ detector: "forgelens", precision: "float32" }), run: "a" };
  const uncached = { ...resolveConfig({ cache: false, precision: "float32" }), run: "a" };
  for (const each of [staged, uncached]) {
    assertEquals(partsOf(each, { ...options, prepare: ["--into crops"] }).map(({ name }) => name), [
      "prepare",
      "train",
    ]);
    assertEquals(typeof encodeHindrance(each), "string");
  }
  assertEquals(partsOf(config, { ...options, encode: false }).map(({ name }) => name), ["train"]);
  assertEquals(encodeHindrance(config), undefined);
});

Deno.test("partsOf() refuses an unknown family, and two parts of one name", () => {
  assertThrows(() => partsOf(config, { ...options, robustness: ["jpg"] }), Error, "jpg");
  assertThrows(
    () => partsOf(config, { ...options, evaluate: ["a=A", "a=B"] }),
    Error,
    "expected each part once but found evaluate-a twice",
  );
});

Deno.test("wordsOf() splits as a shell does", () => {
  assertEquals(wordsOf(""), []);
  assertEquals(wordsOf(" --data  ffpp='my set',c23 --into \"a b\" ''"), [
    ...["--data", "ffpp=my set,c23", "--into", "a b", ""],
  ]);
  assertThrows(() => wordsOf("--into 'a b"), Error, "expected a ' at its end but found none");
});

Deno.test("needsOf() asks for more where the tower is trained, and takes what is given", () => {
  const [encode, train] = partsOf(config, options);
  const memory = (part: typeof train, detector: "notebook-head" | "ln-tuned") =>
    parseInt(needsOf(part, { ...config, clip: "ViT-L-14", detector }).memory);
  assertEquals(memory(train, "ln-tuned") > memory(train, "notebook-head"), true);
  assertEquals(memory(encode, "ln-tuned"), memory(encode, "notebook-head"));
  const unmeasured = { ...config, clip: "ViT-L-14-336" } as const;
  assertThrows(() => needsOf(train, unmeasured), Error, "expected --mem for ViT-L-14-336");
  assertEquals(needsOf(train, unmeasured, { memory: "9G" }).memory, "9G");
  assertEquals(needsOf(train, config, { memory: "5000M", cores: 8 }), { memory: "5000M", cores: 8 });
});

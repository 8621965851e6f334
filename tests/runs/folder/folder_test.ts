import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../../lib/base/errors.ts";
import {
  finishSeed,
  makeRunFolder,
  readCheckpoint,
  readRunConfig,
  readState,
  unfinishedRun,
  writeCheckpoint,
} from "../../../lib/runs/folder/folder.ts";
import { type TrainState } from "../../../lib/runs/folder/train_state.ts";
import { resolveConfig, type RunConfig } from "../../../lib/runs/config/config.ts";
import { withFolder } from "../../folders.ts";

const configOf = (out: string, run: string) => resolveConfig({ out, run }) as RunConfig & { run: string };
const stateOf = (config: RunConfig, done = false): TrainState => ({
  version: 1,
  run: 1,
  epoch: 1,
  step: 0,
  lossSum: 0,
  seconds: 0,
  history: [{ run: 0, epoch: 1, step: 3, loss: 0.7142, seconds: 1.5, best: true }],
  best: null,
  digest: "d",
  config,
  done,
});

Deno.test("unfinishedRun() finds the newest run although others are damaged, and names those", () =>
  withFolder(async (out) => {
    const damage = { "a": ["state.json", ""], "b": ["config.json", '{"seed":'], "c": ["state.json", "{}"] };
    for (const [run, [file, text]] of Object.entries(damage)) {
      await Deno.writeTextFile(join(await makeRunFolder(configOf(out, run)), file), text);
    }
    const notes: string[] = [];
    const find = () => unfinishedRun(out, { onNote: (note) => notes.push(note) });
    await assertRejects(find, InputError, "only such as cannot be read");
    assertEquals(notes.splice(0).length, 3);
    await makeRunFolder(configOf(out, "d"));
    assertEquals(await find(), "d");
    for (const [run, [file]] of Object.entries(damage)) {
      assertStringIncludes(
        notes.join("\n"),
        `Leaving out the run ${run}: Cannot read ${join(out, run, file)}`,
      );
    }
  }));

Deno.test("readState() takes a state as it was written, and no other", () =>
  withFolder(async (out) => {
    const config = configOf(out, "a");
    const folder = await makeRunFolder(config);
    assertEquals(await readState(folder), undefined);
    await finishSeed(folder, stateOf(config));
    assertEquals(await readState(folder), stateOf(config));
    const file = join(folder, "state.json");
    const sound = await Deno.readTextFile(file);
    const { sum: _, ...older } = JSON.parse(sound);
    for (
      const damage of [
        ...["", "null", "[]", "{}", sound.slice(0, -3), sound.replace("0.7142", "0.7143")],
        ...[sound.replace('"run": 1', '"run": "1"'), JSON.stringify({ ...older, version: 2 })],
        JSON.stringify({ ...older, history: [{}] }),
      ]
    ) {
      await Deno.writeTextFile(file, damage);
      await assertRejects(() => readState(folder), InputError, `Cannot read ${file}: expected`);
    }
    await Deno.writeTextFile(file, JSON.stringify(older));
    assertEquals(await readState(folder), stateOf(config));
  }));

Deno.test("readRunConfig() refuses a configuration that was changed since, but for where the data lie", () =>
  withFolder(async (out) => {
    const config = configOf(out, "a");
    const folder = await makeRunFolder(config);
    await finishSeed(folder, stateOf(config));
    assertEquals(await readRunConfig(folder), config);
    const file = join(folder, "config.json");
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace('"seed": 0', '"seed": 1'));
    const { message } = await assertRejects(() => readRunConfig(folder), InputError);
    assertEquals(
      message,
      `Cannot use ${file}: expected the configuration that the run was started with but found another seed; put back "seed": 0`,
    );
    await Deno.writeTextFile(file, text.replace('"data/demo"', '"elsewhere"'));
    assertEquals((await readRunConfig(folder)).demoRoot, "elsewhere");
    await Deno.writeTextFile(file, text.replace('"seed"', '"sead"'));
    await assertRejects(() => readRunConfig(folder), InputError, `Cannot use ${file}: unknown key "sead"`);
    await Deno.writeTextFile(file, "[]");
    await assertRejects(() => readRunConfig(folder), InputError, `Cannot read ${file}: expected a run's`);
  }));

Deno.test("readCheckpoint() names a checkpoint that is damaged, and what to do", () =>
  withFolder(async (out) => {
    const config = configOf(out, "a");
    const folder = await makeRunFolder(config);
    const weight = { dtype: "float32" as const, shape: [2], data: Float32Array.of(1, 2) };
    const weights = { model: new Map([["w", weight]]), optimizer: new Map() };
    await writeCheckpoint(folder, { state: stateOf(config), weights });
    const checkpoint = await readCheckpoint(folder);
    assertEquals(checkpoint?.state, stateOf(config));
    assertEquals(checkpoint?.weights?.model.get("w")?.data, weight.data);
    const file = join(folder, "resume.safetensors");
    const sound = await Deno.readFile(file);
    const changed = new TextDecoder("latin1").decode(sound).replace("0.7142", "0.7143");
    for (
      const damage of [
        sound.slice(0, 4),
        sound.slice(0, -1),
        Uint8Array.from(changed, (c) => c.charCodeAt(0)),
      ]
    ) {
      await Deno.writeFile(file, damage);
      const { message } = await assertRejects(() => readCheckpoint(folder), Error);
      assertStringIncludes(message, `Cannot resume from ${file}: expected`);
      assertStringIncludes(message, "remove it to go on from the last finished seed");
    }
  }));

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { finishSeed } from "../../../lib/runs/folder/folder.ts";
import { type TrainState } from "../../../lib/runs/folder/train_state.ts";
import { type Experiment, loadExperiment } from "../../../lib/runs/experiment.ts";
import { loadRunData, writeRunData } from "../../../lib/runs/folder/run_data.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import { picture, writeFiles, writePictures } from "../../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const cacheDir = join(root, "cache");
const at = (path: string) => join(root, path);

/** Eight videos a class of two frames each below `name`, a manifest of them, and a run of one of the kinds of data. */
async function started(
  name: string,
  kind: "folders" | "manifest" | "data" = "folders",
): Promise<{ config: RunConfig; folder: string; experiment: Experiment }> {
  const { real, fake } = await writePictures(at(name), { videos: 8, seed: 1 });
  const inputs: Record<typeof kind, RunInput> = {
    folders: { real, fake },
    manifest: { manifest: at(`${name}/list.csv`) },
    data: { data: `data=${at(name)}` },
  };
  await writeManifest(name, 8);
  const config = resolveConfig({ ...inputs[kind], clip: "demo", out: at("runs"), run: `${name}-${kind}` });
  const experiment = await loadExperiment(config, { cacheDir });
  const folder = join(config.out, config.run!);
  await writeRunData(folder, experiment);
  return { config, folder, experiment };
}

async function writeManifest(name: string, videos: number): Promise<void> {
  const rows = ["real", "fake"].flatMap((kind, label) =>
    Array.from({ length: 2 * videos }, (_, i) => {
      const video = `${kind[0]}${Math.floor(i / 2)}`;
      return `${kind}/${video}/${i % 2}.png,${label},${kind}/${video}`;
    })
  );
  await writeFiles(at(name), { "list.csv": `path,label,video\n${rows.join("\n")}\n` });
}

/** The folders have more videos, so that dealing would give other parts. */
async function grow(name: string): Promise<void> {
  await writePictures(at(name), { videos: 14, seed: 1 });
  await writeManifest(name, 14);
}

for (const kind of ["folders", "manifest", "data"] as const) {
  Deno.test(`loadRunData() gives the images and the split that a run began with after its ${kind} has grown`, async () => {
    const name = `grown-${kind}`;
    const { config, folder, experiment } = await started(name, kind);
    await grow(name);
    const again = await loadRunData(config, { folder, cacheDir });
    assertEquals(again, { ...experiment, skipped: [] });
    const dealt = await loadExperiment(config, { cacheDir });
    const before = new Set([...experiment.train, ...experiment.val].map(({ path }) => path));
    // What the run's own split is for: dealt anew, what was trained on is tested on.
    assert(dealt.tests[0].samples.some(({ path }) => before.has(path)));
    await assertRejects(
      () => writeRunData(folder, dealt),
      InputError,
      "expected the images that it was trained on",
    );
  });
}

Deno.test("loadRunData() names files that are gone or changed, and takes --root OLD=NEW; for a test only test files count", async () => {
  const { config, folder, experiment } = await started("moved");
  const [trained] = experiment.train;
  const [tested] = experiment.tests[0].samples;
  await Deno.remove(trained.path);
  await assertRejects(
    () => loadRunData(config, { folder, cacheDir }),
    InputError,
    `expected its 32 files as they were but found 1 gone (${trained.path}); put them back, or where they have moved, say --root OLD=NEW`,
  );
  assertEquals((await loadRunData(config, { folder, cacheDir, tests: true })).tests, experiment.tests);
  // Of the same size and with the same time of change it would be another file only by its bytes, which are not read again.
  await Deno.writeFile(tested.path, await picture(true, { seed: 99 }));
  await Deno.utime(tested.path, new Date(0), new Date(0));
  await assertRejects(
    () => loadRunData(config, { folder, cacheDir, tests: true }),
    InputError,
    `found 1 changed (${tested.path}); put them back, or name other sets`,
  );

  const other = await started("elsewhere");
  await Deno.rename(at("elsewhere"), at("elsewhere-now"));
  await assertRejects(
    () => loadRunData(other.config, { folder: other.folder, cacheDir }),
    InputError,
    "found 32 gone (",
  );
  const mapped = await loadRunData(other.config, {
    folder: other.folder,
    cacheDir,
    root: `${at("elsewhere")}=${at("elsewhere-now")}`,
  });
  assertEquals(mapped.digest, other.experiment.digest);
  assertEquals(
    mapped.train.map(({ path }) => path),
    other.experiment.train.map(({ path }) => path.replace("/elsewhere/", "/elsewhere-now/")),
  );
});

Deno.test("loadRunData() refuses a data.jsonl that was changed, cut or emptied", async () => {
  const { config, folder } = await started("damaged");
  const file = join(folder, "data.jsonl");
  const text = await Deno.readTextFile(file);
  const lines = text.split("\n");
  assertEquals(lines.length, 1 + 32 + 1 + 1); // the whole, the images, the checksum, the line feed after it
  for (
    const [content, found] of [
      [text.replace('"train",0', '"train",1'), "content of another checksum"],
      [lines.filter((_, i) => i !== 5).join("\n"), "content of another checksum"],
      [lines.slice(0, -2).join("\n"), "a file that is cut short"],
      [text.slice(0, text.length / 2), "a line that is not JSON"],
      ["", "an empty file"],
      [text.replace('"version":1', '"version":9'), "version 9"],
    ]
  ) {
    await Deno.writeTextFile(file, content);
    await assertRejects(
      () => loadRunData(config, { folder, cacheDir }),
      InputError,
      `Cannot read ${file}: expected the images of a run but found ${found}`,
    );
  }
});

Deno.test("loadRunData() deals an older run anew only where its digest proves the same parts", async () => {
  const { config, folder, experiment } = await started("older");
  await Deno.remove(join(folder, "data.jsonl"));
  const none = await assertRejects(() => loadRunData(config, { folder, cacheDir, tests: true }), InputError);
  assertStringIncludes(none.message, "expected data.jsonl in it but found none; name the sets to test on");
  const state: TrainState = {
    ...{ version: 1, run: 1, epoch: 1, step: 0, lossSum: 0, seconds: 0, history: [], best: null, done: true },
    digest: experiment.digest,
  };
  await finishSeed(folder, state);
  assertEquals((await loadRunData(config, { folder, cacheDir, tests: true })).tests, experiment.tests);
  await grow("older");
  await assertRejects(
    () => loadRunData(config, { folder, cacheDir, tests: true }),
    InputError,
    "expected the images that it was trained on, in the same splits, but found others",
  );
});

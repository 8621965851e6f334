import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { commandLine, smallRun } from "./command_line.ts";
import { writeOddPictures, writePictures } from "./folders.ts";

const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const small = [...smallRun, "--jpeg-qualities", "50", "--cache-folder", join(root, "tokens")];

const cli = (
  args: readonly string[],
  options: { readonly interruptAt?: RegExp; readonly signal?: Deno.Signal } = {},
) => commandLine(args, { cache: join(root, "cache"), ...options });

Deno.test("train goes through folders with every oddity, names what it skips and why, and writes its results", async () => {
  await writeOddPictures(join(root, "odd"));
  const at = (name: string) => join(root, "odd", name);
  const { code, out, err } = await cli([
    ...["train", "--real", at("real"), "--fake", at("fäke 假"), "--test-real", at("test real")],
    ...[
      "--test-fake",
      at("test fake"),
      "--epochs",
      "1",
      "--out",
      join(root, "ck"),
      "--run",
      "odd",
      "--pth",
      ...small,
    ],
  ]);
  assertEquals([code, err], [0, ""]);
  for (const folder of ["real", "fäke 假", "test real", "test fake"]) {
    assertStringIncludes(out, `Skipped ${at(folder)}/notes.txt: not an image's suffix`);
    assertStringIncludes(out, `Skipped ${at(folder)}/empty.png: empty file`);
    assertMatch(out, new RegExp(`Skipped ${at(folder)}/cut short.jpg: expected .* truncated`));
  }
  assertStringIncludes(out, "Backend: ");
  assertMatch(out, /Epoch 1: loss \d\.\d+, validation AUC \d\.\d+/);
  assertMatch(out, /data test, jpeg-50/);
  assert(!out.includes("DEMO"), "own data is called DEMO");
  const files = [...Deno.readDirSync(join(root, "ck", "odd"))].map(({ name }) => name).sort();
  assertEquals(files, [
    ...["MODEL_CARD.md", "config.json", "data.jsonl", "history.csv", "metrics.json", "model.pth"],
    ...[
      "model.safetensors",
      "numerics.json",
      "predictions.csv",
      "probe.safetensors",
      "report.html",
      "results.csv",
      "state.json",
    ],
    "tensorboard",
  ]);
});

Deno.test("a place for results that takes no files is refused before any work, and --out of evaluate is where they go", async () => {
  const other = await writePictures(join(root, "elsewhere"), { videos: 2, seed: 5 });
  const folder = join(root, "ck", "odd");
  const test = ["--test", `other=${other.real},${other.fake}`];
  const closed = join(root, "closed");
  await Deno.writeTextFile(closed, "");
  for (
    const args of [["train", ...small], ["evaluate", folder], [
      "evaluate",
      join(folder, "model.pth"),
      ...test,
    ]]
  ) {
    const { code, out, err } = await cli([...args, "--out", join(closed, "x")]);
    assertEquals([code, out], [2, args[0] === "train" ? out : ""]);
    assert(!out.includes("Backend"), out);
    assertStringIncludes(err, `Cannot write to ${join(closed, "x")}`);
  }
  const before = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  for (const weights of [folder, join(folder, "model.pth")]) {
    const into = join(root, "results", weights.endsWith(".pth") ? "file" : "run");
    const { code, out, err } = await cli(["evaluate", weights, ...test, "--out", into]);
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `Report: ${join(into, "report.html")}`);
    assert((await Deno.stat(join(into, "metrics.json"))).isFile);
  }
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), before);
  const { code, err } = await cli([
    "evaluate",
    join(folder, "model.pth"),
    "--out",
    folder,
    "--heads",
    "4",
    ...test,
  ]);
  assertEquals(code, 2);
  assertStringIncludes(
    err,
    "expected --heads 8, which it was trained with, but found --heads 4; leave --heads out",
  );
});

Deno.test("evaluate tests a run again on its own data, beside its report, and deals nothing otherwise", async () => {
  const folder = join(root, "ck", "odd");
  const report = await Deno.readTextFile(join(folder, "metrics.json"));
  const again = await cli(["evaluate", folder]);
  assertEquals([again.code, again.err], [0, ""]);
  assertMatch(again.out, /Data: the images and the split that .*odd was trained with/);
  assertMatch(again.out, /Report: .*odd\/evaluation-[\d-]+\/report\.html/);
  const warnings = again.out.split("\n").filter((line) => line.startsWith("Warning: "));
  assertEquals(new Set(warnings).size, warnings.length);
  assertStringIncludes(again.out, `Warnings: ${warnings.length}, said above and in the report`);
  assertEquals(await Deno.readTextFile(join(folder, "metrics.json")), report);
  const dealt = await cli(["evaluate", folder, "--val-share", "0.4"]);
  assertEquals(dealt.code, 2);
  assertStringIncludes(
    dealt.err,
    "expected its own data, split as they were, or test sets named with --test",
  );
});

Deno.test("evaluate tests a run's weights on another set, and a file of weights alone", async () => {
  const other = await writePictures(join(root, "other"), { videos: 2, seed: 5 });
  const folder = join(root, "ck", "odd");
  const named = await cli(["evaluate", folder, "--test", `other=${other.real},${other.fake}`]);
  assertEquals([named.code, named.err], [0, ""]);
  assertMatch(named.out, /other test +cross +video +2 +2[^\n]*\nother test +cross +frame +4 +4/);
  assert(!named.out.includes("data test"));
  const file = await cli([
    "evaluate",
    join(folder, "model.pth"),
    "--test",
    `other=${other.real},${other.fake}`,
  ]);
  assertEquals([file.code, file.err], [0, ""]);
  const row = /other test +cross.*/;
  assertEquals(row.exec(file.out)?.[0], row.exec(named.out)?.[0]);
  const beside = join(root, "ck", "beside");
  await Deno.mkdir(beside);
  await Deno.copyFile(join(folder, "model.safetensors"), join(beside, "model.safetensors"));
  await Deno.writeTextFile(join(beside, "config.json"), '{"epochs": ');
  const set = `other=${other.real},${other.fake}`;
  const without = await cli(["evaluate", join(beside, "model.safetensors"), "--test", set]);
  assertEquals([without.code, without.err], [0, ""]);
  assertStringIncludes(
    without.out,
    `Warning: the run's configuration is not used: Cannot read ${join(beside, "config.json")}: expected `,
  );
  assertEquals(row.exec(without.out)?.[0], row.exec(named.out)?.[0]);
});

Deno.test("evaluate refuses a set with images that the run was trained with, or says it", async () => {
  const folder = join(root, "ck", "odd");
  const copies = join(root, "copies");
  const other = await writePictures(copies, { videos: 2, seed: 7 });
  await Deno.copyFile(join(root, "odd", "real", "im âge 0.png"), join(other.real, "r0", "another name.png"));
  const args = ["evaluate", folder, "--test", `copied=${other.real},${other.fake}`];
  for (const checkpoint of [folder, join(folder, "model.pth")]) {
    const { code, err } = await cli([args[0], checkpoint, ...args.slice(2)]);
    assertEquals(code, 2);
    assertMatch(
      err,
      /^Cannot use the data: expected nothing in two splits but found 1 file twice \(the run's (train|val): .*im âge 0\.png and copied test: .*another name\.png\); --allow-leak goes on/,
    );
  }
  const allowed = await cli([...args, "--allow-leak"]);
  assertEquals([allowed.code, allowed.err], [0, ""]);
  assertMatch(allowed.out, /Warning: LEAK, allowed by --allow-leak: 1 file twice \(the run's/);
});

Deno.test("train interrupted by Ctrl-C says how to go on, and --resume ends with the numbers of a run that was not", async () => {
  const { real, fake } = await writePictures(join(root, "stop"), { videos: 8 });
  const common = ["--epochs", "12", "--out", join(root, "stopped"), ...small, "--real", real, "--fake", fake];
  assertEquals((await cli(["train", ...common, "--run", "whole"])).code, 0);
  const stopped = await cli(["train", ...common, "--run", "part"], { interruptAt: /Epoch 2: / });
  assertEquals(stopped.code, 130);
  assertStringIncludes(stopped.err, "Interrupted. To go on: deno task train --resume --run part --out ");
  assertStringIncludes(
    (await cli(["train", "--resume", "--out", join(root, "stopped"), "--epochs", "3"])).err,
    "found epochs",
  );
  const resumed = await cli(["train", "--resume", "--out", join(root, "stopped")]);
  assertEquals([resumed.code, resumed.err], [0, ""]);
  assertMatch(resumed.out, /Going on with .*part from epoch \d+, step \d+/);
  const scores = (run: string) => Deno.readTextFileSync(join(root, "stopped", run, "predictions.csv"));
  assertEquals(scores("part"), scores("whole"));
});

Deno.test("train ends at SIGTERM and SIGHUP as at Ctrl-C, with their exit codes", async () => {
  const { real, fake } = await writePictures(join(root, "signals"), { videos: 8 });
  for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const flags = ["--real", real, "--fake", fake, "--epochs", "50", "--out", join(root, "signalled")];
    const stopped = await cli(["train", ...flags, ...small, "--run", signal], {
      interruptAt: /Epoch 2: /,
      signal,
    });
    assertEquals(stopped.code, code);
    assertStringIncludes(stopped.err, `Interrupted. To go on: deno task train --resume --run ${signal}`);
  }
});

Deno.test("train interrupted while it tests exits as when it trains, and --resume with another backend tests to the end", async () => {
  const { real, fake } = await writePictures(join(root, "late"), { videos: 8 });
  const qualities = Array.from({ length: 60 }, (_, i) => i + 40).join();
  const out = join(root, "late-runs");
  const stopped = await cli([
    ...["train", ...small, "--real", real, "--fake", fake, "--epochs", "1", "--out", out, "--run", "late"],
    ...["--jpeg-qualities", qualities],
  ], { interruptAt: /Trained: / });
  assertEquals(stopped.code, 130, stopped.err);
  assertStringIncludes(stopped.err, "Interrupted. To go on: deno task train --resume --run late");
  const resumed = await cli(["train", "--resume", "--run", "late", "--out", out, "--backend", "wasm"]);
  assertEquals([resumed.code, resumed.err], [0, ""]);
  assertStringIncludes(resumed.out, "Backend: wasm");
});

Deno.test("bad input gives one line, with what to do, and exit code 2; a failure exits with 1", async () => {
  const { real, fake } = await writePictures(join(root, "bad"), { videos: 3 });
  await Deno.writeTextFile(join(root, "bad.json"), '{"epohcs": 3}');
  const own = ["train", "--real", real, "--fake"];
  const cases: [string[], number, string][] = [
    [[...own, join(root, "none")], 2, "expected a folder of images but found nothing there"],
    [[...own, real], 2, "expected different folders for real and fake"],
    [["train", "--epoch", "3"], 2, "Did you mean --epochs?"],
    [["trian"], 2, "Did you mean train?"],
    [["train", "--config", join(root, "bad.json")], 2, 'did you mean "epochs"?'],
    [["train", "--resume", "--out", join(root, "empty")], 2, "start one with train"],
    [["evaluate", join(root, "none")], 2, "found nothing there"],
    [["evaluate", root, "--run", "ev", "--out", "results"], 2, "give --out results/ev"],
    [[...own, fake, "--clip-weights", join(root, "none.pt")], 2, "expected a file but found none"],
    [[...own, fake, "--out", join(root, "bad.json")], 2, "name another with --out"],
    [
      ["demo-data", "--root", "/dev/null/x"],
      2,
      "Cannot write to /dev/null/x: expected a folder that takes files",
    ],
    [
      ["inspect", "--quick", "--real", real, "--fake", fake, "--chart", "/proc/none/x.json"],
      1,
      "Cannot save /proc/none/x.json",
    ],
  ];
  for (const [args, code, message] of cases) {
    const result = await cli(args);
    assertEquals(result.code, code, `${args.join(" ")}: ${result.err}`);
    assertStringIncludes(result.err, message);
    assertEquals(result.err.trimEnd().split("\n").length, 1, result.err);
  }
});

Deno.test("cache shows and prunes the tokens that are kept", async () => {
  const folder = join(root, "kept");
  const { code, out } = await cli(["cache", "--cache-folder", folder]);
  assertEquals(code, 0);
  assertStringIncludes(out, `0.0 MB in ${folder}`);
  const pruned = await cli(["cache", "prune", "--cache-folder", folder]);
  assertStringIncludes(pruned.out, "Removed 0.0 MB");
  const wrong = await cli(["cache", "prune", "--to", "much", "--cache-folder", folder]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, 'expected a number but found "much"');
  const shown = await cli(["cache", "--to", "1", "--cache-folder", folder]);
  assertEquals(shown.code, 2);
  assertStringIncludes(shown.err, "expected no --to but found one");
});

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { smallRun } from "../../command_line.ts";
import { writePictures } from "../../folders.ts";

// cluster/slurm/task.sh outside Slurm: what it runs, and that a signal ends the command once, saved.

const repository = join(import.meta.dirname!, "../../..");
const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** Runs the script; `toAll` sends the signal to all of its processes, as scancel does, and not to it alone. */
async function task(
  args: readonly string[],
  options: { readonly cwd?: string; readonly stopAt?: RegExp; readonly toAll?: boolean } = {},
): Promise<{ code: number; said: string }> {
  const { cwd = repository, toAll } = options;
  let { stopAt } = options;
  const child = new Deno.Command("bash", {
    args: ["-c", 'exec "$0" "$@" 2>&1', join(repository, "cluster/slurm/task.sh"), ...args],
    cwd,
    env: {
      DENO: Deno.execPath(),
      NO_COLOR: "1",
      FORGELENS_DATA_CACHE: join(root, "cache"),
      SLURM_JOB_ID: "",
    },
    stdout: "piped",
    detached: true, // a process group of its own
  }).spawn();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (!stopAt?.test(said)) continue;
    stopAt = undefined;
    Deno.kill(toAll ? -child.pid : child.pid, "SIGTERM");
  }
  return { code: (await child.status).code, said };
}

Deno.test("task.sh runs a command by its task's words, and keeps its exit code", async () => {
  const help = await task(["help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.said, "deno task train");
  assertMatch(help.said, /^\[task\] \S+ help begins on \S+, job none, restarts 0\n/);
  assertMatch(help.said, /\n\[task\] \S+ help ended with exit code 0\n$/);
  const bad = await task(["encode", "--shard", "3/2"]);
  assertEquals(bad.code, 2);
  assertMatch(bad.said, /found 3\/2\n\[task\] \S+ encode ended with exit code 2\n$/);
});

Deno.test("task.sh refuses what is no command, and a folder without the bench", async () => {
  assertEquals(await task(["trian"]), {
    code: 2,
    said: "Cannot run the task: expected a command of the bench but found trian\n",
  });
  const elsewhere = await task(["train"], { cwd: root });
  assertEquals(elsewhere.code, 2);
  assertStringIncludes(elsewhere.said, `expected the bench's repository but found ${root}`);
});

Deno.test("task.sh passes a signal on that it alone was sent, not one that all were sent, and train goes on by itself", async () => {
  const { real, fake } = await writePictures(join(root, "pictures"), { videos: 8 });
  const train = [
    ...["train", "--real", real, "--fake", fake, "--epochs", "40", "--out", join(root, "runs"), "--run", "a"],
    ...[...smallRun, "--jpeg-qualities", "none", "--cache-folder", join(root, "tokens")],
  ];
  for (const toAll of [false, true]) {
    const stopped = await task(train, { stopAt: toAll ? /Going on with / : /Epoch 2: /, toAll });
    assertEquals(stopped.code, 143, stopped.said);
    assertMatch(stopped.said, /Interrupted\. To go on: .*\n\[task\] \S+ train ended with exit code 143\n$/);
  }
  const { code, said } = await task(train);
  assertEquals(code, 0, said);
  assertMatch(said, /Going on with .* from epoch \d/);
  assertMatch(said, /\nEpoch 40: /);
});

Deno.test("train --start-or-resume asks for the run's name", async () => {
  const { code, said } = await task(["train"]);
  assertEquals(code, 2);
  assertStringIncludes(said, "Cannot start or resume a run: expected its name but found none");
});

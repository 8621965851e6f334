import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TENSORFLOW_VERSION } from "../../lib/backend/build_tensorflow.ts";
import { describeSetup, placeAddon, setup, withLock } from "../../lib/backend/setup.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Runs the real `lib/backend/setup.ts` with an environment of its own. */
async function runSetup(
  env: { [name: string]: string },
): Promise<{ code: number; out: string; err: string }> {
  const args = ["run", "-A", "lib/backend/setup.ts", "--variant", "cpu"];
  const settings = { HOME: env.XDG_CACHE_HOME, DENO_DIR: await denoDir(), NO_COLOR: "1", ...env };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    clearEnv: true,
    env: settings,
  }).output();
  return { code, out: new TextDecoder().decode(stdout).trim(), err: new TextDecoder().decode(stderr).trim() };
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: root })
    .output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** Every file below a folder (none if it is missing), relative to it; the empty lock files, kept on purpose, left out. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? filesBelow(join(folder, entry.name)).map((name) => `${entry.name}/${name}`)
      : entry.name.endsWith(".lock")
      ? []
      : [entry.name]
  );
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether a command is on this machine. */
async function has(command: string, args: string[]): Promise<boolean> {
  const child = new Deno.Command(command, { args, stdout: "null", stderr: "null" });
  return await child.output().then((done) => done.success, () => false);
}

const hasTools = Deno.build.os === "linux" && await has("python3", ["-m", "pip", "--version"]) &&
  await has("g++", ["--version"]);

Deno.test({
  name: "setup says what to install when there is neither pip nor a compiler, and succeeds",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const { code, out, err } = await runSetup({ PATH: join(folder, "empty"), XDG_CACHE_HOME: folder });
      assertEquals(code, 0, err);
      assertEquals(out.split("\n").length, 1);
      assertStringIncludes(out, "pip and a C++ compiler not found");
      assertStringIncludes(out, "WebAssembly");
      assertStringIncludes(out, "apt install python3-pip g++");
      assertEquals(filesBelow(join(folder, "forgelens-bench")), []);
    }),
});

Deno.test({
  name: "setup says that the package index cannot be reached, and leaves nothing half-made",
  ignore: !hasTools,
  fn: () =>
    withFolder(async (folder) => {
      const offline = {
        PIP_CONFIG_FILE: "/dev/null",
        PIP_INDEX_URL: "http://127.0.0.1:9/simple", // the discard port, where nothing listens
        PIP_NO_CACHE_DIR: "1",
      };
      const path = Deno.env.get("PATH")!;
      const { code, out, err } = await runSetup({ PATH: path, XDG_CACHE_HOME: folder, ...offline });
      assertEquals(code, 0, err);
      assertStringIncludes(out, `pip could not install tensorflow`);
      assertStringIncludes(out, "the package index cannot be reached");
      assertEquals(filesBelow(join(folder, "forgelens-bench")), []);
    }),
});

Deno.test({
  name: "setup does not trust a cache whose library was cut short",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const name = `tensorflow-${TENSORFLOW_VERSION}-cpu-${Deno.build.arch}`;
      const home = join(folder, "forgelens-bench", name);
      await Deno.mkdir(home, { recursive: true });
      await Deno.writeTextFile(join(home, "tfjs_binding.node"), "half");
      const record = { version: TENSORFLOW_VERSION, gpu: false, gflops: 1, tfjs: "4.22.0" };
      const sizes = { "tfjs_binding.node": 100_000 };
      await Deno.writeTextFile(join(home, "setup.json"), JSON.stringify({ ...record, sizes }));
      const { out } = await runSetup({ PATH: join(folder, "empty"), XDG_CACHE_HOME: folder });
      assertStringIncludes(out, "TensorFlow is not set up");
    }),
});

const first = await setup();

Deno.test("setup() finds everything in place the second time", { ignore: !first.ok }, async () => {
  const second = await setup();
  assert(first.ok && second.ok);
  assertEquals(second.measuredNow, false);
  assertEquals(second.addon, first.addon);
  assert(second.addon.startsWith(root), "the addon belongs in this checkout");
});

Deno.test("setup() says the same the second time where it cannot", { ignore: first.ok }, async () => {
  assertEquals(await setup(), first);
});

Deno.test("placeAddon() never writes into a file that is linked from elsewhere", () =>
  withFolder(async (folder) => {
    const source = join(folder, "new.node");
    const shared = join(folder, "shared.node");
    await Deno.writeTextFile(source, "new");
    await Deno.writeTextFile(shared, "old");
    await Deno.mkdir(join(folder, "lib/napi-v8"), { recursive: true });
    await Deno.link(shared, join(folder, "lib/napi-v8/tfjs_binding.node"));
    const placed = await placeAddon(source, folder);
    assertEquals(await Deno.readTextFile(placed), "new");
    assertEquals(await Deno.readTextFile(shared), "old");
    assertEquals(filesBelow(join(folder, "lib")), ["napi-v8/tfjs_binding.node"]);
    const { ino } = await Deno.stat(placed);
    await placeAddon(source, folder);
    assertEquals((await Deno.stat(placed)).ino, ino, "an addon that is right already is left alone");
  }));

/** A process that takes the lock, says so, appends `start`, waits, appends `end`. */
function lockHolder(folder: string, milliseconds: number): Deno.ChildProcess {
  const code = `
    import { withLock } from ${JSON.stringify(new URL("../../lib/backend/setup.ts", import.meta.url).href)};
    const note = (word) => Deno.writeTextFileSync(${
    JSON.stringify(join(folder, "notes"))
  }, word + "\\n", { append: true });
    await withLock(${JSON.stringify(join(folder, "lock"))}, async () => {
      note("start");
      console.log("held");
      await new Promise((done) => setTimeout(done, ${milliseconds}));
      note("end");
    });`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    cwd: root,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("withLock() keeps two processes apart", () =>
  withFolder(async (folder) => {
    const holders = [lockHolder(folder, 300), lockHolder(folder, 300), lockHolder(folder, 300)];
    for (const holder of holders) assertEquals((await holder.output()).code, 0);
    const notes = await Deno.readTextFile(join(folder, "notes"));
    assertEquals(notes, "start\nend\n".repeat(3));
  }));

Deno.test("withLock() is not blocked by a process that was killed while it held the lock", () =>
  withFolder(async (folder) => {
    const holder = lockHolder(folder, 600_000);
    const reader = holder.stdout.getReader();
    assertStringIncludes(new TextDecoder().decode((await reader.read()).value), "held");
    await reader.cancel();
    holder.kill("SIGKILL");
    assertNotEquals((await holder.status).code, 0);
    assertEquals(await withLock(join(folder, "lock"), () => Promise.resolve("mine")), "mine");
  }));

Deno.test("describeSetup() names the version, the device and the rate, and a GPU that is not used", () => {
  const result = {
    ok: true,
    version: "2.21.0",
    variant: "cuda",
    gpu: false,
    gflops: 354.6,
    measuredNow: true,
    addon: "",
    libraries: "",
  } as const;
  const threads = navigator.hardwareConcurrency;
  assertEquals(
    describeSetup({ ...result, variant: "cpu" }),
    `TensorFlow 2.21.0 on CPU (${threads} threads), 355 GFLOP/s float32 matmul`,
  );
  assertStringIncludes(describeSetup(result), "because CUDA did not load");
  assertStringIncludes(describeSetup({ ...result, gpu: true }), "on GPU, 355");
});

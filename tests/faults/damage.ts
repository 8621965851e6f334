/**
 * Whatever file of a run or a cache is damaged, what comes next either names it and stops, or ends with the same numbers.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { inParallel } from "../../lib/base/pool.ts";
import type { Check } from "./check.ts";
import {
  command,
  differences,
  type Ended,
  type Faults,
  filesBelow,
  goOn,
  openWorld,
  train,
  type World,
} from "./world.ts";

type Damage = {
  readonly name: string;
  readonly of: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
};

const flipped = (share: number): Damage => ({
  name: `a bit at ${100 * share} % changed`,
  of: (bytes) => bytes.map((byte, i) => i === Math.floor(share * (bytes.length - 1)) ? byte ^ 1 : byte),
});

const damages: readonly Damage[] = [
  ...[0, 0.02, 0.5, 0.97].map(flipped),
  { name: "cut in half", of: (bytes) => bytes.slice(0, bytes.length >> 1) },
  { name: "emptied", of: () => new Uint8Array() },
];

/** Damages each file in each way: of a finished run, of one that was stopped, and of the caches. */
export async function damage(faults: Faults, check: Check): Promise<void> {
  const finished = await openWorld(faults, "finished");
  await train(faults, finished);
  const stopped = await openWorld(faults, "stopped");
  await stopAtCheckpoint(faults, stopped);
  const again = (world: World) => train(faults, world, { run: "again" });
  const evaluate = (world: World) => command(["evaluate", join(world.out, "run")], { world });
  const resume = (world: World) => goOn(faults, world);
  const caches = (await filesBelow(finished.cache)).map((name) => join("cache", name));
  const runFiles = ["config.json", "state.json", "model.safetensors"].map((name) => join("out/run", name));
  const jobs = [
    ...caches.map((file) => ({ from: finished, file, next: again, run: "again" })),
    ...runFiles.map((file) => ({ from: finished, file, next: evaluate, run: "run" })),
    ...["config.json", "resume.safetensors", "model.safetensors"].map((name) => ({
      from: stopped,
      file: join("out/run", name),
      next: resume,
      run: "run",
    })),
  ].flatMap((job) => damages.map((each) => ({ ...job, damage: each })));
  await inParallel(jobs, async ({ from, file, next, run, damage }, i) => {
    const what = `${file.replaceAll(/[0-9a-f]{16,}/g, "…")} of a ${
      from === stopped ? "stopped" : "finished"
    } run`;
    await check(`${what}, ${damage.name}`, async () => {
      const world = await openWorld(faults, `damage-${i}`);
      for (const name of await filesBelow(from.root)) {
        if (name.startsWith("tmp/")) continue;
        await Deno.mkdir(dirname(join(world.root, name)), { recursive: true });
        await Deno.copyFile(join(from.root, name), join(world.root, name));
      }
      const path = join(world.root, file);
      await Deno.writeFile(path, damage.of(await Deno.readFile(path)));
      const wrong = await judge(faults, { world, ended: await next(world), path, run });
      await check.clean(world);
      return wrong;
    });
  }, { workers: 2 });
}

/** Leaves the run as it is after its third checkpoint, which is of the second seed. */
async function stopAtCheckpoint(faults: Faults, world: World): Promise<void> {
  const list = join(faults.root, "stopped.txt");
  const counting = await openWorld(faults, "count-for-stop");
  await train(faults, counting, { env: { FAULTS_COUNT: list } });
  const operations = (await Deno.readTextFile(list)).trimEnd().split("\n");
  const renames = operations.flatMap((line, i) => /^rename .*resume\.safetensors/.test(line) ? [i + 1] : []);
  await train(faults, world, { env: { FAULTS_KILL_AT: `${renames[2] + 1}` } });
}

async function judge(
  faults: Faults,
  options: { readonly world: World; readonly ended: Ended; readonly path: string; readonly run: string },
): Promise<string[]> {
  const { world, ended: { code, signal, err }, path, run } = options;
  if (code === 0) return await differences(faults, world, run);
  if (code !== 1 && code !== 2) return [`exit code ${code}, signal ${signal}: ${err}`];
  const lines = err.trimEnd().split("\n");
  return lines.length === 1 && lines[0].includes(path)
    ? []
    : [`exit code ${code}, and said ${JSON.stringify(err)}`];
}

/**
 * Whatever file of a run or a cache is damaged, what comes next either names it and stops, or ends with the same numbers.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Section } from "./trials.ts";
import {
  closeWorld,
  command,
  differences,
  type Ended,
  type Faults,
  filesBelow,
  goOn,
  openWorld,
  stopAt,
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

/** What a run writes for people alone and never reads again. */
const results = /^(predictions\.csv|history\.csv|report\.html|metrics\.json|\.owner\.lock)$/;

/** Damages each file in each way: of a finished run, of one that was stopped, and of the caches. */
export async function damage(faults: Faults): Promise<Section> {
  const finished = faults.whole;
  const stopped = await openWorld(faults, "stopped");
  // The third checkpoint is of the second seed.
  await stopAt(faults, stopped, { pattern: /^rename .*resume\.safetensors/, count: 3 });
  const again = (world: World) => train(faults, world, { run: "again" });
  const evaluate = (world: World) => command(["evaluate", join(world.out, "run")], { world });
  const resume = (world: World) => goOn(faults, world);
  const cached = (await filesBelow(finished.cache)).map((name) => join("cache", name));
  const inRun = async (world: World) =>
    (await filesBelow(join(world.out, "run"))).filter((name) => !results.test(name)).map((name) =>
      join("out/run", name)
    );
  const places = [
    ...cached.map((file) => ({ from: finished, file, next: again, run: "again" })),
    ...(await inRun(finished)).map((file) => ({ from: finished, file, next: evaluate, run: "run" })),
    ...(await inRun(stopped)).map((file) => ({ from: stopped, file, next: resume, run: "run" })),
  ];
  const points = places.flatMap((place) => damages.map((each) => ({ ...place, damage: each })));
  return {
    trials: points.map(({ from, file, next, run, damage }, i) => ({
      name: `${file.replaceAll(/[0-9a-f]{16,}/g, "…")} of a ${
        from === stopped ? "stopped" : "finished"
      } run, ${damage.name}`,
      run: async () => {
        const world = await openWorld(faults, `damage-${i}`);
        for (const name of await filesBelow(from.root)) {
          if (name.startsWith("tmp/")) continue;
          await Deno.mkdir(dirname(join(world.root, name)), { recursive: true });
          await Deno.copyFile(join(from.root, name), join(world.root, name));
        }
        const path = join(world.root, file);
        await Deno.writeFile(path, damage.of(await Deno.readFile(path)));
        const wrong = await judge(faults, { world, ended: await next(world), path, run });
        await closeWorld(world);
        return wrong;
      },
    })),
  };
}

async function judge(
  faults: Faults,
  options: { readonly world: World; readonly ended: Ended; readonly path: string; readonly run: string },
): Promise<string[]> {
  const { world, ended, path, run } = options;
  const { code, signal, err } = ended;
  if (code === 0) return await differences(faults, world, { ended, run });
  if (code !== 1 && code !== 2) return [`exit code ${code}, signal ${signal}: ${err}`];
  const lines = err.trimEnd().split("\n");
  return lines.length === 1 && lines[0].includes(path)
    ? []
    : [`exit code ${code}, and said ${JSON.stringify(err)}`];
}

/**
 * A run on a disk that is too small ends with one line that names the file, leaves no half of one, and goes on once there is
 * room; where only a cache is on that disk, it goes on without keeping.
 *
 * @module
 */
import { join } from "node:path";
import type { Section } from "./trials.ts";
import {
  age,
  closeWorld,
  differences,
  type Faults,
  filesBelow,
  goOn,
  leftovers,
  openWorld,
  train,
  type World,
} from "./world.ts";

/** Sizes in KiB, from where nothing fits to where nearly all does. */
const RUN_SIZES = [4, 64, 1024, 2048, 3072, 4096, 5120];
const CACHE_SIZES = [8, 512, 4096];

/** Each place on a disk of each size. */
export function fullDisks(faults: Faults): Section {
  const points = ([["out", RUN_SIZES], ["cache", CACHE_SIZES], ["tmp", [4]]] as const)
    .flatMap(([place, sizes]) => sizes.map((size) => ({ place, size })));
  return {
    trials: points.map(({ place, size }) => ({
      name: `${place} on a disk of ${size} KiB`,
      run: async () => {
        const world = await openWorld(faults, `disk-${place}-${size}`);
        const disk = world[place];
        const links = place === "cache" ? await linksIn(disk) : [];
        if (!(await mount(disk, size))) return ["only root can mount a small disk"];
        try {
          for (const [path, target] of links) {
            await Deno.mkdir(join(path, ".."), { recursive: true });
            await Deno.symlink(target, path);
          }
          return await runOn(faults, world, { place, size });
        } finally {
          await run("umount", "--lazy", disk);
          await closeWorld(world);
        }
      },
    })),
  };
}

/** Whether a small disk can be made here, which only root can. */
export async function canMount({ root }: Pick<Faults, "root">): Promise<boolean> {
  const disk = join(root, "disk");
  await Deno.mkdir(disk);
  return await mount(disk, 4) && await run("umount", disk);
}

async function runOn(
  faults: Faults,
  world: World,
  { place }: { readonly place: "out" | "cache" | "tmp"; readonly size: number },
): Promise<string[]> {
  const first = await train(faults, world);
  const wrong: string[] = [];
  if (first.code === 0) wrong.push(...await differences(faults, world, { ended: first }));
  else {
    if (place !== "out") wrong.push(`exit code ${first.code} for the want of a cache: ${first.err}`);
    if (![1, 2].includes(first.code)) wrong.push(`exit code ${first.code}, signal ${first.signal}`);
    const lines = first.err.trimEnd().split("\n");
    if (lines.length !== 1 || !lines[0].includes(world[place])) {
      wrong.push(`said ${JSON.stringify(first.err)}`);
    }
    for (const name of await filesBelow(world.out)) {
      const text = name.endsWith(".json") ? await Deno.readTextFile(join(world.out, name)) : "{}";
      try {
        JSON.parse(text);
      } catch {
        wrong.push(`half of ${name}`);
      }
    }
  }
  await run("mount", "-o", "remount,size=100m", world[place]);
  await age(world);
  if (first.code !== 0) {
    const second = await goOn(faults, world);
    if (second.code !== 0) wrong.push(`exit code ${second.code} with room: ${second.err}`);
    else wrong.push(...await differences(faults, world, { ended: second }));
  }
  return [...wrong, ...(await leftovers(world)).map((name) => `left ${name}`)];
}

async function linksIn(folder: string): Promise<[string, string][]> {
  const ours = join(folder, "forgelens-bench");
  const entries = await Array.fromAsync(Deno.readDir(ours));
  return await Promise.all(
    entries.filter(({ isSymlink }) => isSymlink).map(async ({ name }): Promise<[string, string]> => [
      join(ours, name),
      await Deno.readLink(join(ours, name)),
    ]),
  );
}

async function mount(folder: string, kibibytes: number): Promise<boolean> {
  return await run("mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "forgelens-faults", folder);
}

async function run(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

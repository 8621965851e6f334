/**
 * Caches that cannot be written to stop nothing; a run folder that cannot is named at once.
 *
 * @module
 */
import { join } from "node:path";
import type { Section } from "./trials.ts";
import { differences, type Faults, openWorld, train, type World } from "./world.ts";

/** Root may write anywhere unless it gives that right away. */
const unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

/** Takes the right to write from each folder in turn. */
export function readOnly(faults: Faults): Section {
  const before = Deno.uid() === 0 ? unprivileged : [];
  const caches = (filled: boolean) => ({
    name: `caches that are ${filled ? "full of what is needed" : "empty"} and read-only`,
    run: async () => {
      const world = await openWorld(faults, `read-only-${filled}`);
      if (filled) await train(faults, world, { run: "before" });
      await close(world.cache);
      const ended = await train(faults, world, { before });
      await open(world);
      if (ended.code !== 0) return [`exit code ${ended.code}: ${ended.err}`];
      const said = /not kept|cannot be kept|could not be kept/.test(ended.out);
      return [
        ...await differences(faults, world, { ended }),
        ...!filled && !said ? ["nothing was said"] : [],
      ];
    },
  });
  const runs = {
    name: "a folder of runs that is read-only",
    run: async () => {
      const world = await openWorld(faults, "read-only-out");
      await close(world.out);
      const { code, err } = await train(faults, world, { before });
      await open(world);
      return code === 2 && err.trimEnd().split("\n").length === 1 && err.includes(join(world.out, "run"))
        ? []
        : [`exit code ${code}: ${err}`];
    },
  };
  return { trials: [caches(false), caches(true), runs] };
}

/** Whether rights can be given up here, or need not be. */
export async function canDrop(): Promise<boolean> {
  if (Deno.uid() !== 0) return true;
  const [program, ...args] = [...unprivileged, "true"];
  return await new Deno.Command(program, { args, stderr: "null" }).output().then(
    ({ success }) => success,
    () => false,
  );
}

async function close(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await close(join(folder, name));
    else if (!(await Deno.lstat(join(folder, name))).isSymlink) await Deno.chmod(join(folder, name), 0o400);
  }
  await Deno.chmod(folder, 0o500);
}

async function open({ root }: World): Promise<void> {
  const visit = async (folder: string): Promise<void> => {
    await Deno.chmod(folder, 0o700);
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await visit(join(folder, name));
    }
  };
  await visit(root);
}

/**
 * Two processes at once that share caches and folders.
 *
 * @module
 */
import { join } from "node:path";
import type { Check } from "./check.ts";
import { command, differences, type Faults, filesBelow, leftovers, openWorld, train } from "./world.ts";

/** Two trainings, a training and a cache that is pruned all the time, and the demo data written twice. */
export async function together(faults: Faults, check: Check): Promise<void> {
  await check("two trainings that share all caches", async () => {
    const world = await openWorld(faults, "two");
    const ended = await Promise.all(["a", "b"].map((run) => train(faults, world, { run })));
    const failed = ended.filter(({ code }) => code !== 0).map(({ code, err }) => `exit code ${code}: ${err}`);
    if (failed.length > 0) return failed;
    const wrong = [...await differences(faults, world, "a"), ...await differences(faults, world, "b")];
    return [...wrong, ...await leftovers(world)];
  });
  await check("a training whose token cache is pruned all the time", async () => {
    const world = await openWorld(faults, "pruned");
    let training = true;
    let pruned = 0;
    const pruning = (async () => {
      while (training) {
        const { code, out, err } = await command(["cache", "prune"], { world });
        if (code !== 0) return [`cache prune: exit code ${code}: ${err}`];
        if (!out.startsWith("Removed 0.0 MB")) pruned++;
      }
      return [];
    })();
    const { code, err } = await train(faults, world);
    training = false;
    const wrong = await pruning;
    if (code !== 0) return [`exit code ${code}: ${err}`];
    return [...wrong, ...pruned === 0 ? ["nothing was pruned"] : [], ...await differences(faults, world)];
  });
  await check("the demo data written by two processes, beside what a killed one left", async () => {
    const world = await openWorld(faults, "demo");
    const root = join(world.root, "data/demo");
    const controller = new AbortController();
    const write = (signal?: AbortSignal) => command(["demo-data", "--root", root], { world, signal });
    const killed = write(controller.signal); // SIGTERM
    setTimeout(() => controller.abort(), 4000);
    const { code: stopped } = await killed;
    await Deno.mkdir(join(world.root, "data/.demo-0123/demo"), { recursive: true });
    const unfinished = join(world.root, "data/.demo-0123/unfinished");
    await Deno.writeTextFile(unfinished, "");
    await Deno.utime(unfinished, 0, 0);
    const ended = await Promise.all([write(), write()]);
    const said = ended.map(({ out }) => /SHA-256 (\w+)/.exec(out)?.[1]);
    const wrong = ended.filter(({ code }) => code !== 0).map(({ code, err }) => `exit code ${code}: ${err}`);
    if (stopped !== 143) wrong.push(`SIGTERM gave exit code ${stopped}`);
    if (said[0] === undefined || said[0] !== said[1]) wrong.push(`other data: ${said}`);
    const names = [...Deno.readDirSync(join(world.root, "data"))].map(({ name }) => name);
    if (names.join() !== "demo") wrong.push(`left ${names}`);
    const files = await filesBelow(root);
    if (files.some((name) => /unfinished|\\.tmp$/.test(name))) wrong.push("left temporary files");
    return wrong;
  });
}

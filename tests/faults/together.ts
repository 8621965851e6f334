/**
 * Two processes at once that share caches and folders.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Section, Trial } from "./trials.ts";
import {
  command,
  differences,
  type Ended,
  type Faults,
  filesBelow,
  goOn,
  leftovers,
  openWorld,
  stopAt,
  train,
  type World,
} from "./world.ts";

/** Two trainings, a training and a cache that is pruned all the time, two that want one run, and the demo data written twice. */
export function together(faults: Faults): Section {
  const trial = (name: string, body: (world: World) => Promise<string[]>): Trial => ({
    name,
    run: async () => await body(await openWorld(faults, name.replaceAll(/\W+/g, "-"))),
  });
  return {
    workers: 1,
    trials: [
      trial("two trainings that share all caches", (world) => twoTrainings(faults, world)),
      trial("a training whose token cache is pruned all the time", (world) => pruned(faults, world)),
      trial(
        "one run's name for two trainings",
        (world) => sameRun(faults, world, { first: train, second: train }),
      ),
      trial("one stopped run resumed twice", async (world) => {
        await stopHalfway(faults, world);
        return await sameRun(faults, world, { first: goOn, second: goOn });
      }),
      trial("one run without a report tested twice", async (world) => {
        await stopBeforeTests(faults, world);
        return await sameRun(faults, world, { first: evaluate, second: evaluate });
      }),
      trial("a run tested while it is trained", (world) => whileTraining(faults, world)),
      trial("one finished run tested twice", (world) => testedTwice(faults, world)),
      trial("the demo data written by two processes, beside what a killed one left", demoTwice),
    ],
  };
}

const evaluate = (_: Faults, world: World) => command(["evaluate", join(world.out, "run")], { world });

async function twoTrainings(faults: Faults, world: World): Promise<string[]> {
  const runs = ["a", "b"];
  const ended = await Promise.all(runs.map((run) => train(faults, world, { run })));
  const failed = ended.filter(({ code }) => code !== 0).map(({ code, err }) => `exit code ${code}: ${err}`);
  if (failed.length > 0) return failed;
  const wrong = await Promise.all(
    runs.map((run, i) => differences(faults, world, { run, ended: ended[i] })),
  );
  return [...wrong.flat(), ...await leftovers(world)];
}

async function pruned(faults: Faults, world: World): Promise<string[]> {
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
  const ended = await train(faults, world);
  training = false;
  const wrong = await pruning;
  if (ended.code !== 0) return [`exit code ${ended.code}: ${ended.err}`];
  return [
    ...wrong,
    ...pruned === 0 ? ["nothing was pruned"] : [],
    ...await differences(faults, world, { ended }),
  ];
}

type Use = (faults: Faults, world: World) => Promise<Ended>;

/**
 * Two that write to one run's folder at once: one ends with its numbers, and the other is told who has it; where it came only
 * after the first had ended, it ends with the same numbers beside them.
 */
async function sameRun(
  faults: Faults,
  world: World,
  { first, second }: { readonly first: Use; readonly second: Use },
): Promise<string[]> {
  const ended = await Promise.all([first(faults, world), second(faults, world)]);
  const done = ended.filter(({ code }) => code === 0);
  if (done.length === 0) return ended.map(({ code, err }) => `exit code ${code}: ${err}`);
  const wrong = await Promise.all(done.map((each) => differences(faults, world, { ended: each })));
  return [
    ...wrong.flat(),
    ...sameFolder(done),
    ...ended.filter(({ code }) => code !== 0).flatMap((each) => refusedBy(world, each)),
    ...await leftovers(world),
  ];
}

/** The folder that several wrote their results to; nothing where each had its own. */
function sameFolder(ended: readonly Ended[]): string[] {
  const folders = ended.map(({ out }) => /^Report: (.*)$/m.exec(out)?.[1]);
  return new Set(folders).size === ended.length ? [] : [`wrote to one folder: ${folders}`];
}

function refusedBy(world: World, { code, err }: Ended): string[] {
  const named = err.includes(join(world.out, "run")) &&
    /found one at work \(\w+, process \d+, since /.test(err);
  return code === 2 && named && err.trimEnd().split("\n").length === 1 ? [] : [`exit code ${code}: ${err}`];
}

async function whileTraining(faults: Faults, world: World): Promise<string[]> {
  let training = true;
  const trained = train(faults, world).finally(() => training = false);
  const wrong: string[] = [];
  let refused = 0;
  while (training) {
    const weights = await Deno.stat(join(world.out, "run/model.safetensors")).catch(() => undefined);
    if (!weights) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const ended = await evaluate(faults, world);
    if (ended.code === 0) wrong.push(...await differences(faults, world, { ended })); // training had just ended
    else {
      refused++;
      wrong.push(...refusedBy(world, ended));
    }
  }
  const ended = await trained;
  if (refused === 0) wrong.push("nothing was refused");
  return ended.code === 0
    ? [...wrong, ...await differences(faults, world, { ended })]
    : [...wrong, `exit code ${ended.code}: ${ended.err}`];
}

async function testedTwice(faults: Faults, world: World): Promise<string[]> {
  await train(faults, world);
  const ended = await Promise.all([evaluate(faults, world), evaluate(faults, world)]);
  const failed = ended.filter(({ code }) => code !== 0).map(({ code, err }) => `exit code ${code}: ${err}`);
  if (failed.length > 0) return failed;
  const wrong = await Promise.all(ended.map((each) => differences(faults, world, { ended: each })));
  return [...wrong.flat(), ...sameFolder(ended), ...await leftovers(world)];
}

/** Leaves the run as it is after its second checkpoint. */
async function stopHalfway(faults: Faults, world: World): Promise<void> {
  await stopAt(faults, world, { pattern: /^rename .*resume\.safetensors/, count: 2 });
}

/** Leaves the run trained, and without a report. */
async function stopBeforeTests(faults: Faults, world: World): Promise<void> {
  await stopAt(faults, world, { pattern: /predictions\.csv/, count: 1 });
}

async function demoTwice(world: World): Promise<string[]> {
  const root = join(world.root, "data/demo");
  const controller = new AbortController();
  const write = (signal?: AbortSignal) => command(["demo-data", "--root", root], { world, signal });
  const killed = write(controller.signal); // SIGTERM
  let over = false;
  killed.finally(() => over = true);
  const begun = async () =>
    (await filesBelow(dirname(root)).catch(() => [])).some((name) => /\.(png|jpg)$/.test(name));
  while (!over && !(await begun())) await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  const { code: stopped } = await killed;
  await Deno.mkdir(join(world.root, "data/.demo-0123/demo"), { recursive: true });
  const unfinished = join(world.root, "data/.demo-0123/unfinished");
  await Deno.writeTextFile(unfinished, "");
  await Deno.utime(unfinished, 0, 0);
  const written = await Promise.all([write(), write()]);
  const said = written.map(({ out }) => /SHA-256 (\w+)/.exec(out)?.[1]);
  const wrong = written.filter(({ code }) => code !== 0).map(({ code, err }) => `exit code ${code}: ${err}`);
  if (stopped !== 143) wrong.push(`SIGTERM gave exit code ${stopped}`);
  if (said[0] === undefined || said[0] !== said[1]) wrong.push(`other data: ${said}`);
  const names = [...Deno.readDirSync(join(world.root, "data"))].map(({ name }) => name);
  if (names.join() !== "demo") wrong.push(`left ${names}`);
  const files = await filesBelow(root);
  if (files.some((name) => /unfinished|\.tmp$/.test(name))) wrong.push("left temporary files");
  return wrong;
}

/**
 * A run from videos to perturbed tests, all of which is submitted at once, and what a single machine makes of the same.
 *
 * @module
 */
import { join } from "node:path";
import { ownerFile } from "../../lib/base/owner.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { ffmpeg } from "../ffmpeg.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { pause } from "./processes.ts";
import { type Cluster, command, openWorld, type World } from "./world.ts";

/** What is submitted, with which flags, and what the single machine left. */
export type Films = {
  readonly submitted: World;
  readonly flags: readonly string[];
  readonly single: Outcome;
};

const FILMS = 12;

/** Makes videos and the run's folders, and does all on this machine alone. @throws {Error} with what a command said */
export async function openFilms(cluster: Cluster, { name }: World): Promise<Films> {
  const films = join(cluster.root, "films");
  for (let i = 0; i < FILMS; i++) {
    const path = join(films, i % 2 === 0 ? "real" : "fake", `${i}.mp4`);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    const grey = `0x${(40 + 12 * i).toString(16).repeat(3)}`;
    await ffmpeg(
      ...["-f", "lavfi", "-i", `color=${grey}:size=96x80:rate=4:duration=1`],
      ...["-vf", `noise=alls=50:all_seed=${i}`, "-c:v", "libx264", "-qp", "10", "-y", path],
    );
  }
  const open = async (place: string, changes: RunInput = {}) => {
    const crops = join(cluster.root, `crops-${place}`);
    const world = await openWorld(cluster, name, {
      place,
      changes: {
        ...{ data: `films=${crops}`, detector: "notebook-head", feedForward: 32, depth: 1, dropout: 0 },
        ...{ epochs: 1, runs: 2, valShare: 0.34, test: [`second=${join(cluster.root, "test")}`] },
        ...changes,
      },
    });
    return { world, prepare: ["--data", `films=${films}`, "--into", crops, "--frames", "4"] };
  };
  const other = `other=${join(cluster.root, "data")}`;
  // What `submit` has all nodes take, a single machine would measure.
  const { world, prepare } = await open("films-alone", { headPrecision: "float32", engine: "graph" });
  const folder = join(world.out, world.name);
  const below = (part: string) => ["--out", join(folder, part), "--cache-folder", world.cache];
  for (
    const words of [
      ["prepare", ...prepare],
      ["train", "--config", world.config],
      ["evaluate", folder, "--test", other, ...below("evaluate-other")],
      ["robustness", folder, "--perturb", "flip", ...below("robustness-flip")],
    ]
  ) {
    const { code, err } = await command(cluster, words);
    if (code !== 0) throw new Error(`expected ${words[0]} to end well on this machine but found ${err}`);
  }
  const submitted = await open("films");
  return {
    submitted: submitted.world,
    flags: [
      ...["--shards", "2", "--prepare", submitted.prepare.join(" ")],
      ...["--evaluate", other, "--evaluate", `gone=${join(cluster.root, "nowhere")}`, "--robustness", "flip"],
      ...["--sbatch", "--mail-type=FAIL --mail-user=root"],
    ],
    single: await outcomeOf(world),
  };
}

/** Waits until the task of a seed has begun its folder; resolves to its process. @throws {Error} when that takes minutes */
export async function seedAtWork(world: World, seed: number): Promise<number> {
  const folder = join(world.out, world.name, `seed-${seed}`);
  for (const began = Date.now(); Date.now() - began < 120_000; await pause(20)) {
    const isThere = await Deno.stat(join(folder, "config.json")).then(() => true, () => false);
    const owner = await Deno.readTextFile(join(folder, ownerFile)).catch(() => "");
    const [, pid] = /process (\d+)/.exec(owner) ?? [];
    if (isThere && pid !== undefined) return Number(pid);
  }
  throw new Error(`expected seed ${seed} to begin`);
}

/** What is wrong where `submit --status` does not say this. */
export async function unsaid(cluster: Cluster, { name, out }: World, expected: RegExp): Promise<string[]> {
  const { out: said, err } = await command(cluster, ["submit", "--status", "--run", name, "--out", out]);
  return expected.test(said) ? [] : [`the status says ${JSON.stringify(said + err)}`];
}

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join, relative } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { askAbout } from "../../lib/notebook/ask.ts";
import type { Showable } from "../../lib/notebook/display.ts";
import { assemble, configure } from "../../lib/notebook/run.ts";
import type { Picture } from "../../lib/report/pictures.ts";
import type { Table } from "../../lib/report/table.ts";
import { calibrateRun } from "../../lib/runs/calibrate.ts";
import { openEncoder } from "../../lib/runs/encoder.ts";
import { loadExperiment } from "../../lib/runs/experiment.ts";
import { openJudge, weightsIn } from "../../lib/runs/predict/judge.ts";
import { predict } from "../../lib/runs/predict/predict.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { writePictures } from "../folders.ts";

const backend = await initBackend();
const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const faces = await writePictures(join(root, "train"), { videos: 8 });
const held = await writePictures(join(root, "held"), { videos: 20, seed: 1 });
const small = { clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4, cache: false };
const config = {
  ...configure({ ...faces, ...small, set: "FF++", out: join(root, "runs"), run: "first" }),
  run: "first",
};
await Array.fromAsync(trainRun(config));
const session = assemble({
  backend,
  data: await loadExperiment(config),
  encoder: await openEncoder(config),
});
const folder = join(root, "runs", "first");
const run = { config, folder, session };
const [{ path: fake }] = session.experiment.train.filter(({ label }) => label === 1);

/** What is shown about a file: the table first. */
async function asked(file: string): Promise<{ table: Table; maps: Showable[] }> {
  const [table, ...maps] = await askAbout(file, run, { display: () => Promise.resolve() });
  return { table: table as Table, maps };
}

Deno.test("askAbout() of a run that is not calibrated gives the score and the map, 'not sure', and says why", async () => {
  const { table, maps } = await asked(fake);
  assertEquals(table.rows.length, 1);
  assertEquals([table.rows[0][0], table.rows[0][2]], ["not sure", basename(fake)]);
  assertStringIncludes(table.notes.join(), "Not calibrated");
  assertEquals(maps.length, 1);
  const { jpeg, text } = maps[0] as Picture;
  assertEquals([...jpeg.subarray(0, 2)], [0xff, 0xd8]);
  assertMatch(text, /: not sure, 0\.\d{3}\n/);
  assertStringIncludes(text, "without the half of the patches that it marks most");
});

Deno.test("askAbout() of a calibrated run gives what predict() does, and says for which videos verdicts hold", async () => {
  await calibrateRun(folder, { given: { test: [`held=${held.real},${held.fake}`], cache: false } });
  const { table } = await asked(held.fake);
  const judge = await openJudge(await weightsIn(folder), { alpha: 0.05 });
  const answers = await Array.fromAsync(predict(judge, [held.fake]));
  judge.close();
  assertEquals(
    table.rows.map(([verdict, score, path]) => [verdict, score, path]),
    answers.map((
      { verdict, score, path },
    ) => [verdict, score!.toFixed(3), join("fake", relative(held.fake, path))]),
  );
  assertStringIncludes(table.notes.join(), "like those of held");
});

Deno.test("askAbout() draws the maps of a folder's first four answers, and says of how many", async () => {
  const { table, maps } = await asked(held.real);
  assert(table.rows.length > 4);
  assertEquals(maps.length, 4);
  assertStringIncludes(table.notes.join(), `Maps are of the first 4 of ${table.rows.length} answers`);
});

Deno.test("askAbout() says in the answer's row why a file cannot be read", async () => {
  const text = join(root, "text.jpg");
  await Deno.writeTextFile(text, "no picture");
  for (const file of [text, join(root, "none.png")]) {
    const { table, maps } = await asked(file);
    assertEquals(table.rows.map((row) => row.slice(0, 3)), [["not read", "–", basename(file)]]);
    assert(table.rows[0][3].length > 0);
    assertEquals(maps, []);
  }
});

Deno.test("askAbout() says why there is no map where a score is of all images of a batch together", async () => {
  const other = { ...config, run: "across-batch", attendAcross: "batch" as const };
  await Array.fromAsync(trainRun(other));
  const shown = await askAbout(fake, { config: other, folder: join(root, "runs", other.run), session }, {
    display: () => Promise.resolve(),
  });
  assertEquals((shown[0] as Table).rows[0][0], "not sure");
  assertEquals(shown.length, 2);
  assertStringIncludes(`${shown[1]}`, "**No map:** Cannot draw a map: expected attention across the tokens");
});

Deno.test("askAbout() refuses a run without weights in one line", async () => {
  const nothing = { ...run, folder: join(root, "runs", "nothing") };
  const error = await assertRejects(
    () => askAbout(fake, nothing, { display: () => Promise.resolve() }),
    Error,
    "expected a run's folder",
  );
  assert(!error.stack!.includes("\n"));
});

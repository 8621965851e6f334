import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../../lib/base/errors.ts";
import { predictionsCsv } from "../../../lib/report/report.ts";
import { readScores } from "../../../lib/runs/compare/scores.ts";
import { makeReport } from "../../report/made_report.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const file = join(folder, "scores.csv");

async function read(text: string) {
  await Deno.writeTextFile(file, text);
  return await readScores(file);
}

Deno.test("readScores() reads what predictionsCsv() writes, by test and seed", async () => {
  const { predictions } = makeReport({ runs: 2 });
  const tests = await read(predictionsCsv(predictions));
  assertEquals(
    tests.map(({ set, perturbation, runs }) => [set, perturbation, runs.map((rows) => rows.length)]),
    [
      ["first", "none", [80, 80]],
      ["first", "jpeg-90", [80, 80]],
      ["first", "jpeg-30", [80, 80]],
      ["second", "none", [40, 40]],
    ],
  );
  const back = tests.flatMap(({ runs }) => runs.flat()).map(({ label, score, path }) => [label, score, path]);
  assertEquals(back, predictions.map(({ label, score, path }) => [label, score, path]));
});

Deno.test("readScores() takes columns in any case, seeds, and videos without paths", async () => {
  const [test, ...others] = await read(
    "Label,SCORE,Video,Seed\n1,0.25,a,7\n0,1e-3,b,7\n1,0.5,a,8\n0,0,b,8\n",
  );
  assertEquals(others, []);
  assertEquals([test.set, test.split, test.perturbation], [undefined, undefined, "none"]);
  assertEquals(test.runs.map((rows) => rows.map(({ video, score }) => [video, score])), [
    [["a", 0.25], ["b", 0.001]],
    [["a", 0.5], ["b", 0]],
  ]);
});

Deno.test("readScores() refuses what is no score, naming the line", async () => {
  const refused: [string, string][] = [
    ["path,label\na,1\n", "expected a header with the columns label, score"],
    [
      "path,label,score\na,1,0.5\nb,2,0.5\n",
      'expected the label 0 (real) or 1 (fake) but found "2" in line 3',
    ],
    ["path,label,score\na,1,NaN\n", 'expected a score in [0, 1] but found "NaN"'],
    ["path,label,score\na,1,\n", 'expected a score in [0, 1] but found ""'],
    ["path,label,score\na,1,2.5\n", "turn logits into probabilities first in line 2"],
    ["label,score\n1,0.5\n", "expected an image's path or a video's name but found neither in line 2"],
    [
      "path,label,score\na,1,0.5\na,1,0.5\n",
      "expected each image once but found a of line 2 again in line 3",
    ],
    ["path,label,score\n", "expected at least one row but found none"],
  ];
  for (const [text, message] of refused) await assertRejects(() => read(text), InputError, message);
});

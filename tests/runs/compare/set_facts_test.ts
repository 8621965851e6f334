import { assertEquals } from "@std/assert";
import { join } from "node:path";
import type { ScoreReport } from "../../../lib/report/report.ts";
import { compareScores } from "../../../lib/runs/compare/compare.ts";
import { setFacts } from "../../../lib/runs/compare/set_facts.ts";
import type { RunInput } from "../../../lib/runs/config/config.ts";
import { evaluateRun } from "../../../lib/runs/evaluate.ts";
import { keptRunData } from "../../../lib/runs/folder/run_data.ts";
import { trainRun } from "../../../lib/runs/train.ts";
import { picture, withFolder, writeFiles } from "../../folders.ts";
import { makeReport } from "../../report/made_report.ts";

/** As many pairs as an official split file has, these first. */
const padded = (pairs: readonly (readonly string[])[], count: number, from: number) =>
  JSON.stringify([
    ...pairs,
    ...Array.from({ length: count - pairs.length }, (_, i) => [`${from + 2 * i}`, `${from + 2 * i + 1}`]),
  ]);

/** FaceForensics++ of six pairs by one method, in a folder whose name says nothing, with lists as long as the official ones. */
async function writeFaceForensics(root: string): Promise<void> {
  const pairs = Array.from({ length: 6 }, (_, i) => [`${100 + 2 * i}`, `${101 + 2 * i}`]);
  let seed = 0;
  for (const [a, b] of pairs) {
    for (
      const [folder, ids] of Object.entries({
        "original_sequences/youtube": [a, b],
        "manipulated_sequences/Deepfakes": [`${a}_${b}`, `${b}_${a}`],
      })
    ) {
      for (const id of ids) {
        const bytes = await picture(folder.startsWith("manipulated"), { seed: seed++ });
        await writeFiles(root, { [`${folder}/c40/frames/${id}/0.png`]: bytes });
      }
    }
  }
  await writeFiles(root, {
    "train.json": padded(pairs.slice(0, 2), 360, 1000),
    "val.json": padded(pairs.slice(2, 4), 70, 3000),
    "test.json": padded(pairs.slice(4), 70, 5000),
  });
}

Deno.test("compareScores() knows set, compression and split of a run by what its images were read from", async () => {
  await withFolder(async (root) => {
    await writeFaceForensics(join(root, "films"));
    const config: RunInput = {
      ...{ data: `mine=${join(root, "films")}`, out: root, run: "own" },
      ...{ clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4, jpegQualities: [] },
      cacheFolder: join(root, "tokens"),
    };
    await Array.fromAsync(trainRun(config));
    await evaluateRun(config);
    const folder = join(root, "own");
    const report: ScoreReport = JSON.parse(await Deno.readTextFile(join(folder, "metrics.json")));
    const facts = report.data.map(({ split, layout, compression, officialSplit }) =>
      `${split}: ${layout} ${compression} ${officialSplit}`
    );
    assertEquals(facts, ["train: ffpp c40 undefined", "val: ffpp c40 undefined", "test: ffpp c40 true"]);
    assertEquals((await keptRunData(folder))!.data.map(({ layout }) => layout), ["ffpp", "ffpp", "ffpp"]);

    const { inputs, tests: [{ published }] } = await compareScores([folder]);
    assertEquals(inputs[0].trainedOn, { set: "FF++", compression: "c40" });
    const { differs } = published.find(({ model }) => model === "Xception")!.standings[0];
    assertEquals(differs, [
      "tested on c40",
      "n differs (4 and 4 images, the official test has 140 and 560)",
      "frame level",
      "other training set (ours: FF++ c40)",
      "another detector",
    ]);
  });
});

Deno.test("setFacts() takes an older report's facts from its configuration, and a newer one's from what was read", () => {
  const { report } = makeReport();
  const config = { data: "first=/data/ffpp,c23" };
  const test = { set: "first", split: "test" };
  assertEquals(setFacts({ ...report, config: { data: "first=/data/x,layout=dfd,c23" } }, test), {
    ...{ layout: "dfd", compression: "c23" },
  });
  const data = [{
    ...test,
    real: 1,
    fake: 1,
    videos: 2,
    skipped: 0,
    layout: "celeb-df-v2",
    officialSplit: true,
  }];
  const { layout, compression, officialSplit } = setFacts({ ...report, config, data }, test);
  assertEquals([layout, compression, officialSplit], ["celeb-df-v2", undefined, true]);
});

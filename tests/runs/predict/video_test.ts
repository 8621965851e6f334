import { assertAlmostEquals, assertEquals } from "@std/assert";
import { basename, dirname, join } from "node:path";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { evaluateRun } from "../../../lib/runs/evaluate.ts";
import { weightsPath } from "../../../lib/runs/folder/folder.ts";
import { openJudge } from "../../../lib/runs/predict/judge.ts";
import { type FaceCutter, ruleOf } from "../../../lib/runs/predict/pictures.ts";
import { predict } from "../../../lib/runs/predict/predict.ts";
import { trainRun } from "../../../lib/runs/train.ts";
import { prepareVideos } from "../../../lib/videos/prepare.ts";
import { openFaces } from "../../../lib/videos/prepare_faces.ts";
import { withFfmpeg } from "../../ffmpeg.ts";
import { withFolder, writePictures } from "../../folders.ts";
import { faceFilm } from "../../videos/face_films.ts";

withFfmpeg("predict() gives a video the score that its crops by prepareVideos() get in a test", async () => {
  await withFolder(async (folder) => {
    const train = await writePictures(join(folder, "train"), { videos: 6 });
    const place = { out: join(folder, "runs"), run: "first", cacheFolder: join(folder, "tokens") };
    const config = { ...place, clip: "demo", feedForward: 32, depth: 1, epochs: 1, batchSize: 4 } as const;
    await Array.fromAsync(trainRun({ ...config, ...train }));
    const run = join(folder, "runs", "first");
    const set = join(folder, "set");
    // Two persons, one of whom moves; a face that comes late; frames with a side of more than 2048; what the edge cuts off.
    await faceFilm(join(set, "real/two.mp4"), {
      faces: [{ side: 120, x: "10+2*n" }, { side: 160, x: 220 }],
      size: "400x240",
    });
    await faceFilm(join(set, "real/late.mp4"), { faces: [{ when: "gte(n,8)" }] });
    await faceFilm(join(set, "fake/wide.mp4"), {
      faces: [{ side: 211, x: 1703 }],
      size: "2300x240",
      frames: 6,
    });
    await faceFilm(join(set, "fake/edge.mp4"), { faces: [{ side: 220, x: -10, y: 10 }] });
    const into = join(folder, "crops");
    await prepareVideos(await readSet({ name: "set", path: set }), {
      into,
      frames: 6,
      margin: 1.3,
      faces: { align: "deepfakebench" },
    });
    const test = [`crops=${join(into, "real")},${join(into, "fake")}`];
    await evaluateRun({ ...config, test }, { named: true, folder: run, into: join(folder, "evaluated") });
    const [head, ...lines] = (await Deno.readTextFile(join(folder, "evaluated/predictions.csv"))).trim()
      .split("\n").map((line) => line.split(","));
    const rows = lines.filter((line) => line[head.indexOf("perturbation")] === "none");
    const byVideo = Map.groupBy(rows, (line) => basename(dirname(line[head.indexOf("path")])));

    await using opened = await openFaces({ align: "deepfakebench" });
    const judge = await openJudge(weightsPath(run, 0), { alpha: 0.05 });
    try {
      const faces: FaceCutter = {
        find: async (images) => (await opened.find(images)).map(({ faces }) => faces),
        ...{ rule: ruleOf(opened.settings, 1.3), leastSide: 30 },
      };
      const answers = await Array.fromAsync(predict(judge, [set], { faces, frames: 6 }));
      assertEquals(answers.map(({ path }) => basename(path, ".mp4")), ["edge", "wide", "late", "two"]);
      for (const { path, score, frames } of answers) {
        const scores = byVideo.get(basename(path, ".mp4"))!.map((line) =>
          Number(line[head.indexOf("score")])
        );
        assertEquals(frames, scores.length);
        // In batches of other crops the encoder's sums are taken in another order.
        assertAlmostEquals(score!, scores.reduce((sum, each) => sum + each, 0) / scores.length, 1e-6);
      }
      assertEquals(answers.map(({ reason }) => reason), [
        "6 cut off by the frame",
        "6 cut off by the frame",
        "its face is in 3 of 6 frames",
        "2 faces, of which the largest one is judged",
      ]);
    } finally {
      judge.close();
    }
  });
});

import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import { initBackend } from "../../../lib/backend/start.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { demoVideos, renderVideo } from "../../../lib/data/demo/demo.ts";
import { evaluateScores } from "../../../lib/metrics/evaluate.ts";
import { fitLogistic } from "../../../lib/model/detectors/logistic.ts";
import { clsTokenOf } from "../../../lib/model/encoders/clip.ts";
import { encodeImages } from "../../../lib/model/encoders/open.ts";
import { encoders } from "../../../lib/model/encoders/mod.ts";
import { encoderWarning } from "../../../lib/runs/encoder.ts";

await initBackend();

const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
const file = new URL("../../../assets/demo_tower.safetensors", import.meta.url);

/** The first frames of some videos of a split of the demo set: so many reals, and as many fakes. */
async function framesOf(split: string, count: number) {
  const images: Uint8Array[] = [], labels: number[] = [];
  for (const label of [0, 1]) {
    const videos = demoVideos().filter((video) =>
      video.demoSet.set === "demo" && video.split === split && (video.method !== null) === (label === 1)
    );
    for (const video of videos.slice(0, count)) {
      const files = await renderVideo({ ...video, frames: 1 }, 0);
      const { bytes } = files.find(({ path }) => path.endsWith(".jpg"))!;
      images.push(new Uint8Array(await sharp(bytes).raw().toBuffer()));
      labels.push(label);
    }
  }
  return { images, labels };
}

Deno.test("the demo tower's file is below 10 MB, says how it was made, and has CLIP's names", async () => {
  const bytes = await Deno.readFile(file);
  assertLess(bytes.length, 10e6);
  const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  assertStringIncludes(header.__metadata__.made, "deno task demo-tower");
  assertStringIncludes(header.__metadata__.data, "seeds 1 to 10");
  assertGreater(JSON.parse(header.__metadata__.probes).demo.cls.image, 0.85);
  assertEquals(header["visual.conv1.weight"].shape, [192, 3, 16, 16]);
  assertEquals(header["visual.proj"].dtype, "F16");
});

Deno.test("the demo tower is six blocks with embeddings, and says that it is not CLIP", async () => {
  const tower = await encoders["demo-tower"].bind({ settings });
  const { width, layers, heads, tokens, embedDim } = tower.sizes;
  assertEquals([width, layers, heads, tokens, embedDim], [192, 6, 3, 197, 128]);
  assertStringIncludes(tower.warning!, "not CLIP");
  assertStringIncludes(
    encoderWarning(tower, { demo: true })!,
    "trained on drawn real faces with random edits",
  );
  assert(encoderWarning(tower, { demo: false })!.startsWith("NOT CLIP"));
  tower.close();
});

Deno.test("a linear probe of the demo tower's class token tells the demo's fakes of persons that it never saw", async () => {
  const tower = await encoders["demo-tower"].bind({ settings });
  const clsTokens = async (images: Uint8Array[]) => {
    const rows: number[][] = [];
    for (let i = 0; i < images.length; i += 20) {
      const tokens = encodeImages(tower, images.slice(i, i + 20)), cls = clsTokenOf(tokens);
      rows.push(...await cls.array());
      dispose([tokens, cls]);
    }
    return rows;
  };
  const train = await framesOf("train", 60), test = await framesOf("test", 30);
  const { coef, intercept } = fitLogistic(await clsTokens(train.images), train.labels, { C: 1 });
  const scores = (await clsTokens(test.images)).map((row) =>
    1 / (1 + Math.exp(-row.reduce((sum, x, d) => sum + x * coef[d], intercept)))
  );
  const { auc } = evaluateScores(test.labels, scores);
  assertGreater(auc!, 0.8); // 60 images tested, 120 trained on: less than the whole set gives
  tower.close();
});

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { dispose } from "../../../lib/backend/tensors.ts";
import { InputError } from "../../../lib/base/errors.ts";
import {
  type Clip,
  clipModels,
  clsTokenOf,
  embed,
  modelOf,
  toPixels,
} from "../../../lib/model/encoders/clip.ts";
import { bindClip, clipShapes, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { checkModel, modelName } from "../../../lib/model/encoders/clip_tower.ts";
import { encoders } from "../../../lib/model/encoders/mod.ts";
import { resolveConfig } from "../../../lib/runs/config/config.ts";
import { bindEncoder } from "../../../lib/runs/encoder.ts";
import { savePth } from "../../../lib/weights/pth.ts";
import { saveSafetensors } from "../../../lib/weights/safetensors.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import { toHuggingFace } from "../../hugging_face.ts";
import { fixture, tensorTest } from "../../tensors.ts";

const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
const names = Object.keys(clipModels) as (keyof typeof clipModels)[];

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The tower's names without `visual.`, as open_clip's files of a whole model do not have them. */
const bare = (dict: StateDict) =>
  new Map([...dict].map(([key, value]) => [key.replace(/^visual\./, ""), value]));

Deno.test("modelOf() tells the published geometries apart, of which two differ in their images alone", () => {
  assertEquals(names, ["ViT-B-16", "ViT-B-32", "ViT-L-14", "ViT-L-14-336"]);
  for (const name of names) {
    const config = { ...clipModels[name], ...settings };
    assertEquals([modelOf(config), modelName({ config } as Clip)], [name, name]);
    assertEquals(modelOf({ ...config, layers: config.layers - 1 }), undefined);
    assertEquals(
      1 + (config.imageSize / config.patchSize) ** 2,
      {
        "ViT-B-16": 197,
        "ViT-B-32": 50,
        "ViT-L-14": 257,
        "ViT-L-14-336": 577,
      }[name],
    );
  }
});

// Each geometry's patches and images, with a narrow and shallow tower.
for (const name of names) {
  tensorTest(
    `--clip ${name} opens its geometry under open_clip's, OpenAI's and Hugging Face's names alike`,
    async () => {
      const { imageSize, patchSize } = clipModels[name];
      const dict = randomClip({ width: 64, layers: 2, heads: 1, imageSize, patchSize, embedDim: 8 }, 1);
      await withFolder(async (folder) => {
        const path = (file: string) => join(folder, file);
        await saveSafetensors(path("open_clip.safetensors"), dict);
        await savePth(
          path("OpenAI.pt"),
          new Map([...bare(dict)].map(([key, value]) => [`visual.${key}`, value])),
        );
        await savePth(path("pytorch_model.bin"), toHuggingFace(bare(dict)));
        const image = new Uint8Array(imageSize * imageSize * 3).map((_, i) => i % 251);
        const pixels = toPixels([image], imageSize);
        const clip = bindClip(dict, settings);
        const wanted = embed(clip, pixels);
        for (const file of ["open_clip.safetensors", "OpenAI.pt", "pytorch_model.bin"]) {
          const tower = await encoders[name].bind({ settings, file: path(file), isNamed: true });
          assertEquals([tower.input.size, tower.sizes.patchSize], [imageSize, patchSize], file);
          const tokens = tower.tokens(pixels);
          const clsToken = clsTokenOf(tokens);
          const embedding = tower.embedding(clsToken);
          assertEquals(embedding.dataSync(), wanted.dataSync(), file);
          dispose([tokens, clsToken, embedding]);
          tower.close();
        }
        dispose([clip, wanted, pixels]);
      });
    },
  );
}

tensorTest("OpenAI's own TorchScript archive is opened as the tower that it holds", async () => {
  const tower = await encoders["ViT-B-32"].bind({
    settings,
    file: fixture("clip_tiny_torchscript.pt"),
    isNamed: true,
  });
  assertEquals(tower.name.startsWith("CLIP of width "), true);
  tower.close();
});

Deno.test("checkModel() refuses another published tower than the one that was named", () => {
  const clip = { config: { ...clipModels["ViT-L-14"], ...settings }, params: {} } as Clip;
  checkModel(clip, { name: "ViT-L-14", path: "file.pt" });
  for (const name of ["ViT-B-16", "ViT-L-14-336"] as const) {
    assertThrows(
      () => checkModel(clip, { name, path: "file.pt" }),
      InputError,
      `Cannot load file.pt: expected a ${name}, as --clip says, but found a ViT-L-14; say --clip ViT-L-14`,
    );
  }
});

tensorTest("--clip refuses a file of another published tower, and without it the file decides", async () => {
  const { width, layers, patchSize, imageSize, embedDim } = clipModels["ViT-B-32"];
  const tokens = 1 + (imageSize / patchSize) ** 2;
  // Its MLPs are narrower than the published ones, which is no part of what tells towers apart.
  const shapes = clipShapes({ width, layers, tokens, patchSize, embedDim, hidden: 1 });
  const dict: StateDict = new Map([...shapes].map(([key, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    return [key, { dtype: "float32", shape: [...shape], data }];
  }));
  await withFolder(async (folder) => {
    const clipWeights = join(folder, "file.safetensors");
    await saveSafetensors(clipWeights, dict);
    await assertRejects(
      () => bindEncoder(resolveConfig({ clip: "ViT-B-16", clipWeights })),
      InputError,
      "expected a ViT-B-16, as --clip says, but found a ViT-B-32",
    );
    const tower = await bindEncoder(resolveConfig({ clipWeights }));
    assertEquals([tower.kind, tower.name], ["ViT-B-32", "CLIP ViT-B-32"]);
    tower.close();
  });
});

tensorTest("a file of CLIP's is refused where the settings beside it say another activation", async () => {
  const dict = randomClip({ width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 }, 0);
  const cases: [string, unknown, "quickgelu" | "gelu"][] = [
    // open_clip's own models have gelu where nothing is said, as LAION's.
    ["open_clip_config.json", { model_cfg: { embed_dim: 8 } }, "gelu"],
    ["open_clip_config.json", { model_cfg: { quick_gelu: true } }, "quickgelu"],
    ["config.json", { vision_config: { hidden_act: "gelu" } }, "gelu"],
    ["config.json", { hidden_act: "quick_gelu" }, "quickgelu"],
  ];
  for (const [name, value, activation] of cases) {
    await withFolder(async (folder) => {
      const file = join(folder, "file.safetensors");
      await saveSafetensors(file, dict);
      await Deno.writeTextFile(join(folder, name), JSON.stringify(value));
      const other = activation === "gelu" ? "quickgelu" : "gelu";
      await assertRejects(
        () => encoders["ViT-B-16"].bind({ settings: { ...settings, activation: other }, file }),
        InputError,
        `expected --activation ${activation}, as ${join(folder, name)} says, but found ${other}`,
      );
      (await encoders["ViT-B-16"].bind({ settings: { ...settings, activation }, file })).close();
      // A run's own settings, which lie beside its weights, say nothing of a tower's.
      await Deno.writeTextFile(join(folder, name), JSON.stringify({ preset: "corrected" }));
      (await encoders["ViT-B-16"].bind({ settings: { ...settings, activation: other }, file })).close();
    });
  }
});

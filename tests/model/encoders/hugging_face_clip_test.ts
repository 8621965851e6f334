import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { encodeTokens } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { huggingFaceClip } from "../../../lib/model/encoders/hugging_face_clip.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { saveSafetensors } from "../../../lib/weights/safetensors.ts";
import { toHuggingFace } from "../../hugging_face.ts";
import { tensorTest } from "../../tensors.ts";

const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
const ours = randomClip(sizes, 3); // under open_clip's names
const tower = new Map([...ours].map(([key, value]) => [key.replace(/^visual\./, ""), value]));

/** Does `body` with a hub's cache that holds the repository, and a config.json that names an activation. */
async function withHub(activation: string, body: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const before = Deno.env.get("HF_HUB_CACHE");
  try {
    const folder = join(root, "models--openai--clip-vit-base-patch16");
    const snapshot = join(folder, "snapshots", "57c216476eefef5ab752ec549e440a49ae4ae5f3");
    await Deno.mkdir(snapshot, { recursive: true });
    await Deno.mkdir(join(folder, "refs"));
    await Deno.writeTextFile(join(folder, "refs", "main"), "57c216476eefef5ab752ec549e440a49ae4ae5f3");
    await saveSafetensors(join(snapshot, "model.safetensors"), toHuggingFace(tower));
    const config = { model_type: "clip", vision_config: { hidden_act: activation } };
    await Deno.writeTextFile(join(snapshot, "config.json"), JSON.stringify(config));
    Deno.env.set("HF_HUB_CACHE", root);
    await body(root);
  } finally {
    if (before === undefined) Deno.env.delete("HF_HUB_CACHE");
    else Deno.env.set("HF_HUB_CACHE", before);
    await Deno.remove(root, { recursive: true });
  }
}

tensorTest("hf-clip-vit-base-patch16 computes from the hub's cache what open_clip's file gives", async () => {
  await withHub("quick_gelu", async () => {
    const found = await huggingFaceClip.bind({ settings });
    const clip = bindClip(ours, settings);
    assertEquals(found.kind, "hf-clip-vit-base-patch16");
    assertEquals([found.sizes.width, found.sizes.layers, found.input.size], [64, 2, 32]);
    const images = [new Uint8Array(32 * 32 * 3).map((_, i) => i % 251)];
    const pixels = found.pixels(images);
    const [theirs, wanted] = [found.tokens(pixels), encodeTokens(clip, pixels)];
    assertEquals(theirs.dataSync(), wanted.dataSync());
    tf.dispose([pixels, theirs, wanted]);
    found.close();
    dispose(clip);
  });
});

tensorTest("hf-clip-vit-base-patch16 refuses an activation that its config.json contradicts", async () => {
  await withHub("gelu", async () => {
    await assertRejects(
      () => huggingFaceClip.bind({ settings }),
      InputError,
      "expected --activation gelu, as ",
    );
    (await huggingFaceClip.bind({ settings: { ...settings, activation: "gelu" } })).close();
  });
});

tensorTest(
  "hf-clip-vit-base-patch16 says what is missing and how to get it, and refuses open_clip's names",
  async () => {
    await withHub("quick_gelu", async (root) => {
      const file = join(root, "open_clip.safetensors");
      await saveSafetensors(file, ours);
      await assertRejects(() => huggingFaceClip.bind({ settings, file }), InputError, "--clip ViT-B-16");
      Deno.env.set("HF_HUB_CACHE", join(root, "none"));
      await assertRejects(() => huggingFaceClip.bind({ settings }), InputError, "hf download");
    });
  },
);

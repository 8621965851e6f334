import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import type { SetReading } from "../../../lib/data/layouts/layout.ts";
import { type LayoutName, readSet } from "../../../lib/data/layouts/mod.ts";
import { readParts } from "../../../lib/data/split/parts.ts";
import { parseSpec } from "../../../lib/data/spec.ts";
import { withTree } from "./with_tree.ts";

const images = (folder: string, count = 2) => Array.from({ length: count }, (_, i) => `${folder}/${i}.png`);
const both = (folder: string) => [...images(`${folder}/0_real`), ...images(`${folder}/1_fake`)];

const read = (path: string, options: { methods?: string[]; layout?: LayoutName } = {}) =>
  readSet({ name: "set", path, ...options });

/** How many images a split, a method and a class have. */
function counts({ videos }: SetReading): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { split, method, label } of videos) {
    const key = `${split ?? "–"} ${method} ${label === 0 ? "real" : "fake"}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

/** Each test of `--test TEXT` with how many real and fake images it has, and where its first real is. */
async function testsOf(text: string): Promise<[string, number, number, string][]> {
  const { tests } = await readParts({
    tests: [parseSpec(text, { flag: "--test" })],
    choice: { strict: false, videos: "auto" },
    dealing: { valShare: 0.15, testShare: 0.15, seed: 0, needsVal: true, allowLeak: false },
  }, { facts: new Map(), quick: true });
  return tests.map(({ set, samples }) => {
    const reals = samples.filter(({ label }) => label === 0);
    return [set, reals.length, samples.length - reals.length, reals[0].source!];
  });
}

const universal = [
  ...both("progan/airplane"),
  ...both("progan/car"),
  ...both("biggan"),
  ...images("imagenet/0_real", 3),
  ...images("guided/1_fake"),
  ...images("laion/0_real", 4),
  ...images("ldm_200/1_fake"),
  ...images("dalle/1_fake", 3),
];

Deno.test("readSet() reads UniversalFakeDetect's sets, each image a video of its own, and names the generators that are not there", async () => {
  await withTree(universal, async (root) => {
    const reading = await read(root);
    assertEquals([reading.kind, reading.layout], [
      "universal-fake-detect",
      "UniversalFakeDetect, 5 generators",
    ]);
    assertEquals(counts(reading), {
      "– progan real": 4,
      "– progan fake": 4,
      "– biggan real": 2,
      "– biggan fake": 2,
      "– imagenet real": 3,
      "– guided fake": 2,
      "– laion real": 4,
      "– ldm_200 fake": 2,
      "– dalle fake": 3,
    });
    assertEquals(new Set(reading.videos.map(({ id }) => id)).size, reading.videos.length);
    assertEquals(reading.notes, ["the images of laion are the reals of ldm_200, dalle"]);
    const [{ expected, found, examples }] = reading.missing;
    assertEquals([expected, found, examples.includes("cyclegan")], [19, 5, true]);
  });
});

Deno.test("--test makes of each generator a test of its own, with reals that are kept once for several", async () => {
  await withTree(universal, async (root) => {
    assertEquals(await testsOf(`ufd=${root}`), [
      ["ufd/progan", 4, 4, "progan/airplane/0_real/0.png"],
      ["ufd/biggan", 2, 2, "biggan/0_real/0.png"],
      ["ufd/guided", 3, 2, "imagenet/0_real/0.png"],
      ["ufd/ldm_200", 4, 2, "laion/0_real/0.png"],
      ["ufd/dalle", 4, 3, "laion/0_real/0.png"],
    ]);
    assertEquals((await testsOf(`ufd=${root},method=dalle,method=guided`)).map(([name]) => name), [
      "ufd/guided",
      "ufd/dalle",
    ]);
    await assertRejects(() => testsOf(`ufd=${root},method=sdxl`), InputError, "expected one of progan");
  });
  // Merged, as ForgeLens has them: a set's own reals come first.
  await withTree([...universal, ...images("ldm_200/0_real")], async (root) => {
    assertEquals((await testsOf(`ufd=${root}`))[3], ["ufd/ldm_200", 2, 2, "ldm_200/0_real/0.png"]);
  });
});

Deno.test("readSet() refuses a generator of UniversalFakeDetect's whose reals are nowhere", async () => {
  await withTree([...both("progan"), ...images("ldm_200/1_fake")], async (root) => {
    await assertRejects(() => read(root), InputError, "expected its reals in ldm_200/0_real or laion/0_real");
  });
});

Deno.test("readSet() takes ProGAN's training images by the folder's name, and the rest of such a tree for tests", async () => {
  const classes = [...both("car"), ...both("horse")];
  await withTree(classes, async (root) => {
    const reading = await read(root);
    assertEquals(counts(reading), { "train progan real": 4, "train progan fake": 4 });
    assertEquals(reading.missing, []);
  }, { name: "train/progan" });
  const whole = [...both("CNN/train/progan/car"), ...both("CNN/test/progan/car"), ...both("diffusion/dalle")];
  await withTree(whole, async (root) => {
    const { videos } = await read(root);
    assertEquals(
      new Set(videos.map(({ split, method }) => `${split} ${method}`)),
      new Set(["train progan", "test progan", "test dalle"]),
    );
  });
});

Deno.test("readSet() takes other folders named 0_real and 1_fake for UniversalFakeDetect's only where that is said", async () => {
  await withTree([...both("flux"), ...both("sdxl")], async (root) => {
    assertEquals((await read(root)).kind, "folders");
    const { kind, videos } = await read(root, { layout: "universal-fake-detect" });
    assertEquals([kind, new Set(videos.flatMap(({ tests = [] }) => tests))], [
      "universal-fake-detect",
      new Set(["flux", "sdxl"]),
    ]);
  });
});

const genImage = (folder: string) => [
  ...images(`${folder}/train/ai`, 3),
  ...images(`${folder}/train/nature`, 3),
  ...images(`${folder}/val/ai`, 2),
  ...images(`${folder}/val/nature`, 1),
];

Deno.test("readSet() labels GenImage by its folders' names, tests on its val, and makes each generator a test", async () => {
  await withTree(
    [...genImage("Midjourney"), ...genImage("stable_diffusion_v_1_4/imagenet_ai_0419_sdv4")],
    async (root) => {
      const reading = await read(root);
      assertEquals(counts(reading), {
        "train Midjourney fake": 3,
        "train Midjourney real": 3,
        "test Midjourney fake": 2,
        "test Midjourney real": 1,
        "train stable_diffusion_v_1_4 fake": 3,
        "train stable_diffusion_v_1_4 real": 3,
        "test stable_diffusion_v_1_4 fake": 2,
        "test stable_diffusion_v_1_4 real": 1,
      });
      assertEquals(await testsOf(`genimage=${root}`), [
        ["genimage/Midjourney", 1, 2, "Midjourney/val/nature/0.png"],
        [
          "genimage/stable_diffusion_v_1_4",
          1,
          2,
          "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4/val/nature/0.png",
        ],
      ]);
    },
  );
  await withTree(genImage("imagenet_ai_0419_sdv4"), async (root) => {
    assertEquals((await testsOf(`sd=${root}`))[0].slice(0, 3), ["sd/imagenet_ai_0419_sdv4", 1, 2]);
  }, { name: "stable_diffusion_v_1_4" });
  await withTree(genImage("."), async (root) => {
    assertEquals((await testsOf(`adm=${root}`)).map(([name]) => name), ["adm"]);
    assertEquals(counts(await read(root))["train ADM fake"], 3);
  }, { name: "ADM" });
});

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { inspectData, loadExperiment } from "../../../lib/runs/experiment.ts";
import type { Sample } from "../../../lib/data/sample.ts";
import { thin } from "../../../lib/data/split/deal.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import { scene, writeFiles } from "../../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const at = (path: string) => join(root, path);
const load = (input: RunInput) => loadExperiment(resolveConfig(input), { cacheDir: at("cache") });
const compressed = async (png: Uint8Array) =>
  new Uint8Array(await sharp(png).jpeg({ quality: 60 }).toBuffer());

const faces = await Promise.all(Array.from({ length: 20 }, (_, i) => scene(100 + i)));
// Photographs by name, of which two are there twice and one three times; and fakes, three of which were painted into a photograph.
const photographs: Record<string, Uint8Array> = {};
for (const [i, face] of faces.slice(0, 12).entries()) {
  photographs[`real/${"abcdefghijkl"[i]}.png`] = face;
}
photographs["real/m.png"] = faces[0];
photographs["real/n.jpg"] = await compressed(faces[1]);
photographs["real/o.jpg"] = await compressed(faces[0]);
for (const [i, face] of faces.slice(12).entries()) photographs[`fake/${"pqrstuvw"[i]}.png`] = face;
for (const [i, name] of ["x", "y", "z"].entries()) {
  const patch = await sharp(faces[19 - i]).resize(24, 24).png().toBuffer();
  photographs[`fake/${name}.png`] = new Uint8Array(
    await sharp(faces[5 + i]).composite([{ input: patch, left: 60, top: 60 }]).png().toBuffer(),
  );
}
const together = [["a.png", "m.png", "o.jpg"], ["b.png", "n.jpg"], ["f.png", "x.png"], ["g.png", "y.png"], [
  "h.png",
  "z.png",
]];
await writeFiles(at("photographs"), photographs);
const rows = Object.keys(photographs).map((path) => `${path},${path.startsWith("fake") ? 1 : 0},${path}`);
await writeFiles(at("photographs"), { "list.csv": `path,label,video\n${rows.join("\n")}\n` });

const kinds: Record<string, RunInput> = {
  folders: { real: at("photographs/real"), fake: at("photographs/fake") },
  manifest: { manifest: at("photographs/list.csv") },
  data: { data: `data=${at("photographs")}` },
};
for (const [kind, input] of Object.entries(kinds)) {
  Deno.test(`loadExperiment() deals copies of a picture, and a fake with its photograph, into one split: ${kind}`, async () => {
    for (let seed = 0; seed < 4; seed++) {
      const { train, val, tests, warnings } = await load({ ...input, seed });
      const home = new Map<string, number>();
      for (const [i, samples] of [train, val, tests[0].samples].entries()) {
        for (const { path } of samples) home.set(path.split("/").at(-1)!, i);
      }
      for (const names of together) {
        assertEquals(new Set(names.map((name) => home.get(name))).size, 1, `${kind} ${seed}: ${names}`);
      }
      assertEquals(home.size, rows.length);
      assertEquals(warnings.filter((text) => /LEAK|alike|two splits/.test(text)), []);
    }
    const said = await inspectData(resolveConfig(input), { cacheDir: at("cache") });
    assertStringIncludes(said.sets[0].notes.join(), "6 pairs of videos show the same picture (such as ");
    const quick = await inspectData(resolveConfig(input), { cacheDir: at("cache"), quick: true });
    assertStringIncludes(quick.sets[0].notes.join(), "copies of a picture were not looked for");
  });
}

Deno.test("loadExperiment() says why videos that share pictures cannot be dealt, and with --allow-leak deals them apart", async () => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 4; i++) {
    files[`real/r${i}/0.png`] = faces[i % 2];
    files[`fake/f${i}/0.png`] = faces[4 + i];
  }
  await writeFiles(at("shared"), files);
  const input = { real: at("shared/real"), fake: at("shared/fake") };
  await assertRejects(
    () => load(input),
    InputError,
    "expected at least 3 videos but found 2 groups of videos that share a person or a picture (r0, r1), 4 videos in all",
  );
  const { warnings, train, val } = await load({ ...input, allowLeak: true });
  assert(warnings.some((text) => text.startsWith("LEAK, allowed by --allow-leak")), `${warnings}`);
  assertEquals([train.length, val.length], [4, 2]);
});

Deno.test("loadExperiment() keeps FaceForensics++'s persons together whatever else lies beside them", async () => {
  const files: Record<string, Uint8Array> = {};
  let drawn = 200;
  const add = async (path: string) => files[path] = await scene(drawn++);
  for (const name of ["634", "660", "101", "102", "103", "104", "interview", "street"]) {
    await add(`real/${name}/0.png`);
  }
  for (const name of ["634_660", "660_634", "101_102", "103_104", "studio", "garden"]) {
    await add(`fake/Deepfakes/${name}/0.png`);
  }
  await writeFiles(at("persons"), files);
  const inputs: RunInput[] = [
    { real: at("persons/real"), fake: at("persons/fake") },
    { data: `data=${at("persons")}` },
  ];
  for (const input of inputs) {
    for (let seed = 0; seed < 4; seed++) {
      const { train, val, tests } = await load({ ...input, seed });
      const home = new Map<string, number>();
      for (const [i, samples] of [train, val, tests[0].samples].entries()) {
        for (const { path } of samples) home.set(path.split("/").at(-2)!, i);
      }
      for (
        const names of [["634", "660", "634_660", "660_634"], ["101", "102", "101_102"], [
          "103",
          "104",
          "103_104",
        ]]
      ) {
        assertEquals(new Set(names.map((name) => home.get(name))).size, 1, `seed ${seed}: ${names}`);
      }
    }
  }
});

Deno.test("loadExperiment() warns of tests with too few videos for an interval and of such a validation set that chooses the epoch", async () => {
  const input = { real: at("persons/real"), fake: at("persons/fake") };
  const { warnings } = await load(input);
  const said = warnings.join("\n");
  assertStringIncludes(said, "data val: the best epoch is chosen by ");
  assertStringIncludes(said, "too few to tell epochs apart");
  assertStringIncludes(said, "fake videos say little (fewer than 10 of a class");
  const last = await load({ ...input, select: "last" });
  assert(!last.warnings.some((text) => text.includes("the best epoch")), `${last.warnings}`);
});

Deno.test("thin() keeps apart videos of one name that several methods made", () => {
  const samples = ["Deepfakes", "FaceSwap"].flatMap((method) =>
    Array.from({ length: 10 }, (_, i): Sample => ({
      path: `${method}/000_003/${i}.png`,
      label: 1,
      set: "s",
      video: "000_003",
      method,
    }))
  );
  const thinned = thin(samples, 2);
  assertEquals(thinned.map(({ method }) => method), ["Deepfakes", "Deepfakes", "FaceSwap", "FaceSwap"]);
});

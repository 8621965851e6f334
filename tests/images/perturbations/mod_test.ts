import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { decodeImage, loadImage, type RgbImage } from "../../../lib/images/image.ts";
import {
  ladderNames,
  parsePerturbation,
  parsePerturbations,
  perturbationKinds,
  perturbationNames,
  perturbations,
} from "../../../lib/images/perturbations/mod.ts";
import { type PerturbationKind, perturbationName } from "../../../lib/images/perturbations/perturbation.ts";
import { fixture } from "../../tensors.ts";
import { picture } from "./statistics.ts";

for (const kind of perturbationKinds) {
  Deno.test(`${kind.family}: its names say it back, and no two levels share one`, () => {
    const all = parsePerturbations(kind.family)!;
    assertEquals(all, kind.levels.map((level) => ({ kind, level })));
    assertEquals(all.map((each) => parsePerturbation(perturbationName(each))), [...all]);
    assertEquals(new Set(all.map(perturbationName)).size, all.length);
    for (const [name, levels] of Object.entries(kind.ladders ?? {})) {
      assertEquals(parsePerturbations(`${kind.family}-${name}`), levels.map((level) => ({ kind, level })));
      assert(/^[a-z]+$/.test(name) && levels.every((level) => kind.accepts(level)), name);
    }
    assert(/^[a-z]+(-[a-z]+)*$/.test(kind.family), "a part of a flag, a file and a table");
  });

  Deno.test(`${kind.family}: a level gives an image of the same size, leaves its input alone, and refuses others`, async () => {
    const image = await decodeImage(fixture("images/up.png"));
    const before = image.data.slice();
    for (const level of kind.levels) {
      const { data, width, height } = await kind.apply(image, level, { seed: 7 });
      assertEquals([width, height, data.length], [image.width, image.height, before.length]);
      assertEquals(image.data, before);
      assertNotEquals(data, before);
      assertEquals((await kind.apply(image, level, { seed: 7 })).data, data);
    }
    for (const level of [-1, NaN, Infinity]) {
      assert(!kind.accepts(level));
      await assertRejects(async () => await kind.apply(image, level, { seed: 7 }), Error, "expected");
    }
  });
}

/** The levels on either side of the one that changes nothing, each from the mildest on. */
function ladders({ levels, neutral }: PerturbationKind): number[][] {
  if (neutral === undefined) return [[...levels]];
  return [levels.filter((level) => level < neutral), levels.filter((level) => level > neutral)];
}

/** Mean absolute difference, in levels of 255. */
function difference(one: RgbImage, other: RgbImage): number {
  return one.data.reduce((sum, value, i) => sum + Math.abs(value - other.data[i]), 0) / one.data.length;
}

for (const kind of perturbationKinds) {
  Deno.test(`${kind.family}: its levels stand from the mildest on, and the mildest leaves the picture to be seen`, async () => {
    for (const levels of ladders(kind)) {
      const changes: number[] = [];
      for (const level of levels) {
        changes.push(difference(await kind.apply(picture, level, { seed: 7 }), picture));
      }
      assertEquals(changes, changes.toSorted((a, b) => a - b));
      assertEquals(new Set(changes).size, changes.length, `levels that do the same: ${changes}`);
      if (levels.length > 1) assert(changes[0] < 0.1 * 255, `a mean of ${changes[0]} levels`);
    }
    const { levels, neutral } = kind;
    if (neutral === undefined) return;
    const strengths = levels.map((level) => Number(Math.abs(level - neutral).toFixed(9)));
    assertEquals(strengths, strengths.toSorted((a, b) => a - b));
    assertEquals((await kind.apply(picture, neutral, { seed: 7 })).data, picture.data);
  });
}

Deno.test("parsePerturbations() takes a family, or a name at any level of it, and nothing else", () => {
  const { jpeg } = perturbations;
  assertEquals(parsePerturbations("jpeg")!.map(perturbationName), [
    ...["jpeg-100", "jpeg-90", "jpeg-75", "jpeg-50", "jpeg-30"],
  ]);
  assertEquals(parsePerturbations("jpeg-60"), [{ kind: jpeg, level: 60 }]);
  for (
    const text of [
      "",
      "none",
      "jpeg-",
      "jpeg-0",
      "jpeg-101",
      "jpeg-50.5",
      "jpeg--5",
      "jpeg-1e1",
      "png-5",
      "jpeg-other",
      "gaussian-blur-gend",
      "gaussian-blur-0.0000001",
    ]
  ) {
    assertEquals(parsePerturbations(text), undefined, text);
  }
  assertEquals(perturbationNames().slice(0, 3), ["jpeg", "jpeg-100", "jpeg-90"]);
  assertEquals(new Set(perturbationNames()).size, perturbationNames().length);
  assertEquals(ladderNames.slice(0, 3), ["jpeg", "jpeg-gend", "webp"]);
});

Deno.test("README lists every name that stands for several levels, with the levels", async () => {
  const text = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const readme = text.replaceAll(/ +/g, " ");
  for (const name of ladderNames) {
    const all = parsePerturbations(name)!;
    const row = `| \`${name}\` | ${all[0].kind.measure} | ${all.map(({ level }) => level).join(", ")} |`;
    assert(readme.includes(row), `README.md lacks the row ${row}`);
  }
});

Deno.test("what is drawn for an image is a function of its file's bytes, and not of its name or what came before", async () => {
  const perturbation = { kind: perturbations.gaussianNoise, level: 0.05 };
  const load = (path: string) => loadImage(path, { perturbation, size: 32 });
  const folder = await Deno.makeTempDir();
  try {
    const [one, other, copy] = [fixture("images/up.png"), `${folder}/other.png`, `${folder}/copy.png`];
    await Deno.copyFile(one, copy);
    // The same picture in another file: a byte behind the picture's end, which decoders pass over.
    await Deno.writeFile(other, Uint8Array.of(...await Deno.readFile(one), 0));
    assertEquals(await loadImage(other, { size: 32 }), await loadImage(one, { size: 32 }));
    const first = await load(one);
    assertNotEquals(await load(other), first);
    assertEquals(await load(copy), first);
    assertNotEquals(first, await loadImage(one, { size: 32 }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

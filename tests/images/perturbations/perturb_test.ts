import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { parsePerturbation } from "../../../lib/images/perturbations/mod.ts";
import { type Change, perturb } from "../../../lib/images/perturbations/perturb.ts";
import { fixture } from "../../tensors.ts";

type Case = Change & { readonly file: string };
const { cases }: { cases: readonly Case[] } = JSON.parse(await Deno.readTextFile(fixture("perturb.json")));
const source = await decodeImage(fixture("perturb/source.png"));

for (const { file, ...change } of cases) {
  Deno.test(`perturb() gives the pixels of ${file}`, async () => {
    const expected = await decodeImage(fixture(file));
    const before = source.data.slice();
    const actual = await perturb(source, change);
    assertEquals([actual.width, actual.height, source.data], [expected.width, expected.height, before]);
    // torchvision sums a blur in float32, which takes a sum just below a half for one above it.
    const most = change.kind === "gaussianBlur" ? 1 : 0;
    assert(actual.data.every((value, i) => Math.abs(value - expected.data[i]) <= most));
  });
}

Deno.test("perturb() does what the perturbation of a name does", async () => {
  const named: readonly [string, Change][] = [
    ["jpeg-50", { kind: "jpeg", quality: 50 }],
    ["webp-40", { kind: "webp", quality: 40 }],
    ["gaussian-blur-2", { kind: "gaussianBlur", kernel: 13, sigma: 2 }],
    ["gaussian-noise-0.05", { kind: "noise", sigma: 0.05 }],
    ["resize-64", { kind: "resize", side: 64 }],
    ["brightness-0.7", { kind: "brightness", factor: 0.7 }],
    ["contrast-1.3", { kind: "contrast", factor: 1.3 }],
    ["flip-1", { kind: "flip" }],
  ];
  for (const [name, change] of named) {
    const { kind, level } = parsePerturbation(name)!;
    assertEquals(
      await perturb(source, change, { seed: 9 }),
      await kind.apply(source, level, { seed: 9 }),
      name,
    );
  }
});

Deno.test("perturb() draws noise from its seed, which is 0 unless given", async () => {
  const noise = (seed?: number) => perturb(source, { kind: "noise", sigma: 0.1 }, { seed });
  assertEquals(await noise(), await noise(0));
  assertNotEquals(await noise(1), await noise(0));
});

Deno.test("perturb() refuses what is no image, no kind, or out of range", async () => {
  const one: RgbImage = { data: Uint8Array.of(1, 2, 3), width: 1, height: 1 };
  const refused: readonly [RgbImage, unknown, string][] = [
    [{ ...one, width: 2 }, { kind: "flip" }, "3 bytes for each of 2 × 1 pixels but found 3"],
    [{ ...one, data: new Uint8Array(4) }, { kind: "flip" }, "3 bytes for each of 1 × 1 pixels but found 4"],
    [{ data: new Uint8Array(), width: 0, height: 4 }, { kind: "flip" }, "0 × 4 pixels but found 0"],
    [one, { kind: "rotate" }, 'one of its kinds but found {"kind":"rotate"}'],
    [one, { kind: "jpeg" }, "quality from 1 to 100 but found undefined"],
    [one, { kind: "webp", quality: 101 }, "quality from 1 to 100 but found 101"],
    [one, { kind: "noise", sigma: 2 }, "sigma above 0 and up to 1 but found 2"],
    [one, { kind: "resize", side: 0 }, "side of 1 to 4096 pixels but found 0"],
    [one, { kind: "brightness", factor: NaN }, "factor of 0 to 100 but found NaN"],
    [one, { kind: "contrast", factor: -1 }, "factor of 0 to 100 but found -1"],
    [one, { kind: "gaussianBlur", kernel: 4, sigma: 1 }, "odd number of pixels but found 4"],
  ];
  for (const [image, change, message] of refused) {
    await assertRejects(() => perturb(image, change as Change), Error, message);
  }
});

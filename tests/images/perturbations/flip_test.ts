import { assertEquals, assertThrows } from "@std/assert";
import { flip } from "../../../lib/images/perturbations/flip.ts";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { fixture } from "../../tensors.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

Deno.test("flip-1 gives torchvision's bytes, and twice gives the picture back", async () => {
  const source = await read("source");
  const flipped = await flip.apply(source, 1, { seed: 0 });
  assertEquals(flipped, await read("flip"));
  assertEquals(await flip.apply(flipped, 1, { seed: 0 }), source);
});

Deno.test("flip refuses to flip another number of times", () => {
  const image = { data: new Uint8Array(3), width: 1, height: 1 };
  for (const times of [0, 2]) {
    assertThrows(() => flip.apply(image, times, { seed: 0 }), Error, `1 time but found ${times}`);
  }
});

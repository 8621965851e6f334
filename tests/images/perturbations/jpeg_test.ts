import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { decodeImage } from "../../../lib/images/image.ts";
import { jpegRoundTrip } from "../../../lib/images/perturbations/jpeg.ts";
import { fixture } from "../../tensors.ts";

Deno.test("jpegRoundTrip() keeps the size and does not touch its input", async () => {
  const image = await decodeImage(fixture("images/up.png"));
  const before = image.data.slice();
  const result = await jpegRoundTrip(image, 30);
  assertEquals([result.width, result.height], [image.width, image.height]);
  assertEquals(image.data, before);
  for (const quality of [0, 101, 50.5, NaN]) {
    const { message } = await assertRejects(() => jpegRoundTrip(image, quality), Error);
    assertStringIncludes(message, "quality from 1 to 100");
  }
});

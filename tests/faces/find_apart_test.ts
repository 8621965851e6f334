import { assert, assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { openFaceFinder } from "../../lib/faces/find.ts";
import { openFaceFinderApart } from "../../lib/faces/find_apart.ts";
import { decodeImage } from "../../lib/images/image.ts";
import { fixture } from "../tensors.ts";

Deno.test("openFaceFinderApart() finds openFaceFinder()'s faces to the bit, and gives the images' bytes back", async () => {
  const [several, none] = [
    await decodeImage(fixture("mtcnn/several.jpg")),
    await decodeImage(fixture("mtcnn/none.jpg")),
  ];
  const here = await openFaceFinder();
  const expected = await here.find([several, none]);
  assertEquals(expected.map((faces) => faces.length), [3, 0]);
  const apart = await openFaceFinderApart({});
  try {
    assertEquals([apart.name, apart.digest], [here.name, here.digest]);
    const copies = [several, none].map((image) => ({ ...image, data: image.data.slice() }));
    const asking = apart.find(copies);
    assert(copies.every(({ data }) => data.length === 0), "the thread has the bytes meanwhile");
    const second = apart.find([{ ...none, data: none.data.slice() }]); // waits its turn
    const found = await asking;
    assertEquals(found.map(({ faces }) => faces), expected);
    assertEquals(found.map(({ image }) => image), [several, none]);
    assertEquals((await second)[0].faces, []);
    const error = await assertRejects(
      () => apart.find([{ width: 2, height: 2, data: new Uint8Array(3) }]),
      InputError,
    );
    assertEquals(
      error.message,
      "Cannot find faces: expected 12 bytes of RGB for 2×2 pixels but found 3",
    );
  } finally {
    here.close();
    await apart.close();
  }
});

Deno.test("openFaceFinderApart() refuses what openFaceFinder() does, and ends what waits when it is closed", async () => {
  const error = await assertRejects(() => openFaceFinderApart({ leastSide: 3 }), InputError);
  assertEquals(
    error.message,
    "Cannot find faces: expected a leastSide of at least 12 pixels but found 3",
  );
  const finder = await openFaceFinderApart({});
  const asked = finder.find([await decodeImage(fixture("mtcnn/several.jpg"))]);
  const closing = finder.close();
  const closed = "expected a detector that is open but found it closed";
  await assertRejects(() => asked, Error, closed);
  await assertRejects(() => finder.find([]), Error, closed);
  await closing;
});

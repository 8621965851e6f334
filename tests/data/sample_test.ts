import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { byName, checkImages } from "../../lib/data/sample.ts";
import { readFolders } from "../../lib/data/folders.ts";
import { InputError } from "../../lib/base/errors.ts";
import { withFolder, writeOddPictures } from "../folders.ts";

Deno.test("byName() orders numbers by value and everything else alike on every machine", () => {
  assertEquals(["10.png", "9.png", "b", "B", "a"].sort(byName), ["9.png", "10.png", "a", "b", "B"]);
});

Deno.test("readFolders() and checkImages() name every file that they skip, and why", async () => {
  await withFolder(async (root) => {
    await writeOddPictures(root);
    const folders = { real: join(root, "real"), fake: join(root, "fäke 假") };
    const seen: number[] = [];
    const list = await checkImages(await readFolders(folders, { set: "s" }), {
      onProgress: (done, total) => seen.push(done / total),
    });
    assertEquals(list.samples.length, 36);
    assertEquals(seen.at(-1), 1);
    const reasons = list.skipped.filter(({ path }) => path.startsWith(folders.real)).map(({ path, reason }) =>
      `${path.slice(folders.real.length + 1)}: ${reason}`
    );
    assertEquals(reasons[0], "notes.txt: not an image's suffix");
    assertStringIncludes(reasons[1], "cut short.jpg: expected a JPEG");
    assertStringIncludes(reasons[1], "truncated");
    assertEquals(reasons[2], "empty.png: empty file");
    await assertRejects(
      async () => await checkImages(await readFolders(folders, { set: "s" }), { strict: true }),
      InputError,
      "Cannot use the images with --strict: expected only readable images but found 6 other files",
    );
  });
});

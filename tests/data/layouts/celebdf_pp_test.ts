import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

const files = [
  "Celeb-real/id0_0000.mp4",
  "Celeb-real/id1_0007.mp4",
  "YouTube-real/00170.mp4",
  "Celeb-synthesis/FaceSwap/Celeb-DF/id0_id1_0000.mp4",
  "Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000.mp4",
  "Celeb-synthesis/FaceSwap/SimSwap/id1_id0_0007.mp4",
  "Celeb-synthesis/FaceReenact/LIA/id0_id1_0000.mp4",
  "Celeb-synthesis/TalkingFace/SadTalker/frames/id0_0000_en/0.png",
];
const list = [
  "1 YouTube-real/00170.mp4",
  "0 Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000.mp4",
  "0 celeb-synthesis\\TalkingFace\\SadTalker\\id0_0000_en.mp4",
  "0 Celeb-synthesis/FaceSwap/GHOST/id0_id1_0000.mp4",
  "1 Celeb-real/id9_0000.mp4",
];
const tree = (lines: readonly string[], more: readonly string[] = []) => ({
  ...Object.fromEntries([...files, ...more].map((name) => [name, ""])),
  "List_of_testing_videos.txt": `${lines.join("\r\n")}\r\n`,
});
const read = (path: string, methods?: string[]) => readSet({ name: "cdfpp", path, methods });

Deno.test("readSet() reads Celeb-DF++ by scenario and method, its list's videos as the test", async () => {
  await withTree(tree(list), async (root) => {
    const { videos, layout, kind, isOfficialSplit } = await read(root);
    assertEquals(kind, "celeb-df-pp");
    assertEquals(layout, "Celeb-DF++, 4 methods, test split from List_of_testing_videos.txt, 1 is real");
    assertEquals(isOfficialSplit, false);
    assertEquals(videos.map(({ id, label, method, split }) => [id, label, method, split]), [
      ["Celeb-real/id0_0000", 0, "Celeb-real", "train"],
      ["Celeb-real/id1_0007", 0, "Celeb-real", "train"],
      ["YouTube-real/00170", 0, "YouTube-real", "test"],
      ["Celeb-synthesis/FaceReenact/LIA/id0_id1_0000", 1, "LIA", "train"],
      ["Celeb-synthesis/FaceSwap/Celeb-DF/id0_id1_0000", 1, "Celeb-DF", "train"],
      ["Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000", 1, "SimSwap", "test"],
      ["Celeb-synthesis/FaceSwap/SimSwap/id1_id0_0007", 1, "SimSwap", "train"],
      ["Celeb-synthesis/TalkingFace/SadTalker/id0_0000_en", 1, "SadTalker", "test"],
    ]);
  });
});

Deno.test("readSet() keeps Celeb-DF++'s fakes with their recording, and knows the original of face swaps alone", async () => {
  await withTree(tree(list), async (root) => {
    const { videos } = await read(root);
    assertEquals(videos.slice(3).map(({ identities, original }) => [identities[0], original]), [
      ["celebdf:id0_0000", undefined],
      ["celebdf:id0_0000", "Celeb-real/id0_0000"],
      ["celebdf:id0_0000", "Celeb-real/id0_0000"],
      ["celebdf:id1_0007", "Celeb-real/id1_0007"],
      ["celebdf:id0_0000", undefined],
    ]);
  });
});

Deno.test("readSet() counts what Celeb-DF++ lacks against its README and its list, and names what it does not read", async () => {
  const more = ["Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/Other/x/0.png"];
  await withTree(tree(list, more), async (root) => {
    const { missing, skipped } = await read(root);
    assertEquals(missing.map(({ what, expected, found }) => [what, expected, found]), [
      ["Celeb-real videos", 590, 2],
      ["YouTube-real videos", 300, 1],
      ["methods", 22, 4],
      ["listed real test videos", 178, 2],
      ["listed FaceSwap test videos", 1600, 2],
      ["listed FaceReenact test videos", 1400, 0],
      ["listed TalkingFace test videos", 2100, 1],
      ["test videos", 5, 3],
    ]);
    assertEquals(missing.at(-1)!.examples, [
      "celeb-synthesis/faceswap/ghost/id0_id1_0000",
      "celeb-real/id9_0000",
    ]);
    assertEquals(skipped.map(({ path }) => path), ["Celeb-synthesis/Other", "Celeb-synthesis"]);
  });
});

Deno.test("readSet() refuses Celeb-DF++'s list with a wrong label, and a method that is not there", async () => {
  await withTree(tree([...list, "1 Celeb-synthesis/FaceReenact/LIA/id0_id1_0000.mp4"]), async (root) => {
    await assertRejects(() => read(root), InputError, "found 1 of 6 lines the other way round");
  });
  await withTree(tree(list), async (root) => {
    await assertRejects(() => read(root, ["GHOST"]), InputError, "expected one of LIA, Celeb-DF, SimSwap");
    const { videos } = await read(root, ["simswap"]);
    assertEquals(videos.filter(({ label }) => label === 1).map(({ method }) => method), [
      "SimSwap",
      "SimSwap",
    ]);
  });
});

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

const read = (path: string, labels?: Record<string, 0 | 1>) =>
  readSet({ name: "set", path, labels, videos: "file" });
const tree = (metadata: Readonly<Record<string, string>>, files: readonly string[]) => ({
  ...Object.fromEntries(files.map((name) => [name, ""])),
  ...metadata,
});

Deno.test("readSet() reads Hugging Face's image folders by the metadata of each split", async () => {
  const files = [
    "train/a.png",
    "train/images/b.jpg",
    "train/c.png",
    "validation/d.png",
    "test/e.png",
    "test/f.png",
  ];
  await withTree(
    tree({
      "train/metadata.csv": "file_name,label\na.png,real\nimages/b.jpg,Fake\ngone.png,fake\n",
      "validation/metadata.jsonl": '{"file_name": "d.png", "label": "fake", "text": "x"}\n',
      "test/metadata.csv": '"label";"file_name"\nfake;e.png\nreal;./f.png\nreal;f.png\n',
    }, files),
    async (root) => {
      const { kind, videos, missing, skipped } = await read(root);
      assertEquals(kind, "image-folder");
      const found = videos.map(({ split, label, frames, folder }) =>
        `${split} ${label} ${folder.slice(root.length + 1)} ${frames}`
      );
      assertEquals(found.sort(), [
        "test 0 test f.png",
        "test 1 test e.png",
        "train 0 train a.png",
        "train 1 train/images b.jpg",
        "val 1 validation d.png",
      ]);
      assertEquals(missing, [{
        what: "images",
        expected: 3,
        found: 2,
        by: "train/metadata.csv",
        examples: ["train/gone.png"],
      }]);
      assertEquals(skipped, [{ path: "train/c.png", reason: "in no list of metadata" }]);
    },
  );
});

Deno.test("readSet() takes the split of one list for all from the folders in its names", async () => {
  const list = "file_name,label\ntrain/a.png,real\ntest/a.png,fake\nb.png,fake\n";
  await withTree(tree({ "metadata.csv": list }, ["train/a.png", "test/a.png", "b.png"]), async (root) => {
    const { videos } = await read(root);
    assertEquals(videos.map(({ split, label, id }) => [split, label, id]), [
      ["train", 0, "real/train/a"],
      ["test", 1, "fake/test/a"],
      [undefined, 1, "fake/b"],
    ]);
  });
});

Deno.test("readSet() refuses metadata with a label that is missing, unknown, a number or two at once", async () => {
  const broken: readonly [string, string, Record<string, 0 | 1> | undefined, string][] = [
    [
      "metadata.csv",
      "file_name,label\na.png,\n",
      undefined,
      "metadata.csv, line 2: expected a file_name and a label but found no label for a.png",
    ],
    [
      "metadata.csv",
      "file_name,label\na.png,flux\n",
      undefined,
      "found flux; say what it is, as in --labels flux=fake",
    ],
    // By the alphabet 0 is fake.
    [
      "metadata.csv",
      "file_name,label\na.png,0\nb.png,1\n",
      undefined,
      "found 0, 1; say what each is, as in --labels 0=fake",
    ],
    [
      "metadata.csv",
      "file_name,label\na.png,real\na.png,fake\n",
      undefined,
      "expected one label for a.png but found both",
    ],
    ["metadata.jsonl", '{"file_name": "a.png", "label": null}\n', undefined, "line 1"],
    [
      "metadata.jsonl",
      '{"file_name": "a.png", "label": "fake"\n',
      undefined,
      "line 1: expected JSON but found",
    ],
    ["metadata.csv", "file_name,text\na.png,x\n", undefined, "but found no label"],
  ];
  for (const [name, text, labels, message] of broken) {
    await withTree(tree({ [name]: text }, ["a.png", "b.png"]), async (root) => {
      await assertRejects(() => read(root, labels), InputError, message);
    });
  }
  await withTree(
    tree({ "metadata.csv": "file_name,label\na.png,0\nb.png,1\n" }, ["a.png", "b.png"]),
    async (root) => {
      const { videos, layout } = await read(root, { "0": 1, "1": 0 });
      assertEquals(videos.map(({ label, frames }) => [label, frames]), [[1, "a.png"], [0, "b.png"]]);
      assertStringIncludes(layout, "labels from metadata.csv");
    },
  );
});

import { assertEquals, assertRejects } from "@std/assert";
import { basename, join } from "node:path";
import type { SampleList } from "../../lib/data/sample.ts";
import { readManifest } from "../../lib/data/manifest.ts";
import { InputError } from "../../lib/base/errors.ts";
import { writeFiles } from "../folders.ts";

/** Reads `text` as a manifest beside `files`, which hold one byte each. */
async function manifest(
  text: string,
  options: { readonly files?: readonly string[]; readonly root?: string } = {},
): Promise<SampleList & { readonly folder: string }> {
  const { files = ["x/1.png", "x/2.png", "x/3.png", "x/4.png"], root } = options;
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await writeFiles(folder, { ...Object.fromEntries(files.map((name) => [name, "x"])), "m.csv": text });
    return { ...await readManifest(join(folder, "m.csv"), { set: "s", root }), folder };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const refused = (text: string, message: string, options: Parameters<typeof manifest>[1] = {}) =>
  assertRejects(() => manifest(text, options), InputError, message);

Deno.test("readManifest() reads labels, splits, videos and methods, and paths relative to itself", async () => {
  const list = await manifest(
    "\ufeffpath,label,split,video,method,set\nx/1.png,0,train,v1,,a\nx\\2.png,1,train,v2,swap,a\nx/9.png,1,train,,,a\n",
  );
  assertEquals(
    list.samples.map(({ label, split, video, method, set }) => [label, split, video, method, set]),
    [
      [0, "train", "v1", "real", "a"],
      [1, "train", "v2", "swap", "a"],
    ],
  );
  assertEquals(list.samples[1].path, join(list.folder, "x/2.png"));
  assertEquals(list.skipped, [
    { path: join(list.folder, "x/9.png"), reason: "no such file", set: "a", split: "train" },
  ]);
});

Deno.test("readManifest() takes the usual spellings of splits, labels and columns in any case", async () => {
  const words = [
    ["train", "train"],
    ["Training", "train"],
    ["VAL", "val"],
    ["valid", "val"],
    ["Validation", "val"],
    ["validate", "val"],
    ["dev", "val"],
    ["Test", "test"],
    ["TESTING", "test"],
    ["eval", "test"],
  ];
  const files = words.map((_, i) => `${i}.png`);
  const rows = words.map(([word], i) => `${i}.png,${["REAL", "0", "fake", "1", "Fake"][i % 5]},${word}`);
  const { samples, warnings } = await manifest(`Path, LABEL ,Split\n${rows.join("\n")}\n`, { files });
  assertEquals(samples.map(({ split }) => split), words.map(([, split]) => split));
  assertEquals(samples.map(({ label }) => label), [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]);
  assertEquals(warnings.filter((text) => text.includes("column")), []);
});

Deno.test("readManifest() refuses other splits and labels, naming the line, the word and how many more", async () => {
  await refused(
    "path,label,split\nx/1.png,0,train\n\nx/2.png,1,tset\nx/3.png,1,tset\n",
    'm.csv: expected the split train (training), val (valid, validation, validate, dev, development), test (testing, eval, evaluation), or none in line 4 but found "tset" (and 1 more rows with another split)',
  );
  for (const word of ["2", "-1", "1.0", "true", "real?", ""]) {
    await refused(
      `path,label\nx/1.png,0\nx/2.png,${word}\n`,
      `expected the label 0 or real, or 1 or fake in line 3 but found "${word}"`,
    );
  }
  await refused("path,label\n,0\n", 'expected a path in line 2 but found ""');
  await refused("path,label\n", "expected rows below the header but found no row");
  await refused(
    "path,class\nx/1.png,1\n",
    "expected a header with the columns path, label but found only path, class",
  );
});

Deno.test("readManifest() refuses a set with a split in some rows only, and takes one with none beside one with all", async () => {
  await refused(
    "path,label,split\nx/1.png,0,train\nx/2.png,1,\nx/3.png,0,\n",
    "expected a split in every row of the set s (train) but found none in 2 of them, the first in line 3",
  );
  const { samples } = await manifest(
    "path,label,split,set\nx/1.png,0,Test,a\nx/2.png,1,Test,a\nx/3.png,0,,b\nx/4.png,1,,b\n",
  );
  assertEquals(samples.map(({ set, split }) => `${set} ${split}`), [
    "a test",
    "a test",
    "b undefined",
    "b undefined",
  ]);
});

Deno.test("readManifest() takes a file that comes twice once, and refuses rows that contradict each other", async () => {
  const { samples, warnings } = await manifest(
    "path,label,video\nx/1.png,0,a\nx/2.png,1,b\nx/../x\\1.png,0,a\n",
  );
  assertEquals(samples.length, 2);
  assertEquals(warnings, [
    "the manifest names a file a second time (line 4: x/../x/1.png); each is taken once",
  ]);
  const cases = [
    ["0,train,a,v,", "1,train,a,v,", "line 2 (label 0) and in line 3 (label 1)"],
    ["0,train,a,v,", "0,test,a,v,", "line 2 (split train) and in line 3 (split test)"],
    ["0,train,a,v,", "0,train,b,v,", "line 2 (set a) and in line 3 (set b)"],
    ["1,train,a,v,m", "1,train,a,,m", "line 2 (video v) and in line 3 (video none)"],
  ];
  for (const [one, other, message] of cases) {
    await refused(`path,label,split,set,video,method\nx/1.png,${one}\nx/1.png,${other}\n`, message);
  }
});

Deno.test("readManifest() gives the persons that a row names as identities of its set, beside its video", async () => {
  const { samples } = await manifest(
    "path,label,video,persons\nx/1.png,0,v1,anna\nx/2.png,1,v2,anna | ben|anna\nx/3.png,1,,ben\nx/4.png,1,v4,\n",
  );
  assertEquals(samples.map(({ identities }) => identities), [
    ["s/real/v1", "s: person anna"],
    ["s/fake/v2", "s: person anna", "s: person ben"],
    ["folder:s/fake/x", "s: person ben"],
    ["s/fake/v4"],
  ]);
});

Deno.test("readManifest() names columns that it does not know", async () => {
  const { warnings } = await manifest("path,label,video,fold,weight\nx/1.png,0,a,1,2\nx/2.png,1,b,1,2\n");
  assertEquals(warnings, [
    'the manifest\'s columns "fold", "weight" are not used (known: path, label, split, set, video, method, source, persons)',
  ]);
});

Deno.test("readManifest() says how many files are not there, and where relative paths were looked for", async () => {
  const { warnings, skipped, folder } = await manifest(
    `path,label,video\nx/1.png,0,a\nx/2.png,1,b\ny/5.png,0,c\n${"n".repeat(300)}.png,1,d\nx,1,e\n`,
  );
  assertEquals(
    skipped.map(({ path, reason }) => [basename(path).slice(0, 6), reason.replace(/ *\(os.*/, "")]),
    [
      ["5.png", "no such file"],
      ["nnnnnn", "File name too long"],
      ["x", "a folder"],
    ],
  );
  assertEquals(
    warnings[0].replace(/ and .*/, ""),
    `3 of the 5 files of the manifest are not used, such as ${folder}/y/5.png (no such file); relative paths were looked for in ${folder}, ${
      join(folder, "..")
    }, ${join(folder, "../..")}`,
  );
});

Deno.test("readManifest() refuses a manifest of which no file, or no file of a class of a set's split, is there", async () => {
  await refused(
    "path,label\ny/1.png,0\ny/2.png,1\n",
    "y/1.png (no such file); relative paths were looked for in",
  );
  await refused("path,label\ny/1.png,0\ny/2.png,1\n", "say where the paths lie here with --root FOLDER");
  await refused(
    "path,label,split\nx/1.png,0,train\nx/2.png,1,train\nx/3.png,0,test\ny/4.png,1,test\n",
    "expected the fake test images of the set s but found none of 1, such as ",
  );
  await refused(
    "path,label,set\nx/1.png,0,a\nx/2.png,1,a\ny/3.png,0,b\ny/4.png,1,b\n",
    "expected the real images of the set b but found none of 1, such as ",
  );
});

Deno.test("readManifest() says when --root's beginning is none of a path's, and maps only whole folders", async () => {
  const files = ["new/1.png", "new/2.png", "x/1.png", "x/2.png"];
  const absent = await manifest("path,label,video\nx/1.png,0,a\nx/2.png,1,b\n", {
    files,
    root: "/data=/new",
  });
  assertEquals(absent.warnings, ["no path of the manifest begins with --root's /data"]);
  await refused("path,label\n/database/1.png,0\n/database/2.png,1\n", "such as /database/1.png", {
    files: [],
    root: "/data=/",
  });
});

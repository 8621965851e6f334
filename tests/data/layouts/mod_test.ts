import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { evenly, samplesOf, type SetReading } from "../../../lib/data/layouts/layout.ts";
import { parseSpec } from "../../../lib/data/spec.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { withTree } from "./with_tree.ts";

const read = (path: string, options: { compression?: string; methods?: string[]; root?: string } = {}) =>
  readSet({ name: "set", path, ...options });

const frames = (folder: string, count = 2) => Array.from({ length: count }, (_, i) => `${folder}/${i}.png`);

const by = (reading: SetReading, key: (video: SetReading["videos"][number]) => string) => {
  const counts: Record<string, number> = {};
  for (const video of reading.videos) counts[key(video)] = (counts[key(video)] ?? 0) + 1;
  return counts;
};

const splits = (train: string[][], val: string[][], test: string[][]) => ({
  "dataset/splits/train.json": JSON.stringify(train),
  "dataset/splits/val.json": JSON.stringify(val),
  "dataset/splits/test.json": JSON.stringify(test),
});

const methods = ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"];

/** Three pairs, all four methods, two frames a video, masks and landmarks beside. */
function faceForensics(level = "c23"): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [a, b] of [["000", "003"], ["010", "011"], ["020", "021"]]) {
    for (const id of [a, b]) {
      for (const path of frames(`original_sequences/youtube/${level}/frames/${id}`)) files[path] = "";
    }
    for (const method of methods) {
      for (const id of [`${a}_${b}`, `${b}_${a}`]) {
        for (const path of frames(`manipulated_sequences/${method}/${level}/frames/${id}`)) files[path] = "";
        files[`manipulated_sequences/${method}/${level}/masks/${id}/0.png`] = "";
        files[`manipulated_sequences/${method}/masks/videos/${id}.mp4`] = "";
        files[`manipulated_sequences/${method}/${level}/landmarks/${id}/0.npy`] = "";
      }
    }
  }
  return files;
}

Deno.test("readSet() reads FaceForensics++ with its pairs as splits, videos by method, and no masks", async () => {
  const files = { ...faceForensics(), ...splits([["000", "003"]], [["010", "011"]], [["021", "020"]]) };
  await withTree(files, async (root) => {
    const reading = await read(root);
    assertEquals(reading.layout, "FaceForensics++, c23, splits from dataset/splits/*.json");
    assertEquals(by(reading, ({ split, label }) => `${split} ${label}`), {
      "train 0": 2,
      "val 0": 2,
      "test 0": 2,
      "train 1": 8,
      "val 1": 8,
      "test 1": 8,
    });
    const one = reading.videos.find(({ id }) => id === "FaceSwap/003_000")!;
    assertEquals([one.split, one.method, one.identities], ["train", "FaceSwap", ["ffpp:003", "ffpp:000"]]);
    assertEquals(new Set(reading.videos.map(({ id }) => id)).size, 30);
    assertEquals(reading.skipped, []);
    const missing = reading.missing.map(({ what, expected, found }) => [what, expected, found]);
    assertEquals(missing[0], ["youtube c23 videos", 1000, 6]);
    assertEquals(missing.at(-1), ["pairs in test.json", 70, 1]);
  });
});

Deno.test("readSet() names what is missing of FaceForensics++: a method's folder and videos of the split files", async () => {
  const files = {
    ...faceForensics(),
    ...splits([["000", "003"], ["100", "101"]], [["010", "011"]], [["020", "021"]]),
  };
  for (const path of Object.keys(files)) {
    if (path.includes("NeuralTextures")) delete (files as Record<string, string>)[path];
  }
  await withTree(files, async (root) => {
    const { missing } = await read(root);
    assertEquals(missing[0], {
      what: "NeuralTextures videos (no folder)",
      expected: 1000,
      found: 0,
      by: "official",
      examples: [],
    });
    assertEquals(
      missing.filter(({ by }) => by === "the split files").map((
        { what, found, examples },
      ) => [what, found, examples]),
      [
        ["youtube c23 videos", 6, ["100", "101"]],
        ["Deepfakes c23 videos", 6, ["100_101", "101_100"]],
        ["Face2Face c23 videos", 6, ["100_101", "101_100"]],
        ["FaceSwap c23 videos", 6, ["100_101", "101_100"]],
      ],
    );
  });
});

Deno.test("readSet() puts a video of FaceForensics++ that two split files name in both, and skips one that none names", async () => {
  const files = { ...faceForensics(), ...splits([["000", "003"]], [["010", "011"]], [["000", "003"]]) };
  await withTree(files, async (root) => {
    const reading = await read(root);
    assertEquals(reading.videos.filter(({ id }) => id === "youtube/000").map(({ split }) => split), [
      "train",
      "test",
    ]);
    assertEquals(reading.skipped.length, 10);
    assertEquals(reading.skipped[0].reason, "in none of the split files");
  });
});

Deno.test("readSet() has one compression of several chosen, and one that is there", async () => {
  await withTree({ ...faceForensics(), ...faceForensics("c40") }, async (root) => {
    await assertRejects(
      () => read(root),
      InputError,
      "expected one compression to be chosen but found c23, c40",
    );
    await assertRejects(() => read(root, { compression: "raw" }), InputError, "expected the compression raw");
    const reading = await read(root, { compression: "c40", methods: ["deepfakes"] });
    assert(reading.videos.every(({ folder }) => folder.includes("/c40/")));
    assertEquals(by(reading, ({ method }) => method), { youtube: 6, Deepfakes: 6 });
    assertStringIncludes(reading.warnings[0], "dealt by identity, which is not the official split");
    await assertRejects(
      () => read(root, { compression: "c40", methods: ["Nope"] }),
      InputError,
      "expected one of Deepfakes, Face2Face, FaceSwap, NeuralTextures",
    );
  });
});

Deno.test("readSet() refuses a split file that holds no pairs", async () => {
  await withTree({ ...faceForensics(), "splits/train.json": '["000"]' }, async (root) => {
    await assertRejects(() => read(root), InputError, "expected pairs of videos");
  });
});

Deno.test("readSet() reads DFD by name or when it is alone, keeping a scene's fakes with its real video", async () => {
  const dfd = [
    "original_sequences/actors/raw/videos/01__kitchen_pan.mp4",
    "manipulated_sequences/DeepFakeDetection/raw/videos/01_02__kitchen_pan__YVGY8LOK.mp4",
    "manipulated_sequences/DeepFakeDetection/raw/videos/odd.mp4",
  ];
  await withTree(dfd, async (root) => {
    const reading = await read(root);
    assertEquals(reading.layout, "DeepFakeDetection (DFD), raw, no split files");
    assertEquals(reading.videos.map(({ identities }) => identities), [["dfd:01__kitchen_pan"], [
      "dfd:01__kitchen_pan",
    ]]);
    assertEquals(reading.skipped.length, 1);
    assertEquals(reading.missing.map(({ expected }) => expected), [363, 3068]);
    assertStringIncludes(reading.notes[0], "a scene stays together, but not an actor");
  });
  await withTree(
    { ...faceForensics("raw"), ...Object.fromEntries(dfd.map((name) => [name, ""])) },
    async (root) => {
      assertEquals(by(await read(root), ({ method }) => method).DeepFakeDetection, undefined);
      const reading = await readSet({ name: "dfd", path: root });
      assertEquals(by(reading, ({ method }) => method), { actors: 1, DeepFakeDetection: 1 });
    },
  );
});

const celeb = [
  ...frames("Celeb-real/frames/id0_0000", 11),
  ...frames("Celeb-real/frames/id1_0007"),
  ...frames("Youtube-real/frames/00170"),
  ...frames("Celeb-synthesis/frames/id1_id0_0007"),
  ...frames("Celeb-synthesis/frames/id0_id1_0000"),
];

Deno.test("readSet() reads Celeb-DF's list, where 1 is real, with Windows paths and another case", async () => {
  const list =
    "1 YouTube-real\\00170.mp4\r\n0 Celeb-synthesis\\id1_id0_0007.mp4\r\n1 Celeb-real/id5_0001.mp4\r\n";
  const files = {
    ...Object.fromEntries(celeb.map((name) => [name, ""])),
    "List_of_testing_videos.txt": list,
  };
  await withTree(files, async (root) => {
    const reading = await read(root);
    assertStringIncludes(reading.layout, "Celeb-DF v2, test split from List_of_testing_videos.txt");
    assertEquals(
      Object.fromEntries(reading.videos.map(({ id, split, label }) => [id, `${split} ${label}`])),
      {
        "Celeb-real/id0_0000": "train 0",
        "Celeb-real/id1_0007": "train 0",
        "YouTube-real/00170": "test 0",
        "Celeb-synthesis/id0_id1_0000": "train 1",
        "Celeb-synthesis/id1_id0_0007": "test 1",
      },
    );
    const target = reading.videos.find(({ id }) => id.endsWith("id1_id0_0007"))!;
    assertEquals(target.identities, ["celebdf:id1_0007"]);
    assertEquals(reading.missing.map(({ what, expected, found }) => [what, expected, found]), [
      ["Celeb-real videos", 590, 2],
      ["YouTube-real videos", 300, 1],
      ["Celeb-synthesis videos", 5639, 2],
      ["listed test videos", 518, 3],
      ["test videos", 3, 2],
    ]);
    // 10.png after 9.png
    const first = samplesOf(reading, { set: "celebdf" }).slice(0, 11).map(({ source }) =>
      source?.split("/").at(-1)
    );
    assertEquals(first.slice(-2), ["9.png", "10.png"]);
  }, { name: "Celeb-DF-v2" });
});

Deno.test("readSet() refuses Celeb-DF's list with inverted labels, and names a missing folder", async () => {
  const list = "0 YouTube-real/00170.mp4\n1 Celeb-synthesis/id1_id0_0007.mp4\n";
  const files = {
    ...Object.fromEntries(celeb.map((name) => [name, ""])),
    "List_of_testing_videos.txt": list,
  };
  await withTree(files, async (root) => {
    await assertRejects(() => read(root), InputError, "its labels are inverted");
  });
  const without = celeb.filter((name) => !name.startsWith("Youtube-real"));
  await withTree(without, async (root) => {
    const { missing, layout } = await read(root);
    assertStringIncludes(layout, "Celeb-DF v1");
    assertEquals(missing.map(({ what, expected }) => [what, expected])[1], [
      "YouTube-real videos (no folder)",
      250,
    ]);
  }, { name: "Celeb-DF-v1" });
});

Deno.test("readSet() takes Celeb-DF's version from the nearest folder that is Celeb-DF's, else from the set's own", async () => {
  const cases = [
    ["proj_v1/Celeb-DF-v2", "v2"],
    ["proj_v2/Celeb-DF-v1", "v1"],
    ["Celeb-DF-v1_backup/CelebDFv2", "v2"],
    ["Celeb-DF-v1/frames", "v1"],
    ["proj_v1/celeb", "v2 (v1 with layout=celeb-df-v1)"],
    ["Celeb-DF-v1-and-v2/all", "v2 (v1 with layout=celeb-df-v1)"],
    ["rev1/v10/x", "v2 (v1 with layout=celeb-df-v1)"],
    ["data/v1", "v1"],
    ["Celeb-DF/v1", "v1"],
    ["Celeb-DF-v2/frames_v1", "v2"],
    ["Celeb-DF-v1/backup_v2", "v1"],
  ];
  for (const [name, version] of cases) {
    await withTree(celeb, async (root) => {
      assertEquals((await read(root)).layout, `Celeb-DF ${version}, no List_of_testing_videos.txt`);
    }, { name });
  }
  const settings = { version: 1, frames: 2, crop: "none", margin: 1.3, layout: "celeb-df-v1" };
  await withTree({
    ...Object.fromEntries(celeb.map((name) => [name, ""])),
    "prepare.json": `\ufeff${JSON.stringify(settings)}`,
  }, async (root) => assertEquals((await read(root)).kind, "celeb-df-v1"));
});

Deno.test("readSet() skips a byte order mark in every list, and names a list that it cannot read", async () => {
  const bom = (files: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(files).map((
        [name, text],
      ) => [name, /(json|csv|txt)$/.test(name) ? `\ufeff${text}` : text]),
    );
  const part = {
    "dfdc_train_part_0/metadata.json":
      '{"a.mp4":{"label":"REAL"},"b.mp4":{"label":"FAKE","original":"a.mp4"}}',
    "dfdc_train_part_0/a.mp4": "",
    "dfdc_train_part_0/b.mp4": "",
  };
  await withTree(bom(part), async (root) => {
    assertEquals((await read(root)).videos.map(({ label }) => label), [0, 1]);
  });
  await withTree(bom({ "labels.csv": "Filename,Label\na.mp4,FAKE\n", "a.mp4": "" }), async (root) => {
    assertEquals((await read(root)).videos.map(({ label }) => label), [1]);
  });
  await withTree(bom({ ...faceForensics(), ...splits([["000", "003"]], [], []) }), async (root) => {
    assertEquals(by(await read(root), ({ split }) => `${split}`), { train: 10 });
  });
  await withTree(
    bom({ "FF-DF.json": JSON.stringify(list("FF-real", "FF-DF")), ...faceForensics() }),
    async (root) => {
      assertEquals(
        (await readSet({
          name: "x",
          path: root,
          layout: "deepfakebench",
          root: `D:/data/FaceForensics++=${root}`,
        }))
          .videos.length,
        2,
      );
    },
  );
  await withTree({ ...part, "dfdc_train_part_0/metadata.json": '{"a.mp4":' }, async (root) => {
    await assertRejects(
      () => read(root),
      InputError,
      `in ${root} but found dfdc_train_part_0/; Cannot read ${root}/dfdc_train_part_0/metadata.json: expected videos by name in JSON but found `,
    );
  });
});

Deno.test("readSet() reads the parts of DFDC whose metadata can be read, and names the others", async () => {
  const part = (i: number) => ({
    [`dfdc_train_part_${i}/metadata.json`]: `{"a${i}.mp4":{"label":"real","split":"validation"}}`,
    [`dfdc_train_part_${i}/a${i}.mp4`]: "",
  });
  await withTree({ ...part(0), ...part(1), "dfdc_train_part_1/metadata.json": "[1" }, async (root) => {
    const { videos, skipped, warnings } = await read(root);
    assertEquals(videos.map(({ id, split }) => [id, split]), [["dfdc_train_part_0/a0", "val"]]);
    assertEquals(skipped[0].path, "dfdc_train_part_1/metadata.json");
    assertStringIncludes(
      warnings[0],
      "dfdc_train_part_1/metadata.json cannot be read, and none of its videos is used",
    );
  });
});

Deno.test("readSet() refuses words that no list has, naming file, line or key", async () => {
  const metadata = (text: string) => ({
    "dfdc_train_part_0/metadata.json": text,
    "dfdc_train_part_0/a.mp4": "",
  });
  const bench = (change: (text: string) => string) => ({
    "b.json": change(JSON.stringify(list("FF-real", "FF-DF"))),
  });
  const cases: [Record<string, string>, string][] = [
    [
      metadata('{"a.mp4":{"label":"FAKEE"}}'),
      'metadata.json: expected the label REAL or FAKE for a.mp4 but found "FAKEE"',
    ],
    [metadata('{"a.mp4":{"label":"FAKE","split":"tset"}}'), 'or none for a.mp4 but found "tset"'],
    [
      { "labels.csv": "filename,label\na.mp4,1\n\nb.mp4\n", "a.mp4": "" },
      "labels.csv: expected 2 values as in the header but found 1 in line 4",
    ],
    [
      { "labels.csv": 'filename,label\n"a.mp4,1\n', "a.mp4": "" },
      'a " that is not closed before the end in line',
    ],
    [
      { "labels.csv": "filename,label\na.mp4,1\n", "a.mp4": "", "metadata.json": '{"a.mp4":{"is_fake":2}}' },
      "expected is_fake 0 or 1, or the label REAL or FAKE, for a.mp4 but found 2",
    ],
    [
      { ...faceForensics(), ...splits([["000", "003"], ["10", "011"]], [], []) },
      'train.json: expected videos of three or four digits, such as ["071","054"], but found ["10","011"] in pair 2',
    ],
    [bench((text) => text.replaceAll('"test"', '"tset"')), "under FF-real but found tset"],
    [
      bench((text) => text.replaceAll('"c23"', '"c32"')),
      "expected the compressions raw, c0, c23, c40 or videos under FF-real but found c32",
    ],
    [bench((text) => text.replaceAll('"label":"FF-DF"', '"label":"FF-XY"')), "but found FF-XY"],
    [
      bench((text) => text.replaceAll('"frames":[', '"frames":[7,')),
      "expected paths as the frames and masks of 000 under FF-real but found 7",
    ],
  ];
  for (const [files, message] of cases) {
    await withTree(files, async (root) => {
      const path = "b.json" in files ? join(root, "b.json") : root;
      await assertRejects(() => read(path), InputError, message);
    });
  }
});

Deno.test("readSet() takes splits, compressions and split files of FaceForensics++ and DeepfakeBench in their usual spellings", async () => {
  const words = (text: string) =>
    text.replaceAll('"c23"', '"C23"').replaceAll('"train"', '"Training"').replaceAll('"test"', '"testing"');
  await withTree(
    { ...faceForensics(), "FF-DF.json": words(JSON.stringify(list("FF-real", "FF-DF"))) },
    async (root) => {
      const reading = await read(join(root, "FF-DF.json"), { root: `D:/data/FaceForensics++=${root}` });
      assertEquals(reading.layout, "DeepfakeBench list, c23, its splits");
      assertEquals(by(reading, ({ split }) => `${split}`), { train: 2 });
    },
  );
  const { "dataset/splits/val.json": val, ...others } = splits([["000", "003"]], [["010", "011"]], []);
  await withTree(
    { ...faceForensics("C23"), ...others, "dataset/splits/valid.json": val },
    async (root) => {
      const reading = await read(root, { compression: "c23" });
      assertEquals(by(reading, ({ split }) => `${split}`), { train: 10, val: 10 });
      assertEquals(reading.lists, [
        "dataset/splits/train.json",
        "dataset/splits/valid.json",
        "dataset/splits/test.json",
      ]);
    },
  );
});

Deno.test("readSet() says what a compression, a root or a method does not select", async () => {
  await withTree(celeb, async (root) => {
    const { notes } = await read(root, { compression: "c23", root: "/a=/b" });
    assertEquals(notes, [
      "c23 selects nothing here: this layout has no compressions",
      "root /a=/b maps nothing here: this layout has no list of paths",
    ]);
  });
  const flat = Object.keys(faceForensics("c23")).map((name) => name.replace("/c23", ""));
  await withTree(flat, async (root) => {
    const { warnings } = await read(root, { compression: "c23" });
    assertStringIncludes(warnings[0], "no folder names a compression; all is taken for c23");
  });
  const dfd = ["actors/c23/frames/01__a", "DeepFakeDetection/c23/frames/01_02__a__ABCDEFGH"];
  await withTree(
    [...frames(`original_sequences/${dfd[0]}`), ...frames(`manipulated_sequences/${dfd[1]}`)],
    async (root) => {
      assertEquals((await read(root, { methods: ["DFD"] })).videos.length, 2);
      await assertRejects(
        () => read(root, { methods: ["Deepfakes"] }),
        InputError,
        "Cannot select the method Deepfakes: expected DeepFakeDetection, DFD's only one",
      );
    },
  );
});

Deno.test("readSet() says which videos of folders are in no split beside ones that are", async () => {
  const files = ["train", "tset"].flatMap((split) =>
    ["real", "fake"].flatMap((kind) => [0, 1, 2].flatMap((i) => frames(`${split}/${kind}/v${i}`)))
  );
  await withTree(files, async (root) => {
    assertEquals((await read(root)).warnings, [
      "6 videos are in no folder of a split, such as tset/real/v0, beside 6 that are (train)",
    ]);
  });
});

Deno.test("readSet() blames the folder that it was given, not one below it", async () => {
  await withTree(["b/c/d/x.txt"], async (root) => {
    await assertRejects(() => read(root), InputError, `folders named real and fake in ${root} but found b/`);
  });
});

Deno.test("readSet() reads DFDC's test set by labels.csv, where 1 is fake, and says what is not labelled or not there", async () => {
  const files = {
    "labels.csv": "filename,label\r\na.mp4,1\r\nb.mp4,0\r\ngone.mp4,1\r\n",
    ...Object.fromEntries(
      [...frames("frames/a"), ...frames("frames/b"), ...frames("frames/c")].map((name) => [name, ""]),
    ),
  };
  await withTree(files, async (root) => {
    const reading = await read(root);
    assertEquals(reading.layout, "DFDC, test split from labels.csv, 1 is fake");
    assertEquals(reading.videos.map(({ id, label, split }) => [id, label, split]), [["a", 1, "test"], [
      "b",
      0,
      "test",
    ]]);
    assertEquals(reading.missing.map(({ expected, found }) => [expected, found]), [[3, 2], [5000, 3]]);
    assertEquals(reading.skipped, [{ path: "c", reason: "not in labels.csv" }]);
  });
  const metadata = JSON.stringify({
    "a.mp4": { is_fake: 0 },
    "b.mp4": { is_fake: 1 },
    "gone.mp4": { is_fake: 0 },
  });
  await withTree({ ...files, "metadata.json": metadata }, async (root) => {
    await assertRejects(() => read(root), InputError, "3 of 3 the other way round");
  });
  await withTree({ ...files, "labels.csv": "filename,label\na.mp4,2\n" }, async (root) => {
    await assertRejects(() => read(root), InputError, 'found "a.mp4,2" in line 2');
  });
});

Deno.test("readSet() reads the parts of DFDC's training set, a fake with its original, and refuses inverted labels", async () => {
  const metadata = (fake: string, real: string) =>
    JSON.stringify({
      "f.mp4": { label: fake, split: "train", original: "r.mp4" },
      "r.mp4": { label: real, split: "train", original: null },
    });
  const files = (text: string) => ({
    "dfdc_train_part_0/metadata.json": text,
    "dfdc_train_part_0/f.mp4": "",
    "dfdc_train_part_0/r.mp4": "",
  });
  await withTree(files(metadata("FAKE", "REAL")), async (root) => {
    const reading = await read(root);
    assertEquals(reading.layout, "DFDC, 1 training part");
    assertEquals(reading.videos.map(({ label, split, identities }) => [label, split, identities]), [
      [1, "train", ["dfdc:r"]],
      [0, "train", ["dfdc:r"]],
    ]);
  });
  await withTree(files(metadata("REAL", "FAKE")), async (root) => {
    await assertRejects(() => read(root), InputError, "its labels are inverted");
  });
});

const list = (real: string, fake: string) => {
  const video = (label: string, folder: string) => ({
    label,
    frames: ["10.png", "9.png", "100.png"].map((name) => `D:\\data\\FaceForensics++\\${folder}\\${name}`),
  });
  return {
    "FF-DF": {
      "FF-real": {
        train: { c23: { "000": video(real, "original_sequences\\youtube\\c23\\frames\\000") } },
        test: { c23: {} },
      },
      "FF-DF": {
        train: { c23: { "000_003": video(fake, "manipulated_sequences\\Deepfakes\\c23\\frames\\000_003") } },
        test: { c23: { "900_901": video(fake, "manipulated_sequences\\Deepfakes\\c23\\frames\\900_901") } },
      },
    },
  };
};

Deno.test("readSet() reads DeepfakeBench's list with Windows paths, another machine's root and frames by number", async () => {
  const there = (folder: string) =>
    ["9", "10", "100"].map((name) => `rgb/FaceForensics++/${folder}/${name}.png`);
  const files = Object.fromEntries([
    ...there("original_sequences/youtube/c23/frames/000"),
    ...there("manipulated_sequences/Deepfakes/c23/frames/000_003").slice(1),
  ].map((name) => [name, ""]));
  await withTree({ ...files, "lists/FF-DF.json": JSON.stringify(list("FF-real", "FF-DF")) }, async (root) => {
    const reading = await read(join(root, "lists/FF-DF.json"), { root: `D:/data=${root}/rgb` });
    assertEquals(reading.layout, "DeepfakeBench list, c23, its splits");
    assertEquals(
      samplesOf(reading, { set: "ff" }).map(({ path, label, split, video, method }) => [
        path.split("/").slice(-3).join("/"),
        label,
        split,
        video,
        method,
      ]),
      [
        ["frames/000/9.png", 0, "train", "FF-real/000", "FF-real"],
        ["frames/000/10.png", 0, "train", "FF-real/000", "FF-real"],
        ["frames/000/100.png", 0, "train", "FF-real/000", "FF-real"],
        ["frames/000_003/10.png", 1, "train", "Deepfakes/000_003", "Deepfakes"],
        ["frames/000_003/100.png", 1, "train", "Deepfakes/000_003", "Deepfakes"],
      ],
    );
    assertEquals(reading.notes, [`paths mapped: D:/data → ${root}/rgb`]);
    assertEquals(reading.skipped.map(({ reason }) => reason), ["1 listed frames are not there"]);
    assertEquals(reading.missing.map(({ what, expected, found }) => [what, expected, found]), [[
      "FF-DF videos",
      2,
      1,
    ]]);
    // The folder alone is enough, and so is a list beside the data.
    assertEquals((await read(join(root, "lists/FF-DF.json"), { root: join(root, "rgb") })).videos.length, 2);
    await Deno.rename(join(root, "lists/FF-DF.json"), join(root, "rgb/FF-DF.json"));
    assertEquals((await read(join(root, "rgb/FF-DF.json"))).videos.length, 2);
    assertEquals(
      (await readSet({ name: "x", path: join(root, "rgb"), layout: "deepfakebench" })).videos.length,
      2,
    );
  });
});

Deno.test("readSet() refuses DeepfakeBench's list whose labels contradict each other or the folders, or whose frames are nowhere", async () => {
  await withTree({
    "a.json": JSON.stringify(list("FF-DF", "FF-real")),
    "b.json": JSON.stringify(list("FF-real", "FF-DF")),
  }, async (root) => {
    await assertRejects(() => read(join(root, "a.json")), InputError, "its labels are inverted");
    await assertRejects(
      () => read(join(root, "b.json")),
      InputError,
      "say where its paths lie here with --root",
    );
    await assertRejects(() => read(root), InputError, "expected one list");
  });
});

Deno.test("readSet() names a folder of DeepfakeBench's list that cannot be read, and goes on with the others", async () => {
  const files = Object.fromEntries(
    frames("FaceForensics++/original_sequences/youtube/c23/frames/000", 11).map((name) => [name, ""]),
  );
  const blocked = "FaceForensics++/manipulated_sequences/Deepfakes/c23/frames/000_003"; // a file, where a folder should be
  await withTree(
    { ...files, [blocked]: "", "b.json": JSON.stringify(list("FF-real", "FF-DF")) },
    async (root) => {
      const { videos, skipped, missing } = await read(join(root, "b.json"), { root });
      assertEquals(videos.map(({ id }) => id), ["FF-real/000"]);
      assertEquals(skipped[1].path, join(root, blocked));
      assertStringIncludes(skipped[1].reason, "Not a directory");
      assertEquals(missing[0].examples, ["000_003", "900_901"]);
    },
  );
});

Deno.test("readSet() reads folders named real and fake, with splits above or below, methods and generators", async () => {
  const plain = [
    ...frames("train/real/v0", 12),
    ...frames("train/fake/Deepfakes/v1"),
    ...frames("train/fake/FaceSwap/v2"),
    "test/real/clip.mp4",
    ...frames("test/fake/Deepfakes/v3"),
    "notes/readme.txt",
    "test/fake/Deepfakes/v3/list.txt",
  ];
  await withTree(plain, async (root) => {
    const reading = await read(root);
    assertEquals(reading.layout, "folders of real and fake ones, splits from folders (train, test)");
    assertEquals(by(reading, ({ split, method }) => `${split} ${method}`), {
      "train real": 1,
      "train Deepfakes": 1,
      "train FaceSwap": 1,
      "test real": 1,
      "test Deepfakes": 1,
    });
    assertEquals(reading.videos.find(({ file }) => file)?.frames, "");
    assertEquals(reading.skipped, [{
      path: "test/fake/Deepfakes/v3/list.txt",
      reason: "not an image or a video",
    }]);
    const first = samplesOf(reading, { set: "s", framesPerVideo: 3 }).slice(0, 3).map(({ source }) => source);
    assertEquals(first, ["train/real/v0/0.png", "train/real/v0/5.png", "train/real/v0/11.png"]);
  });
  await withTree(
    [...frames("progan/car/0_real"), ...frames("progan/car/1_fake"), ...frames("sd/1_fake")],
    async (root) => {
      assertEquals(by(await read(root), ({ method, label }) => `${method} ${label}`), {
        "real 0": 2,
        "progan/car 1": 2,
        "sd 1": 2,
      });
    },
  );
  await withTree(
    [...frames("sdv4/train/ai"), ...frames("sdv4/val/nature"), ...frames("sdv4/train/nature")],
    async (root) => {
      // Alphabetical order would call ai real.
      assertEquals(by(await read(root), ({ split, label }) => `${split} ${label}`), {
        "train 1": 2,
        "train 0": 2,
        "val 0": 2,
      });
    },
  );
  await withTree([...frames("real/a/fake"), ...frames("fake/b")], async (root) => {
    await assertRejects(() => read(root), InputError, "below both real and fake");
  });
});

Deno.test("readSet() takes the persons of folders that are named as FaceForensics++'s", async () => {
  await withTree(
    [...frames("real/071"), ...frames("real/054"), ...frames("fake/Deepfakes/071_054")],
    async (root) => {
      const { videos, notes } = await read(root);
      assertEquals(videos.find(({ label }) => label === 1)!.identities.slice(1), ["ffpp:071", "ffpp:054"]);
      assertStringIncludes(notes[0], "persons");
    },
  );
});

Deno.test("readSet() reads the one set in a folder, and names several, or what it found of none", async () => {
  await withTree(celeb.map((name) => `data/Celeb-DF-v2/${name}`), async (root) => {
    assertStringIncludes((await read(root)).root, "data/Celeb-DF-v2");
  });
  const two = [
    ...celeb.map((name) => `Celeb-DF-v2/${name}`),
    ...Object.keys(faceForensics()).map((name) => `FF/${name}`),
  ];
  await withTree(two, async (root) => {
    await assertRejects(() => read(root), InputError, "expected one data set but found 2");
  });
  await withTree(["pictures/a.png"], async (root) => {
    await assertRejects(() => read(root), InputError, "folders named real and fake");
    await assertRejects(() => read(join(root, "none")), InputError, "found nothing there");
  });
});

Deno.test("parseSpec() takes a folder with options, or two folders", () => {
  const parse = (text: string) => parseSpec(text, { flag: "--test" });
  assertEquals(parse("ff=/a b/ff,c40,val,frames=8,method=Deepfakes,method=FaceSwap"), {
    kind: "layout",
    name: "ff",
    path: "/a b/ff",
    compression: "c40",
    split: "val",
    framesPerVideo: 8,
    methods: ["Deepfakes", "FaceSwap"],
  });
  assertEquals(parse("celebdf=D"), { kind: "layout", name: "celebdf", path: "D" });
  assertEquals(parse("x=r,f"), { kind: "pair", name: "x", real: "r", fake: "f" });
  assertEquals(parse("x=l.json,root=D:/a=/b"), {
    kind: "layout",
    name: "x",
    path: "l.json",
    root: "D:/a=/b",
  });
  assertEquals(parseSpec("/a=b/c", { flag: "--data", name: "data" }), {
    kind: "layout",
    name: "data",
    path: "/a=b/c",
  });
  assertEquals(parse("ff=D,C23,Validation,LAYOUT=FFpp"), {
    kind: "layout",
    name: "ff",
    path: "D",
    compression: "c23",
    split: "val",
    layout: "ffpp",
  });
  assertEquals(parse("ff=D,c23,c23,compression=C23").kind, "layout");
  const refused = [
    "x",
    "x=",
    "x=d,c23,nonsense",
    "x=d,frames=0",
    "x=d,layout=ff",
    "x=d,split=tset",
    "x=d,method=",
  ];
  const twice = [
    "x=d,c23,c40",
    "x=d,train,test",
    "x=d,frames=1,frames=2",
    "x=d,root=a,root=b",
    "x=d,layout=dfd,layout=dfdc",
  ];
  for (const text of [...refused, ...twice]) {
    let message = "";
    try {
      parse(text);
    } catch (error) {
      message = (error as Error).message;
    }
    assertStringIncludes(message, "Cannot use --test: expected");
  }
});

Deno.test("evenly() takes the first, the last and even steps between", () => {
  assertEquals(evenly([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4), [0, 3, 6, 9]);
  assertEquals(evenly([1, 2], 4), [1, 2]);
  assertEquals(evenly([1, 2, 3], 1), [2]);
});

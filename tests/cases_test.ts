import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { commandLine } from "./command_line.ts";
import { picture, scene, withFolder, writeFiles, writePictures } from "./folders.ts";

/** The cases of the field that a test of another file holds: what is tried, the file, the test's name. */
const elsewhere: readonly (readonly [string, string, string])[] = [
  [
    "splits in other spellings",
    "data/manifest_test.ts",
    "readManifest() takes the usual spellings of splits",
  ],
  ["a set whose split is Test", "data/split/manifest_parts_test.ts", "and tests on a set that has only Test"],
  [
    "folders by source",
    "data/grouping/grouping_test.ts",
    "folders of unrelated pictures are origins and methods",
  ],
  [
    "a rotated video and boxes",
    "data/prepare_test.ts",
    "takes frames turned as the file says, and refuses boxes",
  ],
  ["an unreadable folder", "data/folders_test.ts", "names a sub-folder that may not be read, and goes on"],
  [
    "data that changed",
    "runs/folder/run_data_test.ts",
    "gives the images and the split that a run began with",
  ],
  ["an edit list", "data/prepare_test.ts", "prepareVideos() counts the frames that are shown: edit lists"],
  ["two videos of a stem", "data/prepare_test.ts", "prepareVideos() keeps two videos of one stem apart"],
  ["an empty landmark file", "data/prepare_test.ts", "leaves out frames whose landmarks cannot be read"],
  ["a name that is too long", "data/prepare_test.ts", "gives a line to what cannot be read, and goes on"],
  ["an old ffmpeg", "data/prepare_test.ts", "findFfmpeg() asks for options, not for a version"],
  ["a Counter in a pickle", "weights/load_test.ts", "reads the tensors beside harmless objects"],
  ["names with a prefix", "weights/names_test.ts", "take names behind the known prefixes"],
  ["weights under other keys", "weights/load_test.ts", "finds weights under the keys of other scripts"],
  [
    "Hugging Face's names",
    "weights/names_test.ts",
    "computes the same tokens and embedding from Hugging Face's",
  ],
  [
    "a TIFF on its side",
    "images/image_damaged_test.ts",
    "gives Pillow's bytes for TIFFs that lie on their side",
  ],
  [
    "an AVIF on its side",
    "images/image_damaged_test.ts",
    "decodeImage() turns and mirrors no AVIF, as Pillow",
  ],
  ["a shape that overflows", "weights/load_test.ts", "refuses a shape whose product overflows beside a 0"],
  ["a list in itself", "weights/load_test.ts", "refuses pickles that grow in memory"],
  ["Celeb-DF's version", "data/layouts/mod_test.ts", "takes Celeb-DF's version from the nearest folder"],
  [
    "a run called ..",
    "runs/config_test.ts",
    "takes a run's name that is a folder's on every system, and no other",
  ],
  ["--out of evaluate", "cli_test.ts", "and --out of evaluate is where they go"],
  ["TMPDIR", "base/temporary_test.ts", "TensorFlow starts where TMPDIR names no folder"],
];

for (const [tried, file, name] of elsewhere) {
  Deno.test(`${tried}: a test of ${file} holds it`, async () => {
    assertStringIncludes(await Deno.readTextFile(new URL(file, import.meta.url)), name);
  });
}

type Count = { split: string; label: string; videos: number; images: number };

/** Runs a command with its own cache in `root`. */
const run = (root: string, args: readonly string[]) => commandLine(args, { cache: join(root, "cache") });

/** Videos and images of each class in all splits, by what `inspect` says. */
async function counted(root: string, args: readonly string[]): Promise<Record<string, number[]>> {
  const { code, out, err } = await run(root, ["inspect", "--quick", "--json", ...args]);
  assertEquals(code, 0, err);
  const all: Record<string, number[]> = {};
  for (const { label, videos, images } of JSON.parse(out).counts as Count[]) {
    all[label] = [(all[label]?.[0] ?? 0) + videos, (all[label]?.[1] ?? 0) + images];
  }
  return all;
}

/** Refused with one line. */
async function refused(root: string, args: readonly string[]): Promise<string> {
  const { code, err } = await run(root, args);
  assertEquals(code, 2, err);
  return err.trimEnd().split("\n").at(-1)!;
}

/** The two ways to name folders of reals and fakes. */
const ways = (set: string) => [
  ["--real", join(set, "real"), "--fake", join(set, "fake")],
  ["--data", `x=${set}`],
];

Deno.test("inspect refuses two clips a class of numbered frames, by --real and --fake as by --data", async () => {
  await withFolder(async (root) => {
    for (let i = 0; i < 24; i++) {
      const [kind, clip] = [i % 2 ? "fake" : "real", Math.floor(i / 2) % 2];
      await writeFiles(root, { [`set/${kind}/clip${clip}/${`${i}`.padStart(4, "0")}.png`]: await scene(i) });
    }
    for (const way of ways(join(root, "set"))) {
      const message = await refused(root, ["inspect", ...way]);
      assertMatch(
        message,
        /expected at least 3 videos but found 2 groups of .* \(clip0, clip1\), 4 videos in all/,
      );
    }
  });
});

Deno.test("inspect passes by hidden and unfinished folders and those of file servers, in either walker", async () => {
  await withFolder(async (root) => {
    const { real } = await writePictures(join(root, "set"), { videos: 4 });
    const junk = await picture(false, { seed: 9 });
    const beside = [
      ".v9.partial",
      "v9.partial",
      "@eaDir/0.png",
      ".ipynb_checkpoints",
      "#recycle",
      "$RECYCLE.BIN",
    ];
    for (const folder of [...beside, "lost+found", "__MACOSX/v0", ".Trash-1000/files/v1"]) {
      await writeFiles(real, { [`${folder}/0.png`]: junk, [`r0/${folder}/1.png`]: junk });
    }
    await writeFiles(real, { "._0.png": "x", ".DS_Store": "x", "Thumbs.db": "x", "r0/._0.png": "x" });
    for (const way of ways(join(root, "set"))) {
      assertEquals(await counted(root, way), { real: [4, 8], fake: [4, 8] });
    }
  });
});

Deno.test("inspect takes a manifest as people's programs write it, and refuses other words by row and value", async () => {
  await withFolder(async (root) => {
    await writePictures(root, { videos: 6 });
    const rows = ["real", "fake"].flatMap((kind) =>
      Array.from({ length: 6 }, (_, i) => {
        const split = i < 4 ? "Training" : i < 5 ? "validation" : "TESTING";
        return `${kind}\\${kind[0]}${i}\\0.png,${kind},${kind}${i},${split}`;
      })
    );
    const text = ["Path,Label,Video,Split", ...rows, ",,,", ""].join("\r\n");
    const units = Uint16Array.from(`\ufeff${text.replaceAll(",", "\t")}`, (letter) => letter.charCodeAt(0));
    await writeFiles(root, {
      "plain.csv": text,
      "mixed.csv": text.replace("\r\n", "\n"),
      "excel.csv": `\ufeff${text.replaceAll(",", ";")}`,
      "unicode.txt": new Uint8Array(units.buffer),
      "typo.csv": text.replaceAll("TESTING", "tset"),
      "ragged.csv": text.replace("fake3,Training", "Training"),
      "latin.csv": Uint8Array.from(text.replace("real1", "r\xe9al1"), (letter) => letter.charCodeAt(0)),
      "gone.csv": text.replaceAll("\\0.png", "\\9.png"),
    });
    const at = (name: string) => ["--manifest", join(root, name)];
    for (const name of ["plain.csv", "mixed.csv", "excel.csv", "unicode.txt"]) {
      assertEquals(await counted(root, at(name)), { real: [6, 6], fake: [6, 6] }, name);
    }
    for (
      const [name, message] of [
        ["typo.csv", /expected the split train .* in line 7 but found "tset" \(and 1 more rows/],
        ["ragged.csv", /ragged\.csv: expected 4 values as in the header but found 3 in line 11$/],
        ["latin.csv", /expected text in UTF-8 but found other bytes in line 3; save it as CSV in UTF-8$/],
        ["gone.csv", /expected the files that it names but found none of 12, such as .*9\.png/],
      ] as const
    ) assertMatch(await refused(root, ["inspect", ...at(name)]), message);
  });
});

Deno.test("a byte order mark is skipped in a configuration and in DFDC's metadata", async () => {
  await withFolder(async (root) => {
    const part = "dfdc/dfdc_train_part_0";
    const files: Record<string, Uint8Array | string> = {};
    const labels: Record<string, unknown> = {};
    for (let i = 0; i < 6; i++) {
      const [a, b] = [`a${i}`, `b${i}`];
      labels[`${a}.mp4`] = { label: "REAL", split: "train" };
      labels[`${b}.mp4`] = { label: "FAKE", split: "train", original: `${a}.mp4` };
      files[`${part}/frames/${a}/0.png`] = await scene(i);
      files[`${part}/frames/${b}/0.png`] = await scene(50 + i);
    }
    const config = { data: `x=${join(root, "dfdc")}` };
    await writeFiles(root, {
      ...files,
      [`${part}/metadata.json`]: `\ufeff${JSON.stringify(labels)}`,
      "config.json": `\ufeff${JSON.stringify(config)}`,
    });
    assertEquals(await counted(root, ["--config", join(root, "config.json")]), {
      real: [6, 6],
      fake: [6, 6],
    });
  });
});

Deno.test("inspect --strict names images that break off, as Pillow refuses them", async () => {
  await withFolder(async (root) => {
    const { real, fake } = await writePictures(root, { videos: 3 });
    for (const name of ["cut_raw.tif", "cut.jpg"]) {
      await Deno.copyFile(new URL(`fixtures/damaged/${name}`, import.meta.url), join(real, name));
    }
    const message = await refused(root, ["inspect", "--strict", "--real", real, "--fake", fake]);
    assertStringIncludes(message, "expected only readable images but found 2 other files");
    assert(/cut_raw\.tif \(expected .*truncated/.test(message), message);
    assert(/cut\.jpg \(expected .*truncated/.test(message), message);
  });
});

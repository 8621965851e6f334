import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { readFolders } from "../../lib/data/folders.ts";
import { picture, withFolder, writeFiles } from "../folders.ts";

const image = await picture(false, { seed: 0 });

Deno.test("readFolders() labels reals 0 and fakes 1, reals first, with video and method from the sub-folders", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, {
      "r/000/1.png": image,
      "r/000/2.png": image,
      "r/001/10.png": image,
      "r/001/9.png": image,
      "r/002/1.png": image,
      "f/Deepfakes/000_003/1.png": image,
      "f/Face2Face/000_003/1.png": image,
      "f/Face2Face/004_005/1.png": image,
    });
    const list = await readFolders({ real: join(root, "r"), fake: join(root, "f") }, {
      set: "s",
      split: "test",
    });
    assertEquals(
      list.samples.map(({ source, label, video, method }) => [source, label, video, method]),
      [
        ["real/000/1.png", 0, "000", "real"],
        ["real/000/2.png", 0, "000", "real"],
        ["real/001/9.png", 0, "001", "real"],
        ["real/001/10.png", 0, "001", "real"],
        ["real/002/1.png", 0, "002", "real"],
        ["fake/Deepfakes/000_003/1.png", 1, "Deepfakes/000_003", "Deepfakes"],
        ["fake/Face2Face/000_003/1.png", 1, "Face2Face/000_003", "Face2Face"],
        ["fake/Face2Face/004_005/1.png", 1, "Face2Face/004_005", "Face2Face"],
      ],
    );
    assertEquals([...new Set(list.samples.map(({ set, split }) => `${set} ${split}`))], ["s test"]);
  });
});

Deno.test("readFolders() takes a flat folder's videos from the names without frame numbers", async () => {
  await withFolder(async (root) => {
    const files: Record<string, Uint8Array> = {};
    for (const name of ["a_001", "a_002", "b-17", "c_frame_3", "c_frame_12"]) {
      files[`r/${name}.png`] = files[`f/${name}.png`] = image;
    }
    await writeFiles(root, files);
    const list = await readFolders({ real: join(root, "r"), fake: join(root, "f") }, { set: "s" });
    assertEquals(list.samples.slice(0, 5).map(({ video }) => video), ["a", "a", "b", "c", "c"]);
    assertEquals(list.warnings, []);
  });
});

Deno.test("readFolders() follows links, and a link back up only once", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, {
      "r/a/1.png": image,
      "r/b/1.png": image,
      "elsewhere/1.png": image,
      "f/1.png": image,
    });
    await Deno.symlink(join(root, "elsewhere"), join(root, "r", "linked"));
    await Deno.symlink(join(root, "r"), join(root, "r", "a", "loop"));
    const list = await readFolders({ real: join(root, "r"), fake: join(root, "f") }, { set: "s" });
    assertEquals(list.samples.filter(({ label }) => label === 0).map(({ source }) => source), [
      "real/a/1.png",
      "real/b/1.png",
      "real/linked/1.png",
    ]);
  });
});

Deno.test("readFolders() refuses a folder that is missing, a file, empty, or the same for both classes", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "r/1.png": image, "text/a.txt": "x", "file": "x" });
    const [r, text] = [join(root, "r"), join(root, "text")];
    const cases: [string, string, string][] = [
      [r, join(root, "none"), "expected a folder of images but found nothing there"],
      [join(root, "file"), r, "expected a folder of images but found a file"],
      [r, text, "but found none (1 other files)"],
      [r, r, "expected different folders for real and fake"],
      [root, r, "inside the other"],
    ];
    for (const [real, fake, message] of cases) {
      await assertRejects(() => readFolders({ real, fake }, { set: "s" }), InputError, message);
    }
  });
});

Deno.test("readFolders() names a sub-folder that may not be read, and goes on with the others", async () => {
  await withFolder(async (root) => {
    const files: Record<string, Uint8Array> = {};
    for (const kind of ["real", "fake"]) {
      for (let i = 0; i < 4; i++) files[`${kind}/v${i}/0.png`] = await picture(kind === "fake", { seed: i });
    }
    await writeFiles(root, files);
    const shut = join(root, "real/v2");
    await Deno.chmod(shut, 0);
    const args = ["run", "-A", "lib/cli.ts", "inspect", "--quick", "--json"];
    const all = [Deno.execPath(), ...args, "--real", join(root, "real"), "--fake", join(root, "fake")];
    // The superuser reads everything, unless it gives that power up.
    const lesser = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
    const [command, ...others] = [...lesser, ...all];
    try {
      const { code, stdout, stderr } = await new Deno.Command(command, { args: others, clearEnv: false })
        .output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      const { sets, counts } = JSON.parse(new TextDecoder().decode(stdout));
      assertEquals(
        sets[0].skipped.map((
          { files, examples }: { files: number; examples: string[] },
        ) => [files, examples]),
        [[1, [shut]]],
      );
      assertStringIncludes(sets[0].skipped[0].reason, "Permission denied");
      assertEquals(
        counts.filter(({ label }: { label: string }) => label === "real").reduce(
          (sum: number, { videos }: { videos: number }) => sum + videos,
          0,
        ),
        3,
      );
    } finally {
      await Deno.chmod(shut, 0o755);
    }
  });
});

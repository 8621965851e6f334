import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { namesIn, scanTree } from "../../lib/data/scan.ts";
import { withFolder, writeFiles } from "../folders.ts";

/** Makes a folder look as if nothing had changed in it for a minute, so that a kept scan of it is trusted. */
async function settle(folder: string): Promise<void> {
  const before = new Date(Date.now() - 60_000);
  await Deno.utime(folder, before, before);
}

Deno.test("scanTree() lists names in the order of people, without hidden ones", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, {
      "b/10.png": "",
      "b/9.png": "",
      "b/a1.png": "",
      "b/.DS_Store": "",
      ".git/x": "",
      "c.txt": "",
    });
    const tree = await scanTree(root);
    assertEquals([...tree.folders.keys()], ["", "b"]);
    assertEquals(namesIn(tree.folders.get("b")!.files), ["9.png", "10.png", "a1.png"]);
    assertEquals([tree.files, tree.read], [4, 2]);
  });
});

Deno.test("scanTree() passes by what systems and programs put beside data, and what is not finished", async () => {
  await withFolder(async (root) => {
    const beside = [
      ".Trash-1000/files/v1",
      ".ipynb_checkpoints",
      ".v9.partial",
      "v0.partial",
      "v1.tmp",
      "@eaDir/0.jpg",
      "#recycle",
      "$RECYCLE.BIN/S-1-5-21",
      "lost+found",
      "System Volume Information",
      "__MACOSX/v0",
    ];
    const files = ["._0.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "1.jpg.part", "2.jpg.crdownload"];
    const data = ["0.jpg", "@someone/1.jpg", "#1/2.jpg", "v1.partial.jpg", "notes.txt"];
    await writeFiles(
      root,
      Object.fromEntries(
        [...beside.map((folder) => `${folder}/x.jpg`), ...files, ...data].flatMap((path) => [
          [path, ""],
          [`v0/${path}`, ""],
        ]),
      ),
    );
    const tree = await scanTree(root);
    assertEquals([...tree.folders.keys()], ["", "#1", "@someone", "v0", "v0/#1", "v0/@someone"]);
    assertEquals(namesIn(tree.folders.get("v0")!.files), ["0.jpg", "notes.txt", "v1.partial.jpg"]);
    assertEquals(tree.files, 2 * data.length);
  });
});

Deno.test("scanTree() passes by the contact sheet of a folder that prepare made, and of no other", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, {
      "prepare.json": "",
      "contact-sheet.jpg": "",
      "real/contact-sheet.jpg": "",
    });
    const { folders } = await scanTree(root);
    assertEquals([...folders.values()].map(({ files }) => namesIn(files)), [["prepare.json"], [
      "contact-sheet.jpg",
    ]]);
  });
});

Deno.test("scanTree() reads a folder once when a link beside it leads to it", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "a/1.png": "", ".store/b/2.png": "" });
    await Deno.symlink(join(root, "a"), join(root, "again"));
    await Deno.symlink(join(root, ".store/b"), join(root, "b")); // where no walk comes to by itself
    const tree = await scanTree(root);
    assertEquals([...tree.folders.keys()], ["", "a", "b"]);
    assertEquals(tree.unreadable, [{
      path: "again",
      reason: "a link to a folder that is read where it lies; move the folder here if it belongs here",
      isElsewhere: true,
    }]);
  });
});

Deno.test("scanTree() reuses a kept scan and reads only the folders that changed", async () => {
  await withFolder(async (root) => {
    const [data, cacheDir] = [join(root, "data"), join(root, "cache")];
    await writeFiles(data, { "a/1.png": "", "b/1.png": "", "b/c/1.png": "" });
    const folders = ["", "a", "b", "b/c"].map((path) => join(data, path));
    for (const folder of folders) await settle(folder);
    const scan = async () => {
      const { files, read, folders } = await scanTree(data, { cacheDir });
      return [files, read, folders.size];
    };
    assertEquals(await scan(), [3, 4, 4]);
    assertEquals(await scan(), [3, 0, 4]);
    await writeFiles(data, { "a/2.png": "" });
    assertEquals(await scan(), [4, 1, 4]);
    await Deno.remove(join(data, "b/c"), { recursive: true });
    await settle(join(data, "a"));
    // Read again: `a`, whose time was set anew above, and `b`.
    assertEquals(await scan(), [3, 2, 3]);
    await settle(join(data, "b"));
    await scan();
    assertEquals(await scan(), [3, 0, 3]);
  });
});

Deno.test("scanTree() names what it cannot read each time, although it keeps what it found", async () => {
  await withFolder(async (root) => {
    const [data, cacheDir] = [join(root, "data"), join(root, "cache")];
    await writeFiles(data, { "a/1.png": "", "b/2\n.png": "", "c/3.png": "" });
    await Deno.symlink(join(root, "none.png"), join(data, "a/dead.png"));
    for (const path of ["", "a", "b", "c"]) await settle(join(data, path));
    const named = [
      { path: "a/dead.png", reason: "a link to nothing" },
      { path: "b/2\\n.png", reason: "a line feed in its name" },
    ];
    assertEquals((await scanTree(data, { cacheDir })).unreadable, named);
    const { unreadable, read } = await scanTree(data, { cacheDir });
    assertEquals([unreadable, read], [named, 2]);
    await writeFiles(root, { "none.png": "" }); // where the link leads, and no folder of the data changes
    const { folders } = await scanTree(data, { cacheDir });
    assertEquals(namesIn(folders.get("a")!.files), ["1.png", "dead.png"]);
  });
});

Deno.test("scanTree() does not trust a folder that was read within two seconds of its last change", async () => {
  await withFolder(async (root) => {
    const [data, cacheDir] = [join(root, "data"), join(root, "cache")];
    await writeFiles(data, { "1.png": "" });
    await scanTree(data, { cacheDir });
    assertEquals((await scanTree(data, { cacheDir })).read, 1);
  });
});

Deno.test("scanTree() scans anew when the kept scan is damaged, and goes on when none can be kept", async () => {
  await withFolder(async (root) => {
    const [data, cacheDir] = [join(root, "data"), join(root, "cache")];
    await writeFiles(data, { "1.png": "" });
    await scanTree(data, { cacheDir });
    await settle(data);
    await scanTree(data, { cacheDir });
    const [{ name }] = await Array.fromAsync(Deno.readDir(cacheDir));
    const file = join(cacheDir, name);
    const sound = await Deno.readTextFile(file);
    const damages = ["", "null", "{}", '{"version":', sound.slice(0, -2), sound.slice(1), sound + " "];
    for (const damage of [...damages, sound.replace("1.png", "1.pnj"), sound.replace('"files"', '"filed"')]) {
      await Deno.writeTextFile(file, damage);
      const { read, files, folders, damaged } = await scanTree(data, { cacheDir });
      assertEquals([read, files, damaged], [1, 1, file]);
      assertEquals(namesIn(folders.get("")!.files), ["1.png"]);
      const again = await scanTree(data, { cacheDir });
      assertEquals([again.read, again.damaged], [0, undefined]);
    }
    await writeFiles(root, { "file": "" });
    const tree = await scanTree(data, { cacheDir: join(root, "file") });
    assertEquals(tree.files, 1);
    assert(tree.notKept);
  });
});

Deno.test("scanTree() does not come back by a link from a folder outside", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "data/a/1.png": "", "elsewhere/b/2.png": "" });
    await Deno.symlink(join(root, "elsewhere"), join(root, "data/linked"));
    await Deno.symlink(join(root, "data"), join(root, "elsewhere/b/back"));
    await Deno.symlink(join(root, "elsewhere"), join(root, "data/twice")); // another name, as for a second class
    const tree = await scanTree(join(root, "data"));
    assertEquals([...tree.folders.keys()], ["", "a", "linked", "linked/b", "twice", "twice/b"]);
    assertEquals(tree.files, 3);
    assertEquals(tree.unreadable.map(({ path }) => path), ["linked/b/back", "twice/b/back"]);
  });
});

Deno.test("scanTree() follows links but not in circles, and names what it cannot read", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "data/a/1.png": "", "elsewhere/2.png": "" });
    await Deno.symlink(join(root, "elsewhere"), join(root, "data/linked"));
    await Deno.symlink(join(root, "data"), join(root, "data/a/up"));
    await Deno.symlink(join(root, "none"), join(root, "data/dead.png"));
    const tree = await scanTree(join(root, "data"));
    assertEquals([...tree.folders.keys()].sort(), ["", "a", "linked"]);
    assertEquals(tree.unreadable, [
      { path: "a/up", reason: "a link back to a folder that holds it", isElsewhere: true },
      { path: "dead.png", reason: "a link to nothing" },
    ]);
    await assertRejects(
      () => scanTree(join(root, "none")),
      Error,
      "expected a folder but found nothing there",
    );
    await assertRejects(
      () => scanTree(join(root, "data/a/1.png")),
      Error,
      "expected a folder but found a file",
    );
  });
});

Deno.test("scanTree() has few folders open at a time", async () => {
  await withFolder(async (root) => {
    for (let i = 0; i < 300; i++) await Deno.mkdir(join(root, `${i % 10}/${i}`), { recursive: true });
    const { readDir } = Deno;
    let open = 0;
    let most = 0;
    // A set of 100,000 folders is walked where a process may have 1,024 files open, and does not end with "too many open files".
    // The real calls are counted; nothing is replaced but the name that they are called by.
    Deno.readDir = (path) => ({
      async *[Symbol.asyncIterator]() {
        most = Math.max(most, ++open);
        try {
          yield* readDir(path);
        } finally {
          open--;
        }
      },
    });
    try {
      assertEquals((await scanTree(root)).folders.size, 311);
    } finally {
      Deno.readDir = readDir;
    }
    assert(most <= 16 && most > 1, `${most} folders were open at a time`);
  });
});

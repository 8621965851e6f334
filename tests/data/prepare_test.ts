import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "node:path";
import sharp from "sharp";
import { InputError } from "../../lib/base/errors.ts";
import { findFfmpeg } from "../../lib/videos/ffmpeg.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { claimFolder } from "../../lib/videos/prepare_folder.ts";
import { type PrepareOptions, prepareVideos } from "../../lib/videos/prepare.ts";
import { OutputError, sealPng } from "../../lib/videos/whole_frames.ts";
import { ffmpeg, film, withFfmpeg } from "../ffmpeg.ts";
import { withFolder, writeFiles } from "../folders.ts";

const fixtures = new URL("../fixtures/", import.meta.url);

async function prepare(root: string, options: Partial<PrepareOptions> = {}) {
  const reading = await readSet({ name: "s", path: `${root}/set` });
  return await prepareVideos(reading, { into: join(root, "frames"), frames: 8, ...options });
}

const numbers = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => Number.parseInt(name)).sort((a, b) =>
    a - b
  );

/** The grey of a frame's first pixel. */
async function grey(path: string): Promise<number> {
  return (await sharp(path).raw().toBuffer())[0];
}

withFfmpeg(
  "prepareVideos() counts the frames that are shown: edit lists, hidden reference frames, dropped frames, transport streams",
  async () => {
    await withFolder(async (root) => {
      const set = `${root}/set`;
      await Deno.mkdir(`${set}/real`, { recursive: true });
      for (const name of ["edit_list.mp4", "alt_ref.webm"]) {
        await Deno.copyFile(new URL(name, fixtures), `${set}/real/${name}`);
      }
      await film(`${set}/fake/plain.mp4`, { frames: 20 });
      const from = ["-i", `${set}/fake/plain.mp4`];
      // Every second frame: AVI keeps the places of the others as empty packets.
      const vf = "select='not(mod(n\\,2))'";
      await ffmpeg(
        ...from,
        "-vf",
        vf,
        "-vsync",
        "vfr",
        "-c:v",
        "mpeg4",
        "-q:v",
        "2",
        `${set}/fake/dropped.avi`,
      );
      await ffmpeg(...from, "-c", "copy", "-f", "mpegts", `${set}/fake/stream.mp4`);
      const { coverage } = await prepare(root);
      assertEquals(coverage.map(({ video, got, note }) => [video, got, note]), [
        ["fake/dropped", 8, "10 of 19 frames are there, the others were dropped when it was made"],
        ["fake/plain", 8, ""],
        ["fake/stream", 8, ""],
        ["real/alt_ref", 8, ""],
        ["real/edit_list", 8, "an edit list shows 15 of 60 frames"],
      ]);
      const frames = join(root, "frames");
      // floor(i · (frames - 1) / 7)
      assertEquals(await numbers(`${frames}/real/edit_list`), [0, 2, 4, 6, 8, 10, 12, 14]);
      assertEquals(await numbers(`${frames}/real/alt_ref`), [0, 8, 16, 25, 33, 42, 50, 59]);
      assertEquals(await numbers(`${frames}/fake/dropped`), [0, 1, 2, 3, 5, 6, 7, 9]);
      assertEquals(await numbers(`${frames}/fake/stream`), [0, 2, 5, 8, 10, 13, 16, 19]);
      for (const number of [0, 8, 19]) {
        const found = await grey(`${frames}/fake/stream/${`${number}`.padStart(3, "0")}.png`);
        // Within what two conversions of colour and the encoder round.
        assert(Math.abs(found - (8 * number + 4)) <= 3, `frame ${number} is ${found}`);
      }
    });
  },
);

withFfmpeg("prepareVideos() takes more frames than ffmpeg adds up in a row", async () => {
  await withFolder(async (root) => {
    await film(`${root}/set/real/a.mp4`, { frames: 240 });
    await film(`${root}/set/fake/b.mp4`, { frames: 150 });
    const { coverage } = await prepare(root, { frames: 150 });
    assertEquals(coverage.map(({ got, note }) => [got, note]), [[150, ""], [150, ""]]);
  });
});

withFfmpeg("prepareVideos() takes the files of phones and cameras, and those of old sets", async () => {
  await withFolder(async (root) => {
    await film(`${root}/film.mp4`, { frames: 10 });
    const names = ["a.MOV", "b.3gp", "c.MTS", "d.flv", "e.mpg", "f.wmv", "g.m4v"];
    for (const name of names) {
      const kind = name === "e.mpg" ? "fake" : "real";
      await Deno.mkdir(`${root}/set/${kind}`, { recursive: true });
      const codec = { "e.mpg": "mpeg2video", "f.wmv": "wmv2" }[name];
      const rate = ["-r", "25"]; // MPEG has few rates
      const how = codec === undefined ? ["-c", "copy"] : ["-c:v", codec, ...rate];
      await ffmpeg("-i", `${root}/film.mp4`, ...how, `${root}/set/${kind}/${name}`);
    }
    const { coverage } = await prepare(root, { frames: 4 });
    assertEquals(
      coverage.map(({ video, got, note }) => [video, got, note]),
      ["fake/e", ...["a", "b", "c", "d", "f", "g"].map((name) => `real/${name}`)].map((
        video,
      ) => [video, 4, ""]),
    );
  });
});

withFfmpeg(
  "prepareVideos() keeps two videos of one stem apart, also where letter case tells nothing",
  async () => {
    await withFolder(async (root) => {
      for (
        const [i, name] of ["real/a.mp4", "real/A.mp4", "real/a.avi", "fake/b.mp4", "fake/b.MP4"].entries()
      ) {
        await film(`${root}/set/${name}`, { frames: i + 1 });
      }
      const reading = await readSet({ name: "s", path: `${root}/set` });
      const identities = (id: string) => reading.videos.find((video) => video.id === id)!.identities;
      assertEquals(identities("real/a"), identities("real/a.mp4")); // one video twice goes to one split
      const { coverage } = await prepare(root);
      assertEquals(coverage.map(({ got }) => got).sort(), [1, 2, 3, 4, 5]);
      const folders = coverage.map(({ folder }) => folder.toLowerCase());
      assertEquals(new Set(folders).size, 5);
      for (const { folder, got } of coverage) {
        assertEquals((await numbers(join(root, "frames", folder))).length, got, folder);
      }
      const again = await readSet({ name: "s", path: join(root, "frames") });
      assertEquals(again.videos.length, 5);
      assert((await prepare(root)).coverage.every(({ got }) => got > 0));
    });
  },
);

withFfmpeg("prepareVideos() opens no playlist or script, and says so", async () => {
  await withFolder(async (root) => {
    await film(`${root}/set/real/a.mp4`);
    await film(`${root}/set/fake/b.mp4`);
    await ffmpeg("-i", `${root}/set/real/a.mp4`, "-c", "copy", "-f", "hls", `${root}/set/fake/list.m3u8`);
    await Deno.rename(`${root}/set/fake/list.m3u8`, `${root}/set/fake/hls.mp4`);
    await writeFiles(root, { "set/fake/concat.mp4": `ffconcat version 1.0\nfile 'b.mp4'\n` });
    const { coverage } = await prepare(root);
    const row = (name: string) => coverage.find(({ video }) => video === `fake/${name}`)!;
    for (const kind of ["hls", "concat"]) {
      assertEquals(row(kind).got, 0);
      assertStringIncludes(row(kind).note, `expected a file that holds its frames but found ${kind}`);
    }
    assertEquals(row("b").got, 8);
  });
});

withFfmpeg(
  "prepareVideos() takes frames turned as the file says, and refuses boxes of unturned ones",
  async () => {
    await withFolder(async (root) => {
      for (const name of ["real/a", "fake/b"]) {
        await film(`${root}/plain.mp4`);
        await Deno.mkdir(join(root, "set", name, ".."), { recursive: true });
        const turn = ["-metadata:s:v:0", "rotate=90"];
        await ffmpeg("-y", "-i", `${root}/plain.mp4`, "-c", "copy", ...turn, `${root}/set/${name}.mp4`);
      }
      const boxes = join(root, "boxes.csv");
      await Deno.writeTextFile(
        boxes,
        "video,frame,x,y,w,h,width,height\na.mp4,3,4,4,20,20,48,64\nb.mp4,3,4,4,20,20,64,48\n",
      );
      const { coverage } = await prepare(root, { boxes });
      assertEquals(coverage.map(({ got, note }) => [got, note]), [
        [0, "the boxes are of frames of 64 × 48, the frames are 48 × 64, turned"],
        [1, "only 1 boxes"],
      ]);
    });
  },
);

withFfmpeg("prepareVideos() gives a line to what cannot be read, and goes on", async () => {
  await withFolder(async (root) => {
    const long = "n".repeat(251);
    await film(`${root}/a.mp4`, { frames: 3 });
    await Deno.mkdir(`${root}/set/real`, { recursive: true });
    await Deno.copyFile(`${root}/a.mp4`, `${root}/set/real/${long}.mp4`);
    await film(`${root}/set/fake/b.mp4`, { frames: 3 });
    await Deno.symlink(`${root}/nowhere`, `${root}/set/fake/gone.mp4`);
    const { coverage } = await prepare(root, { frames: 2 });
    assertEquals(coverage.map(({ video, got, note }) => [video, got, note]), [
      ["fake/gone.mp4", 0, "not read: a link to nothing"],
      ["fake/b", 2, ""],
      [`real/${long}`, 2, ""],
    ]);
  });
});

Deno.test("prepareVideos() leaves out frames whose landmarks cannot be read, and names one", async () => {
  await withFolder(async (root) => {
    const frame = await sharp({ create: { width: 64, height: 64, channels: 3, background: "grey" } }).png()
      .toBuffer();
    const header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + "\n";
    const npy = new Uint8Array(144);
    npy.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, 118, 0, ...new TextEncoder().encode(header)]);
    new Int32Array(npy.buffer, 128).set([10, 10, 30, 30]);
    const real = "original_sequences/youtube/c23";
    const fake = "manipulated_sequences/Deepfakes/c23";
    for (const [base, video] of [[real, "000"], [fake, "000_003"]]) {
      for (const n of ["000", "001", "002"]) {
        await writeFiles(`${root}/set/${base}`, { [`frames/${video}/${n}.png`]: new Uint8Array(frame) });
        await writeFiles(`${root}/set/${base}`, { [`landmarks/${video}/${n}.npy`]: npy });
      }
    }
    const landmarks = `${root}/set/${fake}/landmarks/000_003`;
    await Deno.writeFile(`${landmarks}/001.npy`, new Uint8Array());
    await Deno.writeFile(`${landmarks}/002.npy`, npy.map((byte) => (byte === 0x34 ? 0x33 : byte)));
    const { coverage } = await prepare(root, { landmarks: true });
    const got = (label: string) => coverage.find((row) => row.label === label)!;
    assertEquals([got("fake").got, got("real").got], [1, 3]);
    assertStringIncludes(
      got("fake").note,
      "2 landmark files cannot be read, such as 001.npy: expected a NumPy array of points [N, 2] but found an empty file",
    );
  });
});

withFfmpeg(
  "claimFolder() keeps a second process out, and ends with the first however that ends",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/a.mp4`);
      await film(`${root}/set/fake/b.mp4`);
      const into = join(root, "frames");
      const module = new URL("../../lib/videos/prepare_folder.ts", import.meta.url);
      const script = `import { claimFolder } from "${module}";
      const claim = await claimFolder(${JSON.stringify(into)});
      await Deno.mkdir(claim.work, { recursive: true });
      console.log("claimed");
      setInterval(() => {}, 1000);`;
      const other = new Deno.Command(Deno.execPath(), { args: ["eval", script], stdout: "piped" }).spawn();
      const reader = other.stdout.getReader();
      await reader.read();
      await assertRejects(
        () => prepare(root),
        InputError,
        "expected no other process there but found one at work",
      );
      other.kill("SIGKILL");
      await other.status;
      await reader.cancel();
      assertEquals((await prepare(root)).coverage.map(({ got }) => got), [8, 8]);
      const left = (await Array.fromAsync(Deno.readDir(into))).map(({ name }) => name).sort();
      assertEquals(left, ["coverage.csv", "fake", "prepare.json", "real"]);
    });
  },
);

Deno.test("claimFolder() lets the same folder be claimed again when it is disposed", async () => {
  await withFolder(async (root) => {
    {
      await using _claim = await claimFolder(root);
      await assertRejects(() => claimFolder(root), InputError, "found one at work");
    }
    await using again = await claimFolder(root);
    assertEquals(again.unlocked, undefined);
  });
});

withFfmpeg(
  "prepareVideos() makes a video again whose line or frames a killed process left unfinished",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/a.mp4`);
      await film(`${root}/set/fake/b.mp4`);
      await prepare(root, { frames: 2 });
      const into = join(root, "frames");
      const path = join(into, "coverage.csv");
      const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
      // The second line lacks its end: what is there of it is not believed, and the next line does not merge with it.
      await Deno.writeTextFile(path, `${lines[0]}\n${lines[1]}\n${lines[2].replace(",2,2,", ",2,1")}`);
      await Deno.remove(join(into, "fake/b/019.png"));
      const { coverage } = await prepare(root, { frames: 2 });
      assertEquals(coverage.map(({ video, got }) => [video, got]), [["fake/b", 2], ["real/a", 2]]);
      assertEquals(await numbers(join(into, "fake/b")), [0, 19]);
      assertEquals((await Deno.readTextFile(path)).trimEnd().split("\n"), lines);
    });
  },
);

Deno.test("sealPng() refuses a PNG that a full disk has cut", async () => {
  await withFolder(async (root) => {
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).png()
      .toBuffer();
    await Deno.writeFile(`${root}/a.png`, png);
    await sealPng(`${root}/a.png`);
    for (const length of [0, 5, png.length - 1]) {
      await Deno.writeFile(`${root}/a.png`, png.subarray(0, length));
      await assertRejects(() => sealPng(`${root}/a.png`), OutputError, `is cut after ${length} bytes`);
    }
  });
});

withFfmpeg("findFfmpeg() asks for options, not for a version: old builds from git take -vsync", async () => {
  await withFolder(async (root) => {
    const path = Deno.env.get("PATH")!;
    const where = path.split(":").find((folder) => {
      try {
        return Deno.statSync(join(folder, "ffmpeg")).isFile;
      } catch {
        return false; // not in this one
      }
    })!;
    // The ffmpeg that is here, without the option that builds of before 5.1 lack.
    for (const name of ["ffmpeg", "ffprobe"]) {
      await Deno.writeTextFile(
        join(root, name),
        `#!/bin/sh
case "$*" in
  *-fps_mode*) echo "Unrecognized option 'fps_mode'." >&2; exit 1;;
  -version) echo "${basename(name)} version N-47683-g0e8eb07980 Copyright (c) 2000-2018";;
  *"-h full") "${where}/${name}" "$@" | sed /fps_mode/d;;
  *) exec "${where}/${name}" "$@";;
esac
`,
        { mode: 0o755 },
      );
    }
    await film(`${root}/set/real/a.mp4`);
    await film(`${root}/set/fake/b.mp4`);
    try {
      Deno.env.set("PATH", `${root}:${path}`);
      assertEquals(await findFfmpeg(), ["-vsync", "0"]);
      assertEquals((await prepare(root)).coverage.map(({ got, note }) => [got, note]), [[8, ""], [8, ""]]);
    } finally {
      Deno.env.set("PATH", path);
    }
  });
});

Deno.test("readSet() puts a second file of one stem where a list puts the first, or names it", async () => {
  await withFolder(async (root) => {
    await writeFiles(`${root}/Celeb-DF-v2`, {
      "List_of_testing_videos.txt": "1 Celeb-real/id0_0000.mp4\n",
      ...Object.fromEntries(
        ["Celeb-real/id0_0000.avi", "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"]
          .map((name) => [name, "a video"]),
      ),
    });
    const celeb = await readSet({ name: "c", path: `${root}/Celeb-DF-v2` });
    const reals = celeb.videos.filter(({ label }) => label === 0);
    assertEquals(reals.map(({ id, split, file }) => [id, split, file?.slice(-3)]), [
      ["Celeb-real/id0_0000", "test", "mp4"],
      ["Celeb-real/id0_0000.avi", "test", "avi"],
    ]);
    assertEquals(reals[0].identities, reals[1].identities);
    const dfdc = {
      "a.mp4": { label: "REAL", split: "train" },
      "b.mp4": { label: "FAKE", split: "train", original: "a.mp4" },
    };
    await writeFiles(`${root}/dfdc_train_part_0`, {
      "metadata.json": JSON.stringify(dfdc),
      ...{ "a.avi": "a video", "a.mp4": "a video", "b.mp4": "a video" },
    });
    const { videos, skipped } = await readSet({ name: "d", path: `${root}/dfdc_train_part_0` });
    assertEquals(videos.map(({ file }) => basename(file!)), ["a.mp4", "b.mp4"]);
    assertEquals(skipped.map(({ path }) => path), ["a.avi"]);
  });
});

import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import { InputError } from "../../lib/base/errors.ts";
import { exists } from "../../lib/base/files.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { cropOf } from "../../lib/data/prepared.ts";
import { type PrepareOptions, prepareVideos } from "../../lib/videos/prepare.ts";
import { ffmpeg, film, withFfmpeg } from "../ffmpeg.ts";
import { picture, withFolder, writeFiles } from "../folders.ts";

/** A second of moving colours with grain, 20 frames; `how` are ffmpeg's arguments for the output. */
async function scene(path: string, size: string, how: readonly string[]): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  const source = `testsrc=size=${size}:rate=20:duration=1,noise=alls=12:all_seed=3`;
  await ffmpeg("-f", "lavfi", "-i", source, ...how, "-y", path);
}

const lossless = ["-c:v", "ffv1", "-pix_fmt", "bgr0"];

/** Prepares `<root>/set` into `<root>/<into>`. */
async function prepare(root: string, into: string, options: Partial<PrepareOptions> = {}) {
  const reading = await readSet({ name: "s", path: `${root}/set` });
  return await prepareVideos(reading, { into: join(root, into), frames: 5, ...options });
}

const namesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

/** Mean absolute difference of the frames of a video in two prepared folders, in levels of 255. */
async function difference(one: string, other: string): Promise<number> {
  const names = await namesIn(one);
  assertEquals(await namesIn(other), names);
  let [sum, count] = [0, 0];
  for (const name of names) {
    const [a, b] = await Promise.all(
      [one, other].map((folder) => sharp(join(folder, name)).raw().toBuffer({ resolveWithObject: true })),
    );
    assertEquals([b.info.width, b.info.height], [a.info.width, a.info.height], name);
    sum += a.data.reduce((total, value, i) => total + Math.abs(value - b.data[i]), 0);
    count += a.data.length;
  }
  return sum / count;
}

withFfmpeg(
  "prepareVideos() with recompress loses more the higher the CRF, and takes the same frames",
  async () => {
    await withFolder(async (root) => {
      await scene(`${root}/set/real/a.mkv`, "128x96", lossless);
      await scene(`${root}/set/fake/b.mkv`, "128x96", lossless);
      await prepare(root, "none");
      const losses: number[] = [];
      for (const crf of [0, 23, 40, 51]) {
        const { coverage } = await prepare(root, `crf${crf}`, { recompress: crf });
        assertEquals(coverage.map(({ got, note }) => [got, note]), [[5, ""], [5, ""]]);
        losses.push(await difference(join(root, "none/real/a"), join(root, `crf${crf}/real/a`)));
      }
      assert(losses.every((loss, i) => i === 0 || loss > losses[i - 1] + 0.5), `${losses}`);
      const { text } = await cropOf(join(root, "crf23"), { samples: [], facts: new Map() });
      assertEquals(text, "none, H.264 with CRF 23");
    });
  },
);

withFfmpeg(
  "prepareVideos() with recompress keeps each frame's number, also of a changing rate and of an edit list",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/plain.mp4`, { frames: 20 });
      await Deno.mkdir(`${root}/set/fake`, { recursive: true });
      // Frames 0 to 9, and of the later ones every third, at their own times.
      const vf = "select='lt(n\\,10)+not(mod(n\\,3))'";
      const rate = ["-vf", vf, "-vsync", "vfr", "-c:v", "libx264", "-qp", "1"];
      await ffmpeg("-i", `${root}/set/real/plain.mp4`, ...rate, `${root}/set/fake/changing.mp4`);
      for (const name of ["edit_list.mp4", "alt_ref.webm"]) {
        await Deno.copyFile(new URL(`../fixtures/${name}`, import.meta.url), `${root}/set/real/${name}`);
      }
      const before = await prepare(root, "none", { frames: 6 });
      const { coverage } = await prepare(root, "crf", { frames: 6, recompress: 23 });
      assertEquals(coverage, before.coverage);
      for (const { folder } of coverage) {
        // What CRF 23 loses on such pictures; a neighbouring frame of the films is 8 levels away.
        const loss = await difference(join(root, "none", folder), join(root, "crf", folder));
        assert(loss < 4, `${folder}: ${loss}`);
      }
    });
  },
);

withFfmpeg("prepareVideos() with recompress turns frames as before, and keeps their colours", async () => {
  await withFolder(async (root) => {
    const how = ["-c:v", "libx264", "-qp", "1", "-pix_fmt", "yuv420p"];
    await scene(`${root}/flat.mp4`, "128x96", how);
    await Deno.mkdir(`${root}/set/real`, { recursive: true });
    const turned = ["-metadata:s:v", "rotate=90", "-c", "copy"];
    await ffmpeg("-i", `${root}/flat.mp4`, ...turned, `${root}/set/real/turned.mp4`);
    const colours = ["-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709", "-color_trc", "bt709"];
    await scene(`${root}/set/real/hd.mp4`, "128x96", [...colours, "-color_primaries", "bt709", ...how]);
    await scene(`${root}/set/fake/full.avi`, "128x96", [
      "-c:v",
      "mjpeg",
      "-q:v",
      "1",
      "-pix_fmt",
      "yuvj420p",
    ]);
    await prepare(root, "none");
    await prepare(root, "crf", { recompress: 1 });
    for (const video of ["real/turned", "real/hd", "fake/full"]) {
      const loss = await difference(join(root, "none", video), join(root, "crf", video));
      // Another matrix or range of colours is off by more than 5.
      assert(loss < 2, `${video}: ${loss}`);
    }
    const { width, height } = await sharp(join(root, "crf/real/turned/000.png")).metadata();
    assertEquals([width, height], [96, 128]);
  });
});

withFfmpeg("prepareVideos() with recompress keeps odd sizes, says so, and no border bleeds in", async () => {
  await withFolder(async (root) => {
    await scene(`${root}/set/real/a.mkv`, "127x95", lossless);
    await scene(`${root}/set/fake/b.mkv`, "128x95", lossless);
    await prepare(root, "none");
    const { coverage } = await prepare(root, "crf", { recompress: 23 });
    assertEquals(coverage.map(({ video, got, note }) => [video, got, note]), [
      ["fake/b", 5, "128 × 95 was compressed as 128 × 96, and cut back"],
      ["real/a", 5, "127 × 95 was compressed as 128 × 96, and cut back"],
    ]);
    await difference(join(root, "none/real/a"), join(root, "crf/real/a")); // asserts sizes
    const column = async (folder: string) => {
      const area = { left: 126, top: 0, width: 1, height: 95 };
      return await sharp(join(root, folder, "real/a/000.png")).extract(area).raw().toBuffer();
    };
    const [before, after] = [await column("none"), await column("crf")];
    const loss = before.reduce((sum, value, i) => sum + Math.abs(value - after[i]), 0) / before.length;
    assert(loss < 8, `the last column is off by ${loss}`); // 5.2; black beside it makes that 10.7
  });
});

withFfmpeg(
  "prepareVideos() with recompress goes on with the same bytes, and refuses a folder with another CRF",
  async () => {
    await withFolder(async (root) => {
      await scene(`${root}/set/real/a.mkv`, "128x96", lossless);
      await scene(`${root}/set/fake/b.mkv`, "128x96", lossless);
      await prepare(root, "whole", { recompress: 40 });
      const controller = new AbortController();
      const onProgress = () => controller.abort(new Error("stopped"));
      const stopped = { recompress: 40, workers: 1, signal: controller.signal, onProgress };
      await assertRejects(() => prepare(root, "crf", stopped), Error, "stopped");
      await prepare(root, "crf", { recompress: 40 });
      for (const video of ["real/a", "fake/b"]) {
        for (const name of await namesIn(join(root, "whole", video))) {
          const [one, other] = ["whole", "crf"].map((into) => Deno.readFile(join(root, into, video, name)));
          assertEquals(await one, await other);
        }
      }
      const settings = await Deno.readTextFile(join(root, "crf/prepare.json"));
      assertEquals(JSON.parse(settings).recompress, 40);
      assertEquals(settings, await Deno.readTextFile(join(root, "whole/prepare.json")));
      assertEquals(await namesIn(join(root, "crf")), ["coverage.csv", "fake", "prepare.json", "real"]);
      for (const [recompress, found] of [[23, "CRF 23"], [undefined, "not recompressed"]] as const) {
        const { message } = await assertRejects(() => prepare(root, "crf", { recompress }), InputError);
        assertStringIncludes(message, "recompressed with CRF 40) but found others (");
        assertStringIncludes(message, found);
      }
      const plain = await prepare(root, "plain");
      assertEquals(plain.coverage.map(({ got }) => got), [5, 5]);
      assertNotEquals(
        await Deno.readFile(join(root, "plain/real/a/000.png")),
        await Deno.readFile(join(root, "crf/real/a/000.png")),
      );
      assert(!(await Deno.readTextFile(join(root, "plain/prepare.json"))).includes("recompress"));
    });
  },
);

withFfmpeg("prepareVideos() never recompresses single frames, nor with a CRF that is none", async () => {
  await withFolder(async (root) => {
    await film(`${root}/set/real/a.mp4`, { frames: 5 });
    await writeFiles(root, { "set/fake/b/0.png": await picture(true, { seed: 1 }) });
    const { message } = await assertRejects(() => prepare(root, "crf", { recompress: 23 }), InputError);
    assertStringIncludes(message, "1 of 2 are frames alone, such as fake/b; H.264 compresses videos");
    for (const recompress of [-1, 52, 23.5, NaN]) {
      await assertRejects(() => prepare(root, "crf", { recompress }), InputError, `but found ${recompress}`);
    }
  });
});

/** Puts a shell script before the ffmpeg that is here, which it finds as `$real`, for as long as `use` takes. */
async function withScript(root: string, script: string, use: () => Promise<void>): Promise<void> {
  const path = Deno.env.get("PATH")!;
  const folders = path.split(":");
  const isThere = await Promise.all(folders.map((folder) => exists(join(folder, "ffmpeg"))));
  const real = join(folders[isThere.indexOf(true)], "ffmpeg");
  const program = join(root, "bin", "ffmpeg");
  await writeFiles(root, { "bin/ffmpeg": `#!/bin/sh\nreal="${real}"\n${script}\nexec "$real" "$@"\n` });
  await Deno.chmod(program, 0o755);
  try {
    Deno.env.set("PATH", `${join(root, "bin")}:${path}`);
    await use();
  } finally {
    Deno.env.set("PATH", path);
  }
}

withFfmpeg(
  "prepareVideos() with recompress says that an ffmpeg without libx264 cannot, before any work",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/a.mp4`);
      await film(`${root}/set/fake/b.mp4`);
      const script = 'case "$*" in *-encoders) "$real" "$@" | grep -v "libx264 "; exit;; esac';
      await withScript(root, script, async () => {
        const { message } = await assertRejects(() => prepare(root, "crf", { recompress: 23 }), InputError);
        assertStringIncludes(
          message,
          "the encoder libx264 but found one without it; install one that has it",
        );
        assert(!(await exists(join(root, "crf"))));
      });
    });
  },
);

withFfmpeg(
  "prepareVideos() with recompress takes no frames where their numbers no longer fit, and says so",
  async () => {
    await withFolder(async (root) => {
      await film(`${root}/set/real/a.mp4`);
      await film(`${root}/set/fake/b.mp4`);
      // What is written last is the compressed video: of that one, five frames are lost.
      const script = `case "$*" in *-crf*)
  n=$#
  while [ "$n" -gt 1 ]; do first="$1"; shift; set -- "$@" "$first"; n=$((n - 1)); done
  output="$1"; shift
  exec "$real" "$@" -frames:v 15 "$output"
esac`;
      await withScript(root, script, async () => {
        const { coverage } = await prepare(root, "crf", { recompress: 23 });
        const note = "15 frames once recompressed and 20 before, so that their numbers no longer fit";
        assertEquals(coverage.map(({ got, note }) => [got, note]), [[0, note], [0, note]]);
        assertStringIncludes(await Deno.readTextFile(join(root, "crf/coverage.csv")), note);
      });
    });
  },
);

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import sharp from "sharp";
import type { RgbImage } from "../../lib/images/resize.ts";
import { extractFrames, findFfmpeg } from "../../lib/videos/ffmpeg.ts";
import { meanShares, readMasks } from "../../lib/videos/masks.ts";
import { streamFrames } from "../../lib/videos/raw_frames.ts";
import { ffmpeg, film, withFfmpeg } from "../ffmpeg.ts";
import { withFolder } from "../folders.ts";

withFfmpeg("streamFrames() gives the bytes that extractFrames() writes, and counts all frames", async () => {
  await withFolder(async (root) => {
    const [path, into] = [join(root, "a.mp4"), join(root, "frames")];
    await film(path, { frames: 20, size: "66x50" });
    await Deno.mkdir(into);
    const keep = await findFfmpeg();
    const numbers = [0, 7, 19, 25];
    const given: { readonly number: number; readonly image: RgbImage }[] = [];
    const { frames, fault } = await streamFrames(path, {
      numbers,
      keep,
      use: (image, number) => void given.push({ number, image }),
    });
    assertEquals([frames, fault, given.map(({ number }) => number)], [20, undefined, [0, 7, 19]]);
    const { files } = await extractFrames(path, { numbers, keep, into });
    for (const [i, { image: { data, width, height } }] of given.entries()) {
      assertEquals([width, height], [66, 50]);
      assertEquals(data, new Uint8Array(await sharp(files[i]).raw().toBuffer()));
    }
    // Cut to a size, and without any frame to take.
    await streamFrames(path, {
      ...{ numbers: [1], keep, size: { width: 65, height: 49 } },
      use: ({ data, width, height }) => assertEquals([data.length, width, height], [65 * 49 * 3, 65, 49]),
    });
    assertEquals((await streamFrames(path, { numbers: [], keep, use: () => assert(false) })).frames, 20);
  });
});

withFfmpeg(
  "streamFrames() ends ffmpeg when a frame's taker fails or the work is stopped, and says why a file cannot be read",
  async () => {
    await withFolder(async (root) => {
      const path = join(root, "a.mp4");
      await film(path, { frames: 20, size: "640x480" });
      const keep = await findFfmpeg();
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const failing = () => Promise.reject(new Error("the taker's own"));
      await assertRejects(
        () => streamFrames(path, { numbers, keep, use: failing }),
        Error,
        "the taker's own",
      );
      const stop = new AbortController();
      const stopping = () => stop.abort(new Error("stopped"));
      await assertRejects(
        () => streamFrames(path, { numbers, keep, use: stopping, signal: stop.signal }),
        Error,
        "stopped",
      );
      await Deno.writeTextFile(join(root, "b.mp4"), "no video");
      const error = await assertRejects(
        () => streamFrames(join(root, "b.mp4"), { numbers, keep, use: () => {} }),
        Error,
      );
      assertStringIncludes(error.message, "Invalid data");
    });
  },
);

withFfmpeg(
  "readMasks() says what share of a mask lies within a box, of a video and of a folder, empty ones left out",
  async () => {
    await withFolder(async (root) => {
      const keep = await findFfmpeg();
      const path = join(root, "mask.mp4");
      // From the third frame on a box of 40 × 20 at 100, 60 is marked.
      const box = "drawbox=x=100:y=60:w=40:h=20:color=white:t=fill:enable='gte(n,2)'";
      await ffmpeg("-f", "lavfi", "-i", "color=black:size=320x240:rate=10:duration=1", "-vf", box, path);
      const size = { width: 640, height: 480 }; // of the frames, twice the mask's
      const folder = join(root, "masks");
      await Deno.mkdir(folder);
      await ffmpeg("-i", path, "-start_number", "0", join(folder, "%03d.png"));
      for (const each of [path, folder]) {
        const shares = await readMasks(each, { numbers: [0, 2, 5], size, keep });
        assertEquals([...shares.keys()].sort(), [2, 5]);
        const share = shares.get(5)!;
        // A mask is read at 256 pixels: an edge is off by one of them at most, of 32.
        const near = (value: number, expected: number) =>
          assert(Math.abs(value - expected) < 0.07, `${value}`);
        near(share({ x: 190, y: 110, width: 100, height: 60 }), 1);
        near(share({ x: 200, y: 120, width: 40, height: 40 }), 0.5);
        near(share({ x: 0, y: 0, width: 200, height: 100 }), 0);
        const none = new Map([[5, () => 0]]);
        near(meanShares([shares, none]).get(5)!({ x: 190, y: 110, width: 100, height: 60 }), 0.5);
      }
    });
  },
);

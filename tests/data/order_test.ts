import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { Sample } from "../../lib/data/sample.ts";
import { imageBatches, splitByVideo } from "../../lib/data/order.ts";
import { InputError } from "../../lib/base/errors.ts";
import { writePictures } from "../folders.ts";
import { count, samplesOf } from "./made_samples.ts";

Deno.test("splitByVideo() keeps a video, and its namesakes of other methods, in one part", () => {
  const samples = samplesOf([[0, "real", 20, 3], [1, "a", 20, 2], [1, "b", 20, 2]]);
  const parts = splitByVideo(samples, { shares: { train: 0.7, val: 0.15, test: 0.15 }, seed: 1 });
  assertEquals(Object.values(parts).flat().length, samples.length);
  const home = new Map<string, string>();
  for (const [part, members] of Object.entries(parts)) {
    for (const { video } of members) {
      const name = video!.split("/")[1];
      assertEquals(home.get(name) ?? part, part);
      home.set(name, part);
    }
  }
  assertEquals(count([...home.values()]), new Map([["train", 28], ["val", 6], ["test", 6]]));
});

Deno.test("splitByVideo() deals the same for the same seed, whatever order the samples come in", () => {
  const samples = samplesOf([[0, "real", 9, 2], [1, "a", 9, 2]]);
  const shares = { train: 0.5, test: 0.5 };
  const first = splitByVideo(samples, { shares, seed: 1 });
  assertEquals(splitByVideo(samples.toReversed(), { shares, seed: 1 }), first);
  assertNotEquals(splitByVideo(samples, { shares, seed: 2 }), first);
});

Deno.test("splitByVideo() gives every part a video of each class even when they are few, or says that they are too few", () => {
  const shares = { train: 0.8, val: 0.1, test: 0.1 };
  const parts = splitByVideo(samplesOf([[0, "real", 3, 4], [1, "a", 3, 1]]), { shares, seed: 0 });
  for (const part of Object.values(parts)) assertEquals(new Set(part.map(({ label }) => label)).size, 2);
  assertThrows(
    () => splitByVideo(samplesOf([[0, "real", 2, 4], [1, "a", 3, 1]]), { shares, seed: 0 }),
    InputError,
    "Cannot split the real images into train, val, test: expected at least 3 videos but found 2",
  );
  // Namesakes of two methods are two videos.
  const two = samplesOf([[0, "real", 3, 1], [1, "a", 2, 3], [1, "b", 2, 3]]);
  assertThrows(() => splitByVideo(two, { shares, seed: 0 }), InputError, ", 4 videos in all");
});

Deno.test("imageBatches() gives every image once, in order, the last batch smaller", async () => {
  const root = await Deno.makeTempDir();
  try {
    const { real } = await writePictures(root, { videos: 5 });
    const samples = Array.from(
      { length: 5 },
      (_, i): Sample => ({ path: `${real}/r${i}/0.png`, label: 0, set: "s" }),
    );
    const seen: string[] = [];
    const sizes: number[] = [];
    for await (const { images, samples: batch } of imageBatches(samples, { batchSize: 2, size: 32 })) {
      sizes.push(images.length);
      seen.push(...batch.map(({ path }) => path));
      assert(images.every((image) => image.length === 32 * 32 * 3));
    }
    assertEquals(sizes, [2, 2, 1]);
    assertEquals(seen, samples.map(({ path }) => path));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("imageBatches() holds a few batches in memory, however many images there are", async () => {
  const root = await Deno.makeTempDir();
  try {
    const { real } = await writePictures(root, { videos: 1 });
    const samples = Array.from(
      { length: 6000 },
      (): Sample => ({ path: `${real}/r0/0.png`, label: 0, set: "s" }),
    );
    let early = 0;
    let count = 0;
    for await (const { images } of imageBatches(samples, { batchSize: 8 })) {
      count += images.length;
      if (count === 3000) early = Deno.memoryUsage().rss;
    }
    // 3000 images of 150 kB are 450 MB; the allowance is for what the allocator and V8 have not given back yet.
    const grown = (Deno.memoryUsage().rss - early) / 1e6;
    assert(grown < 90, `memory grew by ${grown.toFixed(0)} MB over 3000 images`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

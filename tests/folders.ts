/**
 * Small folders of real and fake images for tests and for the continuous check; run as a program, it writes a set with every
 * oddity that a user's folder may have.
 *
 * @module
 */
import { dirname, join } from "node:path";
import sharp from "sharp";
import { createRandom } from "../lib/base/random.ts";

/** A noisy picture of about 90 pixels a side; fakes have a faint vertical grid. */
export async function picture(
  fake: boolean,
  options: { readonly seed: number; readonly format?: "png" | "jpeg" | "webp" },
): Promise<Uint8Array> {
  const random = createRandom(options.seed, fake ? "fake" : "real");
  const [width, height] = [80 + random.integer(30), 80 + random.integer(30)];
  const pixels = new Uint8Array(width * height * 3);
  const light = 40 + random.integer(100);
  for (let i = 0; i < pixels.length; i++) {
    const x = Math.floor(i / 3) % width;
    pixels[i] = light + x / 2 + (fake ? (x % 2) * 30 : 0) + random.uniform() * 30;
  }
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  return new Uint8Array(await image[options.format ?? "png"]().toBuffer());
}

/** A scene of soft shapes with some grain: what a photograph is to a look. */
export async function scene(seed: number): Promise<Uint8Array> {
  const random = createRandom(seed, "scene");
  const shapes = Array.from({ length: 12 }, () => {
    const [x, y, r] = [random.integer(160), random.integer(160), 10 + random.integer(40)];
    return `<circle cx="${x}" cy="${y}" r="${r}" fill="rgb(${
      [0, 0, 0].map(() => random.integer(256)).join()
    })"/>`;
  });
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="160" height="160"><rect width="160" height="160" fill="#777"/>${
      shapes.join("")
    }</svg>`;
  return new Uint8Array(await sharp(new TextEncoder().encode(svg)).removeAlpha().png().toBuffer());
}

/** Gives a folder of its own to `use`, and removes it. */
export async function withFolder(use: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Writes `files` (relative path → bytes or text) below `root`. */
export async function writeFiles(
  root: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
  }
}

/** Writes `<root>/real` and `<root>/fake` with `videos` sub-folders of two frames each, and returns both paths. */
export async function writePictures(
  root: string,
  options: { readonly videos: number; readonly seed?: number },
): Promise<{ real: string; fake: string }> {
  const { videos, seed = 0 } = options;
  for (const fake of [false, true]) {
    for (let i = 0; i < 2 * videos; i++) {
      const name = `${fake ? "fake" : "real"}/${fake ? "f" : "r"}${Math.floor(i / 2)}/${i % 2}.png`;
      await writeFiles(root, { [name]: await picture(fake, { seed: 1000 * seed + i }) });
    }
  }
  return { real: join(root, "real"), fake: join(root, "fake") };
}

/** Writes folders with PNG, JPEG and WebP, odd names, sub-folders, a text file, a truncated JPEG and an empty file. */
export async function writeOddPictures(root: string): Promise<void> {
  const folders = [["real", false, 16], ["fäke 假", true, 20], ["test real", false, 6], [
    "test fake",
    true,
    6,
  ]] as const;
  for (const [at, [folder, fake, count]] of folders.entries()) {
    const files: Record<string, Uint8Array | string> = { "notes.txt": "not an image", "empty.png": "" };
    for (let i = 0; i < count; i++) {
      const format = (["png", "jpeg", "webp"] as const)[i % 3];
      const sub = i % 2 === 0 ? "" : `vid ${i % 8}/`;
      files[`${sub}im âge ${i}.${["png", "JPG", "WebP"][i % 3]}`] = await picture(fake, {
        seed: 100 * at + i,
        format,
      });
    }
    const jpeg = await picture(fake, { seed: 99, format: "jpeg" });
    files["cut short.jpg"] = jpeg.subarray(0, jpeg.length / 2);
    await writeFiles(join(root, folder), files);
  }
}

if (import.meta.main) await writeOddPictures(Deno.args[0]);

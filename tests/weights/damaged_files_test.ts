import { assert, assertLess } from "@std/assert";
import { createRandom, type Random } from "../../lib/base/random.ts";
import { readNpy } from "../../lib/faces/npy.ts";
import { decodeImage } from "../../lib/images/image.ts";
import { loadCheckpoint, loadStateDict } from "../../lib/weights/load.ts";

const fixtures = new URL("../fixtures/", import.meta.url).pathname;

/** A copy with bytes changed, cut out, put in or cut off; headers, at the beginning, more often than the rest. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const at = random.integer(copy.length);
  const noise = (length: number) => Uint8Array.from({ length }, () => random.integer(256));
  switch (random.integer(6)) {
    case 0:
      return copy.slice(0, at);
    case 1:
      return Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(at + random.integer(200))]);
    case 2:
      return Uint8Array.from([...copy.subarray(0, at), ...noise(100), ...copy.subarray(at)]);
    case 3:
      return copy.fill(255 * random.integer(2), at, at + random.integer(64));
    default:
      for (let i = 0; i < 4; i++) {
        copy[random.integer(random.integer(2) ? copy.length : Math.min(copy.length, 600))] = random.integer(
          256,
        );
      }
      return copy;
  }
}

/** Reads `count` damaged copies of the files: each is read, or refused soon and in one short line. */
async function readDamaged(
  files: readonly (readonly [name: string, bytes: Uint8Array])[],
  read: (bytes: Uint8Array, name: string) => unknown,
  count: number,
): Promise<void> {
  const random = createRandom("damaged files", count);
  for (let i = 0; i < count; i++) {
    const [name, bytes] = files[random.integer(files.length)];
    const begun = performance.now();
    try {
      await read(damaged(bytes, random), name);
    } catch (error) {
      assert(
        error instanceof Error && error.name !== "TypeError" && error.name !== "RangeError",
        `${i} ${error}`,
      );
      assert(
        /^Cannot (load|read) .*: expected .* but found[ :]/.test(error.message),
        `${i} ${error.message}`,
      );
      assertLess(error.message.length, 400, `${i} ${name}`);
    }
    assertLess(performance.now() - begun, 5000, `${i} ${name}`);
  }
}

async function filesIn(folder: string, suffix: RegExp): Promise<[string, Uint8Array][]> {
  const names = [...Deno.readDirSync(fixtures + folder)].map(({ name }) => name).filter((name) =>
    suffix.test(name)
  );
  return await Promise.all(
    names.sort().map(async (name): Promise<[string, Uint8Array]> => [
      name,
      await Deno.readFile(`${fixtures}${folder}/${name}`),
    ]),
  );
}

Deno.test("damaged weight files are read or refused, soon and in one short line", async () => {
  const names = /^(pickle_.*\.pth|clip_positions\.safetensors|paper_expected\.safetensors)$/;
  const files = [...await filesIn(".", names), ...await filesIn("beside", /\.(pth|ckpt)$/)];
  const folder = await Deno.makeTempDir();
  try {
    await readDamaged(files, async (bytes) => {
      await Deno.writeFile(`${folder}/weights`, bytes);
      await loadStateDict(`${folder}/weights`);
      if (bytes[0] !== 0x7b && bytes[8] !== 0x7b) await loadCheckpoint(`${folder}/weights`);
    }, 600);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("damaged images are read or refused, soon and in one short line", async () => {
  const suffix = /\.(jpg|png|tif|webp|gif|avif)$/;
  const files = [...await filesIn("damaged", suffix), ...await filesIn("modes", suffix)];
  await readDamaged(files, (bytes) => decodeImage(bytes), 600);
});

Deno.test("damaged NumPy arrays are read or refused, soon and in one short line", async () => {
  const header =
    "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (5, 2), }".padEnd(127) + "\n";
  const array = Uint8Array.from(
    [...header].map((character) => character.charCodeAt(0)).concat(Array(80).fill(64)),
  );
  await readDamaged([["points.npy", array]], (bytes, name) => readNpy(bytes, name), 600);
});

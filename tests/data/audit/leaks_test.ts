import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import sharp from "sharp";
import { checkImages, type Sample } from "../../../lib/data/sample.ts";
import { quantisationTables } from "../../../lib/images/facts.ts";
import { detailCorrelation } from "../../../lib/data/audit/copies.ts";
import { findLeaks, judgeLeaks, type Part } from "../../../lib/data/audit/leaks.ts";
import { picture, scene, withFolder, writeFiles } from "../../folders.ts";

const sample = (path: string, options: Partial<Sample> = {}): Sample => ({
  path,
  label: 0,
  set: "s",
  video: path,
  ...options,
});

const part = (role: Part["role"], samples: readonly Sample[], name = `s ${role}`): Part => ({
  role,
  name,
  samples,
});

async function factsOf(...parts: readonly Part[]) {
  const facts = new Map();
  const samples = parts.flatMap((each) => each.samples);
  await checkImages({ samples, skipped: [], warnings: [] }, { facts });
  return facts;
}

Deno.test("findLeaks() finds an identity in two parts of different roles, once, and none in two test sets", async () => {
  const parts = [
    part("train", [
      sample("a", { identities: ["ffpp:000"] }),
      sample("b", { identities: ["ffpp:000", "ffpp:003"] }),
    ]),
    part("val", [sample("c", { identities: ["ffpp:111"] })]),
    part("test", [sample("d", { identities: ["ffpp:003", "ffpp:000"] })]),
    part("test", [sample("e", { identities: ["ffpp:003"] })], "other test"),
  ];
  assertEquals(
    (await findLeaks(parts, new Map())).map(({ kind, what, where, refused }) => [kind, what, where, refused]),
    [
      ["identity", "ffpp:003", ["s train", "s test"], true],
      ["identity", "ffpp:000", ["s train", "s test"], true],
    ],
  );
  assertEquals(await findLeaks(parts.slice(2), new Map()), []);
});

Deno.test("findLeaks() finds a file by its bytes, and a picture that was compressed or resized, across splits alone", async () => {
  await withFolder(async (root) => {
    const [one, two, three] = [await scene(1), await scene(2), await scene(3)];
    await writeFiles(root, {
      "train/1.png": one,
      "train/2.png": two,
      "train/2 again.png": two,
      "train/3.png": three,
      "test/copy.png": one,
      "test/compressed.jpg": new Uint8Array(await sharp(two).jpeg({ quality: 40 }).toBuffer()),
      "test/smaller.jpg": new Uint8Array(await sharp(three).resize(90, 90).jpeg({ quality: 75 }).toBuffer()),
      "test/4.png": await scene(4),
    });
    const at = (name: string) => sample(join(root, name));
    const parts = [
      part("train", ["train/1.png", "train/2.png", "train/2 again.png", "train/3.png"].map(at)),
      part("test", ["test/copy.png", "test/compressed.jpg", "test/smaller.jpg", "test/4.png"].map(at)),
    ];
    const leaks = await findLeaks(parts, await factsOf(...parts));
    assertEquals(
      leaks.map(({ kind, where }) => [kind, ...where.map((text) => text.replace(`${root}/`, ""))]).sort(),
      [
        ["file", "s train: train/1.png", "s test: test/copy.png"],
        ["look", "s train: train/2 again.png", "s test: test/compressed.jpg"],
        ["look", "s train: train/2.png", "s test: test/compressed.jpg"],
        ["look", "s train: train/3.png", "s test: test/smaller.jpg"],
      ],
    );
  });
});

Deno.test("findLeaks() takes no two pictures of one kind for the same, nor flat ones", async () => {
  await withFolder(async (root) => {
    const samples: Sample[] = [];
    for (let seed = 0; seed < 60; seed++) {
      await writeFiles(root, { [`${seed}.png`]: await picture(seed % 2 === 0, { seed }) });
      samples.push(sample(join(root, `${seed}.png`)));
    }
    for (const grey of [10, 11, 200]) {
      const flat = await sharp({
        create: { width: 40, height: 40, channels: 3, background: `rgb(${grey},${grey},${grey})` },
      })
        .png().toBuffer();
      await writeFiles(root, { [`flat${grey}.png`]: new Uint8Array(flat) });
      samples.push(sample(join(root, `flat${grey}.png`)));
    }
    const parts = [
      part("train", samples.filter((_, i) => i % 2 === 0)),
      part("test", samples.filter((_, i) => i % 2 === 1)),
    ];
    assertEquals(await findLeaks(parts, await factsOf(...parts)), []);
  });
});

Deno.test("detailCorrelation() is near 1 for copies and near 0 for others", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, {
      "a.png": await scene(5),
      "b.jpg": new Uint8Array(await sharp(await scene(5)).jpeg({ quality: 30 }).toBuffer()),
      "c.png": await scene(6),
    });
    assert(await detailCorrelation(join(root, "a.png"), join(root, "b.jpg")) > 0.95);
    assert(await detailCorrelation(join(root, "a.png"), join(root, "c.png")) < 0.5);
  });
});

Deno.test("findLeaks() takes near-still videos in one split for what they are, and only tells of a black frame in two splits", async () => {
  await withFolder(async (root) => {
    const black = new Uint8Array(
      await sharp({ create: { width: 40, height: 40, channels: 3, background: "black" } }).png().toBuffer(),
    );
    const frames: Record<string, Sample[]> = { train: [], test: [] };
    for (
      const [i, [split, video]] of [["train", "a"], ["train", "b"], ["test", "c"], ["test", "d"]].entries()
    ) {
      // Two talks before one wall: still within a split, another wall in the other.
      const wall = await scene(20 + (i >> 1));
      for (let frame = 0; frame < 4; frame++) {
        const file = `${split}/${video}/${frame}.png`;
        const light = await sharp(wall).modulate({ brightness: 1 + frame / 100 }).png().toBuffer();
        await writeFiles(root, { [file]: frame === 3 ? black : new Uint8Array(light) });
        frames[split].push(sample(join(root, file), { video }));
      }
    }
    const parts = [part("train", frames.train), part("test", frames.test)];
    const leaks = await findLeaks(parts, await factsOf(...parts));
    assertEquals(new Set(leaks.map(({ kind, refused }) => `${kind} ${refused}`)), new Set(["file false"]));
    assertStringIncludes(
      judgeLeaks(leaks, { allow: false })[0],
      "2 files of one brightness, as black frames are",
    );
  });
});

Deno.test("findLeaks() tells of copies that were mirrored, cropped or turned, and of a photograph that was painted into", async () => {
  await withFolder(async (root) => {
    const edits: Record<string, (scene: Uint8Array, other: Uint8Array) => ReturnType<typeof sharp>> = {
      mirrored: (scene) => sharp(scene).flop(),
      cropped: (scene) => sharp(scene).extract({ left: 8, top: 8, width: 144, height: 144 }),
      turned: (scene) => sharp(scene).rotate(4, { background: "black" }),
      painted: (scene, other) => sharp(scene).composite([{ input: Buffer.from(other), left: 50, top: 50 }]),
    };
    const train: Sample[] = [];
    const test: Sample[] = [];
    for (const [i, [name, edit]] of Object.entries(edits).entries()) {
      for (let at = 0; at < 6; at++) { // six of each, and six that are in training alone
        const [one, other] = [await scene(300 + 20 * i + at), await scene(310 + 20 * i + at)];
        await writeFiles(root, { [`${name}${at}.png`]: one, [`else${i}${at}.png`]: other });
        train.push(sample(join(root, `${name}${at}.png`)), sample(join(root, `else${i}${at}.png`)));
        const patch = new Uint8Array(await sharp(await scene(900 + at)).resize(36, 36).png().toBuffer());
        await edit(one, patch).png().toFile(join(root, `copy ${name}${at}.png`));
        test.push(sample(join(root, `copy ${name}${at}.png`)));
      }
    }
    const parts = [part("train", train), part("test", test)];
    const leaks = await findLeaks(parts, await factsOf(...parts));
    for (const { where } of leaks) { // a copy and its own original, no other
      assertEquals(where[1].replace(/^.*copy /, ""), where[0].replace(/^.*\//, ""));
    }
    const found = new Set(leaks.map(({ where }) => where[1].replace(/^.*copy /, "")));
    const missed = test.map(({ path }) => path.replace(/^.*copy /, "")).filter((name) => !found.has(name));
    assertEquals(missed.filter((name) => !name.startsWith("painted")), []);
    assert(missed.length <= 2, `${missed}`); // a patch may change the light of too many cells
    const alike = leaks.filter(({ kind }) => kind === "alike");
    assert(
      alike.length >= 12 && alike.every(({ refused }) => !refused),
      `${alike.length} of ${leaks.length}`,
    );
    assertStringIncludes(
      judgeLeaks(alike, { allow: false })[0],
      `${alike.length} pictures of training and of another split look like one, mirrored, cropped, turned`,
    );
  });
});

Deno.test("findLeaks() finds a file that is called real and fake", async () => {
  await withFolder(async (root) => {
    await writeFiles(root, { "a.png": await scene(7), "b.png": await scene(7) });
    const parts = [part("train", [sample(join(root, "a.png")), sample(join(root, "b.png"), { label: 1 })])];
    assertEquals((await findLeaks(parts, await factsOf(...parts))).map(({ kind }) => kind), ["label"]);
  });
});

Deno.test("judgeLeaks() refuses with the names, goes on when told to, and only tells what the official split has", () => {
  const leak = (what: string, refused = true) =>
    ({ kind: "identity", what, where: ["s train", "s test"], refused }) as const;
  const error = assertThrows(() => judgeLeaks([leak("ffpp:000"), leak("ffpp:003")], { allow: false }), Error);
  assertStringIncludes(
    error.message,
    "2 videos or persons (ffpp:000 in s train and s test; ffpp:003 in s train and s test)",
  );
  assertStringIncludes(error.message, "--allow-leak goes on");
  assertStringIncludes(
    judgeLeaks([leak("ffpp:000")], { allow: true })[0],
    "LEAK, allowed by --allow-leak: 1 video or person",
  );
  assertStringIncludes(
    judgeLeaks([leak("celebdf:id1_0007", false)], { allow: false })[0],
    "official split has 1 recordings",
  );
  assertStringIncludes(
    judgeLeaks([leak("folder:s/real/v1", false)], { allow: false })[0],
    "a name in two splits",
  );
  const alike = { kind: "look", what: "a", where: ["s train: a", "s test: b"], refused: false } as const;
  assertStringIncludes(
    judgeLeaks([alike], { allow: false })[0],
    "1 pictures look alike in two splits, such as s train: a",
  );
  assertEquals(judgeLeaks([], { allow: false }), []);
});

Deno.test("quantisationTables() names a JPEG's quality, whatever the picture, and nothing else's", async () => {
  const jpeg = async (seed: number, quality: number) =>
    quantisationTables(new Uint8Array(await sharp(await scene(seed)).jpeg({ quality }).toBuffer()));
  assertEquals(await jpeg(1, 75), await jpeg(2, 75));
  assert(await jpeg(1, 75) !== await jpeg(1, 90));
  assertEquals(quantisationTables(await scene(1)), "");
});

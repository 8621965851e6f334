import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { joinNames } from "../../lib/data/scan.ts";
import type { Face } from "../../lib/faces/face.ts";
import { type Coverage, readCoverage } from "../../lib/videos/coverage.ts";
import { lopsided } from "../../lib/videos/lopsided.ts";
import { faceLike, groupPairs, isShapedLike, numbersLike, sharedNumbers } from "../../lib/videos/pairs.ts";
import { withFolder } from "../folders.ts";

const video = (id: string, label: 0 | 1, original?: string) => (
  { id, label, original, method: "m", identities: [], folder: "", frames: joinNames([]) } as const
);

const face = (x: number): Face => ({
  box: { x, y: 10, width: 20, height: 30 },
  score: 0.9,
  landmarks5: [x + 5, 20, x + 15, 20, x + 10, 25, x + 6, 32, x + 14, 32],
});

Deno.test("groupPairs() puts fakes behind the real that they name, and leaves others alone", () => {
  const videos = [
    ...[video("f/1", 1, "r/1"), video("r/2", 0), video("r/1", 0), video("f/2", 1, "r/1")],
    ...[video("f/3", 1, "r/9"), video("f/4", 1), video("f/5", 1, "f/4")],
  ];
  assertEquals(groupPairs(videos), [[2, 0, 3], [1], [4], [5], [6]]);
});

Deno.test("sharedNumbers() takes frames that the fakes have too, but for a fake that leaves too few", () => {
  const upTo = (length: number) => Array.from({ length }, (_, i) => i);
  const shared = (fakes: number[], frames: number) =>
    sharedNumbers(upTo(20), { fakes: fakes.map(upTo), frames }).length;
  assertEquals(shared([30, 12], 8), 12);
  assertEquals(shared([4, 12], 8), 12);
  assertEquals(shared([], 8), 20);
  assertEquals(sharedNumbers([0, 10, 20], { fakes: [[0, 5, 10]], frames: 2 }), [0, 10]);
});

Deno.test("numbersLike() and faceLike() give a fake its real's frames and boxes, scaled, and those in between where it has others", () => {
  const geometry = { faces: new Map([[2, face(10)], [6, face(30)]]), width: 100, height: 80 };
  assertEquals(numbersLike(geometry, { there: [0, 1, 2, 3, 4, 5, 6, 7], frames: 8 }), [2, 6]);
  assertEquals(numbersLike(geometry, { there: [0, 1, 2, 3, 4], frames: 8 }), [2, 3, 4]);
  const at = (number: number, width: number, height: number) => faceLike(geometry, { number, width, height });
  assertEquals(at(6, 100, 80), face(30));
  assertEquals(at(4, 200, 160)?.box, { x: 40, y: 20, width: 40, height: 60 });
  assertEquals(at(2, 200, 160)?.landmarks5.slice(0, 2), [30, 40]);
  assertEquals(at(7, 100, 80), undefined);
  assertEquals(isShapedLike(geometry, { width: 101, height: 80 }), true); // rounded
  assertEquals(isShapedLike(geometry, { width: 80, height: 100 }), false);
});

const row = (label: "real" | "fake", i: number, values: Partial<Coverage> = {}): Coverage => ({
  ...{ video: `${label}/${i}`, label, method: "m", wanted: 10, got: 10, note: "", folder: "x" },
  ...values,
});

Deno.test("lopsided() tells of classes that differ in frames, in the size and sharpness of faces, and in crops that are cut off", () => {
  const five = [0, 1, 2, 3, 4];
  const set = (real: Partial<Coverage>, fake: Partial<Coverage>) =>
    lopsided(five.flatMap((i) => [row("real", i, real), row("fake", i, fake)]));
  const alike = { cutOff: 0, side: 100, sharpness: 300 };
  assertEquals(set(alike, alike), []);
  assertEquals(set({}, { got: 9 }), ["100 % of the real frames were made and 90 % of the fake ones"]);
  assertEquals(set(alike, { cutOff: 1, side: 60, sharpness: 100 }), [
    "0 % of the real crops are cut off by the frame and 10 % of the fake ones",
    "the side of the faces, in pixels, differs between the classes: its median is 100 of real videos and 60 of fake ones",
    "the sharpness of the crops differs between the classes: its median is 300 of real videos and 100 of fake ones",
  ]);
  // Too few to say.
  assertEquals(lopsided([row("real", 0, alike), row("fake", 0, { ...alike, side: 10 })]), []);
  const methods = [["a", 50], ["b", 51], ["c", 12]] as const; // whose median is that of the reals
  assertEquals(
    lopsided(five.flatMap((i) => [
      row("real", i, { ...alike, sharpness: 50 }),
      ...methods.map(([method, sharpness]) => ({ ...row("fake", i, { ...alike, sharpness }), method })),
    ])),
    [
      "the sharpness of the crops differs between the classes: its median is 50 of real videos and 12 of c ones",
    ],
  );
});

Deno.test("readCoverage() reads what was written before faces were looked for", async () => {
  await withFolder(async (root) => {
    const lines = "video,label,method,wanted,got,note,folder\nreal/a,real,real,8,7,only 7 frames,real/a\n";
    await Deno.writeTextFile(join(root, "coverage.csv"), lines);
    const counts = { wanted: 8, got: 7, note: "only 7 frames", folder: "real/a" };
    assertEquals([...(await readCoverage(root)).values()], [
      { video: "real/a", label: "real", method: "real", ...counts },
    ]);
  });
});

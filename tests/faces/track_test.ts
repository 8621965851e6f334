import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import type { Face } from "../../lib/faces/face.ts";
import { chooseTrack, faceAt, type FrameFaces, type Track, trackFaces } from "../../lib/faces/track.ts";
import type { Box } from "../../lib/images/box.ts";

/** A square face of `side` pixels around x, y. */
function face(x: number, y: number, side = 40, score = 0.9): Face {
  const box = { x: x - side / 2, y: y - side / 2, width: side, height: side };
  return { box, score, landmarks5: Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? x : y)) };
}

/** Frames 0, 10, 20, … with these faces. */
const video = (...frames: readonly (readonly Face[])[]): readonly FrameFaces[] =>
  frames.map((faces, i) => ({ number: 10 * i, faces }));

/** The middles of each track's faces by frame. */
const middles = (tracks: readonly Track[]) =>
  tracks.map(({ faces }) => [...faces].map(([number, { box }]) => [number, box.x + box.width / 2]));

/** The same tracks from frames and faces the other way round. */
const reversed = (frames: readonly FrameFaces[]) =>
  frames.map(({ number, faces }) => ({ number, faces: faces.toReversed() })).toReversed();

Deno.test("trackFaces() follows faces that move, in whatever order they are given", () => {
  const frames = video(
    [face(50, 50), face(150, 50)],
    [face(140, 55), face(62, 50)],
    [face(128, 60), face(75, 50)],
  );
  const tracks = trackFaces(frames);
  assertEquals(middles(tracks), [[[0, 50], [10, 62], [20, 75]], [[0, 150], [10, 140], [20, 128]]]);
  assertEquals(trackFaces(reversed(frames)), tracks);
});

Deno.test("trackFaces() gives a face to the track that it overlaps most, where two come close", () => {
  // Both tracks overlap the face at 60: it is nearer to the second's 64 than to the first's 48.
  const tracks = trackFaces(video([face(48, 50), face(64, 50)], [face(60, 50)]));
  assertEquals(middles(tracks), [[[0, 48]], [[0, 64], [10, 60]]]);
  // Two that cross, of different sizes: while one is behind the other it is lost.
  const [large, small] = [(x: number) => face(x, 50, 60), (x: number) => face(x, 50, 30)];
  const crossed = trackFaces(
    video([large(40), small(100)], [large(55), small(85)], [large(70)], [large(85), small(66)], [
      large(100),
      small(50),
    ]),
  );
  assertEquals(crossed.map(({ faces }) => [...faces.values()].map(({ box }) => box.width)), [
    [60, 60, 60, 60, 60],
    [30, 30, 30, 30],
  ]);
});

Deno.test("trackFaces() begins another track after a cut, and goes on with one where a face was lost", () => {
  assertEquals(middles(trackFaces(video([face(50, 50)], [face(150, 50)]))), [[[0, 50]], [[10, 150]]]); // elsewhere
  assertEquals(middles(trackFaces(video([face(50, 50)], [face(65, 50, 140)]))), [[[0, 50]], [[10, 65]]]); // larger by far
  assertEquals(middles(trackFaces(video([face(50, 50)], [], [], [face(55, 50)]))), [[[0, 50], [30, 55]]]);
  // Little overlap is enough from one frame to the next, for a face of a like size, and not after one was left out.
  assertEquals(middles(trackFaces(video([face(50, 50)], [face(80, 65)]))), [[[0, 50], [10, 80]]]);
  assertEquals(middles(trackFaces(video([face(50, 50)], [], [face(80, 65)]))), [[[0, 50]], [[20, 80]]]);
});

Deno.test("trackFaces() leaves faces out that the detector is less sure of, and refuses a frame that comes twice", () => {
  const frames = video([face(50, 50, 40, 0.5), face(150, 50)], [face(50, 50, 40, 0.95)]);
  assertEquals(middles(trackFaces(frames, { leastScore: 0.9 })), [[[0, 150]], [[10, 50]]]);
  assertEquals(trackFaces([]), []);
  assertThrows(
    () => trackFaces([frames[0], frames[0]]),
    InputError,
    "each frame once but found frame 0 twice",
  );
});

Deno.test("chooseTrack() takes the longest, then the largest, then the leftmost track, and says why", () => {
  const choose = (...frames: readonly (readonly Face[])[]) => {
    const tracks = trackFaces(video(...frames));
    const { track, reason } = chooseTrack(tracks);
    assertEquals(chooseTrack(tracks.toReversed()).track, track);
    return [reason, track && middles([track])[0][0][1]];
  };
  assertEquals(choose([], []), ["no face", undefined]);
  assertEquals(choose([face(50, 50)], [face(50, 50)]), ["only", 50]);
  assertEquals(choose([face(50, 50)], [face(50, 50), face(200, 50, 90)]), ["longest of 2", 50]);
  assertEquals(choose([face(50, 50), face(200, 50, 41)]), ["largest of 2", 200]);
  assertEquals(choose([face(50, 50), face(200, 50), face(350, 50)]), ["leftmost of 3", 50]);
});

Deno.test("chooseTrack() takes the track under the masks, however small and short, and none where none is", () => {
  const tracks = trackFaces(video([face(50, 50, 90), face(200, 50)], [face(50, 50, 90)]));
  const right = (box: Box) => (box.x > 100 ? 0.75 : 0.1);
  const chosen = (masks: ReadonlyMap<number, (box: Box) => number>) => {
    const { track, reason } = chooseTrack(tracks, { masks });
    return [reason, track && middles([track])[0]];
  };
  assertEquals(chosen(new Map([[0, right]])), ["masked", [[0, 200]]]);
  assertEquals(chosen(new Map([[0, () => 0]])), ["no face under the mask", undefined]);
  assertEquals(chosen(new Map()), ["longest of 2", [[0, 50], [10, 50]]]); // all masks are empty
});

Deno.test("faceAt() is on the line between the frames that are known, and nothing beyond them", () => {
  const [track] = trackFaces(video([face(50, 50, 40, 1)], [face(60, 54, 44, 0.5)]));
  assertEquals(faceAt(track, 10), track.faces.get(10));
  const between = faceAt(track, 5)!;
  assertEquals(between, face(55, 52, 42, 0.75));
  assertEquals(faceAt(track, 2)!.box, { x: 31.6, y: 30.4, width: 40.8, height: 40.8 });
  assertEquals([faceAt(track, -1), faceAt(track, 11)], [undefined, undefined]);
});

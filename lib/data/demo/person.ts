// Who is in a frame (Person) and how the frame shows them (View): random draws, no pixels.

import { between, clamp01, mix } from "./noise.ts";
import type { Random } from "../../base/random.ts";

/** Red, green, blue; display-referred in 0..1 where a person or a view names a colour. */
type Colour = readonly [number, number, number];

/** What makes one person: shapes in units of half the head's width, colours in 0..1. */
export type Person = ReturnType<typeof drawPerson>;

const SKIN: readonly Colour[] = [
  [0.95, 0.79, 0.7],
  [0.91, 0.72, 0.6],
  [0.83, 0.62, 0.48],
  [0.69, 0.48, 0.35],
  [0.53, 0.35, 0.25],
  [0.39, 0.26, 0.2],
];
const HAIR: readonly Colour[] = [
  [0.1, 0.09, 0.09],
  [0.17, 0.12, 0.1],
  [0.3, 0.19, 0.13],
  [0.44, 0.3, 0.19],
  [0.72, 0.56, 0.35],
  [0.52, 0.25, 0.13],
  [0.6, 0.59, 0.58],
];
const IRIS: readonly Colour[] = [[0.28, 0.17, 0.1], [0.2, 0.12, 0.08], [0.35, 0.45, 0.55], [
  0.36,
  0.42,
  0.28,
]];

const pick = <T>(random: Random, from: readonly T[]): T => from[random.integer(from.length)];
const mixColour = (
  a: Colour,
  b: Colour,
  t: number,
): Colour => [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];

function muted(random: Random, low: number, high: number): Colour {
  const level = between(random, low, high);
  const tint = () => clamp01(level * between(random, 0.72, 1.22));
  return [tint(), tint(), tint()];
}

/** Draws a person at random: build, skin, eyes, nose, mouth, hair, beard, glasses, clothes. */
export function drawPerson(random: Random) {
  const range = (low: number, high: number) => between(random, low, high);
  const tone = random.uniform() * (SKIN.length - 1);
  const skin = mixColour(SKIN[Math.floor(tone)], SKIN[Math.floor(tone) + 1], tone - Math.floor(tone));
  const masculine = random.uniform() < 0.5;
  const dark = tone > 2.6;
  const bald = masculine && random.uniform() < 0.12;
  const grey = random.uniform() < 0.1;
  const hairColour = grey ? HAIR[6] : pick(random, HAIR.slice(0, dark ? 2 : 6));
  return {
    seed: random.integer(1_000_000_000),
    skin: mixColour(skin, [skin[0], skin[1] * 0.95, skin[2] * range(0.85, 1.05)], random.uniform()),
    tall: range(1.28, 1.4),
    jaw: masculine ? range(0.18, 0.3) : range(0.24, 0.36),
    square: masculine ? range(0.35, 0.7) : range(0.15, 0.5),
    eye: {
      x: range(0.37, 0.43),
      y: range(-0.03, 0.04),
      width: range(0.165, 0.2),
      height: range(0.072, 0.1),
      tilt: range(-0.06, 0.1),
      iris: pick(random, dark ? IRIS.slice(0, 2) : IRIS),
    },
    brow: {
      gap: range(0.2, 0.26),
      thick: masculine ? range(0.035, 0.055) : range(0.022, 0.036),
      arch: range(0.02, 0.07),
      strength: range(0.6, 0.9),
    },
    nose: { width: range(0.1, 0.15), base: range(0.46, 0.54), height: range(0.75, 1.2) },
    mouth: {
      y: range(0.74, 0.8),
      width: range(0.27, 0.34),
      upper: range(0.045, 0.075),
      lower: range(0.07, 0.105),
      red: masculine ? range(0.25, 0.5) : range(0.45, 0.95),
    },
    hair: {
      colour: hairColour,
      line: bald ? -2 : range(-0.86, -0.66),
      volume: bald ? 0 : range(0.06, 0.2),
      // How far down the sides the hair falls: about -0.1 is above the ear, 1.6 the shoulders.
      fall: bald ? -2 : masculine ? range(-0.25, 0.15) : range(0.5, 1.9),
      curl: random.uniform() < 0.35 ? range(0.5, 1) : range(0, 0.25),
      part: range(-0.5, 0.5),
      fringe: masculine ? range(-0.08, 0.1) : range(-0.15, 0.22),
      sweep: range(-0.3, 0.3),
    },
    beard: masculine && random.uniform() < 0.45 ? range(0.3, 0.95) : 0,
    age: random.uniform(),
    freckles: tone < 1.5 && random.uniform() < 0.3 ? range(0.3, 0.8) : 0,
    glasses: random.uniform() < 0.17 ? range(0.19, 0.23) : 0,
    cloth: [range(0.08, 0.85), range(0.08, 0.8), range(0.08, 0.85)] as Colour,
    clothPattern: pick(random, ["plain", "stripes", "knit"]),
    collar: range(0.15, 0.6),
  };
}

/** How one frame shows a person: pose, expression, light and background. */
export type View = ReturnType<typeof drawView>;

/** Draws the view that a video opens with. `dimness` 0 is studio light, 1 a dark room with light from one side. */
export function drawView(random: Random, { dimness = 0 }: { dimness?: number } = {}) {
  const range = (low: number, high: number) => between(random, low, high);
  const side = random.uniform() < 0.5 ? -1 : 1;
  const warm = range(-1, 1);
  return {
    seed: random.integer(1_000_000_000),
    yaw: range(-0.34, 0.34),
    pitch: range(-0.1, 0.12),
    roll: range(-0.12, 0.12),
    x: range(-0.03, 0.03),
    y: range(-0.045, 0.0),
    scale: range(0.265, 0.315),
    open: random.uniform() < 0.3 ? range(0.3, 1) : 0,
    smile: range(-0.2, 0.9),
    lids: range(0.8, 1.05),
    gaze: range(-0.3, 0.3),
    light: [
      side * range(0.1, 0.6 + 0.5 * dimness),
      range(-0.75, -0.15),
      range(0.6, 0.9) - 0.35 * dimness,
    ] as Colour,
    key: mix(range(0.8, 1.15), range(0.45, 0.8), dimness),
    ambient: mix(range(0.26, 0.42), range(0.07, 0.16), dimness),
    tint: [1 + 0.08 * warm, 1, 1 - 0.1 * warm] as Colour,
    background: pick(random, ["studio", "room", "lights", "outdoors"]),
    near: muted(random, 0.3, 0.85),
    far: muted(random, 0.15, 0.7),
  };
}

/** The same scene a moment later: pose and expression move a little, light and background stay. */
export function nextView(view: View, random: Random): View {
  const shift = (amount: number) => between(random, -amount, amount);
  return {
    ...view,
    yaw: view.yaw + shift(0.09),
    pitch: view.pitch + shift(0.05),
    roll: view.roll + shift(0.05),
    x: view.x + shift(0.015),
    y: view.y + shift(0.012),
    scale: view.scale * (1 + shift(0.03)),
    open: clamp01(view.open + shift(0.35)),
    smile: view.smile + shift(0.25),
    lids: random.uniform() < 0.08 ? 0.25 : view.lids + shift(0.08),
    gaze: view.gaze + shift(0.15),
  };
}

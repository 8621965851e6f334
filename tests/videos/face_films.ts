/**
 * Videos that are composed from a photograph of a face, for tests of what is cropped of them.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ffmpeg } from "../ffmpeg.ts";

/** A part of a photograph of 160 × 160, in the public domain, whose face is some 75 pixels wide. */
export const portrait = fileURLToPath(new URL("../fixtures/faces/source.png", import.meta.url));

/** A photograph laid over grey: its side, the place of its corner as ffmpeg's expressions of the frame `n`, and when it is seen. */
export type Placed = {
  readonly side?: number;
  readonly x?: number | string;
  readonly y?: number | string;
  readonly when?: string;
  readonly blur?: number;
};

/** Makes a video of photographs, by default one of 160 pixels at 80, 40, in 20 frames of 320 × 240, ten a second. */
export async function faceFilm(
  path: string,
  options: {
    readonly faces?: readonly Placed[];
    readonly frames?: number;
    readonly size?: string;
    /** Further filters. */
    readonly filter?: string;
  } = {},
): Promise<void> {
  const { faces = [{}], frames = 20, size = "320x240", filter = "null" } = options;
  await Deno.mkdir(join(path, ".."), { recursive: true });
  const chain = faces.map(({ side = 160, x = 80, y = 40, when = "1", blur = 0 }, i) =>
    `[${i + 1}]scale=${side}:${side},gblur=sigma=${blur}[face${i}];` +
    `[at${i}][face${i}]overlay=x='${x}':y='${y}':enable='${when}':eval=frame:shortest=1[at${i + 1}]`
  );
  await ffmpeg(
    ...["-f", "lavfi", "-i", `color=gray:size=${size}:rate=10:duration=${frames / 10}`],
    ...faces.flatMap(() => ["-loop", "1", "-framerate", "10", "-i", portrait]),
    ...[
      "-filter_complex",
      `[0]null[at0];${chain.map((each) => `${each};`).join("")}[at${faces.length}]${filter}[out]`,
    ],
    ...[
      "-map",
      "[out]",
      "-frames:v",
      `${frames}`,
      "-c:v",
      "libx264",
      "-qp",
      "12",
      "-pix_fmt",
      "yuv420p",
      "-y",
      path,
    ],
  );
}

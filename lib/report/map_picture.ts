/**
 * The picture of one map: an image as it is and with the map over it, the scale of the colours, and in words what the map says.
 *
 * @module
 */
import type { MapKind } from "../model/maps/map.ts";
import { mostOf, photoSvg, type Picture, pictureOf, scaleSvg } from "./pictures.ts";
import { demoTitle } from "./report.ts";
import { ink } from "./style.ts";
import { escapeHtml } from "./table.ts";

const SIDE = 264;
const GAP = 14;
const LINE = 17;
/** Of a patch's share of a logit that may be drawn in full. */
const LEAST_LOGIT = 0.25;
/** Of a line below the images, by the width of the letters at its size. */
const CHARACTERS = 92;

/**
 * The size of a value that maps of one answer are all drawn in full at, so that their colours can be compared: that of one patch in a
 * hundred or more. Of a logit it is never less than 0.25, which moves no score by more than 0.06: patches that say next to nothing are
 * not to be blown up.
 *
 * @param maps [G²] each
 * @param kind whose they are
 *
 * @example
 * ```ts
 * import { mapMost } from "@forgelens/bench/report";
 * import { mapKinds } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mapMost([[0.01, -0.02], [0.03, 0]], mapKinds.gradient), 0.25);
 * ```
 */
export function mapMost(
  maps: readonly ArrayLike<number>[],
  { isSigned }: Pick<MapKind, "isSigned">,
): number {
  return Math.max(mostOf(maps.map((map) => ({ map }))), isSigned ? LEAST_LOGIT : 0);
}

/**
 * Draws a map over its image, beside the image: no colour at 0, and the more the further from it. Where the kind of map is signed,
 * vermilion speaks for fake and blue for real, beyond what an image of equal patches is called; else green speaks for neither.
 *
 * @param image RGB bytes [S, S, 3], what the detector saw
 * @param map [G²]
 * @param options.most the size of a value that is drawn in full, of `mapMost()` of all maps of the answer
 * @param options.lines below the images, such as what the map adds up to and how far it can be trusted; long ones are broken
 * @param options.mask the share of each patch that was manipulated, [G²]; patches of half or more are outlined
 *
 * @example
 * ```ts
 * import { mapMost, mapPicture } from "@forgelens/bench/report";
 * import { mapKinds } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const map = [0.4, -0.1, 0, 0.05];
 * const kind = mapKinds.gradient;
 * const picture = await mapPicture(new Uint8Array(32 * 32 * 3).fill(128), map, {
 *   ...{ title: "face.png: fake, 0.81", kind, most: mapMost([map], kind), demo: false },
 * });
 * assertEquals([...picture.jpeg.subarray(0, 2)], [0xff, 0xd8]);
 * ```
 */
export async function mapPicture(
  image: Uint8Array,
  map: ArrayLike<number>,
  options: {
    readonly title: string;
    readonly kind: Pick<MapKind, "isSigned" | "measure">;
    readonly most: number;
    readonly demo: boolean;
    readonly lines?: readonly string[];
    readonly mask?: ArrayLike<number>;
  },
): Promise<Picture> {
  const { kind: { isSigned, measure }, most, demo, lines = [], mask } = options;
  const title = demoTitle(options.title, demo);
  const broken = lines.flatMap((line) => brokenAt(line, CHARACTERS));
  const width = 2 * SIDE + 3 * GAP;
  const top = 40;
  const scaleAt = top + SIDE + GAP;
  const linesAt = scaleAt + 48;
  const height = linesAt + LINE * broken.length + 2;
  const [photo, mapped] = await Promise.all([
    photoSvg({ image, mask }, { x: GAP, y: top, side: SIDE, most }),
    photoSvg({ image, map, mask }, { x: SIDE + 2 * GAP, y: top, side: SIDE, most, isSigned }),
  ]);
  const words = broken.map((line, i) =>
    `<text x="${GAP}" y="${linesAt + LINE * i}" font-size="12" fill="${ink}">${escapeHtml(line)}</text>`
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<style>text { font-family: "Open Sans"; }</style>
<text x="${GAP}" y="25" font-size="15" font-weight="600" fill="${ink}">${
    escapeHtml(brokenAt(title, 66)[0])
  }</text>
${photo}
${mapped}
${scaleSvg(measure, { x: GAP, y: scaleAt, most, isSigned })}
${words.join("\n")}
</svg>`;
  return await pictureOf(svg, { width, text: [title, ...lines].join("\n") });
}

/** A line in parts of at most so many characters, broken between words where there are some. */
function brokenAt(line: string, most: number): string[] {
  const parts: string[] = [];
  let rest = line;
  while (rest.length > most) {
    const space = rest.lastIndexOf(" ", most);
    const end = space > 0 ? space : most;
    parts.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...parts, rest];
}

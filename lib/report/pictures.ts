/**
 * Photographs with captions and maps over their patches, in a grid: one JPEG that every front end shows.
 *
 * @module
 */
import { loadSharp } from "../images/sharp.ts";
import { Buffer } from "node:buffer";
import { classScale, colours, grey } from "./style.ts";
import { rasterise } from "./render.ts";
import { demoTitle } from "./report.ts";
import { escapeHtml } from "./table.ts";

/** A picture, the width that it is shown at, and what it shows in words. */
export type Picture = { readonly jpeg: Uint8Array; readonly width: number; readonly text: string };

/** One photograph of a grid. */
export type Tile = {
  /** RGB bytes [size, size, 3]. */
  readonly image: Uint8Array;
  /** 0 real, 1 fake: the colour of its frame. */
  readonly label: 0 | 1;
  /** Lines below it. */
  readonly caption: readonly string[];
  /** A value for each patch [G, G], drawn over the image: above 0 in vermilion, below in blue, on one scale for all tiles. */
  readonly map?: ArrayLike<number>;
  /** The share of each patch [G, G] that was manipulated; patches of half or more are outlined. */
  readonly mask?: ArrayLike<number>;
};

const TILE = 128;
const GAP = 12;
const LINE = 15;
const SCALE = 44;
/** How opaque the largest value is. */
const OPACITY = 0.8;

/**
 * Draws tiles in rows.
 *
 * @param options.columns 6 unless given
 * @throws {Error} when there is no tile
 */
export async function photoGrid(
  tiles: readonly Tile[],
  options: {
    readonly title: string;
    readonly demo: boolean;
    readonly subtitle?: string;
    readonly columns?: number;
    /** What the maps' values are, beside a scale of their colours; no scale unless given. */
    readonly scale?: string;
  },
): Promise<Picture> {
  if (tiles.length === 0) throw new Error("Cannot draw a grid: expected at least one image but found none");
  const { columns = 6, subtitle = "", scale } = options;
  const title = demoTitle(options.title, options.demo);
  const lines = Math.max(...tiles.map(({ caption }) => caption.length));
  const top = subtitle ? 54 : 36;
  const rowHeight = TILE + 6 + LINE * lines + GAP;
  const across = Math.min(columns, tiles.length);
  const width = Math.max(GAP + across * (TILE + GAP), 560);
  const bottom = top + Math.ceil(tiles.length / columns) * rowHeight + 4;
  const height = bottom + (scale ? SCALE : 0);
  const most = mostOf(tiles);
  const drawn = await Promise.all(tiles.map((tile, i) => {
    const x = GAP + (i % columns) * (TILE + GAP);
    const y = top + Math.floor(i / columns) * rowHeight;
    return tileSvg(tile, { x, y, side: TILE, most });
  }));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<style>text { font-family: "Open Sans"; }</style>
<text x="${GAP}" y="24" font-size="16" font-weight="600">${escapeHtml(title)}</text>
<text x="${GAP}" y="43" font-size="12" fill="${grey}">${escapeHtml(subtitle)}</text>
${drawn.join("\n")}
${scale ? scaleSvg(scale, { x: GAP, y: bottom, most }) : ""}
</svg>`;
  const captions = tiles.map(({ caption }) => caption.join(", "));
  return await pictureOf(svg, {
    width,
    text: [title, subtitle, ...captions].filter((line) => line).join("\n"),
  });
}

/** An SVG as a picture, with the fonts that charts have; `text` says what it shows. */
export async function pictureOf(svg: string, about: Pick<Picture, "width" | "text">): Promise<Picture> {
  return { jpeg: await jpegOf(svg), ...about };
}

/** Where a tile stands, its side, and the size of a value that is drawn in full. */
export type Place = {
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly most: number;
  /** False for values that speak for no class, which are drawn in a colour of neither; true unless given. */
  readonly isSigned?: boolean;
};

/** A tile without frame and caption, as a JPEG; `most` is the size of a map's value that is drawn in full. */
export async function photoJpeg(tile: Tile, { most }: { readonly most: number }): Promise<Uint8Array> {
  const photo = await photoSvg(tile, { x: 0, y: 0, side: TILE, most });
  return await jpegOf(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${TILE}" height="${TILE}">${photo}</svg>`,
  );
}

async function jpegOf(svg: string): Promise<Uint8Array> {
  const png = await rasterise(svg, { scale: 1.6 });
  return new Uint8Array(
    await (await loadSharp())(png).jpeg({ quality: 80, chromaSubsampling: "4:4:4" }).toBuffer(),
  );
}

/** A photograph with its map and the outline of its mask. */
export async function photoSvg(
  tile: Pick<Tile, "image" | "map" | "mask">,
  place: Place,
): Promise<string> {
  const { x, y } = place;
  const size = Math.round(Math.sqrt(tile.image.length / 3));
  const bytes = await (await loadSharp())(tile.image, { raw: { width: size, height: size, channels: 3 } })
    .grayscale(tile.map !== undefined) // so that the map's colours are its own
    .jpeg({ quality: 92 }).toBuffer();
  const href = `data:image/jpeg;base64,${Buffer.from(bytes).toString("base64")}`;
  return `<image x="${x}" y="${y}" width="${place.side}" height="${place.side}" href="${href}"/>
${tile.map ? mapSvg(tile.map, place) : ""}
${tile.mask ? maskSvg(tile.mask, place) : ""}`;
}

async function tileSvg(tile: Tile, place: Place): Promise<string> {
  const { x, y } = place;
  const colour = classScale.range[tile.label];
  const captions = tile.caption.map((line, i) => {
    const text = line.length > 22 ? `${line.slice(0, 10)}…${line.slice(-10)}` : line;
    const weight = i === 0 ? `font-weight="600" fill="${colour}"` : `fill="${grey}"`;
    return `<text x="${x}" y="${y + TILE + 15 + i * LINE}" font-size="11" ${weight}>${
      escapeHtml(text)
    }</text>`;
  });
  return `${await photoSvg(tile, place)}
<rect x="${x - 1}" y="${y - 1}" width="${TILE + 2}" height="${
    TILE + 2
  }" fill="none" stroke="${colour}" stroke-width="2"/>
${captions.join("\n")}`;
}

/** The size that is drawn in full: that of one value in a hundred or more, so that a single one does not hide all others. */
export function mostOf(tiles: readonly Pick<Tile, "map">[]): number {
  const sizes = tiles.flatMap(({ map = [] }) => Array.from(map, Math.abs)).sort((a, b) => a - b);
  return Math.max(1e-12, sizes[Math.floor(0.99 * (sizes.length - 1))] ?? 0);
}

function opacityOf(value: number, most: number): number {
  return OPACITY * Math.min(1, Math.abs(value) / most);
}

function colourOf(value: number, { isSigned = true }: Pick<Place, "isSigned">): string {
  return isSigned ? classScale.range[value > 0 ? 1 : 0] : colours[2];
}

/** One square for each patch, the more opaque the larger its value. */
function mapSvg(map: ArrayLike<number>, place: Place): string {
  const values = Array.from(map);
  const grid = Math.round(Math.sqrt(values.length));
  const side = place.side / grid;
  return values.map((value, i) => {
    const opacity = opacityOf(value, place.most);
    if (opacity < 0.02) return "";
    const left = place.x + (i % grid) * side;
    const above = place.y + Math.floor(i / grid) * side;
    const colour = colourOf(value, place);
    return `<rect x="${left.toFixed(2)}" y="${above.toFixed(2)}" width="${side.toFixed(2)}" height="${
      side.toFixed(2)
    }" fill="${colour}" fill-opacity="${opacity.toFixed(3)}"/>`;
  }).join("");
}

/**
 * The colours of a scale, over the grey that the images have below a map, with their values: from −`most` to `most`, or from 0 where they have no sign.
 */
export function scaleSvg(title: string, place: Omit<Place, "side">): string {
  const { x: left, y, most, isSigned = true } = place;
  const [width, parts] = [260, 65];
  const least = isSigned ? -1 : 0;
  const steps = Array.from({ length: parts }, (_, i) => {
    const value = most * (least + (1 - least) * (i + 0.5) / parts);
    return `<rect x="${left + i * width / parts}" y="${y}" width="${
      width / parts
    }" height="12" shape-rendering="crispEdges" fill="${colourOf(value, place)}" fill-opacity="${
      opacityOf(value, most).toFixed(3)
    }"/>`;
  });
  const ticks = (isSigned ? [-1, -0.5, 0, 0.5, 1] : [0, 0.5, 1]).map((share) => {
    const bound = share === -1 ? "≤ " : share === 1 ? "≥ " : "";
    const sign = share < 0 ? "−" : share > 0 && isSigned ? "+" : "";
    const value = `${bound}${sign}${Math.abs(share * most).toPrecision(2)}`;
    const anchor = share === least ? "start" : share === 1 ? "end" : "middle";
    return `<text x="${left + width * (share - least) / (1 - least)}" y="${
      y + 26
    }" font-size="11" fill="${grey}" text-anchor="${anchor}">${share === 0 ? "0" : value}</text>`;
  });
  const [real, fake] = classScale.domain;
  const sides = isSigned ? `below 0: for ${real}, above: for ${fake}` : "for neither class";
  const names = `<text x="${left + width + 12}" y="${y + 10}" font-size="11" fill="${grey}">${
    escapeHtml(title)
  }</text>
<text x="${left + width + 12}" y="${y + 26}" font-size="11" fill="${grey}">${sides}</text>`;
  return `<rect x="${left}" y="${y}" width="${width}" height="12" fill="#cccccc"/>
${steps.join("")}
${ticks.join("")}
${names}`;
}

/** The border between patches inside and outside of a mask. */
function maskSvg(mask: ArrayLike<number>, place: Omit<Place, "most">): string {
  const grid = Math.round(Math.sqrt(mask.length));
  const side = place.side / grid;
  const inside = (row: number, column: number) =>
    row >= 0 && row < grid && column >= 0 && column < grid && mask[row * grid + column] >= 0.5;
  const edges: string[] = [];
  for (let row = 0; row <= grid; row++) {
    for (let column = 0; column <= grid; column++) {
      const [left, above] = [place.x + column * side, place.y + row * side];
      if (inside(row, column) !== inside(row - 1, column)) edges.push(`M${left} ${above}h${side}`);
      if (inside(row, column) !== inside(row, column - 1)) edges.push(`M${left} ${above}v${side}`);
    }
  }
  const path = edges.join("");
  return `<path d="${path}" fill="none" stroke="black" stroke-width="3" stroke-opacity="0.5"/>
<path d="${path}" fill="none" stroke="white" stroke-width="1.4"/>`;
}

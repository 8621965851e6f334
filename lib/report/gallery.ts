/**
 * Photographs in a page: a grid that wraps, with their words as text.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { mostOf, photoJpeg, type Tile } from "./pictures.ts";
import { classScale } from "./style.ts";
import { escapeHtml } from "./table.ts";

/** Photographs under a title, as a page shows them. */
export type Gallery = {
  readonly title: string;
  readonly subtitle: string;
  readonly photos: readonly Photo[];
  /** What the maps' values are, and the size of one that is drawn in full. */
  readonly scale?: { readonly title: string; readonly most: number };
};

/** One photograph, and below it the same with a map where there is one. */
export type Photo = {
  readonly jpegs: readonly Uint8Array[];
  /** 0 real, 1 fake: the colour of its frame. */
  readonly label: 0 | 1;
  /** The lines below each of them. */
  readonly captions: readonly (readonly string[])[];
};

/**
 * Draws the photographs of a gallery.
 *
 * @param stacks what stands one below the other: a photograph, and its map where there is one; maps are all on one scale
 * @param options.scale what the maps' values are; no scale unless given
 */
export async function drawGallery(
  stacks: readonly (readonly Tile[])[],
  options: { readonly title: string; readonly subtitle: string; readonly scale?: string },
): Promise<Gallery> {
  const { title, subtitle, scale } = options;
  const most = mostOf(stacks.flat());
  const photos = await Promise.all(stacks.map(async (stack): Promise<Photo> => ({
    jpegs: await Promise.all(stack.map((tile) => photoJpeg(tile, { most }))),
    label: stack[0].label,
    captions: stack.map(({ caption }) => caption),
  })));
  return { title, subtitle, photos, scale: scale === undefined ? undefined : { title: scale, most } };
}

/** A gallery in HTML, its photographs within; every text is escaped. */
export function galleryHtml({ title, subtitle, photos, scale }: Gallery): string {
  return [
    `<h3>${escapeHtml(title)}</h3>`,
    `<p class="note">${escapeHtml(subtitle)}</p>`,
    `<div class="photos">${photos.map(photoHtml).join("\n")}</div>`,
    ...(scale ? [scaleHtml(scale)] : []),
  ].join("\n");
}

function photoHtml({ jpegs, label, captions }: Photo): string {
  const kind = classScale.domain[label];
  const parts = jpegs.map((jpeg, i) => {
    const [first = "", ...others] = captions[i].map(escapeHtml);
    const alt = `${i === 0 ? "Image" : "Map"}: ${escapeHtml(captions[i].join(", "))}`;
    const source = `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}`;
    const words = [`<strong${i === 0 ? ` class="${kind}"` : ""}>${first}</strong>`, ...others].join("<br>");
    return `<img class="${kind}" alt="${alt}" src="${source}"><div>${words}</div>`;
  });
  return `<figure${jpegs.length > 1 ? ' class="mapped"' : ""}>${parts.join("")}</figure>`; // its rows are its neighbours' too
}

function scaleHtml({ title, most }: NonNullable<Gallery["scale"]>): string {
  const end = most.toPrecision(2);
  const [real, fake] = classScale.domain;
  return `<p class="note">≤ −${end}<span class="scale"></span>≥ +${end}. ${
    escapeHtml(title)
  }; below 0: for ${real}, above: for ${fake}.</p>`;
}

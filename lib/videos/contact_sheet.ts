/**
 * `contact-sheet.jpg`: some crops of some videos of both classes, to look at before anything is trained on them.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { OverlayOptions } from "sharp";
import { writeWhole } from "../base/files.ts";
import { inParallel } from "../base/pool.ts";
import { printable } from "../base/printable.ts";
import { loadSharp } from "../images/sharp.ts";
import { evenly, isImage } from "../data/layouts/layout.ts";
import { sheetName } from "../data/prepared.ts";
import type { Coverage } from "./coverage.ts";
import { orOutputError } from "./whole_frames.ts";

/** Videos of each class, and crops of each video. */
const [ROWS, CROPS] = [20, 6];
/** In pixels. */
const [TILE, GAP, LINE, MARGIN] = [96, 4, 20, 16];
const [ROW, COLUMN] = [LINE + TILE + GAP + 4, CROPS * (TILE + GAP) + MARGIN];

const font = fileURLToPath(new URL("../../assets/fonts/OpenSans-Regular.ttf", import.meta.url));

/**
 * Draws reals on the left and fakes on the right, a row a video: evenly chosen ones, and beside a real a fake that was cropped as it
 * was, where there is one. Nothing is written where there are no crops.
 *
 * @throws {OutputError} when it cannot be written.
 */
export async function writeContactSheet(
  into: string,
  options: { readonly coverage: readonly Coverage[]; readonly signal?: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const coverage = options.coverage.filter(({ got }) => got > 0);
  const reals = evenly(coverage.filter(({ label }) => label === "real"), ROWS);
  const fakes = fakesBeside(reals, coverage.filter(({ label }) => label === "fake"));
  const rows = Math.max(reals.length, fakes.length);
  if (rows === 0) return;
  const sharp = await loadSharp();
  const cells = [reals, fakes].flatMap((videos, column) =>
    videos.map((video, row) => ({ video, left: MARGIN + column * COLUMN, top: MARGIN + row * ROW }))
  );
  const overlays = await inParallel(cells, ({ video, left, top }) => drawRow(into, { video, left, top }), {
    signal,
  });
  const sheet = sharp({
    create: {
      ...{ width: MARGIN + 2 * COLUMN, height: 2 * MARGIN + rows * ROW },
      ...{ channels: 3, background: "white" },
    },
  });
  const jpeg = await sheet.composite(overlays.flat()).jpeg({ quality: 85 }).toBuffer();
  await orOutputError(`Cannot write ${sheetName}`, () => writeWhole(join(into, sheetName), jpeg));
}

/** For each real a fake that is cropped as it is, of one method after another; else evenly chosen fakes. */
function fakesBeside(reals: readonly Coverage[], fakes: readonly Coverage[]): readonly Coverage[] {
  const beside = reals.flatMap(({ video }, i) => {
    const of = fakes.filter(({ chosen }) => chosen === `as ${video}`);
    return of.length > 0 ? [of[i % of.length]] : [];
  });
  return beside.length === reals.length && beside.length > 0 ? beside : evenly(fakes, ROWS);
}

async function drawRow(
  into: string,
  { video, left, top }: { readonly video: Coverage; readonly left: number; readonly top: number },
): Promise<OverlayOptions[]> {
  const sharp = await loadSharp();
  const folder = join(into, video.folder);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).filter(isImage).sort();
  const { label, side, sharpness, got, wanted } = video;
  const facts = [`${got} of ${wanted}`, `side ${side ?? "–"}`, `sharpness ${sharpness ?? "–"}`].join(", ");
  const escaped = (text: string) =>
    printable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const colour = label === "real" ? "#0072b2" : "#d55e00";
  const name = video.video.length > 48 ? `…${video.video.slice(-47)}` : video.video;
  const text = `<span foreground="${colour}">${label}</span> ${escaped(name)} <span foreground="#666">${
    escaped(facts)
  }</span>`;
  const line = await sharp({ text: { text, fontfile: font, font: "Open Sans 9", rgba: true, dpi: 96 } })
    .png().toBuffer();
  const tiles = await Promise.all(
    evenly(names, CROPS).map(async (name, i) => ({
      input: await sharp(join(folder, name)).resize(TILE, TILE, { fit: "contain", background: "white" }).png()
        .toBuffer(),
      left: left + i * (TILE + GAP),
      top: top + LINE,
    })),
  );
  // A line that is longer than its place is cut.
  const { width = 0, height = 0 } = await sharp(line).metadata();
  const fitted = width <= COLUMN - MARGIN
    ? line
    : await sharp(line).extract({ left: 0, top: 0, width: COLUMN - MARGIN, height }).toBuffer();
  return [{ input: fitted, left, top }, ...tiles];
}

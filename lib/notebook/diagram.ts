/**
 * The published ForgeLens as a drawing, with the sizes that a run has.
 *
 * @module
 */
import { type Picture, pictureOf } from "../report/pictures.ts";
import { classScale, grey } from "../report/style.ts";
import { escapeHtml } from "../report/table.ts";

/** What the drawing says of a run's model. */
export type DiagramSizes = {
  /** D */
  readonly width: number;
  /** L */
  readonly layers: number;
  /** N */
  readonly tokens: number;
  /** E */
  readonly embedDim: number;
  readonly imageSize: number;
  readonly wsgmCount: number;
  readonly wsgmReduction: number;
  readonly faformerLayers: number;
  readonly faformerHeads: number;
};

const WIDTH = 940;
const HEIGHT = 470;
const frozenFill = "#eef1f4";
const trained = { first: classScale.range[1], second: classScale.range[0] };

/**
 * Draws both stages: the frozen tower with its guidance modules, and what stands on its class tokens.
 *
 * What is grey is frozen, and each stage's own parts have its colour.
 */
export async function forgeLensDiagram(sizes: DiagramSizes): Promise<Picture> {
  const { width: D, layers: L, tokens: N, embedDim: E, imageSize: S } = sizes;
  const { wsgmCount, wsgmReduction, faformerLayers, faformerHeads } = sizes;
  const title = "ForgeLens in two stages";
  const subtitle =
    `Grey: frozen. Stage 1 trains ${wsgmCount} guidance modules (WSGM) and a classifier; stage 2 freezes them and trains FAFormer on the class tokens of all blocks.`;
  const inner = [
    box({ x: 150, y: 140, w: 170, lines: ["layer norm", "attention"] }),
    plus(235, 212),
    box({
      x: 150,
      y: 234,
      w: 170,
      lines: [`WSGM: ${D} to ${Math.round(D / wsgmReduction)} to ${D}`],
      colour: trained.first,
    }),
    plus(235, 292),
    box({ x: 150, y: 314, w: 170, lines: ["layer norm", "MLP"] }),
    plus(235, 386),
    ...[[235, 128, 140], [235, 184, 204], [235, 220, 234], [235, 262, 284], [235, 300, 314], [235, 358, 378]]
      .map(([x, from, to]) => arrow([[x, from], [x, to]])),
    bypass(212, 132),
    bypass(292, 224),
    bypass(386, 304),
  ];
  const drawn = [
    box({ x: 16, y: 226, w: 96, lines: [`image`, `${S} × ${S}`, `${N} tokens`] }),
    arrow([[112, 252], [128, 252], [128, 120], [235, 120], [235, 128]]),
    `<rect x="134" y="100" width="206" height="316" rx="8" fill="none" stroke="${grey}" stroke-dasharray="5 4"/>`,
    label(237, 434, `× ${L} blocks, ${wsgmCount} WSGM shared by neighbours`),
    ...inner,
    arrow([[235, 394], [235, 408], [362, 408], [362, 258], [380, 258]]),
    box({
      x: 380,
      y: 232,
      w: 150,
      lines: ["class token of each block", "layer norm, projection", `${L} × ${E}`],
    }),
    arrow([[530, 246], [560, 246], [560, 150], [590, 150]]),
    label(588, 136, "the last one", "end"),
    box({ x: 590, y: 128, w: 150, lines: ["dropout", `linear ${E} to 1`], colour: trained.first }),
    arrow([[740, 150], [770, 150]]),
    box({ x: 770, y: 128, w: 150, lines: ["stage 1:", "logit of fake"] }),
    arrow([[530, 270], [590, 270]]),
    label(561, 262, "all"),
    box({
      x: 590,
      y: 232,
      w: 150,
      lines: ["+ a class token of its own", `FAFormer: ${faformerLayers} blocks,`, `${faformerHeads} heads`],
      colour: trained.second,
    }),
    arrow([[665, 290], [665, 330]]),
    box({
      x: 590,
      y: 330,
      w: 150,
      lines: ["its class token:", "layer norm, dropout", `linear ${E} to 1`],
      colour: trained.second,
    }),
    arrow([[740, 358], [770, 358]]),
    box({ x: 770, y: 336, w: 150, lines: ["stage 2:", "logit of fake"] }),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
<style>text { font-family: "Open Sans"; }</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="${grey}"/></marker></defs>
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
<text x="16" y="26" font-size="16" font-weight="600">${escapeHtml(title)}</text>
${
    wrapped(subtitle, 120).map((line, i) =>
      `<text x="16" y="${46 + 16 * i}" font-size="12" fill="${grey}">${escapeHtml(line)}</text>`
    ).join("\n")
  }
${drawn.join("\n")}
</svg>`;
  return await pictureOf(svg, { width: WIDTH, text: `${title}\n${subtitle}` });
}

/** A box with lines of text; grey where it is frozen, else of its stage's colour. */
function box(
  { x, y, w, lines, colour }: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly lines: readonly string[];
    readonly colour?: string;
  },
): string {
  const h = 16 * lines.length + 12;
  const [stroke, fill] = colour ? [colour, "white"] : [grey, frozenFill];
  const texts = lines.map((line, i) =>
    `<text x="${x + w / 2}" y="${y + 18 + 16 * i}" font-size="12" text-anchor="middle">${
      escapeHtml(line)
    }</text>`
  );
  return `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="5" fill="${fill}" stroke="${stroke}" stroke-width="${
    colour ? 2 : 1
  }"/>${texts.join("")}`;
}

/** Where what a part computes is added to the stream. */
function plus(x: number, y: number): string {
  return `<circle cx="${x}" cy="${y}" r="8" fill="white" stroke="${grey}"/><path d="M${x - 4} ${y}h8M${x} ${
    y - 4
  }v8" stroke="${grey}"/>`;
}

/** The stream around a part, from where it leaves to where it is added. */
function bypass(to: number, from: number): string {
  return arrow([[235, from], [330, from], [330, to], [244, to]]);
}

function arrow(points: readonly (readonly number[])[]): string {
  return `<path d="M${
    points.map((point) => point.join(" ")).join("L")
  }" fill="none" stroke="${grey}" marker-end="url(#tip)"/>`;
}

function label(x: number, y: number, text: string, anchor = "middle"): string {
  return `<text x="${x}" y="${y}" font-size="11" fill="${grey}" text-anchor="${anchor}">${
    escapeHtml(text)
  }</text>`;
}

/** A text in lines of at most so many letters. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line.length + word.length + 1 > most) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

import { assertEquals } from "@std/assert";

const page = await Deno.readTextFile(new URL("../docs/scaling.md", import.meta.url));

/** The cells of the tables' rows that have `columns` of them. */
function rowsOf(columns: number): string[][] {
  return page.split("\n").filter((line) => line.startsWith("|") && !/^\| -/.test(line))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))
    .filter(({ length }) => length === columns);
}

const numberIn = (cell: string) => parseFloat(cell.replaceAll(",", ""));

function measured(name: string): number {
  const row = rowsOf(2).find(([what]) => what.startsWith(name));
  if (!row) throw new Error(`expected a row ${name}`);
  return numberIn(row[1]);
}

const MACHINES = 32;
const rate = measured("encoding, int8");
const head = measured("head's training step");
const [decoding, cutting] = [measured("decoding a frame"), measured("finding and cutting")];
const [classToken, tokens] = [measured("a class token"), measured("an image's 197 tokens")];
const corePrice = Number(/core-hour is taken to cost \$([\d.]+)/.exec(page)![1]);

const rounded = (value: number) => Number(value.toPrecision(2)).toLocaleString("en");

function time(hours: number): string {
  if (hours < 1.5) return `${rounded(60 * hours)} min`;
  return hours < 48 ? `${rounded(hours)} h` : `${rounded(hours / 24)} days`;
}

function room(kilobytes: number): string {
  const gigabytes = kilobytes / 1e6;
  return gigabytes < 1000
    ? `${Number(gigabytes.toPrecision(3))} GB`
    : `${Number((gigabytes / 1000).toPrecision(3))} TB`;
}

function projected([data, , decoded, pixels, taken]: string[]): string[] {
  const frames = numberIn(taken);
  const preparing = (numberIn(decoded) * decoding * numberIn(pixels) + frames * cutting) / 3600;
  const encoding = frames / rate / 3600;
  const isPrepared = numberIn(decoded) > 0;
  const hours = (isPrepared ? preparing : 0) + encoding;
  return [
    data,
    isPrepared ? time(preparing) : "–",
    time(encoding),
    time(hours / MACHINES),
    time(frames / head / 3600),
    `$${rounded(hours * 2 * corePrice)}`,
    room(frames * classToken),
    room(frames * tokens),
  ];
}

Deno.test("docs/scaling.md projects hours, prices and room that its measured numbers come to", () => {
  const [, ...data] = rowsOf(5);
  const [, ...shown] = rowsOf(8);
  if (Deno.env.get("SHOW_SCALING")) {
    for (const row of data) {
      console.log(`| ${projected(row).join(" | ")} |`);
    }
  }
  assertEquals(shown, data.map(projected));
});

Deno.test("docs/scaling.md counts videos and frames as it says", () => {
  const frames = new Map(
    rowsOf(5).map(([data, videos, decoded, , taken]) => [
      data,
      [videos, decoded, taken].map(numberIn),
    ]),
  );
  assertEquals(frames.get("DFDC, 32 frames"), [128_154, 300 * 128_154, 32 * 128_154]);
  assertEquals(frames.get("FaceForensics++ c23, 32 frames"), [5000, 360 * 5000, 32 * 5000]);
  assertEquals(frames.get("FaceForensics++ c23, 38 thousand"), [1200, 360 * 1200, 32 * 1200]);
});

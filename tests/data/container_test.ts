import { assertEquals } from "@std/assert";
import { looksLikeVideo } from "../../lib/data/container.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("looksLikeVideo() tells videos from images and text by their first bytes", () => {
  const packet = `G${"\x01".repeat(187)}`;
  const videos = [
    ...[
      "\0\0\0\x18ftypisom",
      "\0\0\0\x14ftypqt  ",
      "RIFF\x10\0\0\0AVI LIST",
      "\x1a\x45\xdf\xa3\x01",
      "OggS\0",
    ],
    `${packet}${packet}`,
    `\0\0\0\0${packet}\0\0\0\0${packet}`,
  ];
  for (const text of videos) assertEquals([text, looksLikeVideo(bytesOf(text))], [text, true]);
  const others = [
    ...["\0\0\0\x1cftypavif", "\0\0\0\x18ftypheic", "\0\0\0\x18ftypmif1", "RIFF\x10\0\0\0WEBPVP8 "],
    ...["GIF89a", "\xff\xd8\xff\xe0", "", "G".repeat(200)],
  ];
  for (const text of others) assertEquals([text, looksLikeVideo(bytesOf(text))], [text, false]);
});

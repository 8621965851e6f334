import { assertEquals } from "@std/assert";
import { printable, printableLines, shellWord, someOf } from "../../lib/base/printable.ts";

Deno.test("printable() shows what would steer a terminal or turn a line around, and leaves the rest", () => {
  const cases: [string, string][] = [
    ["im âge 假 👩‍👩‍👧 ~$%.jpg", "im âge 假 👩‍👩‍👧 ~$%.jpg"],
    ["a\u001b[31mred", "a\\u001b[31mred"],
    ["\u001b]0;title\u0007", "\\u001b]0;title\\u0007"],
    ["\u009b2J", "\\u009b2J"], // the same as ESC [ on some terminals
    ["over\rwrite\tback\b", "over\\u000dwrite\\u0009back\\u0008"],
    ["two\nlines", "two\\u000alines"],
    ["gpj.\u202eexe", "gpj.\\u202eexe"],
    ["\u2066a\u2069\u200f\u2028", "\\u2066a\\u2069\\u200f\\u2028"],
    ["\u0000\u007f", "\\u0000\\u007f"],
  ];
  for (const [text, expected] of cases) assertEquals(printable(text), expected);
});

Deno.test("printableLines() keeps line feeds, and JSON the same JSON", () => {
  assertEquals(printableLines("a\n\u001b[1mb\n"), "a\n\\u001b[1mb\n");
  const value = { path: "a\u001b[31m\u009b\u202e\n.png" };
  assertEquals(JSON.parse(printableLines(JSON.stringify(value, null, 2))), value);
});

Deno.test("someOf() gives the first names, each cut, and counts the rest", () => {
  const some = (names: string[]) => someOf(names, { most: 2, longest: 3 });
  assertEquals(some([]), "");
  assertEquals(some(["abc", "abcd"]), "abc, abc…");
  assertEquals(some(["a", "b", "c", "d"]), "a, b and 2 more");
});

Deno.test("shellWord() quotes what a shell would take apart, and leaves the rest", () => {
  const cases: [string, string][] = [
    ["ffpp=/data/FF++,c23", "ffpp=/data/FF++,c23"],
    ["集=./数据", "集=./数据"],
    ["mine=/my crops", "'mine=/my crops'"],
    ['$HOME `x` "y"', "'$HOME `x` \"y\"'"],
    ["it's", "'it'\\''s'"],
    ["", "''"],
  ];
  for (const [text, expected] of cases) assertEquals(shellWord(text), expected);
});

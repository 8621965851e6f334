import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { parseSpec } from "../../lib/data/spec.ts";
import { pathInSpec } from "../../lib/data/spec_path.ts";

const parse = (text: string) => parseSpec(text, { flag: "--data" });

Deno.test("parseSpec() takes two commas for one in a folder's name, as pathInSpec() writes it", () => {
  for (const path of ["/data/a,b", "/data/a,,b", ",a", "a,", "a b/c,d/e", ","]) {
    assertEquals(parse(`x=${pathInSpec(path)},c23`), { kind: "layout", name: "x", path, compression: "c23" });
  }
  assertEquals(parse("x=/r,,1,/f,,1"), { kind: "pair", name: "x", real: "/r,1", fake: "/f,1" });
  assertEquals(parse("x=d,method=a,,b"), { kind: "layout", name: "x", path: "d", methods: ["a,b"] });
  assertThrows(() => parse("x=/data/a,b,c23"), InputError, "a comma in a folder's name written twice");
});

Deno.test("parseSpec() takes what label words mean, and refuses one that is both", () => {
  assertEquals(parse("x=d,labels=SimSwap=fake,labels=Pristine=REAL,c23"), {
    kind: "layout",
    name: "x",
    path: "d",
    compression: "c23",
    labels: { simswap: 1, pristine: 0 },
  });
  assertEquals(parse("x=d,labels=a=b=1").kind, "layout"); // a word may have an equals sign
  for (const text of ["x=d,labels=simswap", "x=d,labels==fake", "x=d,labels=simswap=maybe"]) {
    assertThrows(() => parse(text), InputError, "WORD=real or WORD=fake");
  }
  assertThrows(() => parse("x=d,labels=a=fake,labels=A=real"), InputError, "expected one label for A");
});

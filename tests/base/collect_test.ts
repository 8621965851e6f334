import { assertEquals } from "@std/assert";
import { collectUnused } from "../../lib/base/collect.ts";

Deno.test("collectUnused() collects what was dropped while V8 was marking what is held", async () => {
  const held = new Map(Array.from({ length: 200_000 }, (_, i) => [`${i}`, { i }]));
  const first = new WeakRef(held.get("0")!);
  new ArrayBuffer(256e6); // has V8 begin to mark
  await new Promise((resolve) => setTimeout(resolve, 0));
  held.clear();
  await collectUnused();
  assertEquals(first.deref(), undefined);
});

import { assertEquals } from "@std/assert";
import { reasonOf } from "../../lib/base/errors.ts";

Deno.test("reasonOf() keeps what was expected and found, and of the system's errors what happened", async () => {
  assertEquals(
    reasonOf(new Error("Cannot read x: expected a but found b\nand more")),
    "expected a but found b",
  );
  assertEquals(reasonOf(new Error("Permission denied (os error 13): readdir '/a: b'")), "Permission denied");
  assertEquals(reasonOf("text"), "text");
  const error = await Deno.stat(`/${"n".repeat(300)}`).catch((error) => error);
  assertEquals(reasonOf(error), "File name too long");
});

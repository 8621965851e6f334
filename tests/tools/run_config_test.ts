import { assertEquals } from "@std/assert";
import { runConfigText } from "../../tools/run_config.ts";

Deno.test("lib/runs/config/run_config.ts is what tools/run_config.ts writes from the schema", async () => {
  const file = new URL("../../lib/runs/config/run_config.ts", import.meta.url);
  // deno fmt may break a line, and begins a broken union with its sign.
  const unbroken = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll(": | ", ": ");
  assertEquals(
    unbroken(await Deno.readTextFile(file)),
    unbroken(runConfigText()),
    "Cannot use lib/runs/config/run_config.ts: expected the schema's keys but found others; to write it: deno run -A tools/run_config.ts",
  );
});

import { assertEquals } from "@std/assert";
import { createScreen } from "../../lib/runs/screen.ts";

Deno.test("createScreen() prints names from outside without what would steer the terminal", () => {
  const lines: string[] = [];
  const screen = createScreen({ terminal: false, print: (line) => lines.push(line) });
  screen.show({ type: "warning", message: "a\u001b[2Jb\nc" });
  screen.show({ type: "note", message: "two\nlines \u009b1m" });
  screen.show({ type: "progress", task: "Listing \u001b[31m", unit: "files", done: 1, total: 1 });
  screen.show({
    type: "data",
    demo: false,
    data: [{ set: "s\u001b[0m", split: "test", real: 1, fake: 1, videos: 2, skipped: 1 }],
    skipped: [{ path: "x\n\u001b]0;t\u0007.png", reason: "empty file", set: "s" }],
  });
  screen.close();
  assertEquals(lines.slice(0, 2), ["Warning: a\\u001b[2Jb\\u000ac", "two\nlines \\u009b1m"]);
  assertEquals(lines[2].split(":")[0], "Listing \\u001b[31m");
  assertEquals(lines[3], "Skipped x\\u000a\\u001b]0;t\\u0007.png: empty file");
  // deno-lint-ignore no-control-regex
  assertEquals(lines.filter((line) => /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(line)), []);
});

Deno.test("createScreen() prints a warning where it is found, and not again", () => {
  const lines: string[] = [];
  const screen = createScreen({ terminal: false, print: (line) => lines.push(line) });
  for (const message of ["few videos", "not CLIP", "few videos"]) screen.show({ type: "warning", message });
  assertEquals(lines, ["Warning: few videos", "Warning: not CLIP"]);
});

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { z } from "zod";
import { initBackend } from "../../lib/backend/start.ts";
import { gainOf, measuredOnce, secondsInTurns } from "../../lib/backend/measure.ts";

await initBackend();

Deno.test("secondsInTurns() gives every body its turn in each round, and stops between calls", async () => {
  const calls: string[] = [];
  const body = (name: string) => () => Promise.resolve(calls.push(name));
  const rounds = await secondsInTurns({ a: body("a"), b: body("b") });
  assertEquals(calls.join(""), "ab".repeat(7)); // in turns: load that comes and goes falls on both alike
  assertEquals([rounds.a.length, rounds.b.length], [7, 7]);
  const more = await secondsInTurns({ a: body("a") }, { undecided: ({ a }) => a.length < 14 });
  const most = await secondsInTurns({ a: body("a") }, { undecided: () => true });
  assertEquals([more.a.length, most.a.length], [14, 28]);
  const controller = new AbortController();
  let count = 0;
  const stopping = () => Promise.resolve(++count === 3 && controller.abort(new Error("stopped")));
  const error = await secondsInTurns({ stopping }, { signal: controller.signal }).catch((error) => error);
  assertEquals([count, error.message], [3, "stopped"]);
});

Deno.test("gainOf() takes the quartiles of each round's ratio", () => {
  const gain = gainOf([2, 4, 6, 8, 10], [1, 1, 2, 2, 2]); // ratios 2, 4, 3, 4, 5
  assertEquals(gain, { lowerQuartile: 3, median: 4, upperQuartile: 4 });
  assertAlmostEquals(gainOf([1, 2], [1, 1]).lowerQuartile, 1.25, 1e-12);
});

Deno.test("measuredOnce() measures once, and anew where the kept answer is damaged or another program's", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let measured = 0;
    const once = (into = folder) =>
      measuredOnce(() => Promise.resolve({ answer: ++measured }), {
        about: ["test"],
        schema: z.object({ answer: z.number() }),
        folder: into,
      });
    assertEquals([await once(), await once()], [{ answer: 1 }, { answer: 1 }]);
    const [{ name }] = [...Deno.readDirSync(folder)];
    for (const text of ["", '{"ans', "{}", '"native"', '{"answer":"1"}', "\u0000\u0000"]) {
      await Deno.writeTextFile(join(folder, name), text);
      const { answer } = await once();
      assertEquals([answer, await once()], [measured, { answer: measured }], JSON.stringify(text));
    }
    assertEquals(measured, 7);
    const file = join(folder, name);
    assertEquals(await once(file), { answer: 8 }); // a place that takes no files
    assert(!(await Deno.readTextFile(file)).includes("8"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Comparison } from "../../lib/report/comparison.ts";
import { commandLine } from "../command_line.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const cli = (...args: string[]) => commandLine(args, { cache: join(root, "cache") });

async function writeScores(name: string, factor: number, firstLabel = 0): Promise<string> {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const label = i === 0 ? firstLabel : i % 2;
    return `frames/${i}.png,${label},${(0.5 * label + ((i * factor) % 41) / 41) / 1.5}`;
  });
  await Deno.writeTextFile(join(root, name), ["path,label,score", ...rows].join("\n"));
  return join(root, name);
}

Deno.test("compare prints its tables and writes four files that agree, beside what is compared or where --out says", async () => {
  const [a, b] = [await writeScores("a.csv", 7), await writeScores("b.csv", 11)];
  const { code, out, err } = await cli("compare", a, b);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "Detectors side by side");
  assertStringIncludes(out, "Differences of AUC");
  const [name, ...others] = [...Deno.readDirSync(root)].map((each) => each.name).filter((each) =>
    each.startsWith("comparison-")
  );
  assertEquals(others, []);
  assertStringIncludes(out, `Comparison: ${join(root, name, "comparison.html")}`);
  const files = ["comparison.csv", "comparison.html", "comparison.json", "comparison.md"];
  assertEquals([...Deno.readDirSync(join(root, name))].map((each) => each.name).sort(), files);
  const read = async (folder: string): Promise<Comparison> =>
    JSON.parse(await Deno.readTextFile(join(folder, "comparison.json")));
  const { tests: [test] } = await read(join(root, name));
  assertEquals([test.level, test.real, test.fake, test.pairs.length], ["image", 20, 20, 1]);

  const into = join(root, "into");
  assertEquals((await cli("compare", b, a, "--out", into)).code, 0);
  const { tests: [swapped] } = await read(into);
  assertEquals(swapped.pairs[0].difference, -test.pairs[0].difference!);
  assertEquals(swapped.pairs[0].deLong!.p, test.pairs[0].deLong!.p);
});

Deno.test("compare refuses files that contradict each other, in one line, with exit code 2", async () => {
  const [c, d] = [await writeScores("c.csv", 7), await writeScores("d.csv", 7, 1)];
  const { code, err } = await cli("compare", c, d, "--out", join(root, "never"));
  assertEquals(code, 2);
  assertEquals(
    err,
    `Cannot compare the image frames/0.png: expected one label but found 0 in line 2 of ${c} and 1 in line 2 of ${d}; correct the one that is wrong, or give images names of their own\n`,
  );
});

Deno.test("compare needs no more than its task's own permissions", async () => {
  const [a, b] = [await writeScores("e.csv", 7), await writeScores("f.csv", 11)];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "-P=files",
      "lib/cli.ts",
      "compare",
      a,
      b,
      "--out",
      join(root, "p"),
    ],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stderr: "piped",
    stdout: "null",
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

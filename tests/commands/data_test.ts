import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { commandLine, smallRun } from "../command_line.ts";
import { ffmpeg, withFfmpeg } from "../ffmpeg.ts";
import { writePictures } from "../folders.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const cli = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  commandLine(args, { cache: join(root, "cache"), env: { TF_CPP_MIN_LOG_LEVEL: "2", ...env } });

async function film(name: string, source: string): Promise<void> {
  await Deno.mkdir(join(root, name, ".."), { recursive: true });
  const input = ["-f", "lavfi", "-i", `${source}:size=96x96:rate=10`, "-t", "1"];
  await ffmpeg(...input, "-pix_fmt", "yuv420p", join(root, name));
}

withFfmpeg(
  "prepare and train go from a folder of videos to a table at both levels in two commands",
  async () => {
    for (let i = 0; i < 6; i++) {
      await film(`videos/real/r${i}.mp4`, `mandelbrot=maxiter=50:start_scale=${i + 1}`);
      await film(`videos/fake/f${i}.mp4`, `cellauto=rule=${18 + 12 * i}`);
    }
    const broken = join(root, "videos/fake/f5.mp4");
    const bytes = await Deno.readFile(broken);
    await Deno.writeFile(broken, bytes.subarray(0, bytes.length / 2));
    const data = ["--data", `mine=${join(root, "videos")}`];
    const into = join(root, "frames");
    const prepared = await cli(["prepare", ...data, "--into", into, "--frames", "4"]);
    assertEquals([prepared.code, prepared.err], [0, ""]);
    assertMatch(prepared.out, /fake +fake +6 +5 +0 +1 +20/);
    assertStringIncludes(prepared.out, "fake/f5: 0 of 4, truncated: its end is missing");
    assertStringIncludes(prepared.out, "UNCROPPED");
    const small = [...smallRun, "--jpeg-qualities", "none"];
    const trained = await cli([
      ...[
        "train",
        "--data",
        `mine=${into}`,
        "--epochs",
        "1",
        "--out",
        join(root, "ck"),
        "--run",
        "a",
        ...small,
      ],
    ]);
    assertEquals(trained.code, 0, trained.err);
    assertMatch(trained.out, /mine +train +real +real +4 +16 +0/);
    assertMatch(trained.out, /mine test +within +frame +4 +4 +[01]\.\d{3}/);
    assertStringIncludes(trained.out, "mine: UNCROPPED (crop: none)");
    assertStringIncludes(await Deno.readTextFile(join(root, "ck/a/report.html")), "UNCROPPED");
    const none = await cli(["prepare", ...data, "--into", join(root, "other")], {
      PATH: join(root, "nowhere"),
    });
    assertEquals(none.code, 2);
    assertStringIncludes(
      none.err,
      "expected ffmpeg and ffprobe on the PATH but found no ffprobe; install them",
    );
  },
);

Deno.test("inspect prints tables, or JSON alone, draws a chart, and exits with 2 where the data cannot be used", async () => {
  await writePictures(join(root, "set"), { videos: 4 });
  const chart = join(root, "chart.svg");
  const good = await cli(["inspect", "--data", `mine=${join(root, "set")}`, "--chart", chart]);
  assertEquals(good.code, 0, good.err);
  assertMatch(good.out, /mine +folders of real and fake ones/);
  assertMatch(good.out, /mine +train +fake +fake +2 +4 +0/);
  assertStringIncludes(await Deno.readTextFile(chart), "<svg");
  await Deno.copyFile(join(root, "set/real/r0/0.png"), join(root, "set/fake/f0/9.png"));
  const both = await cli(["inspect", "--data", `mine=${join(root, "set")}`, "--json"]);
  assertEquals(both.code, 2);
  assertEquals(JSON.parse(both.out).problems.length, 1);
  assertMatch(both.err, /1 file (both real and fake|twice)/);
  const bad: [string[], string][] = [
    [["inspect"], "expected --data NAME=FOLDER"],
    [["inspect", "--data", `x=${root}/none`], "found nothing there"],
    [["inspect", "--data", `x=${root}/set`, "--chart", "c.gif"], 'found ".gif"'],
    [["inspect", "--data", `x=${root}/set,c99,c23`], "raw, c0, c23, c40"],
    [["prepare", "--into", "x"], "expected --data NAME=FOLDER"],
    [["prepare", "--data", `x=${root}/set`], "--into"],
    [
      ["prepare", "--data", `x=${root}/set`, "--into", "x", "--align", "gend"],
      "expected --align with --faces",
    ],
    [
      ["prepare", "--data", `x=${root}/set`, "--into", "x", "--least-side", "40"],
      "--least-side with --faces",
    ],
  ];
  for (const [args, message] of bad) {
    const { code, err } = await cli(args);
    assertEquals(code, 2, args.join(" "));
    assertStringIncludes(err, message);
    assertEquals(err.trim().split("\n").length, 1, err);
  }
});

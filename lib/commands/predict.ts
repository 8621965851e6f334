/**
 * The command that answers about files.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { checkWritable, writeAll } from "../base/files.ts";
import { csvText } from "../base/csv.ts";
import { printable } from "../base/printable.ts";
import type { Pointing } from "../model/detectors/attribution.ts";
import type { MapName } from "../model/maps/mod.ts";
import { pointingText } from "../report/map_text.ts";
import { onScreen } from "../runs/screen.ts";
import { type Answer, answerColumns, answerLine, answerRow, type ColumnSet } from "../runs/predict/answer.ts";
import { openCutter } from "../runs/predict/cutter.ts";
import { writeExplained } from "../runs/predict/explain.ts";
import { pathsOnInput } from "../runs/predict/inputs.ts";
import { type Judge, openJudge, weightsIn } from "../runs/predict/judge.ts";
import { newestDemoRun } from "../runs/predict/newest_demo.ts";
import { predict as predictFiles } from "../runs/predict/predict.ts";
import { configFlags, type Flags, numberOf, textOf } from "./flags.ts";
import { dirname } from "node:path";

/** Answers about files; resolves to the exit code: 1 where one could not be read. */
export async function predict(paths: readonly string[], flags: Flags): Promise<number> {
  const alpha = numberOf(flags.alpha) ?? 0.05;
  const named = textOf(flags.checkpoint);
  const checkpoint = named ?? await newestDemoRun();
  const files = { jsonl: textOf(flags.jsonl), csv: textOf(flags.csv) };
  const columns = `${flags.columns}` as ColumnSet;
  if (columns !== "own" && files.csv === undefined) {
    throw new InputError(`Cannot predict: expected --csv FILE with --columns ${columns} but found none`);
  }
  if (paths.length > 1 && paths.includes("-")) {
    throw new InputError(
      "Cannot predict: expected - alone, for paths from standard input, but found others beside it; write ./- for a file of that name",
    );
  }
  for (const [name, path] of Object.entries(files)) {
    if (path === undefined) continue;
    await checkWritable(dirname(path), { flag: `--${name}` });
    await Deno.mkdir(dirname(path), { recursive: true });
    if ((await Deno.stat(path).catch(() => undefined))?.isDirectory) {
      throw new InputError(`Cannot write ${path}: expected a file for --${name} but found a folder`);
    }
  }
  const [map, kind] = [textOf(flags.map), `${flags.mapKind}` as MapName];
  if (map !== undefined) {
    await checkWritable(map, { flag: "--map" });
    await Deno.mkdir(map, { recursive: true });
  }
  const weights = await weightsIn(checkpoint);
  return await onScreen(async ({ screen, signal }) => {
    const judge = await openJudge(weights, {
      ...{ alpha, given: configFlags(flags), signal },
      report: (event) => event.type === "warning" && screen.show(event),
    });
    try {
      await using cutter = await openCutter(judge, { cropped: flags.cropped === true });
      console.log(
        printable(
          `Detector: ${judge.name}, a ${judge.about}${
            named === undefined ? ", the newest demo run: --checkpoint names another" : ""
          }`,
        ),
      );
      for (const message of [...judge.notes, cutter.note]) console.log(printable(message));
      console.log("");
      using out = await openOutputs(files, { columns, judge });
      const counts = new Map<string, number>();
      const given = paths.length === 1 && paths[0] === "-" ? pathsOnInput() : paths;
      let trust: string | undefined;
      let number = 0;
      let pointed: Pointing = { images: 0, hits: 0, chance: 0 };
      const onJudged = async (answer: Answer, squares: readonly Uint8Array[]) => {
        const drawn = await writeExplained(answer, squares, {
          judge,
          kind,
          folder: map!,
          number: ++number,
          signal,
        });
        trust = `            map: ${drawn.path}; ${drawn.trust}`;
        if (drawn.pointing) pointed = bothPointings(pointed, drawn.pointing);
      };
      const answers = predictFiles(judge, given, {
        ...{ faces: cutter.faces, frames: numberOf(flags.frames), signal },
        onJudged: map === undefined ? undefined : onJudged,
      });
      for await (const answer of answers) {
        counts.set(answer.verdict, (counts.get(answer.verdict) ?? 0) + 1);
        await out.write(answer);
        const line = printable(answerLine(answer));
        if (answer.verdict === "not read") console.error(line);
        else console.log(line);
        if (trust !== undefined) console.log(printable(trust));
        trust = undefined;
      }
      await out.finish();
      const all = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
      console.log(`\n${all === "" ? "Nothing to answer about" : all}`);
      if (pointed.images > 1) console.log(`Of the maps with a mask the peak is ${pointingText(pointed)}`);
      return counts.has("not read") ? 1 : 0;
    } finally {
      judge.close();
    }
  });
}

/** How often the maps of some answers point at what was manipulated, and those of others. */
function bothPointings(some: Pointing, others: Pointing): Pointing {
  const images = some.images + others.images;
  return {
    images,
    hits: some.hits + others.hits,
    chance: images === 0 ? 0 : (some.chance * some.images + others.chance * others.images) / images,
  };
}

/** Files that answers are written to as they come. */
type Outputs = Disposable & { write(answer: Answer): Promise<void>; finish(): Promise<void> };

async function openOutputs(
  paths: { readonly jsonl?: string; readonly csv?: string },
  { columns, judge }: { readonly columns: ColumnSet; readonly judge: Judge },
): Promise<Outputs> {
  const context = { alpha: judge.alpha, detector: judge.name };
  const open = async (path: string | undefined) =>
    path === undefined ? undefined : await Deno.open(path, { write: true, create: true, truncate: true });
  const [jsonl, csv] = [await open(paths.jsonl), await open(paths.csv)];
  const encoder = new TextEncoder();
  const put = async (file: Deno.FsFile | undefined, text: string) => {
    if (file) await writeAll(file, encoder.encode(text));
  };
  const header: readonly string[] = columns === "dfdc" ? ["filename", "label"] : answerColumns;
  await put(csv, csvText([], { columns: header }));
  // The challenge takes one row a file: of several faces the most fake one, of those that can be judged where there are any.
  let pending: { readonly path: string; readonly score: number; readonly judged: boolean } | undefined;
  const flush = async () => {
    if (pending) {
      const row = { filename: pending.path.split("/").at(-1)!, label: pending.score };
      await put(csv, csvText([row], { columns: header, header: false }));
    }
    pending = undefined;
  };
  return {
    async write(answer) {
      const row = answerRow(answer, context);
      await put(jsonl, `${JSON.stringify(row)}\n`);
      if (columns === "own") return await put(csv, csvText([row], { columns: header, header: false }));
      if (pending?.path !== answer.path) await flush();
      if (answer.score === null) return;
      const { path, score } = answer;
      const judged = answer.verdict !== "cannot say";
      if (pending?.judged && !judged) return;
      const before = pending?.judged === judged ? pending.score : 0;
      pending = { path, score: Math.max(score, before), judged };
    },
    finish: flush,
    [Symbol.dispose]() {
      jsonl?.close();
      csv?.close();
    },
  };
}

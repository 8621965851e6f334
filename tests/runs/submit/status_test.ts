import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { imagesReached, submissionStatus, taskState } from "../../../lib/runs/submit/status.ts";
import { writeSettings } from "../../../lib/runs/submit/submission.ts";
import { statusTable } from "../../../lib/runs/submit/tables.ts";
import { parseLog } from "../../../lib/runs/submit/task_log.ts";
import { resolveConfig } from "../../../lib/runs/config/config.ts";
import {
  type EncodeProgress,
  progressFolder,
  progressWriter,
  thisWriter,
} from "../../../lib/runs/encode/progress.ts";

const task = { job: "5", name: "a.encode", task: 1, detail: "", node: "n1" };
const begins = "[task] 2026-11-28T10:51:02Z encode begins on n1, job 5_1, restarts 0\n";
const ended = (code: number) => `[task] 2026-11-28T10:52:37Z encode ended with exit code ${code}\n`;
const requeued = "[task] 2026-11-28T10:52:37Z goes into the queue again, to go on\n";
const killed =
  "slurmstepd-n2: error: *** JOB 4 ON n2 CANCELLED AT 2026-11-28T10:52:34 DUE TO TIME LIMIT ***\n";

Deno.test("parseLog() tells how the last attempt ended, and what the command said last", () => {
  assertEquals(parseLog(`${begins}Backend: wasm\nCannot read x\n${ended(1)}`), {
    ...{ code: 1, isRequeued: false, said: "Cannot read x", slurm: "" },
  });
  assertEquals(parseLog(`${begins}Interrupted.\n${ended(143)}${requeued}`), {
    ...{ code: 143, isRequeued: true, said: "Interrupted.", slurm: "" },
  });
  assertEquals(parseLog(`${begins}Interrupted.\n${ended(143)}${requeued}${begins}Encoding: 1/2\n`), {
    ...{ isRequeued: false, said: "Encoding: 1/2", slurm: "" },
  });
  assertEquals(
    parseLog(`${begins}Encoding: 1/2\n${killed}`).slurm,
    "JOB 4 ON n2 CANCELLED AT 2026-11-28T10:52:34 DUE TO TIME LIMIT",
  );
});

Deno.test("taskState() takes Slurm's queue before all else", () => {
  const log = parseLog(`${begins}Encoding: 1/2\n`);
  assertEquals(taskState({ queued: { ...task, state: "RUNNING" }, log }), {
    ...{ state: "at work", why: "Encoding: 1/2" },
  });
  const waits = { ...task, state: "PENDING", detail: "Dependency" };
  assertEquals(taskState({ queued: waits, log: parseLog(`${begins}${ended(1)}`) }), {
    ...{ state: "waits", why: "Dependency" },
  });
});

Deno.test("taskState() knows how a task ended when Slurm has forgotten it", () => {
  assertEquals(taskState({ log: parseLog(begins + ended(0)) }), { state: "done", why: "" });
  assertEquals(taskState({ log: parseLog(`${begins}Cannot read x: no\n${ended(2)}`) }), {
    ...{ state: "failed", why: "Cannot read x: no (exit code 2)" },
  });
  assertEquals(taskState({ log: parseLog(begins + ended(1)), error: "disk full" }), {
    ...{ state: "failed", why: "disk full (exit code 1)" },
  });
  assertEquals(taskState({ log: parseLog(`${begins}Encoding: 1/2\n${killed}`) }), {
    state: "failed",
    why: "JOB 4 ON n2 CANCELLED AT 2026-11-28T10:52:34 DUE TO TIME LIMIT; it said last: Encoding: 1/2",
  });
  assertEquals(taskState({}).state, "unknown");
});

Deno.test("taskState() says what Slurm remembers of a task that could not say it itself", () => {
  const log = parseLog(`${begins}Encoding: 1/2\n`);
  assertEquals(taskState({ kept: { ...task, state: "NODE_FAIL", detail: "signal 1" }, log }), {
    ...{ state: "failed", why: "Slurm says NODE_FAIL, signal 1; it said last: Encoding: 1/2" },
  });
  const cancelled = { ...task, state: "CANCELLED" };
  assertEquals(taskState({ kept: cancelled }).state, "cancelled");
  assertEquals(taskState({ kept: cancelled, log: parseLog(begins + ended(143)) }).state, "cancelled");
  assertEquals(taskState({ kept: cancelled, log: parseLog(begins + ended(0)) }).state, "done");
  assertEquals(taskState({ kept: { ...task, state: "COMPLETED" } }).state, "done");
});

Deno.test("submissionStatus() says how far a run is by its own files where there is no Slurm", async () => {
  const root = await Deno.makeTempDir();
  const config = resolveConfig({
    ...{ out: root, run: "a", cacheFolder: join(root, "cache"), precision: "int8", epochs: 3 },
  });
  const folder = join(root, "a.submit");
  const settings = await writeSettings(folder, config);
  const write = progressWriter(progressFolder(config.cacheFolder!, config), {
    shard: { number: 2, count: 2 },
    onNote: () => {},
  });
  await write({
    ...{ version: 1, shard: { number: 2, count: 2 }, data: "a", encoder: "e", digest: "d" },
    ...{ done: 30, total: 50, encoded: 30, unreadable: 1, rate: 5, ...thisWriter() },
    updated: new Date().toISOString(),
  }, true);
  await Deno.writeTextFile(join(folder, "encode-5_1.log"), `${begins}No space left\n${ended(1)}`);
  const part = { after: [], command: [], sbatch: [] };
  const submission = {
    ...{ submitted: new Date().toISOString(), settings },
    parts: [
      { ...part, kind: "encode" as const, name: "encode", job: "5", tasks: 2 },
      { ...part, kind: "train" as const, name: "train", job: "6" },
    ],
  };
  const before = Deno.env.get("PATH")!;
  Deno.env.set("PATH", root); // where no squeue is
  try {
    const found = await submissionStatus(folder, submission);
    assertEquals(found.parts.map(({ tasks }) => tasks.map(({ state }) => state)), [
      ["failed", "unknown"],
      ["unknown"],
    ]);
    assertEquals(found.parts[0].reached, "30/50 images in 1 of 2 shards, 1 unreadable");
    assertEquals(found.unasked, "no squeue on this machine, which Slurm brings");
    const { rows, notes } = statusTable("a", found);
    assertEquals(rows[0].slice(0, 3), ["encode", "5", "1 failed, 1 unknown"]);
    assertStringIncludes(notes[1], "encode 1/2 failed: No space left (exit code 1)");
  } finally {
    Deno.env.set("PATH", before);
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("imagesReached() adds the shards up", () => {
  const shard = (number: number, done: number, unreadable = 0): EncodeProgress => ({
    ...{ version: 1, shard: { number, count: 2 }, data: "a", encoder: "e", digest: "d" },
    ...{ done, total: 50, encoded: 0, unreadable, rate: 5, ...thisWriter() },
    updated: new Date().toISOString(),
  });
  assertEquals(imagesReached([shard(1, 30), shard(2, 50)]), "80/100 images");
  assertEquals(imagesReached([shard(2, 7, 2)]), "7/50 images in 1 of 2 shards, 2 unreadable");
  assertEquals(imagesReached([]), "");
});

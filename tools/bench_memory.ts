/**
 * Trains a tower for two steps and prints the most memory that this process held, in megabytes; nothing where the system does not say it.
 *
 * @module
 */
import { initBackend } from "../lib/backend/start.ts";
import type { ClipName } from "../lib/model/encoders/clip_tower.ts";
import { openTraining, type TrainingName } from "./bench_training.ts";

if (import.meta.main) {
  const [name, clip] = Deno.args as [TrainingName, ClipName];
  await initBackend();
  const { step, close } = await openTraining(name, { clip });
  await step();
  close();
  const status = await Deno.readTextFile("/proc/self/status").catch(() => ""); // Linux alone
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes !== undefined) console.log(Math.round(Number(kilobytes) * 1024 / 1e6));
}

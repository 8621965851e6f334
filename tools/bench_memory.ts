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
  // Deno reads /proc for none but those who are allowed everything; another program may.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${Deno.pid}/status`] }).output()
    .catch(() => ({ stdout: new Uint8Array() }));
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(new TextDecoder().decode(stdout))?.[1]; // Linux alone
  if (kilobytes !== undefined) console.log(Math.round(Number(kilobytes) * 1024 / 1e6));
}

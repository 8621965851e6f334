/**
 * Trains a tower for two steps and prints the most memory that this process held, in megabytes; nothing where the system does not say it.
 *
 * @module
 */
import { initBackend } from "../lib/backend/start.ts";
import type { ClipName } from "../lib/model/encoders/clip_tower.ts";
import { openTraining, type TrainingName } from "./bench_training.ts";
import { peakMemory } from "./peak_memory.ts";

if (import.meta.main) {
  const [name, clip] = Deno.args as [TrainingName, ClipName];
  await initBackend();
  const { step, close } = await openTraining(name, { clip });
  await step();
  close();
  const megabytes = await peakMemory();
  if (megabytes !== undefined) console.log(megabytes);
}

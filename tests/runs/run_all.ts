/**
 * A training from its start to its end, or until it is stopped.
 *
 * @module
 */
import type { RunConfig } from "../../lib/runs/config/config.ts";
import type { RunEvent } from "../../lib/runs/events.ts";
import { trainRun } from "../../lib/runs/train.ts";

/** All events of a training, which is stopped after so many steps where that is asked for. */
export async function runAll(
  config: RunConfig,
  options: { resume?: boolean; stopAfter?: number } = {},
): Promise<RunEvent[]> {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  for await (const event of trainRun(config, { resume: options.resume, signal: controller.signal })) {
    events.push(event);
    const steps = events.filter(({ type }) => type === "step").length;
    if (steps === options.stopAfter) controller.abort();
  }
  return events;
}

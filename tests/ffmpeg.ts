/**
 * What tests that need ffmpeg share: whether it is here, and running it.
 *
 * @module
 */
import { assert } from "@std/assert";

const found = await run(["-version"]).then(({ success }) => success, () => false);

/** Registers a test that is skipped where there is no ffmpeg, and whose name then says so. */
export function withFfmpeg(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: found ? name : `${name} (skipped: no ffmpeg here)`, ignore: !found, fn });
}

/** Runs ffmpeg and fails with what it says. */
export async function ffmpeg(...args: readonly string[]): Promise<void> {
  const { success, stderr } = await run(["-v", "error", ...args]);
  assert(success, new TextDecoder().decode(stderr));
}

/** Async, so that a program that is not there rejects: `Command` throws where it is. */
async function run(args: readonly string[]): Promise<Deno.CommandOutput> {
  return await new Deno.Command("ffmpeg", { args: [...args] }).output();
}

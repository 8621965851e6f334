/**
 * What tests that need ffmpeg share: whether it is here, and running it.
 *
 * @module
 */
import { assert } from "@std/assert";
import { join } from "node:path";

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

/** A video of `frames` frames of 64 × 48 whose grey says its number: frame n is 8n + 4. */
export async function film(
  path: string,
  options: { readonly frames?: number; readonly size?: string } = {},
): Promise<void> {
  const { frames = 20, size = "64x48" } = options;
  await Deno.mkdir(join(path, ".."), { recursive: true });
  const source = `color=black:size=${size}:rate=10:duration=${frames / 10}`;
  const grey = "format=gray,geq=lum='8*N+4',format=yuv420p";
  await ffmpeg(
    ...["-f", "lavfi", "-i", source, "-vf", grey],
    ...["-c:v", "libx264", "-qp", "1", "-color_range", "tv", "-y", path],
  );
}

/** Async, so that a program that is not there rejects: `Command` throws where it is. */
async function run(args: readonly string[]): Promise<Deno.CommandOutput> {
  return await new Deno.Command("ffmpeg", { args: [...args] }).output();
}

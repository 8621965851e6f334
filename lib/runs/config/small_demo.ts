/**
 * The demo where WebAssembly alone computes: smaller, so that it ends in minutes.
 *
 * @module
 */
import { isDemo, type RunConfig } from "./config.ts";

/** What of the configuration is smaller. */
const smaller = { framesPerVideo: 1, depth: 1, feedForward: 256, epochs: 3, jpegQualities: [50] };

/** What a reader of its numbers must know. */
export const smallDemoWarning =
  "The smaller demo, as for machines where WebAssembly alone computes: one frame of each video, three epochs, one quality of JPEG, and a head of one layer with a feed-forward width of 256 instead of two with 2048. Its numbers are not those of the standard demo.";

/** A demo run of which nothing was asked but the demo, smaller; any other configuration as it is. */
export function smallDemoOf(config: RunConfig): RunConfig {
  const { preset, detector, framesPerVideo, depth, feedForward, epochs, jpegQualities } = config;
  const isPlain = preset === "corrected" && detector === "notebook-head" && framesPerVideo === undefined &&
    depth === 2 && feedForward === 2048 && epochs === 5 && jpegQualities.length === 5;
  return isDemo(config) && isPlain ? { ...config, ...smaller } : config;
}

/** Whether a run is that smaller demo. */
export function isSmallDemo(config: RunConfig): boolean {
  return isDemo(config) && config.framesPerVideo === smaller.framesPerVideo &&
    config.depth === smaller.depth && config.feedForward === smaller.feedForward;
}

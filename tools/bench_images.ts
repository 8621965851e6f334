/**
 * JPEGs of 1920×1080 pixels made ready for an encoder, beside what libjpeg-turbo takes to decode them and no more, and Pillow.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { reasonOf } from "../lib/base/errors.ts";
import { imageBatches } from "../lib/data/order.ts";
import type { Peer } from "./bench_peer.ts";
import { median } from "./bench_print.ts";
import { startTiming, type TimingProcess } from "./bench_process.ts";
import {
  type Measure,
  peerRate,
  samplesOf,
  secondsOf,
  type Setting,
  writeBenchImages,
} from "./bench_setting.ts";
import { privatePython } from "./python.ts";

/** A wheel with libjpeg-turbo 3.1 in it. */
const PACKAGES = ["simplejpeg==1.9.0", "numpy"];

/** Pictures that are written for it. */
const FILES = 16;

/** Calls of which a rate is the median: more than elsewhere, as one takes a tenth of a second. */
const CALLS = 16;

/** The name of libjpeg-turbo's rate. */
const DECODED = "libjpeg-turbo, 1080p images decoded";

/** Files of 1920×1080 pixels to 224×224: decoded and resized. */
export async function images({ batch, folder }: Setting, peer?: Peer): Promise<Measure[]> {
  const files = await writeBenchImages(folder, FILES, { width: 1920, height: 1080 });
  // On many cores a few images each, so that the last one to end does not decide.
  const paths = Array.from(
    { length: Math.max(FILES, 4 * navigator.hardwareConcurrency) },
    (_, i) => files[i % FILES],
  );
  const prepare = async () => {
    for await (const _ of imageBatches(samplesOf(paths), { batchSize: batch })) { /* dropped */ }
  };
  await prepare(); // which compiles our decoder where it is not yet
  const opened = peer ? await openTurbo(paths, peer).catch(reasonOf) : undefined;
  const turbo = typeof opened === "string" ? undefined : opened;
  return [{
    name: "image preparation",
    leftOut: typeof opened === "string" ? { [DECODED]: opened } : undefined,
    versions: turbo && Object.entries(turbo.hello).map((pair) => pair.join(" ")),
    run: async () => ({
      "1080p images prepared": paths.length / median(await secondsOf(CALLS, prepare)),
      ...turbo && { [DECODED]: paths.length / median((await turbo.ask({ calls: CALLS })).seconds ?? []) },
      ...peer &&
        {
          "Pillow, 1080p images prepared": await peerRate(peer, "images", {
            items: paths.length,
            paths,
            calls: CALLS,
          }),
        },
    }),
    close: () => turbo?.close(),
  }];
}

async function openTurbo(paths: readonly string[], { env }: Peer): Promise<TimingProcess> {
  const what = "time libjpeg-turbo";
  const log = console.error;
  const python = await privatePython(PACKAGES, { name: "jpeg", what, size: "about 100 MB", log });
  const script = fileURLToPath(new URL("../tests/peer/jpeg.py", import.meta.url));
  return await startTiming([python, script, ...paths], { what: "libjpeg-turbo", env });
}

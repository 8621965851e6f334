/**
 * The command that writes the demo data.
 *
 * @module
 */
import { printable } from "../base/printable.ts";
import { writeDemoData } from "../data/demo/demo.ts";
import { type Flags, numberOf, textOf } from "./flags.ts";
import { onScreen } from "../runs/screen.ts";

/** Writes the demo data; resolves to the exit code. */
export async function demoData(flags: Flags): Promise<number> {
  const root = textOf(flags.root);
  return await onScreen(async ({ screen, signal }) => {
    const { written, images, sha256 } = await writeDemoData({
      root,
      seed: numberOf(flags.seed),
      signal,
      onNote: (message) => screen.show({ type: "note", message }),
      onProgress: (done, total) =>
        screen.show({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
    });
    console.log(
      printable(`${written > 0 ? "Wrote" : "Found"} ${images} images in ${root} (SHA-256 ${sha256})`),
    );
    return 0;
  });
}

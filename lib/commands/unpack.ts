/**
 * What `prepare` does with a set of Parquet files: their images as files.
 *
 * @module
 */
import { printable, shellWord } from "../base/printable.ts";
import { unpackParquet } from "../data/parquet/unpack.ts";
import type { LayoutSpec } from "../data/spec.ts";
import { pathInSpec } from "../data/spec_path.ts";
import { tableText } from "../report/table.ts";
import { onScreen } from "../runs/screen.ts";

/** Reasons that are said one by one. */
const MOST_NAMED = 10;

/** Unpacks a set of Parquet files; resolves to 1 when no row gave an image. */
export async function unpack(spec: LayoutSpec, into: string): Promise<number> {
  return await onScreen(async ({ screen, signal }) => {
    const { counts, skipped } = await unpackParquet(spec, {
      into,
      signal,
      onProgress: (done, total) =>
        screen.show({ type: "progress", task: "Unpacking images", unit: "images", done, total }),
    });
    screen.close();
    console.log(`\n${
      tableText({
        title: "Images",
        columns: ["Split", "Class", "Images"].map((name, i) => ({ name, align: i < 2 ? "left" : "right" })),
        rows: counts.map(({ split, label, images }) => [
          split,
          label === 0 ? "real" : "fake",
          images.toLocaleString("en-US"),
        ]),
        notes: [
          ...skipped.slice(0, MOST_NAMED).map(({ path, reason }) => `${path}: ${reason}`),
          ...(skipped.length > MOST_NAMED
            ? [`and ${skipped.length - MOST_NAMED} more rows without an image`]
            : []),
        ],
      })
    }`);
    console.log(`Next: deno task train --data ${printable(shellWord(`${spec.name}=${pathInSpec(into)}`))}`);
    return counts.length > 0 ? 0 : 1;
  }, { interrupted: () => "Interrupted. The same command begins anew." });
}

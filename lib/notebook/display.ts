/**
 * What a notebook cell shows: charts, tables, pictures and text as MIME bundles that JupyterLab, VS Code, GitHub and
 * exported HTML all draw.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { TopLevelSpec } from "vega-lite";
import { chartScale, displayBundle } from "../report/render.ts";
import { type Table, tableMarkdown, tableText } from "../report/table.ts";
import type { Picture } from "../report/pictures.ts";

/** The same thing in several forms by MIME type, of which a front end shows the richest that it knows. */
export type Bundle = {
  readonly data: Readonly<Record<string, string | object>>;
  /** By MIME type, how it is shown: a picture's width, as it has more pixels than that, for sharp screens; a chart's style. */
  readonly metadata?: Readonly<Record<string, { readonly width: number } | Fitting>>;
};

/** How JupyterLab embeds a chart. */
export type Fitting = { readonly embed_options: { readonly defaultStyle: string } };

/** No wider than the pane. This style stands in for that of vega-embed and its menu. */
const fitting: Fitting = {
  embed_options: {
    defaultStyle: [
      ".vega-embed { position: relative; width: fit-content; max-width: 100%; }",
      ".vega-embed canvas, .vega-embed svg.marks { max-width: max(100%, 360px); height: auto !important; }",
      ".vega-embed details { position: absolute; top: 4px; right: 4px; }",
      ".vega-embed summary { list-style: none; cursor: pointer; opacity: 0.4; }",
      ".vega-embed summary svg { width: 16px; height: 16px; }",
      ".vega-embed .vega-actions { position: absolute; right: 0; z-index: 1; padding: 4px 0; background: white; border: 1px solid #9aa5b1; }",
      ".vega-embed .vega-actions a { display: block; padding: 4px 12px; color: #1b1f23; font: 13px sans-serif; white-space: nowrap; }",
    ].join("\n"),
  },
};

/** Puts a bundle below the running cell; with `update`, in place of the one that has the same id. */
export type Display = (
  bundle: Bundle,
  options?: { readonly id?: string; readonly update?: boolean },
) => Promise<void>;

/** What `show()` takes: a chart, a table, a picture, or text (a paragraph, with Markdown's marks). */
export type Showable = TopLevelSpec | Table | Picture | string;

/**
 * Shows things below the running cell, in order.
 *
 * Resolves when the front end has had time to take them: what the Deno kernel sends after a cell has ended is lost to
 * some of them.
 */
export async function show(...items: readonly (Showable | null | undefined)[]): Promise<void> {
  for (const item of items) if (item) await inJupyter(await bundleOf(item));
  await settled();
}

/**
 * A thing in every form that a front end may want.
 *
 * @throws {Error} when a chart's spec is unsound
 */
export async function bundleOf(item: Showable): Promise<Bundle> {
  if (typeof item === "string") return { data: { "text/markdown": item, "text/plain": item } };
  if ("jpeg" in item) {
    const data = { "image/jpeg": Buffer.from(item.jpeg).toString("base64"), "text/plain": item.text };
    return { data, metadata: { "image/jpeg": { width: item.width } } };
  }
  if ("rows" in item) {
    return { data: { "text/markdown": tableMarkdown(item), "text/plain": tableText(item) } };
  }
  const data = await displayBundle(item);
  const pixels = Buffer.from(data["image/png"].slice(0, 40), "base64").readUInt32BE(16); // PNG's width
  const width = Math.round(pixels / chartScale);
  return { data, metadata: { "image/png": { width }, "application/vnd.vegalite.v5+json": fitting } };
}

/**
 * Displays in the Deno kernel.
 *
 * @throws {Error} where there is none
 */
export const inJupyter: Display = async ({ data, metadata = {} }, { id, update } = {}) => {
  if (!isKernel()) {
    throw new Error("Cannot show anything: expected to run in a notebook but found no Jupyter kernel");
  }
  await Deno.jupyter.broadcast(update ? "update_display_data" : "display_data", {
    data,
    metadata,
    transient: id === undefined ? {} : { display_id: id },
  });
};

/** Whether this runs in the Deno kernel. */
export function isKernel(): boolean {
  try {
    return Boolean(Deno.jupyter);
  } catch {
    return false; // outside of the kernel, reading it throws
  }
}

/** Waits until output sent so far has drained: output after the kernel's 'idle' is lost (measured with 2.9.6). */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

/** An output that is updated in place. */
export type LiveOutput = {
  /** Draws `make()` soon; of several in a short time only the last is drawn. */
  set(make: () => Bundle | Promise<Bundle>): void;
  /**
   * Draws what is waiting, and resolves when it is out.
   *
   * @throws {Error} what drawing threw
   */
  close(): Promise<void>;
};

/** Starts an output that is updated in place, at most once every `everyMs` (300 unless given). */
export function liveOutput(
  { everyMs = 300, display = inJupyter }: { readonly everyMs?: number; readonly display?: Display } = {},
): LiveOutput {
  const id = crypto.randomUUID();
  let waiting: (() => Bundle | Promise<Bundle>) | undefined;
  let drawing: Promise<void> | undefined;
  let shown = false;
  let failure: { readonly error: unknown } | undefined;
  let hurry = () => {};
  let closing = false;

  const draw = async () => {
    try {
      while (waiting) {
        const make = waiting;
        waiting = undefined;
        await display(await make(), { id, update: shown });
        shown = true;
        if (!closing) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, everyMs);
            hurry = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      }
    } catch (error) {
      failure = { error }; // told by close(): a rejection that nobody awaits would end the kernel
    }
    drawing = undefined;
  };

  return {
    set(make) {
      waiting = make;
      drawing ??= draw();
    },
    async close() {
      closing = true;
      hurry();
      await drawing;
      if (failure) throw failure.error;
    },
  };
}

/**
 * Notebook files: their cells as one program to check, and what must never be in their outputs.
 *
 * @module
 */

/** The part of nbformat 4 that is used here. */
export type Notebook = { readonly cells: readonly Cell[]; readonly metadata: Record<string, unknown> };

/** A cell; only code cells have outputs and a number. */
export type Cell = {
  readonly cell_type: "code" | "markdown" | "raw";
  readonly source: string | readonly string[];
  readonly execution_count?: number | null;
  readonly outputs?: readonly Output[];
};

/** What a cell gave. */
export type Output = {
  readonly output_type: "display_data" | "execute_result" | "stream" | "error";
  readonly data?: Readonly<Record<string, unknown>>;
  readonly text?: string | readonly string[];
  readonly ename?: string;
  readonly evalue?: string;
};

export const VEGA_LITE = "application/vnd.vegalite.v5+json";

/** A text that nbformat may have split into lines. */
export function joined(text: unknown): string {
  return Array.isArray(text) ? text.join("") : `${text ?? ""}`;
}

/** The code cells as one module, in order, each under its number: what cells share is then checked as well. */
export function cellsAsModule(notebook: Notebook): string {
  return notebook.cells.flatMap(({ cell_type, source }, i) =>
    cell_type === "code" ? [`// Cell ${i + 1}\n${joined(source)}\n`] : []
  ).join("\n");
}

/**
 * What is wrong with a notebook's outputs, in words: an error, a cell that did not run, a chart that some front end cannot
 * show, an escape code, or one of `secrets` (a path or a machine's name).
 */
export function faultsOf(
  notebook: Notebook,
  options: { readonly secrets?: readonly string[] } = {},
): string[] {
  const faults: string[] = [];
  let number = 0;
  notebook.cells.forEach((cell, i) => {
    if (cell.cell_type !== "code") return;
    number++;
    if (cell.execution_count !== number) {
      faults.push(`cell ${i + 1}: expected number ${number} but found ${cell.execution_count}`);
    }
    for (const { output_type, data = {}, text, evalue } of cell.outputs ?? []) {
      if (output_type === "error") faults.push(`cell ${i + 1}: ${evalue}`);
      const spec = data[VEGA_LITE];
      if (spec !== undefined && typeof data["image/png"] !== "string") {
        faults.push(`cell ${i + 1}: a chart without a PNG`);
      }
      const words = JSON.stringify([
        spec,
        data["text/plain"],
        data["text/markdown"],
        data["text/html"],
        text,
      ]);
      if (words.includes("\\u001b")) faults.push(`cell ${i + 1}: an escape code`);
      for (const secret of options.secrets ?? []) {
        if (secret.length > 3 && words.includes(secret)) faults.push(`cell ${i + 1}: names ${secret}`);
      }
    }
  });
  return faults;
}

/** The same notebook with no output, as it is kept beside the rendered one. */
export function withoutOutputs(notebook: Notebook): Notebook {
  const cells = notebook.cells.map((cell) =>
    cell.cell_type === "code" ? { ...cell, execution_count: null, outputs: [] } : cell
  );
  return { ...notebook, cells };
}

/**
 * Trees of empty files, or of texts, as data sets lie on disk.
 *
 * @module
 */
import { join } from "node:path";
import { writeFiles } from "../../folders.ts";

/** Makes a tree of the files named (empty where no text is given) and hands over its root. */
export async function withTree(
  files: readonly string[] | Readonly<Record<string, string>>,
  use: (root: string) => Promise<void>,
  options: { readonly name?: string } = {},
): Promise<void> {
  const parent = await Deno.makeTempDir();
  const root = join(await Deno.realPath(parent), options.name ?? "set");
  try {
    await writeFiles(
      root,
      Array.isArray(files) ? Object.fromEntries(files.map((name) => [name, ""])) : files,
    );
    await use(root);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/**
 * Parquet files of images, as Hugging Face's `datasets` writes them: known by their look, and refused with the command that
 * unpacks them.
 *
 * @module
 */
import { extname } from "node:path";
import { InputError } from "../../base/errors.ts";
import { shellWord } from "../../base/printable.ts";
import { isImage, isVideo, type Layout } from "./layout.ts";
import { namesIn, type Tree } from "../scan.ts";
import { pathInSpec } from "../spec_path.ts";

/** Parquet files, which are read by `prepare` alone. */
export const parquet: Layout = {
  title: "Parquet files",
  selects: [],
  looksLike: (tree) => filesOf(tree) > 0 && !hasMedia(tree),
  read: (tree, { name }) => {
    throw new InputError(
      `Cannot read the set ${name}: expected images but found ${
        filesOf(tree)
      } Parquet files in ${tree.root}; ${unpackHint({ name, path: tree.root })}`,
    );
  },
};

/** The command that unpacks a set of Parquet files. */
export function unpackHint({ name, path }: { readonly name: string; readonly path: string }): string {
  return `unpack them once with deno task prepare --data ${
    shellWord(`${name}=${pathInSpec(path)}`)
  } --into FOLDER`;
}

/** True for a tree with an image or a video: a set in another layout may have Parquet files beside them. */
export function hasMedia({ folders }: Tree): boolean {
  return [...folders.values()].some(({ files }) =>
    namesIn(files).some((name) => isImage(name) || isVideo(name))
  );
}

function filesOf(tree: Tree): number {
  return [...tree.folders.values()].flatMap(({ files }) => namesIn(files))
    .filter((name) => extname(name).toLowerCase() === ".parquet").length;
}

/**
 * What a user names → the files to answer about.
 *
 * @module
 */
import { join } from "node:path";
import { reasonOf } from "../../base/errors.ts";
import { nothingAt } from "../../base/files.ts";
import { isImage, isVideo } from "../../data/layouts/layout.ts";
import { byName } from "../../data/sample.ts";
import { isBesideFrames, namesIn, scanTree } from "../../data/scan.ts";

/** A file to answer about, or why there is none. */
export type Input =
  | { readonly path: string; readonly kind: "image" | "video" }
  | { readonly path: string; readonly kind: "unread"; readonly fault: string };

/**
 * The images and videos among `paths`, in their order; those of a folder and the folders in it by name, other files in it passed over.
 * Masks and landmarks that lie beside frames are none. A file that is named is an image unless its name is a video's; its content has
 * the last word when it is read.
 */
export async function* inputsOf(
  paths: Iterable<string> | AsyncIterable<string>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Input> {
  for await (const path of paths) {
    options.signal?.throwIfAborted();
    const info = await Deno.stat(path).catch((error) => error as Error);
    if (info instanceof Error) {
      yield { path, kind: "unread", fault: await missing(path, info) };
    } else if (info.isDirectory) yield* folderInputs(path, options);
    // A pipe may never end, and a device does not.
    else if (!info.isFile) yield { path, kind: "unread", fault: "neither a file nor a folder" };
    else yield { path, kind: isVideo(path) ? "video" : "image" };
  }
}

/** Why a path leads nowhere. */
async function missing(path: string, error: Error): Promise<string> {
  if (!(error instanceof Deno.errors.NotFound)) return reasonOf(error);
  const isLink = await Deno.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
  return isLink ? "a link to what is not there" : nothingAt(path);
}

async function* folderInputs(
  path: string,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<Input> {
  const { folders, unreadable } = await scanTree(path, options);
  for (const { path: inside, reason, isElsewhere } of unreadable) {
    if (!isElsewhere) yield { path: join(path, inside), kind: "unread", fault: reason };
  }
  let found = 0;
  // In the order of a test, in which scores are the same bits: 10.png comes after 9.png.
  for (const [inside, { files }] of [...folders].sort(([a], [b]) => byName(a, b))) {
    if (isBesideFrames(inside)) continue;
    for (const name of namesIn(files).sort(byName)) {
      const kind = isImage(name) ? "image" : isVideo(name) ? "video" : undefined;
      if (!kind) continue;
      found++;
      yield { path: join(path, inside, name), kind };
    }
  }
  if (found === 0) yield { path, kind: "unread", fault: "a folder without any image or video" };
}

/** The lines of standard input that are not empty, each a path. */
export async function* pathsOnInput(): AsyncGenerator<string> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.trim() !== "") yield line.replace(/\r$/, "");
  }
  if (rest.trim() !== "") yield rest.replace(/\r$/, "");
}

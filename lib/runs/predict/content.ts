/**
 * A file → whether it is read as an image or as a video.
 *
 * @module
 */
import { readAt } from "../../base/files.ts";
import { looksLikeVideo } from "../../data/container.ts";
import { formatOf } from "../../images/image.ts";

/** Bytes that say what a file is: a packet of an MPEG transport stream has 188 or 192, and the next one begins alike. */
const HEAD = 200;
/** No image that is read has more bytes, and none whose format is not known has nearly as many. */
const [MOST, MOST_UNKNOWN] = [2 ** 31, 2 ** 26];

/**
 * What a file is by its first bytes, and by its name where they say nothing: users and phones name files as they like.
 *
 * @param named what its name says
 * @throws {Error} with the reason, for what cannot be opened and for what is no image and too large to be looked at
 */
export async function contentOf(path: string, named: "image" | "video"): Promise<"image" | "video"> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const head = await readAt(file, 0, Math.min(HEAD, size));
  if (looksLikeVideo(head)) return "video";
  const format = formatOf(head);
  if (format === undefined && named === "video") return "video"; // whose reader knows more kinds
  if (size > (format === undefined ? MOST_UNKNOWN : MOST)) {
    throw new Error(
      `expected a JPEG, PNG, WebP, GIF or TIFF image but found ${size} bytes of ${
        format === undefined ? "no known image format" : `what begins as a ${format}`
      }`,
    );
  }
  return "image";
}

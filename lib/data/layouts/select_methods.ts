/**
 * The fakes of some methods among a set's videos.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { Selection, Video } from "./layout.ts";

/**
 * The fakes of the methods that are wanted, in whatever case, and all reals; all videos without `methods`.
 *
 * @throws {InputError} for a method that is not there
 */
export function selectMethods(
  videos: readonly Video[],
  { methods }: Pick<Selection, "methods">,
): Video[] {
  if (methods === undefined) return [...videos];
  const there = [...new Set(videos.filter(({ label }) => label === 1).map(({ method }) => method))];
  for (const wanted of methods) {
    if (!there.some((name) => name.toLowerCase() === wanted.toLowerCase())) {
      throw new InputError(
        `Cannot select the method ${wanted}: expected one of ${there.join(", ")} but found another name`,
      );
    }
  }
  const wanted = new Set(methods.map((name) => name.toLowerCase()));
  return videos.filter(({ label, method }) => label === 0 || wanted.has(method.toLowerCase()));
}

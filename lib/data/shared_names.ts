/**
 * Names of files that are kept once, however many folders have them.
 *
 * The engine keeps a text that was put together of two as these two. So a path made of its folder and such a name takes 32 bytes: the folder
 * is there once for its files, and the name once for all folders, whose frames mostly count alike.
 *
 * @module
 */

/** Names that are kept: the frames of long videos, and not those of a folder in which no two are alike. */
const MOST_NAMES = 10_000;

/** Gives for each name the same text each time, as far as it is among the first ten thousand. */
export function createSharedNames(): (name: string) => string {
  const names = new Map<string, string>();
  return (name) => {
    const known = names.get(name);
    if (known !== undefined) return known;
    if (names.size < MOST_NAMES) names.set(name, name);
    return name;
  };
}

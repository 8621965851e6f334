/**
 * Samples → groups that must not come apart: of one video, one person, one picture.
 *
 * @module
 */
import { basename } from "node:path";
import { createGroups, type Groups } from "../../base/groups.ts";
import type { Sample } from "../sample.ts";

/** Groups of the samples, by index: those of a video, of videos of the same name, and of videos that share an identity. */
export function groupSamples(samples: readonly Sample[]): Groups {
  const groups = createGroups(samples.length);
  const first = new Map<string, number>();
  const joinBy = (key: string, i: number) => {
    const before = first.get(key);
    if (before === undefined) first.set(key, i);
    else groups.join(before, i);
  };
  let last: readonly string[] | undefined;
  let lastName: string | undefined;
  for (const [i, sample] of samples.entries()) {
    const name = nameOf(sample);
    joinBy(`name:${name}`, i);
    const { identities } = sample;
    if (identities === undefined || (identities === last && name === lastName)) continue; // a video's frames share them
    for (const identity of identities) joinBy(`is:${identity}`, i);
    [last, lastName] = [identities, name];
  }
  return groups;
}

/** What a sample's video is called, without the folders above it. */
export function nameOf({ video, path }: Sample): string {
  return basename(video ?? path);
}

/**
 * The JSON of DeepfakeBench's lists → its videos, with labels that agree.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { readJson } from "../../base/files.ts";
import { slashes } from "../list_paths.ts";
import { checkWords, labelOf } from "./deepfakebench_names.ts";
import type { Selection } from "./layout.ts";
import {
  type Compression,
  compressionNamed,
  compressions,
  type Split,
  splitNamed,
  splitWords,
} from "./vocabulary.ts";

/** A video of a list. */
export type Listed = {
  readonly labelName: string;
  readonly isFake: boolean;
  readonly split: Split;
  readonly compression?: Compression;
  readonly name: string;
  readonly label: string;
  readonly frames: readonly string[];
  readonly masks: readonly string[];
};

/** Folders that say what is in them; a list that says the opposite is refused. */
const realFolders = /\/(original_sequences|Celeb-real|YouTube-real)\//i;
const fakeFolders = /\/(manipulated_sequences|Celeb-synthesis)\//i;

/** True for JSON of DeepfakeBench's form. */
export function isDeepfakeBench(value: unknown): boolean {
  const inside = (each: unknown) => (each && typeof each === "object" ? Object.values(each) : []);
  const splits = inside(value).flatMap(inside);
  return splits.length > 0 &&
    splits.every((each) =>
      each && typeof each === "object" && Object.keys(each).some((key) => splitNamed(key) !== undefined)
    );
}

/**
 * The videos of a list.
 *
 * @param options.labels what the user says of words for labels
 * @throws {InputError} for another form, unknown words for labels, or labels that contradict each other or the folders.
 */
export async function readListed(path: string, { labels }: Pick<Selection, "labels">): Promise<Listed[]> {
  return listVideos(await readList(path), { path, labels });
}

async function readList(path: string): Promise<unknown> {
  const value = await readJson(path, { expected: "a list of DeepfakeBench's" });
  if (!isDeepfakeBench(value)) {
    throw new InputError(
      `Cannot read ${path}: expected {set: {label: {train|val|test: …}}}, as DeepfakeBench writes it, but found another form`,
    );
  }
  return value;
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries((value && typeof value === "object" ? value : {}) as Record<string, unknown>);
}

function isListedVideo(value: unknown): boolean {
  return value !== null && typeof value === "object" && Array.isArray((value as { frames?: unknown }).frames);
}

function listVideos(
  value: unknown,
  { path, labels }: { readonly path: string } & Pick<Selection, "labels">,
): Listed[] {
  const all: Listed[] = [];
  const words = new Set<string>();
  for (const [, names] of entries(value)) {
    for (const [labelName, splits] of entries(names)) {
      const isFake = labelOf(labelName, labels) === 1;
      words.add(labelName);
      for (const [word, inside] of entries(splits)) {
        const split = splitNamed(word);
        if (split === undefined) {
          throw new InputError(
            `Cannot read ${path}: expected the splits ${splitWords} under ${labelName} but found ${word}`,
          );
        }
        for (const { compression, videos } of byCompression(inside, { path, labelName })) {
          for (const [name, each] of videos) {
            // A video without frames is listed, and told of.
            const { label = labelName, frames = [], masks = [] } = each as {
              label?: unknown;
              frames?: unknown[];
              masks?: unknown[];
            };
            const odd = [...frames, ...masks].find((frame) => typeof frame !== "string");
            if (odd !== undefined) {
              throw new InputError(
                `Cannot read ${path}: expected paths as the frames and masks of ${name} under ${labelName} but found ${
                  JSON.stringify(odd)
                }`,
              );
            }
            words.add(`${label}`);
            all.push({
              labelName,
              isFake,
              split,
              compression,
              name,
              label: `${label}`,
              frames: frames as string[],
              masks: masks as string[],
            });
          }
        }
      }
    }
  }
  checkWords(words, { path, labels });
  checkLabels(all, { path, labels });
  return all;
}

/**
 * Videos by compression, where a split's are grouped so.
 *
 * @throws {InputError} for a group of videos of another name.
 */
function byCompression(
  inside: unknown,
  { path, labelName }: { readonly path: string; readonly labelName: string },
): { readonly compression?: Compression; readonly videos: [string, unknown][] }[] {
  const groups: { compression?: Compression; videos: [string, unknown][] }[] = [];
  const loose: [string, unknown][] = [];
  for (const [name, each] of entries(inside)) {
    // DFDC's val holds one video's own keys, by a slip of DeepfakeBench's.
    if (!each || typeof each !== "object" || Array.isArray(each)) continue;
    const compression = compressionNamed(name);
    const isGroup = !isListedVideo(each) && entries(each).some(([, video]) => isListedVideo(video));
    if (isListedVideo(each) || (!isGroup && compression === undefined)) loose.push([name, each]);
    else if (compression !== undefined) groups.push({ compression, videos: entries(each) });
    else {
      throw new InputError(
        `Cannot read ${path}: expected the compressions ${
          compressions.join(", ")
        } or videos under ${labelName} but found ${name}`,
      );
    }
  }
  return loose.length > 0 ? [...groups, { videos: loose }] : groups;
}

/** Refuses a list whose labels contradict one another, or the folders that the frames are in. */
function checkLabels(
  all: readonly Listed[],
  { path, labels }: { readonly path: string } & Pick<Selection, "labels">,
): void {
  const contrary = all.filter(({ isFake, label, frames }) => {
    const frame = slashes(frames[0] ?? "");
    return labelOf(label, labels) !== (isFake ? 1 : 0) || (isFake ? realFolders : fakeFolders).test(frame);
  });
  if (contrary.length === 0) return;
  const { labelName, label, name, frames } = contrary[0];
  throw new InputError(
    `Cannot use ${path}: expected labels that agree with each other and with the folders of the frames but found ${contrary.length} of ${all.length} videos that do not, such as ${name} under ${labelName} with the label ${label} and the frame ${
      frames[0] ?? "none"
    }${contrary.length === all.length ? "; its labels are inverted" : ""}`,
  );
}

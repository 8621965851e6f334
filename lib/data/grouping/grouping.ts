/**
 * Which images of a class are one video: told from the names of folders and files, and from the look of a few images of each.
 *
 * The same for folders, sets of plain folders and manifests. It is a function of the files alone: nothing is drawn, kept or
 * timed. Where it must guess, it takes images for one video, since frames of one video in two splits make results too good.
 *
 * @module
 */
import { commonOf, type Look, lookAtPairs, lookOf, type Pair } from "./alike.ts";
import {
  type Candidate,
  candidatesOf,
  folderOf,
  LOOKED_AT,
  lookedAt,
  looseOf,
  rowsIn,
  withoutSuffix,
} from "./candidates.ts";
import { describeGroups, type Grouping, type ImageGroup, type Judged } from "./notes.ts";
import type { VideosChoice } from "../layouts/vocabulary.ts";
import { withoutFrame } from "./names.ts";

/** Fewer unlike images than these with numbers for names may be a short clip of many scenes. */
const FEW_FRAMES = 12;
/** A folder of as many unlike images is no video, whatever number it has. */
const MANY_FRAMES = 100;

/**
 * Groups the images of all classes of a set; looks at no more than eight images of a folder and at 32 folders of those that
 * are named alike.
 *
 * @param options.by instead of `auto`
 */
export async function groupImages(
  groups: readonly ImageGroup[],
  options: {
    readonly by?: VideosChoice;
    readonly signal?: AbortSignal;
    readonly onProgress?: (images: number) => void;
  } = {},
): Promise<Grouping[]> {
  const { by = "auto" } = options;
  if (by !== "auto") {
    return groups.map(({ name, files }) => ({
      videos: files.map((file) =>
        by === "folder"
          ? folderOf(file) || className(name)
          : by === "name"
          ? withoutFrame(file)
          : withoutSuffix(file)
      ),
      notes: [`${name}: ${words[by]}, by --videos ${by}`],
      warnings: [],
    }));
  }
  const looks = new Looks(options);
  const first = groups.map(({ files }) => candidatesOf(files));
  const wanted = groups.flatMap(({ pathOf }, i) =>
    [...lookedAt(first[i].all)].map((each) => ({ each, pathOf }))
  );
  await looks.look(wanted);
  looks.fixCommon();
  const grouped: Grouping[] = [];
  for (const [i, group] of groups.entries()) {
    const judged = judge(first[i].all, looks);
    // Folders of several videos by the names of their files, which do not look like one.
    const inner = judged.filter(({ video, isVideo }) => !isVideo && first[i].mixed.has(video))
      .flatMap(({ files }) => looseOf(files));
    await looks.look([...lookedAt(inner)].map((each) => ({ each, pathOf: group.pathOf })));
    const opened = new Set(inner.map(({ files }) => folderOf(files[0])));
    const all = [
      ...judged.filter(({ video, by }) => by !== "folder" || !opened.has(video)),
      ...judge(inner, looks),
    ];
    const candidateOf = finderOf(all);
    const videoOf = (file: string) => {
      const { by, video, isVideo } = candidateOf(file);
      if (isVideo) return video || className(group.name);
      return by === "rest" ? withoutFrame(file) : withoutSuffix(file); // the rest has names that no other file shares
    };
    grouped.push({
      videos: group.files.map(videoOf),
      ...describeGroups(group, all),
    });
  }
  return grouped;
}

/** Which candidate a file is of, by its folder and its name: not by a table of files, of which there may be a million. */
function finderOf(judged: readonly Judged[]): (file: string) => Judged {
  const folders = new Map<string, Judged>();
  const names = new Map<string, Judged>();
  const rests = new Map<string, Judged>();
  for (const each of judged) {
    if (each.by === "folder") folders.set(each.video, each);
    else if (each.by === "name") names.set(each.video, each);
    else rests.set(each.video, each);
  }
  return (file) => {
    const folder = folderOf(file);
    const whole = folders.get(folder);
    if (whole) return whole;
    const name = withoutFrame(file);
    return (name === withoutSuffix(file) ? undefined : names.get(name)) ?? rests.get(folder)!;
  };
}

const words: Readonly<Record<Exclude<VideosChoice, "auto">, string>> = {
  folder: "each folder is a video",
  name: "a video is what file names have in common before their number",
  file: "each image is a video of its own",
};

/**
 * Where a real image comes from or how a fake was made, by its folders: the first sub-folder, unless that is the video itself.
 */
export function originOf(file: string, video: string): string | undefined {
  const parts = file.split("/");
  return parts.length > 2 || (parts.length === 2 && video !== parts[0]) ? parts[0] : undefined;
}

/** What images beside no sub-folder are called, when they are one video: their class. */
function className(group: string): string {
  return group.slice(group.lastIndexOf("/") + 1);
}

/** What is common to the folders above all files, with a `/` at its end; `""` when nothing is. */
export function commonBase(files: readonly string[]): string {
  let base = files.length === 0 ? "" : `${folderOf(files[0])}/`;
  for (const file of files) {
    while (base !== "" && !file.startsWith(base)) {
      base = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1);
    }
  }
  return base === "/" && !files[0].startsWith("/") ? "" : base;
}

function judge(candidates: readonly Candidate[], looks: Looks): Judged[] {
  const judged: Judged[] = [];
  for (const row of rowsIn(candidates)) {
    const together = looks.together(row);
    // Few folders of unrelated names may be of both kinds; those of one name, with other numbers, are of one.
    const apart = row[0].row.endsWith("*") && row.length <= LOOKED_AT;
    const known = row.some(({ kind }) => kind === "pictures");
    for (const each of row) {
      const look = apart ? looks.together([each]) : together;
      judged.push({ ...each, look, isVideo: isVideo(each, { look, together, known }) });
    }
  }
  return judged;
}

/** The rule. `together` is the look of the whole row; `known` when an origin or method that the field knows is in it. */
function isVideo(
  { kind, by, framed, files, beside }: Candidate,
  row: { readonly look: Look; readonly together: Look; readonly known: boolean },
): boolean {
  if (row.look === "alike" || kind === "video") return true;
  if (kind === "pictures") return false;
  if (row.look !== "unlike") return by !== "rest" || row.look === "doubtful";
  if (by === "rest") return false;
  // Videos are many and have few frames each; origins and methods are few and have many images each.
  const least = kind === "numbered" || row.together !== "unlike"
    ? MANY_FRAMES
    : framed && !row.known
    ? FEW_FRAMES
    : 2;
  return files.length < least || files.length <= beside;
}

/** What was seen of each candidate, and what all of it has in common. */
class Looks {
  readonly #pairs = new Map<Candidate, readonly Pair[]>();
  readonly #options: { readonly signal?: AbortSignal; readonly onProgress?: (images: number) => void };
  #common = commonOf([]);

  constructor(options: { readonly signal?: AbortSignal; readonly onProgress?: (images: number) => void }) {
    this.#options = options;
  }

  async look(wanted: readonly { readonly each: Candidate; readonly pathOf: (file: string) => string }[]) {
    const found = await lookAtPairs(
      wanted.flatMap(({ each, pathOf }) => each.sample.map(pathOf)),
      this.#options,
    );
    let offset = 0;
    for (const { each } of wanted) {
      const own = found.slice(offset, offset += each.sample.length / 2);
      this.#pairs.set(each, own.filter((pair) => pair !== undefined));
    }
  }

  /** From here on what all pictures seen so far have in common counts nothing. */
  fixCommon(): void {
    this.#common = commonOf([...this.#pairs.values()].flat());
  }

  /** The look of candidates together, of those that were looked at. */
  together(candidates: readonly Candidate[]): Look {
    return lookOf(candidates.flatMap((each) => this.#pairs.get(each) ?? []), this.#common);
  }
}

/**
 * What images were taken for → sentences, counted.
 *
 * @module
 */
import type { Look } from "./alike.ts";
import type { Candidate } from "./candidates.ts";

/** Images of one class, or of one class in one split. */
export type ImageGroup = {
  /** What messages call it: `fake`, `train/real`. */
  readonly name: string;
  readonly label: 0 | 1;
  /** Relative, with `/`; what is above all of them is left out. */
  readonly files: readonly string[];
  /** Where a file is. */
  readonly pathOf: (file: string) => string;
};

/** The videos of one group's files. */
export type Grouping = {
  /** A video's name for each file, in their order: its folder, `folder/name` or the file without its suffix. */
  readonly videos: readonly string[];
  /** What was taken for what, in words. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
};

/** A candidate with what it was taken for. */
export type Judged = Candidate & { readonly look: Look; readonly isVideo: boolean };

/** A video of as many images is told of when they have nothing in common. */
const MANY = 100;
/** Origins and methods that are named one by one. */
const FEW = 5;

/** What to say of a group's candidates, and what to warn of. */
export function describeGroups(
  { name, label }: Pick<ImageGroup, "name" | "label">,
  judged: readonly Judged[],
): Pick<Grouping, "notes" | "warnings"> {
  const notes: string[] = [];
  const warnings: string[] = [];
  const origin = label === 0 ? "origin" : "method";
  const videos = judged.filter(({ isVideo }) => isVideo);
  const folders = videos.filter(({ by }) => by === "folder");
  const say = (found: readonly Judged[], why: string) => {
    if (found.length > 0) notes.push(`${name}: ${takenAsVideos(found)}${why}`);
  };
  const looking = (...looks: Judged["look"][]) => folders.filter(({ look }) => looks.includes(look));
  say(looking("alike"), ": neighbouring images look alike");
  say(looking("unlike"), " by their names, though neighbouring images look unlike");
  say(looking("doubtful", "unknown"), " by their names: the look of their images does not tell");
  const named = videos.filter(({ by }) => by === "name").length;
  if (named > 0) notes.push(`${name}: ${many(named, "video")} by file names without their frame number`);
  for (const { files, video, look } of videos.filter(({ by }) => by === "rest")) {
    const why = look === "alike" ? "neighbours look alike" : "their look does not tell";
    notes.push(`${placed(name, video)}: ${many(files.length, "image")} taken as one video: ${why}`);
  }
  const pictures = judged.filter(({ isVideo }) => !isVideo);
  const origins = pictures.filter(({ by }) => by === "folder");
  for (const { video, files } of origins.length > FEW ? [] : origins) {
    notes.push(
      `${placed(name, video)}: ${many(files.length, "image")} taken as pictures of their own (${origin} ${
        video.split("/")[0]
      })`,
    );
  }
  if (origins.length > FEW) {
    notes.push(
      `${name}: ${many(origins.length, "folder")} taken as ${origin}s, each image a picture of its own (${
        examples(origins)
      })`,
    );
  }
  const others = imagesIn(pictures.filter(({ by }) => by !== "folder"));
  if (others > 0) notes.push(`${name}: ${many(others, "image")} taken as pictures of their own`);

  const unlike = videos.filter(({ look, files }) => look === "unlike" && files.length >= MANY);
  if (unlike.length > 0) {
    warnings.push(
      `${name}: ${many(unlike.length, "video")} of ${MANY} or more images that look unlike (${
        examples(unlike)
      }); if they are ${origin}s, say --videos file`,
    );
  }
  const guessed = videos.filter((each) =>
    !unlike.includes(each) && each.kind === "word" && (each.look === "doubtful" || each.look === "unlike")
  );
  if (guessed.length > 0) {
    warnings.push(
      `${name}: ${takenAsVideos(guessed)} in doubt (${
        examples(guessed)
      }); --videos folder, name or file says what they are`,
    );
  }
  const unseen = pictures.filter(({ by, kind, look, files }) =>
    by === "rest" && kind === "word" && look === "unknown" && files.length > 1
  );
  if (unseen.length > 0) {
    warnings.push(
      `${name}: ${
        many(imagesIn(unseen), "image")
      } are videos of their own by their names; frames of one video may leak between splits (use a sub-folder a video, or a manifest)`,
    );
  }
  return { notes, warnings };
}

function takenAsVideos(found: readonly Judged[]): string {
  const what = found.every(({ by }) => by === "folder") ? "folder" : "group";
  return found.length === 1 ? `1 ${what} taken as a video` : `${many(found.length, what)} taken as videos`;
}

function imagesIn(found: readonly Judged[]): number {
  return found.reduce((sum, { files }) => sum + files.length, 0);
}

function examples(found: readonly Judged[]): string {
  const names = found.slice(0, 3).map(({ video, files }) =>
    `${video && `${video}: `}${many(files.length, "image")}`
  );
  return names.join(", ") + (found.length > 3 ? ", …" : "");
}

function placed(name: string, video: string): string {
  return video === "" ? name : `${name}/${video}`;
}

function many(count: number, one: string): string {
  return `${count.toLocaleString("en-US")} ${one}${count === 1 ? "" : "s"}`;
}

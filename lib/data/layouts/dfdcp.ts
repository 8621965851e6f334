/**
 * The preview of the Deepfake Detection Challenge (DFDC-preview, DFDCP): `original_videos`, `method_A` and `method_B`, and a
 * `dataset.json` that says each video's label, set and persons; as it is distributed, a folder a person, or as DeepfakeBench has
 * it, with the frames of all in `frames/`.
 *
 * The folders and the keys `label`, `set`, `target_id` and `swapped_id` are by programs that read them (`rearrange.py` of
 * SCLBD/DeepfakeBench among them); the list itself was not seen. What videos a fake was made of is not taken for known.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { readJson } from "../../base/files.ts";
import {
  findVideos,
  type FoundVideo,
  isImage,
  isVideo,
  type Layout,
  type SetReading,
  type Shortage,
  stem,
  type Video,
} from "./layout.ts";
import { selectMethods } from "./select_methods.ts";
import { below, isBesideFrames, namesIn, type Tree } from "../scan.ts";
import { labelNamed, splitNamed, splitWords } from "./vocabulary.ts";

const listName = "dataset.json";
/** The folder of reals; every other one has fakes. */
const reals = "original_videos";
const fakeFolder = /^method_[a-z0-9]+$/i;

/** The preview of the Deepfake Detection Challenge. */
export const dfdcp: Layout = {
  title: "DFDC-preview",
  selects: ["methods"],
  looksLike: (tree) => {
    const { folders, files } = tree.folders.get("") ?? {};
    return namesIn(files).includes(listName) &&
      namesIn(folders).some((name) => name === reals || fakeFolder.test(name));
  },
  read: readDfdcp,
};

type Row = Pick<Video, "label" | "method" | "identities"> & {
  /** As the list has it, without the suffix: `method_A/643049/643049_A_001`. */
  readonly name: string;
  readonly split: NonNullable<Video["split"]>;
};

/**
 * Reads it: labels, splits and persons are the list's; a person stays in one split where videos are dealt.
 *
 * @throws {InputError} for a list of another form, a label or a set that is none, labels that contradict the folders, or a
 * method that is not there.
 */
async function readDfdcp(tree: Tree, options: { readonly methods?: readonly string[] }): Promise<SetReading> {
  const rows = await readRows(join(tree.root, listName));
  const kept = new Map<string, Map<string, FoundVideo>>();
  const foundIn = (folder: string) => {
    const found = kept.get(folder) ?? findVideos(tree, folder);
    kept.set(folder, found);
    return found;
  };
  const videos: Video[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const counts = new Map<string, { listed: number; absent: string[] }>();
  const taken = new Map<FoundVideo, string>();
  for (const { name, ...row } of rows) {
    const count = counts.get(row.method) ?? { listed: 0, absent: [] };
    counts.set(row.method, count);
    count.listed++;
    const own = name.slice(dirname(name).length + 1);
    const inside = dirname(name).slice(row.method.length);
    const each = foundIn(dirname(name)).get(own) ?? foundIn(`${row.method}/videos${inside}`).get(own) ??
      foundIn(row.method).get(own);
    if (each === undefined) {
      count.absent.push(name);
      continue;
    }
    const before = taken.get(each);
    if (before !== undefined) {
      skipped.push({ path: name, reason: `its frames are those of ${before}, which has the same name` });
      continue;
    }
    taken.set(each, name);
    videos.push({
      ...row,
      id: name,
      folder: join(tree.root, each.folder),
      frames: each.frames,
      file: each.file && join(tree.root, each.file),
    });
  }
  skipped.push(...unlisted(tree, videos));
  const missing: Shortage[] = [...counts].filter(([, { absent }]) => absent.length > 0).map((
    [method, { listed, absent }],
  ) => ({
    what: `${method} videos`,
    expected: listed,
    found: listed - absent.length,
    by: listName,
    examples: absent.slice(0, 5),
  }));
  return {
    layout: `DFDC-preview, splits from ${listName}`,
    kind: "dfdcp",
    isOfficialSplit: true,
    root: tree.root,
    videos: selectMethods(videos, options),
    lists: [listName],
    missing,
    skipped,
    notes: [],
    warnings: [],
  };
}

/** Videos and folders of frames that the list does not name. */
function unlisted(tree: Tree, videos: readonly Video[]): SetReading["skipped"] {
  const files = new Set(videos.map(({ file }) => file));
  const folders = new Set(videos.map(({ folder }) => folder));
  const reason = `not in ${listName}`;
  return [...tree.folders.values()].flatMap((folder) => {
    const [method] = folder.path.split("/");
    if ((method !== reals && !fakeFolder.test(method)) || isBesideFrames(folder.path)) return [];
    const names = namesIn(folder.files);
    const others = names.filter((name) => isVideo(name) && !files.has(join(tree.root, folder.path, name)));
    return [
      ...others.map((name) => ({ path: below(folder.path, name), reason })),
      ...(names.some(isImage) && !folders.has(join(tree.root, folder.path))
        ? [{ path: folder.path, reason }]
        : []),
    ];
  });
}

async function readRows(path: string): Promise<Row[]> {
  const expected = "videos by path in JSON";
  const value = await readJson(path, { expected });
  if (!value || typeof value !== "object" || Array.isArray(value)) {
    throw new InputError(`Cannot read ${path}: expected ${expected} but found another form`);
  }
  const rows = Object.entries(value).map(([key, each]): Row => {
    const name = key.replaceAll("\\", "/").replace(/^\.?\//, "");
    const { label: word, set, target_id, swapped_id } = (each ?? {}) as Record<string, unknown>;
    const label = labelNamed(`${word}`);
    const split = splitNamed(`${set}`);
    if (label === undefined || split === undefined) {
      throw new InputError(
        `Cannot read ${path}: expected the label real or fake and the set ${splitWords} for ${key} but found ${
          JSON.stringify(label === undefined ? word : set) ?? "none"
        }`,
      );
    }
    const persons = [target_id, swapped_id].filter((id) => id !== undefined && id !== null && id !== "");
    const method = name.split("/")[0];
    return {
      name: `${dirname(name)}/${stem(name)}`,
      label,
      method,
      split,
      identities: persons.length > 0
        ? [...new Set(persons.map((id) => `dfdcp:${id}`))]
        : [`dfdcp:${stem(name).split("_")[0]}`],
    };
  });
  const contrary = rows.filter(({ label, method }) => (label === 0) !== (method === reals));
  if (contrary.length > 0) {
    throw new InputError(
      `Cannot use ${path}: expected reals in ${reals} and fakes in the other folders but found ${contrary.length} of ${rows.length} videos the other way round (${
        contrary.slice(0, 3).map(({ name, label }) => `${name}, ${label === 0 ? "real" : "fake"}`).join("; ")
      })${contrary.length === rows.length ? "; its labels are inverted" : ""}`,
    );
  }
  return rows;
}

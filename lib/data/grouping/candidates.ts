/**
 * The files of a class → groups that may each be one video, by names alone, and which of them are looked at.
 *
 * @module
 */
import { samplePlaces } from "./alike.ts";
import { byName } from "../sample.ts";
import { bareNumber, groupKind, type Kind, rowOf, withoutFrame } from "./names.ts";

/** Images that may be one video, and what tells of it. */
export type Candidate = {
  /** The video's name if they are one: the folder, or `folder/name`; `""` for the images beside no sub-folder. */
  readonly video: string;
  readonly by: "folder" | "name" | "rest";
  /** By name. */
  readonly files: readonly string[];
  /** What its name says. */
  readonly kind: Kind;
  /** Whether the files are named by nothing but numbers, as frames are. */
  readonly framed: boolean;
  /** Candidates that stand beside it and are named alike, and how many they are. */
  readonly row: string;
  readonly beside: number;
  /** Files that are looked at, neighbours one after the other. */
  readonly sample: readonly string[];
};

/** Candidates of a row that are looked at; the others of a longer one are taken for what these are. */
export const LOOKED_AT = 32;
/** A file's folder; `""` without any. */
export function folderOf(file: string): string {
  return file.slice(0, Math.max(0, file.lastIndexOf("/")));
}

/** A file's path without its suffix. */
export function withoutSuffix(file: string): string {
  const dot = file.lastIndexOf(".");
  return dot > file.lastIndexOf("/") + 1 ? file.slice(0, dot) : file;
}

/** The sub-folders, and what lies beside none by its names; `mixed` are the folders with several videos by names. */
export function candidatesOf(files: readonly string[]): { all: Candidate[]; mixed: Set<string> } {
  const leaves = new Map<string, string[]>();
  for (const file of files) {
    const folder = folderOf(file);
    const leaf = leaves.get(folder);
    if (leaf) leaf.push(file);
    else leaves.set(folder, [file]);
  }
  const loose = (leaves.get("") ?? []).sort(byName);
  leaves.delete("");
  const rows = rowOf([...leaves.keys()]);
  const mixed = new Set<string>();
  const ordered = [...leaves].sort(([a], [b]) => byName(a, b)); // files may come in any order
  const all = ordered.map(([folder, own]): Candidate => {
    own.sort(byName);
    const { row, beside } = rows.get(folder)!;
    const kind = groupKind(folder, { alone: row.endsWith("*") });
    const open = kind === "pictures" || kind === "word"; // a million names are a lot to look into
    const names = new Map(open ? own.map((file) => [withoutFrame(file), file]) : []); // one file of each
    const several = names.size > 1 && names.size <= own.length / 2 &&
      (kind === "pictures" || names.size > beside);
    if (several) mixed.add(folder);
    return {
      video: folder,
      by: "folder",
      files: own,
      kind,
      framed: open && own.every(bareNumber),
      row,
      beside,
      sample: several ? neighbours([...names.values()]) : neighbours(own),
    };
  });
  return { all: [...all, ...looseOf(loose)], mixed };
}

/** Candidates by the names of files in one folder: those with a name before their number, and all others together. */
export function looseOf(files: readonly string[]): Candidate[] {
  const names = new Map<string, string[]>();
  const rest: string[] = [];
  for (const file of files) {
    const name = withoutFrame(file);
    const own = names.get(name);
    if (name === withoutSuffix(file)) rest.push(file);
    else if (own) own.push(file);
    else names.set(name, [file]);
  }
  for (const [name, own] of names) {
    if (own.length > 1) continue;
    names.delete(name);
    rest.push(...own);
  }
  const rows = rowOf([...names.keys()]);
  const found = [...names].map(([video, own]): Candidate => {
    const { row, beside } = rows.get(video)!;
    const kind = groupKind(video, { alone: row.endsWith("*") });
    return {
      video,
      by: "name",
      files: own,
      kind,
      framed: true,
      row: `name ${row}`,
      beside,
      sample: neighbours(own),
    };
  });
  if (rest.length === 0) return found;
  rest.sort(byName);
  const numbered = 2 * rest.filter(bareNumber).length > rest.length;
  return [...found, {
    video: folderOf(rest[0]),
    by: "rest",
    files: rest,
    kind: numbered ? "word" : "pictures",
    framed: false,
    row: "rest",
    beside: 1,
    sample: neighbours(rest),
  }];
}

function neighbours(files: readonly string[]): string[] {
  return samplePlaces(files.length).map((place) => files[place]);
}

/** Of each row the candidates to look at: all, or 32 evenly spaced ones. */
export function lookedAt(candidates: readonly Candidate[]): Set<Candidate> {
  const chosen = new Set<Candidate>();
  for (const row of rowsIn(candidates)) {
    const count = Math.min(LOOKED_AT, row.length);
    for (let i = 0; i < count; i++) {
      chosen.add(row[count === 1 ? 0 : Math.floor((i * (row.length - 1)) / (count - 1))]);
    }
  }
  return chosen;
}

/** Candidates that stand beside each other, by name. */
export function rowsIn(candidates: readonly Candidate[]): Candidate[][] {
  const rows = new Map<string, Candidate[]>();
  for (const each of candidates) {
    const row = rows.get(each.row);
    if (row) row.push(each);
    else rows.set(each.row, [each]);
  }
  for (const row of rows.values()) row.sort((a, b) => byName(a.video, b.video));
  return [...rows.values()];
}

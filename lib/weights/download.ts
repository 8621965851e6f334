/**
 * CLIP's weights from OpenAI's own address: checked, resumable, and in place only when whole.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { weightsFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import { writeAll } from "../base/files.ts";

/** Where OpenAI publishes CLIP; each file's SHA-256 is part of its address. */
const PUBLISHER = "https://openaipublic.azureedge.net/clip/models";

/** One published file. */
type Published = {
  readonly file: string;
  /** As in OpenAI's clip.py and open_clip's pretrained.py. */
  readonly sha256: string;
  /** No file of that model is longer, in bytes: 351, 354, 933 and 934 MB, with some room. */
  readonly limit: number;
};

const published: ReadonlyMap<string, Published> = new Map([
  ["ViT-B-16", {
    file: "ViT-B-16.pt",
    sha256: "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    limit: 400e6,
  }],
  ["ViT-B-32", {
    file: "ViT-B-32.pt",
    sha256: "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    limit: 400e6,
  }],
  ["ViT-L-14", {
    file: "ViT-L-14.pt",
    sha256: "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    limit: 1000e6,
  }],
  ["ViT-L-14-336", {
    file: "ViT-L-14-336px.pt",
    sha256: "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    limit: 1000e6,
  }],
]);

/** Called with the bytes that are there so far and, where the server says so, how many there will be. */
export type OnProgress = (bytes: number, total: number | undefined) => void;

const ATTEMPTS = 3;
const CHUNK = 1 << 20;

/** Adds a file's bytes to a hash; returns how many there were. */
async function hashFile(file: Deno.FsFile, hash: Hash): Promise<number> {
  const buffer = new Uint8Array(CHUNK);
  await file.seek(0, Deno.SeekMode.Start);
  for (let total = 0;;) {
    const count = await file.read(buffer);
    if (count === null) return total;
    hash.update(buffer.subarray(0, count));
    total += count;
  }
}

async function hasChecksum(path: string, sha256: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const hash = createHash("sha256");
    await hashFile(file, hash);
    return hash.digest("hex") === sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Why a request failed, in one line: the last of its causes. */
function lastCauseOf(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
  return (messages.at(-1) ?? String(error)).split("\n")[0];
}

class Refused extends Error {}

/** Where in the file an answer's body begins, and how long the whole is; undefined when there is nothing to add. */
function placeOf(response: Response, have: number): { start: number; total?: number } | undefined {
  const range = response.headers.get("content-range");
  const length = Number(response.headers.get("content-length") ?? NaN);
  if (response.status === 206) {
    const [, start, total] = range?.match(/^bytes (\d+)-\d+\/(\d+|\*)$/) ?? [];
    if (Number(start) === have) return { start: have, total: total === "*" ? undefined : Number(total) };
    throw new Refused(`found another range than asked for: ${range}`);
  }
  if (response.status === 416) return undefined;
  if (!response.ok) throw new Refused(`HTTP ${response.status} ${response.statusText}`.trim());
  return { start: 0, total: Number.isNaN(length) ? undefined : length };
}

/** One request: adds to the open file what is missing. Throws when the connection fails on the way. */
async function fetchRest(
  url: string,
  file: Deno.FsFile,
  options: { onProgress?: OnProgress; timeout: number; limit: number; signal?: AbortSignal },
): Promise<string> {
  const { onProgress, timeout, limit } = options;
  const abort = new AbortController();
  const stalled = () => abort.abort(new Error(`no answer for ${timeout / 1000} seconds`));
  let timer = setTimeout(stalled, timeout);
  try {
    let hash = createHash("sha256");
    const have = await hashFile(file, hash);
    // Compression on the way would make lengths and ranges count something else.
    const headers = { "accept-encoding": "identity", ...(have > 0 ? { range: `bytes=${have}-` } : {}) };
    const signal = options.signal ? AbortSignal.any([abort.signal, options.signal]) : abort.signal;
    const response = await fetch(url, { headers, signal });
    let place: ReturnType<typeof placeOf>;
    const tooLong = (bytes: number) =>
      new Refused(`a file of ${bytes} bytes or more where at most ${limit} are known`);
    try {
      place = placeOf(response, have);
      if (place?.total !== undefined && place.total > limit) throw tooLong(place.total);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    if (!place || !response.body) {
      await response.body?.cancel();
      return hash.digest("hex");
    }
    let bytes = place.start;
    if (bytes !== have) { // the server does not do ranges
      await file.truncate(0);
      hash = createHash("sha256");
    }
    await file.seek(bytes, Deno.SeekMode.Start);
    onProgress?.(bytes, place.total);
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(stalled, timeout);
      if (bytes + chunk.length > limit) {
        await file.truncate(0); // none of it is the file
        throw tooLong(bytes + chunk.length);
      }
      await writeAll(file, chunk);
      hash.update(chunk);
      bytes += chunk.length;
      onProgress?.(bytes, place.total);
    }
    if (place.total !== undefined && bytes !== place.total) {
      throw new Error(`the connection ended after ${bytes} of ${place.total} bytes`);
    }
    return hash.digest("hex");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Downloads a file with a known checksum, unless it is there already.
 *
 * What has arrived waits in `<path>.part`, locked while in use, and a later call goes on from there; a connection that
 * ends on the way is tried again. The file is renamed into place once its SHA-256 is right.
 *
 * @param url where from
 * @param options.path where to
 * @param options.sha256 in lower-case hexadecimal
 * @param options.limit most bytes that the file can have; what sends more is refused; none unless given
 * @param options.timeout milliseconds without a byte after which an attempt ends, 30,000 unless given
 * @param options.signal stops it, keeping what has arrived
 * @throws {Error} `found …` with the last reason, or the signal's reason.
 */
export async function download(
  url: string,
  options: {
    path: string;
    sha256: string;
    onProgress?: OnProgress;
    timeout?: number;
    limit?: number;
    signal?: AbortSignal;
  },
): Promise<void> {
  const { path, sha256, onProgress, timeout = 30_000, limit = Infinity, signal } = options;
  if (await hasChecksum(path, sha256)) return;
  const part = `${path}.part`;
  using file = await Deno.open(part, { read: true, write: true, create: true });
  await file.lock(true);
  if (await hasChecksum(path, sha256)) { // another process was faster
    await Deno.remove(part).catch(() => {}); // by its rename it may be gone already
    return;
  }
  let reason = "";
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    let found: string;
    try {
      found = await fetchRest(url, file, { onProgress, timeout, limit, signal });
    } catch (error) {
      signal?.throwIfAborted();
      reason = lastCauseOf(error);
      if (error instanceof Refused) break;
      continue;
    }
    if (found === sha256) {
      await file.syncData();
      await Deno.rename(part, path);
      return;
    }
    reason = `a file with SHA-256 ${found}`;
    await file.truncate(0);
  }
  if ((await file.stat()).size === 0) await Deno.remove(part);
  throw new Error(`found ${reason}`);
}

/**
 * A local file with the weights of one of OpenAI's CLIP models, for `loadStateDict()`: downloaded and checked the
 * first time, checked again every time.
 *
 * @param options.model `"ViT-B-16"`, `"ViT-B-32"`, `"ViT-L-14"` or `"ViT-L-14-336"`, also as OpenAI writes them: `"ViT-L/14@336px"`
 * @param options.path the user's own file instead, of any origin; nothing is downloaded then
 * @param options.cacheDir `forgelens-bench/clip` in the user's cache folder unless given
 * @param options.baseUrl a mirror with the publisher's layout, `<baseUrl>/<sha256>/<file>`
 * @param options.signal stops a download, which a later call goes on with
 * @returns the file's path
 * @throws {InputError} when there is no such model, or no such file of the user's
 * @throws {Error} in one line: what to fetch, from where, its checksum, and where to put it.
 *
 * @example
 * ```ts
 * import { InputError } from "@forgelens/bench";
 * import { clipWeights } from "@forgelens/bench/model";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pt" });
 * assertEquals(await clipWeights({ model: "ViT-B-16", path }), path); // without one they are downloaded, once
 * await assertRejects(() => clipWeights({ model: "RN50" }), InputError, "expected one of ViT-B-16");
 * await Deno.remove(path);
 * ```
 */
export async function clipWeights(options: {
  model: string;
  path?: string;
  cacheDir?: string;
  baseUrl?: string;
  onProgress?: OnProgress;
  signal?: AbortSignal;
}): Promise<string> {
  const { model, path, cacheDir = weightsFolder(), baseUrl = PUBLISHER, onProgress } = options;
  if (path !== undefined) {
    if ((await Deno.stat(path).catch(() => undefined))?.isFile) return path;
    throw new InputError(`Cannot load CLIP's weights ${path}: expected a file but found none`);
  }
  const name = model.replaceAll(/[/@]/g, "-").replace(/px$/, "");
  const known = published.get(name);
  if (!known) {
    throw new InputError(
      `Cannot download CLIP's weights: expected one of ${
        [...published.keys()].join(", ")
      } but found ${model}`,
    );
  }
  const { file, sha256, limit } = known;
  const url = `${baseUrl}/${sha256}/${file}`;
  const target = join(cacheDir, file);
  try {
    await Deno.mkdir(cacheDir, { recursive: true });
    await download(url, {
      path: target,
      sha256,
      onProgress,
      limit,
      signal: options.signal,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(
      `Cannot download ${file}: expected it at ${url} but ${
        (error as Error).message
      }. Fetch it there by other ` +
        `means (SHA-256 ${sha256}) and put it at ${target}, or name a local file with --clip-weights FILE`,
      { cause: error },
    );
  }
  return target;
}

/**
 * The command that makes frames of videos.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { printable, shellWord } from "../base/printable.ts";
import { shardName, type ShardOf } from "../base/shard.ts";
import { readSet } from "../data/layouts/mod.ts";
import { isParquetSet } from "../data/parquet/unpack.ts";
import { sheetName } from "../data/prepared.ts";
import { pathInSpec } from "../data/spec_path.ts";
import { LEAST_FACE } from "../faces/face.ts";
import { type Table, tableText } from "../report/table.ts";
import { resolveConfig } from "../runs/config/config.ts";
import { flagName } from "../runs/config/names.ts";
import { requestOf } from "../runs/config/data_request.ts";
import type { Coverage } from "../videos/coverage.ts";
import { prepareVideos } from "../videos/prepare.ts";
import type { FacesChoice } from "../videos/prepare_faces.ts";
import { unpack } from "./unpack.ts";
import { configFlags, type Flags, numberOf, textOf } from "./flags.ts";
import { inShards } from "./shards.ts";
import { onScreen } from "../runs/screen.ts";

/** Makes frames of a set's videos; resolves to 1 when no video gave any. */
export async function prepare(flags: Flags): Promise<number> {
  return await inShards("prepare", { flags, work: (shard) => prepareShare(flags, shard) });
}

async function prepareShare(flags: Flags, shard: ShardOf | undefined): Promise<number> {
  const config = resolveConfig(configFlags(flags));
  const { source } = requestOf(config);
  if (source?.kind !== "layout") {
    throw new InputError("Cannot prepare frames: expected --data NAME=FOLDER but found none");
  }
  const { spec } = source;
  if (await isParquetSet(spec.path)) {
    if (shard === undefined) return await unpack(spec, `${flags.into}`);
    throw new InputError(
      `Cannot unpack ${
        shardName(shard)
      }: expected a set of videos or frames but found Parquet files, which one process unpacks`,
    );
  }
  return await onScreen(async ({ screen, signal }) => {
    const reading = await readSet(spec, { signal });
    const wanted = spec.split === undefined || spec.split === "all" ? undefined : spec.split;
    const videos = reading.videos.filter(({ split }) => wanted === undefined || split === wanted);
    console.log(printable(`${spec.name}: ${reading.layout}, ${videos.length} videos`));
    const into = `${flags.into}`;
    const task = shard === undefined ? "Extracting frames" : `Extracting frames of ${shardName(shard)}`;
    const { coverage, warnings, left } = await prepareVideos({ ...reading, videos }, {
      into,
      frames: spec.framesPerVideo ?? numberOf(flags.frames),
      boxes: textOf(flags.boxes),
      landmarks: flags.landmarks === true,
      faces: facesIn(flags),
      margin: numberOf(flags.margin),
      recompress: numberOf(flags.recompress),
      workers: numberOf(flags.workers),
      shard,
      signal,
      onProgress: (done, total) => screen.show({ type: "progress", task, unit: "videos", done, total }),
    });
    screen.close();
    console.log(`\n${tableText(coverageTable(coverage))}`);
    for (const message of [...reading.warnings, ...warnings]) console.log(`Warning: ${printable(message)}`);
    if (flags.boxes === undefined && !flags.landmarks && !flags.faces) {
      console.log("Warning: UNCROPPED, the frames are whole; give --faces to cut the faces out");
    }
    if (left > 0) {
      console.log(
        `${left} videos of other shards are yet to be made: the last shard writes coverage.csv, and until then nothing trains on ${
          printable(into)
        }`,
      );
      return 0;
    }
    console.log(`Coverage: ${printable(join(into, "coverage.csv"))}`);
    const got = coverage.some((row) => row.got > 0);
    if (got && flags.faces) console.log(`To look at: ${printable(join(into, sheetName))}`);
    if (got) {
      console.log(`Next: deno task train --data ${printable(shellWord(`${spec.name}=${pathInSpec(into)}`))}`);
    } else {console.error(
        "Cannot extract frames: expected some but found none in any video; coverage.csv says why",
      );}
    return got ? 0 : 1;
  }, { interrupted: () => "Interrupted. The same command goes on." });
}

/** How faces are found; undefined without `--faces`, whose flags are then refused. */
function facesIn(flags: Flags): FacesChoice | undefined {
  const { align, size, points, leastScore, leastSide } = flags;
  if (flags.faces !== true) {
    const usual = {
      align: "none",
      size: undefined,
      points: "5",
      leastScore: LEAST_FACE.score,
      leastSide: LEAST_FACE.side,
    } as const;
    const given = Object.entries(usual).find(([key, value]) => flags[key] !== value)?.[0];
    if (given === undefined) return undefined;
    throw new InputError(
      `Cannot prepare frames: expected ${
        flagName(given)
      } with --faces, which looks for them, but found it alone`,
    );
  }
  return {
    align: align as FacesChoice["align"],
    size: numberOf(size),
    points: points === "68" ? 68 : 5,
    leastScore: numberOf(leastScore),
    leastSide: numberOf(leastSide),
  };
}

function coverageTable(coverage: readonly Coverage[]): Table {
  const groups = new Map<string, Coverage[]>();
  const unread = coverage.filter(({ label }) => label === "");
  for (const row of coverage) {
    if (row.label === "") continue;
    const key = `${row.label} ${row.method}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const text = (value: number) => value.toLocaleString("en-US");
  const short = coverage.filter(({ got, wanted }) => got < wanted);
  return {
    title: "Coverage",
    columns: ["Class", "Method", "Videos", "All frames", "Fewer", "None", "Frames"].map((name, i) => ({
      name,
      align: i < 2 ? "left" as const : "right" as const,
    })),
    rows: [...groups.values()].map((rows) => [
      rows[0].label,
      rows[0].method,
      text(rows.length),
      text(rows.filter(({ got, wanted }) => got >= wanted).length),
      text(rows.filter(({ got, wanted }) => got > 0 && got < wanted).length),
      text(rows.filter(({ got }) => got === 0).length),
      text(rows.reduce((sum, { got }) => sum + got, 0)),
    ]),
    notes: [
      ...unread.slice(0, 10).map(({ video, note }) => `${video}: ${note}`),
      ...(unread.length > 10 ? [`and ${unread.length - 10} more that were not read`] : []),
      ...short.slice(0, 10).map(({ video, got, wanted, note }) =>
        `${video}: ${got} of ${wanted}${note && `, ${note}`}`
      ),
      ...(short.length > 10 ? [`and ${short.length - 10} more`] : []),
    ],
  };
}

/**
 * The training of a run as event files, which TensorBoard shows beside those of other programs.
 *
 * Written by hand, as these are two small messages of scalars: a record is a length, a message, and a checksum of each
 * (tensorflow/core/lib/io/record_writer.h); the messages are Event and Summary (event.proto, summary.proto).
 *
 * @module
 */
import { crc32c } from "../base/checksum.ts";
import type { EpochRecord, ScoreReport } from "./report.ts";

/** The curves, by the names that TensorBoard groups at the stroke; an epoch without a number has no point. */
const scalars: Readonly<Record<string, (epoch: EpochRecord) => number | undefined>> = {
  "loss/train": ({ loss }) => loss,
  "loss/validation": ({ valLoss }) => valLoss,
  "auc/validation": ({ valAuc }) => valAuc,
  "learning rate": ({ learningRate }) => learningRate,
  "epoch/number": ({ epoch }) => epoch,
  "epoch/seconds": ({ seconds }) => seconds,
};

/**
 * One event file a training seed, by its path below the run's folder; none without a history.
 *
 * A point is at the optimizer's step. Its time is told from the report's and from what the epochs took, as if training had ended
 * when the report was made. TensorBoard keeps single precision: the full numbers are those of history.csv.
 */
export function tensorboardFiles(
  { history, config, createdAt }: Pick<ScoreReport, "history" | "config" | "createdAt">,
): Record<string, Uint8Array> {
  const made = Date.parse(createdAt) / 1000;
  const end = Number.isNaN(made) ? 0 : made;
  const firstSeed = typeof config.seed === "number" ? config.seed : 0;
  // Runs of older versions had the same at every step, and did not keep it by epoch.
  const learningRate = typeof config.learningRate === "number" ? config.learningRate : undefined;
  const files: Record<string, Uint8Array> = {};
  let left = history.reduce((sum, { seconds }) => sum + seconds, 0);
  for (const [run, epochs] of Map.groupBy(history, ({ run }) => run)) {
    const events = [eventOf({ time: end - left, version: "brain.Event:2" })];
    for (const epoch of epochs) {
      left -= epoch.seconds;
      const values = Object.entries(scalars).flatMap(([tag, valueOf]) => {
        const value = valueOf({ learningRate, ...epoch });
        return value === undefined ? [] : [{ tag, value }];
      });
      events.push(eventOf({ time: end - left, step: epoch.step, values }));
    }
    // One name, so that a file that is written anew takes the place of the old one.
    files[`tensorboard/seed-${firstSeed + run}/events.out.tfevents.forgelens`] = joined(events.map(recordOf));
  }
  return files;
}

/** A message as a record: length, its checksum, the message, its checksum. */
function recordOf(message: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(message.length), true);
  return joined([length, maskedCrc(length), message, maskedCrc(message)]);
}

/** The checksum of a checksum would be degenerate, so records rotate theirs and add a constant. */
function maskedCrc(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  return little(4, (view) => view.setUint32(0, masked, true));
}

/** What an event is made of. */
type EventParts = {
  /** Seconds since 1970. */
  readonly time: number;
  readonly step?: number;
  /** Of the format; of the first event alone. */
  readonly version?: string;
  readonly values?: readonly { readonly tag: string; readonly value: number }[];
};

/** Event: 1 wall_time, 2 step, 3 file_version, 5 summary. */
function eventOf({ time, step, version, values }: EventParts): Uint8Array {
  return joined([
    fixed64(1, time),
    ...(step === undefined ? [] : [varint(2 << 3), varint(step)]),
    ...(version === undefined ? [] : [delimited(3, new TextEncoder().encode(version))]),
    ...(values === undefined ? [] : [delimited(5, joined(values.map(summaryValue)))]),
  ]);
}

/** Summary: 1 value, repeated; Summary.Value: 1 tag, 2 simple_value. */
function summaryValue({ tag, value }: { readonly tag: string; readonly value: number }): Uint8Array {
  return delimited(1, joined([delimited(1, new TextEncoder().encode(tag)), fixed32(2, value)]));
}

function fixed64(field: number, value: number): Uint8Array {
  return joined([varint(field << 3 | 1), little(8, (view) => view.setFloat64(0, value, true))]);
}

function fixed32(field: number, value: number): Uint8Array {
  return joined([varint(field << 3 | 5), little(4, (view) => view.setFloat32(0, value, true))]);
}

function delimited(field: number, bytes: Uint8Array): Uint8Array {
  return joined([varint(field << 3 | 2), varint(bytes.length), bytes]);
}

/** A whole number from 0 on, seven bits a byte, the lowest first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return Uint8Array.from(bytes);
}

function little(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
  }
  return bytes;
}

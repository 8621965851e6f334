import { assertEquals } from "@std/assert";
import { crc32c } from "../../lib/base/checksum.ts";
import type { EpochRecord } from "../../lib/report/report.ts";
import { tensorboardFiles } from "../../lib/report/tensorboard.ts";

const createdAt = "2025-01-02T03:04:05.500Z";
const first: EpochRecord = {
  ...{ run: 0, epoch: 1, step: 300, loss: 0.5, valLoss: 0.75, valAuc: 0.625, seconds: 1.5, best: true },
};
const history: EpochRecord[] = [
  first,
  { ...first, epoch: 2, step: 600, loss: 0.25, valLoss: undefined, valAuc: undefined },
  { ...first, run: 1, loss: 0.125 },
];

/** The messages of an event file, each checked as TensorFlow's reader checks it. */
function messagesOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer);
  const messages: Uint8Array[] = [];
  // The inverse of the mask in tensorflow/core/lib/hash/crc32c.h.
  const unmasked = (offset: number) => {
    const rotated = (view.getUint32(offset, true) - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    assertEquals(unmasked(at + 8), crc32c(bytes.subarray(at, at + 8)), `length at ${at}`);
    const message = bytes.subarray(at + 12, at + 12 + length);
    assertEquals(unmasked(at + 12 + length), crc32c(message), `message at ${at}`);
    messages.push(message);
    at += 16 + length;
  }
  return messages;
}

Deno.test("tensorboardFiles() writes the bytes that tensorboard 2.21.0 read back as this history", () => {
  const { "tensorboard/seed-5/events.out.tfevents.forgelens": bytes } = tensorboardFiles({
    ...{ history: [first], config: { seed: 5, learningRate: 0.5 }, createdAt },
  });
  assertEquals(
    bytes.toBase64(),
    "GAAAAAAAAACjf0siCQAAAImA3dlBGg1icmFpbi5FdmVudDoyDHaGOpIAAAAAAAAAJ0esUAkAAGCJgN3ZQRCsAiqDAQoRCgpsb3NzL3RyYWluFQAAAD8KFgoPbG9zcy92YWxpZGF0aW9uFQAAQD8KFQoOYXVjL3ZhbGlkYXRpb24VAAAgPwoUCg1sZWFybmluZyByYXRlFQAAAD8KEwoMZXBvY2gvbnVtYmVyFQAAgD8KFAoNZXBvY2gvc2Vjb25kcxUAAMA/A5OqAA==",
  );
});

Deno.test("tensorboardFiles() writes a file a seed, an event an epoch, and no point for what was not measured", () => {
  const files = tensorboardFiles({ history, config: { seed: 7 }, createdAt });
  assertEquals(Object.keys(files), [
    "tensorboard/seed-7/events.out.tfevents.forgelens",
    "tensorboard/seed-8/events.out.tfevents.forgelens",
  ]);
  const [events, others] = Object.values(files).map(messagesOf);
  assertEquals([events.length, others.length], [3, 2]);
  const tagsOf = (message: Uint8Array) =>
    new TextDecoder().decode(message).match(/(loss|auc|learning|epoch)[/ ][a-z]+/g);
  const all = ["loss/train", "loss/validation", "auc/validation", "epoch/number", "epoch/seconds"];
  assertEquals(tagsOf(events[1]), all);
  assertEquals(tagsOf(events[2]), ["loss/train", "epoch/number", "epoch/seconds"]);
});

Deno.test("tensorboardFiles() lets training end when the report was made", () => {
  const files = tensorboardFiles({ history, config: {}, createdAt });
  const times = Object.values(files).map((bytes) =>
    messagesOf(bytes).map((message) => new DataView(message.slice().buffer).getFloat64(1, true))
  );
  const end = Date.parse(createdAt) / 1000;
  assertEquals(times, [[end - 4.5, end - 3, end - 1.5], [end - 1.5, end]]);
  assertEquals(tensorboardFiles({ history: [], config: {}, createdAt }), {});
});

import { assertEquals } from "@std/assert";
import { hasStopped, isBest, isOutOfPatience } from "../../lib/runs/selection.ts";
import type { EpochRecord } from "../../lib/report/report.ts";

const record = (epoch: number, values: Partial<EpochRecord>): EpochRecord => ({
  ...{ run: 1, epoch, step: epoch, loss: 1, seconds: 1, best: true },
  ...values,
});
// Another seed's epoch stands first, and is not to be taken for one of this.
const history = [record(1, { run: 0, valLoss: 0.1, valAuc: 0.9 }), record(1, { valLoss: 0.5, valAuc: 0.7 })];
const state = { run: 1, epoch: 2, best: { epoch: 1, auc: 0.7 }, history };

Deno.test("isBest() goes by a greater AUC or a lesser loss, as is asked for, and a tie is no better", () => {
  const kept = (selectBy: "auc" | "loss", validation: { valAuc: number; valLoss: number }) =>
    isBest({ select: "best", selectBy, epochs: 5 }, { state, validation });
  assertEquals(kept("auc", { valAuc: 0.71, valLoss: 0.6 }), true);
  assertEquals(kept("loss", { valAuc: 0.71, valLoss: 0.6 }), false);
  assertEquals(kept("loss", { valAuc: 0.6, valLoss: 0.4 }), true);
  assertEquals(kept("auc", { valAuc: 0.7, valLoss: 0.4 }), false);
  assertEquals(kept("loss", { valAuc: 0.8, valLoss: 0.5 }), false);
  const first = { ...state, epoch: 1, best: null };
  assertEquals(
    isBest({ select: "best", selectBy: "loss", epochs: 5 }, {
      state: first,
      validation: { valAuc: 0, valLoss: 9 },
    }),
    true,
  );
});

Deno.test("isBest() keeps the last epoch where that is asked for", () => {
  const at = (epoch: number) =>
    isBest({ select: "last", selectBy: "auc", epochs: 2 }, {
      state: { ...state, epoch },
      validation: undefined,
    });
  assertEquals([at(1), at(2)], [false, true]);
});

Deno.test("isOutOfPatience() after so many epochs without a better one, but not after the last", () => {
  const at = (epoch: number, patience?: number) =>
    isOutOfPatience({ patience, epochs: 5 }, { ...state, epoch });
  assertEquals([at(2, 2), at(3, 2), at(4, 2), at(5, 2), at(4)], [false, true, true, false, false]);
});

Deno.test("hasStopped() is about the seed in progress alone", () => {
  assertEquals(hasStopped({ run: 1, history: [record(1, { stopped: true })] }), true);
  assertEquals(hasStopped({ run: 2, history: [record(1, { stopped: true })] }), false);
  assertEquals(hasStopped({ run: 1, history }), false);
  assertEquals(hasStopped({ run: 0, history: [] }), false);
});

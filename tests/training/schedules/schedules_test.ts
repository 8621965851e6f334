import { assertAlmostEquals, assertEquals } from "@std/assert";
import { rateAt, scheduleNames } from "../../../lib/training/schedules/mod.ts";
import { reference } from "../options.ts";

const settings = { learningRate: 3e-4, leastRate: 0, warmup: 0, stepEvery: 2, stepFactor: 0.7 };

Deno.test("the cosine schedule has CosineAnnealingLR's rates", () => {
  const found = reference.schedules.cosine.map((_, step) =>
    rateAt({ step, steps: 20, epoch: 0 }, { ...settings, schedule: "cosine", leastRate: 1e-6 })
  );
  found.forEach((rate, i) => assertAlmostEquals(rate, reference.schedules.cosine[i], 1e-15)); // PyTorch's goes by recurrence
});

Deno.test("the warm-up has LinearLR's rates from the least one, and the cosine begins after it", () => {
  const found = reference.schedules.warm.map((_, step) =>
    rateAt({ step, steps: 20, epoch: 0 }, { ...settings, schedule: "cosine", leastRate: 1e-6, warmup: 4 })
  );
  found.forEach((rate, i) => assertAlmostEquals(rate, reference.schedules.warm[i], 1e-15));
});

Deno.test("the step schedule has StepLR's rates, by epochs", () => {
  const found = reference.schedules.step.map((_, epoch) =>
    rateAt({ step: 100 * epoch + 7, steps: 1000, epoch }, { ...settings, schedule: "step" })
  );
  found.forEach((rate, i) => assertAlmostEquals(rate, reference.schedules.step[i], 1e-15));
});

Deno.test("without warm-up every schedule begins at the learning rate itself, and the constant one stays there", () => {
  for (const schedule of scheduleNames) {
    assertEquals(rateAt({ step: 0, steps: 20, epoch: 0 }, { ...settings, schedule }), 3e-4, schedule);
  }
  assertEquals(rateAt({ step: 19, steps: 20, epoch: 4 }, { ...settings, schedule: "constant" }), 3e-4);
});

Deno.test("a warm-up without a least rate rises from 0", () => {
  const rates = [0, 1, 2, 3].map((step) =>
    rateAt({ step, steps: 20, epoch: 0 }, { ...settings, schedule: "constant", warmup: 2 })
  );
  assertEquals(rates, [0, 1.5e-4, 3e-4, 3e-4]);
});

import { assertEquals, assertRejects } from "@std/assert";
import { createBudget, inParallel } from "../../lib/base/pool.ts";

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

Deno.test("inParallel() gives results in order and has no more at work than it may", async () => {
  let now = 0;
  let most = 0;
  const results = await inParallel([5, 4, 3, 2, 1], async (value, index) => {
    most = Math.max(most, ++now);
    for (let i = 0; i < value; i++) await soon();
    now--;
    return [value, index];
  }, { workers: 2 });
  assertEquals(results, [[5, 0], [4, 1], [3, 2], [2, 3], [1, 4]]);
  assertEquals(most, 2);
});

Deno.test("inParallel() begins nothing after a failure and waits for what runs", async () => {
  const ended: number[] = [];
  await assertRejects(
    () =>
      inParallel([0, 1, 2, 3], async (i) => {
        if (i === 0) throw new Error("the first");
        await soon();
        ended.push(i);
      }, { workers: 2 }),
    Error,
    "the first",
  );
  assertEquals(ended, [1]);
});

Deno.test("inParallel() stops between items when its signal fires", async () => {
  const controller = new AbortController();
  const begun: number[] = [];
  const work = inParallel([0, 1, 2], async (i) => {
    begun.push(i);
    controller.abort(new Error("stopped"));
    await soon();
  }, { workers: 1, signal: controller.signal });
  await assertRejects(() => work, Error, "stopped");
  assertEquals(begun, [0]);
});

Deno.test("createBudget() never gives more than it has, and the whole of it to who wants more", async () => {
  const budget = createBudget(10);
  let held = 0;
  let most = 0;
  const use = async (amount: number) => {
    using _ = await budget.take(amount);
    held += Math.min(amount, 10);
    most = Math.max(most, held);
    await soon();
    held -= Math.min(amount, 10);
  };
  await Promise.all([4, 4, 4, 25, 1, 9, 3].map(use));
  assertEquals([held, most], [0, 10]);
});

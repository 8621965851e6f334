import { assertEquals } from "@std/assert";
import { createRandom } from "../../lib/base/random.ts";
import { jpeg } from "../../lib/images/perturbations/jpeg.ts";
import type { EncodeItem } from "../../lib/model/features/encode.ts";
import { eachOnce } from "../../lib/runs/encode/each_once.ts";

Deno.test("eachOnce() takes the first of each path and perturbation, and keeps the order", () => {
  const random = createRandom("each once");
  const items = Array.from({ length: 2000 }, (): EncodeItem => {
    const sample = { path: `faces/${random.integer(300)}.png`, label: 0, set: "faces" } as const;
    const level = random.integer(3);
    return level === 0 ? { sample } : { sample, perturbation: { kind: jpeg, level: 40 + level } };
  });
  const names = items.map(({ sample, perturbation }) => `${sample.path} ${perturbation?.level}`);
  assertEquals(eachOnce(items), items.filter((_, i) => names.indexOf(names[i]) === i));
  assertEquals(eachOnce([]), []);
});

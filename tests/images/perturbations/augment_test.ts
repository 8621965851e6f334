import { assertAlmostEquals, assertEquals } from "@std/assert";
import { drawAugmentation } from "../../../lib/images/perturbations/augment.ts";
import { parsePerturbations } from "../../../lib/images/perturbations/mod.ts";
import { perturbationName } from "../../../lib/images/perturbations/perturbation.ts";

const perturbations = parsePerturbations("jpeg")!;

Deno.test("drawAugmentation() perturbs the share that is asked for, each kind as often, and is a function of its place", () => {
  const draws = (epoch: number) =>
    Array.from(
      { length: 4000 },
      (_, place) => drawAugmentation({ perturbations, share: 0.3 }, { seed: 1, epoch, place }),
    );
  const first = draws(1);
  assertEquals(draws(1), first);
  const found = first.filter((each) => each !== undefined);
  // Four standard deviations of a share of 4,000 draws, and of 1,200 draws' share of one kind.
  assertAlmostEquals(found.length / first.length, 0.3, 4 * Math.sqrt(0.3 * 0.7 / 4000));
  for (const each of perturbations) {
    const share = found.filter((one) => perturbationName(one) === perturbationName(each)).length /
      found.length;
    const p = 1 / perturbations.length;
    assertAlmostEquals(share, p, 4 * Math.sqrt(p * (1 - p) / 1200));
  }
  const other = draws(2).filter((each, place) => each?.level === first[place]?.level).length;
  assertAlmostEquals(other / 4000, 0.7 * 0.7 + 0.3 * 0.3 / perturbations.length, 0.04); // as chance has it
});

Deno.test("drawAugmentation() does nothing without perturbations, and to every image at a share of 1", () => {
  const at = { seed: 0, epoch: 1, place: 0 };
  assertEquals(drawAugmentation({ perturbations: [], share: 1 }, at), undefined);
  for (let place = 0; place < 50; place++) {
    assertEquals(drawAugmentation({ perturbations, share: 1 }, { ...at, place }) !== undefined, true);
  }
});

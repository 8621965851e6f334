import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Trust } from "../../lib/model/maps/trust.ts";
import { sumText, trustText } from "../../lib/report/map_text.ts";

const good: Trust = {
  ...{ images: 1, called: 0, isSigned: true },
  deletion: { scores: [0.28, 0.6, 0.7, 0.7, 0.8], area: 0.3 },
  insertion: { scores: [0.8, 0.1, 0.1, 0.1, 0.28], area: 0.8 },
  randomDeletion: { scores: [0.28, 0.3, 0.25, 0.3, 0.8], area: 0.6 },
  randomInsertion: { scores: [0.8, 0.3, 0.25, 0.3, 0.28], area: 0.6 },
};

Deno.test("trustText() says what half of a map's patches do to the score, and what random halves do", () => {
  assertEquals(
    trustText(good),
    "without the half of the patches that it marks most for real, the score rises from 0.28 to 0.70 (random halves: 0.25)",
  );
  assertEquals(
    trustText({ ...good, isSigned: false, images: 8 }),
    "without the half of the patches that it marks most, the score rises from 0.28 to 0.70 (random halves: 0.25), mean of 8 frames",
  );
  const still = { ...good, deletion: { ...good.deletion, scores: [0.28, 0.28, 0.281, 0.28, 0.28] } };
  assertStringIncludes(trustText(still), "the score stays at 0.28 (");
});

Deno.test("trustText() says of a map that is no better than random orders that it is not to be trusted", () => {
  const deletion = { ...good.deletion, area: 0.6 };
  const insertion = { ...good.insertion, area: 0.5 };
  assertStringIncludes(
    trustText({ ...good, deletion }),
    "; NOT TO BE TRUSTED: taken away in its order, patches tell no more than in random orders",
  );
  assertStringIncludes(trustText({ ...good, insertion }), "NOT TO BE TRUSTED: put back in its order");
  assertStringIncludes(trustText({ ...good, deletion, insertion }), "taken away or put back in its order");
});

Deno.test("trustText() adds where masks are known how often the peak is in them, beside chance", () => {
  assertStringIncludes(
    trustText(good, { images: 1, hits: 0, chance: 0.114 }),
    "; its peak is not in what was manipulated (by chance 11 %)",
  );
  assertStringIncludes(
    trustText(good, { images: 8, hits: 6, chance: 0.2 }),
    "; its peak is in what was manipulated in 6 of 8 images (by chance 20 %)",
  );
  assertEquals(trustText(good, { images: 0, hits: 0, chance: 0 }), trustText(good));
});

Deno.test("sumText() adds a map up to its logit and score", () => {
  assertEquals(
    sumText({ patches: [1, -2.5], classToken: -0.25, even: 0.8, total: -0.95 }),
    "logit −0.95 (score 0.28) = even image +0.80, patches −1.50, class token −0.25",
  );
});

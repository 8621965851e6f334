import { assertEquals } from "@std/assert";
import { resolveConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { unusedNotes } from "../../lib/runs/unused.ts";

const notesOf = (given: RunInput) => unusedNotes(resolveConfig(given));

Deno.test("unusedNotes() names what a fit, or another detector, has no use for, and nothing else", () => {
  assertEquals(notesOf({}), []);
  assertEquals(notesOf({ detector: "ln-tuned", blocks: 2, epochs: 3 }), []);
  assertEquals(notesOf({ preset: "published-3" }), []);
  assertEquals(notesOf({ detector: "forgelens-stage1", faformerLayers: 4 }), []); // as stage 2's run gives them
  assertEquals(notesOf({ detector: "forgelens", wsgmCount: 4 }), []); // stage 1's, trained first
  assertEquals(notesOf({ detector: "linear-probe", epochs: 9, balance: false }), [
    "The linear probe is fitted to all training images at once, which --epochs does not change",
  ]);
  assertEquals(notesOf({ detector: "knn", balance: false, blocks: 2 }), [
    "The knn is fitted to all training images at once, which --balance does not change",
    "The knn has other settings: --blocks does not change it",
  ]);
});

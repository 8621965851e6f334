import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { auditShortcuts, shortcutNames, shortcutWarning } from "../../../lib/data/audit/shortcuts.ts";
import type { Sample } from "../../../lib/data/sample.ts";
import type { ImageFacts } from "../../../lib/images/facts.ts";
import { createRandom } from "../../../lib/base/random.ts";

const plain: ImageFacts = {
  bytes: 1000,
  format: "JPEG",
  width: 224,
  height: 224,
  tables: "t",
  mean: [100, 100, 100],
  digest: "",
  grid: "",
  look: "",
};

/** `videos` of each class with two frames each; `make` says what differs. */
function audit(make: (label: 0 | 1, video: number) => Partial<ImageFacts>, videos = 40) {
  const facts = new Map<string, ImageFacts>();
  const samples: Sample[] = [];
  for (const label of [0, 1] as const) {
    for (let i = 0; i < videos * 2; i++) {
      const path = `${label} ${i}`;
      facts.set(path, { ...plain, ...make(label, i >> 1) });
      samples.push({ path, label, set: "s", video: `v${i >> 1}` });
    }
  }
  return Object.fromEntries(auditShortcuts(samples, facts).map((each) => [each.property, each]));
}

Deno.test("auditShortcuts() gives 1 for what tells the classes apart and 0.5 for what does not", () => {
  const cases: [string, (label: 0 | 1) => Partial<ImageFacts>][] = [
    ["format", (label) => ({ format: label ? "PNG" : "JPEG" })],
    ["dimensions", (label) => ({ width: label ? 256 : 224 })],
    ["file size", (label) => ({ bytes: label ? 2000 : 1000 })],
    ["quantisation", (label) => ({ tables: label ? "a" : "b" })],
    ["mean colour", (label) => ({ mean: [label ? 90 : 110, 100, 100] })],
  ];
  for (const [property, make] of cases) {
    const found = audit(make);
    for (const name of shortcutNames) {
      assertEquals([name, found[name].auc, found[name].warn], [
        name,
        name === property ? 1 : 0.5,
        name === property,
      ]);
    }
  }
});

Deno.test("auditShortcuts() takes more images than a call takes arguments", () => {
  const { format } = audit((label) => ({ format: label ? "PNG" : "JPEG" }), 50_000);
  assertEquals(format.auc, 1);
});

Deno.test("auditShortcuts() does not learn a value that only one video has", () => {
  // Every video its own size: in-sample this tells everything, on other videos nothing.
  const random = createRandom(0, "sizes");
  const sizes = Array.from({ length: 80 }, () => 100 + random.integer(1000));
  const found = audit((label, video) => ({ width: sizes[label * 40 + video], tables: `${label} ${video}` }));
  assert(Math.abs(found.dimensions.auc! - 0.5) < 0.2, `${found.dimensions.auc}`);
  assertEquals([found.dimensions.warn, found.quantisation.auc], [false, 0.5]);
});

Deno.test("auditShortcuts() finds numbers that differ on average", () => {
  const random = createRandom(1, "bytes");
  const found = audit((label) => ({ bytes: 1000 + label * 150 + random.integer(300) }), 100);
  assert(found["file size"].auc! > 0.75, `${found["file size"].auc}`);
  assert(found["file size"].warn);
});

Deno.test("auditShortcuts() says nothing with one video of a class, and warns of no more than chance gives", () => {
  assertEquals(audit(() => ({ format: "x" }), 1).format, { property: "format", auc: null, warn: false });
  let warned = 0;
  for (let seed = 0; seed < 20; seed++) {
    const random = createRandom(seed, "noise");
    if (audit(() => ({ bytes: random.integer(1000) }), 10)["file size"].warn) warned++;
  }
  // 19 of 20 stay below by design; three in twenty have a chance of 2 %.
  assert(warned <= 3, `${warned} of 20 warned`);
});

Deno.test("shortcutWarning() names the properties with their AUC", () => {
  const found = shortcutWarning("s train", [
    { property: "format", auc: 0.987, warn: true },
    { property: "file size", auc: 0.55, warn: false },
  ])!;
  assertStringIncludes(found, "s train: real and fake differ in format (AUC 0.99 by it alone)");
  assertEquals(shortcutWarning("s", [{ property: "format", auc: null, warn: false }]), undefined);
});

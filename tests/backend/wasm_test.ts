import { assert, assertMatch } from "@std/assert";
import { join } from "node:path";
import { backends } from "../../lib/backend/backends/mod.ts";

for (const [name, { title }] of Object.entries(backends)) {
  if (name === "tensorflow") continue; // which the tests run on anyway
  Deno.test(`all of the model code passes its tests on ${title} too, none of them ignored`, async () => {
    const here = join(import.meta.dirname!, "..");
    const files = [
      "model/encoders/clip_test.ts",
      "model/detectors/notebook_head_test.ts",
      "model/layers_test.ts",
      "model/detectors/attribution_test.ts",
      "model/detectors/linear_probe_test.ts",
      "model/detectors/published/published_test.ts",
      "model/blocks_test.ts",
      "training/losses/cross_entropy_test.ts",
      "training/losses/focal_test.ts",
      "training/optimizers_test.ts",
    ];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", ...files.map((file) => join(here, file))],
      env: { FORGELENS_TEST_BACKEND: name, NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout);
    assert(success, output + new TextDecoder().decode(stderr));
    assertMatch(output, /^ok \| [1-9]\d* passed \| 0 failed \(/m); // here it would say how many were ignored
  });
}

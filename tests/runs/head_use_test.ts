import { assertEquals, assertStringIncludes } from "@std/assert";
import { isOnGpu } from "../../lib/backend/raw.ts";
import { resolveConfig } from "../../lib/runs/config/config.ts";
import type { RunInput } from "../../lib/runs/config/run_config.ts";
import { headUseOf } from "../../lib/runs/head_use.ts";
import { demoTower } from "../../lib/model/encoders/demo.ts";
import { openTower } from "../../lib/model/encoders/open.ts";
import type { KeptPrecision } from "../../lib/model/encoders/precisions.ts";
import type { ForgeLensConfig } from "../../lib/model/detectors/head_shapes.ts";
import { tensorTest } from "../tensors.ts";

const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
const noBfloat16 = "expected a CPU with AVX-512 BF16 but found one without";

tensorTest("a new demo run trains its head in bfloat16 where the project's C++ takes its steps", async () => {
  const tower = demoTower(settings);
  const asked: ForgeLensConfig[] = [];
  /** What a run's head is trained in, where the C++ takes it and where it does not. */
  const heads = async (input: RunInput, use: Parameters<typeof headUseOf>[1]["use"] = {}) => {
    const config = resolveConfig(input);
    const found = [];
    for (const fault of [undefined, noBfloat16]) {
      const faultOf = (head: ForgeLensConfig) => {
        asked.push(head);
        return Promise.resolve(fault);
      };
      const { headPrecision, headFault } = await headUseOf(config, { tower, use, faultOf });
      found.push([headPrecision, headFault]);
    }
    return found;
  };
  const own = ["auto", undefined];
  assertEquals(await heads({}), [["bfloat16", undefined], own]);
  const [{ dim, heads: H, depth, feedForward }] = asked;
  assertEquals([dim, H, depth, feedForward], [192, 8, 2, 2048]);
  assertEquals(await heads({ engine: "native-amx", runs: 3 }), [["bfloat16", undefined], own]);

  // A run that was begun in bfloat16 goes on in it, or says why not; one in float32 goes on in that.
  const kept: KeptPrecision = { encoder: "float32", head: "bfloat16" };
  assertEquals(await heads({}, { kept }), [own, isOnGpu() ? own : ["auto", noBfloat16]]);
  asked.length = 0;
  assertEquals(await heads({}, { kept: { ...kept, head: "float32" } }), [own, own]);
  assertEquals(await heads({}, { kept, testing: true }), [own, own]); // and a test trains nothing
  for (
    const input of [
      ...[{ real: "a", fake: "b", clip: "demo" }, { preset: "reference" }, { precision: "float32" }],
      ...[{ engine: "graph" }, { engine: "eager" }, { loss: "focal" }, { labelSmoothing: 0.1 }],
      { detector: "linear-probe" },
    ] as const satisfies readonly RunInput[]
  ) {
    assertEquals(await heads(input), [own, own], JSON.stringify(input));
  }
  assertEquals(await heads({ headPrecision: "float32" }), [["float32", undefined], ["float32", undefined]]);
  assertEquals(asked, []); // nothing was compiled for these
  tower.close();
});

tensorTest(
  "the demo encoder stays in float32 whatever its head is trained in, and a head that goes on in another precision says so",
  async () => {
    const fresh = await openTower(demoTower(settings), { precision: "auto", headPrecision: "bfloat16" });
    assertEquals([fresh.precision, fresh.choice.head, fresh.warning], ["float32", "bfloat16", undefined]);
    fresh.close();
    const kept: KeptPrecision = { encoder: "float32", head: "bfloat16" };
    const elsewhere = await openTower(demoTower(settings), {
      precision: "auto",
      kept,
      headFault: noBfloat16,
    });
    assertEquals([elsewhere.precision, elsewhere.choice.head], ["float32", "float32"]);
    assertStringIncludes(elsewhere.warning!, `the head in float32 instead of bfloat16 (${noBfloat16})`);
    assertEquals(elsewhere.choice.instead, elsewhere.warning);
    elsewhere.close();
  },
);

import { assertEquals } from "@std/assert";
import { fastest, medianRates, ratiosOf } from "../../tools/bench_ratios.ts";

const ours = "encoder as runs choose it";
const torch = "PyTorch encoder, float32";
const vino = "OpenVINO encoder, int8";

Deno.test("medianRates() takes each rate over the rounds that have it", () => {
  const rounds = [new Map([["a", 1], ["b", 8]]), new Map([["a", 3]]), new Map([["a", 2]])];
  assertEquals(medianRates(rounds), new Map([["a", 2], ["b", 8]]));
});

Deno.test("fastest() leaves out what was not measured, and is nothing where nothing was", () => {
  const rates = new Map([["slow", 1], ["fast", 2], ["not asked for", 3]]);
  assertEquals(fastest(["slow", "fast", "missing"], rates), "fast");
  assertEquals(fastest(["missing"], rates), undefined);
});

Deno.test("ratiosOf() holds ours against the peer that is fastest by its median, round by round", () => {
  const rounds = [
    new Map([[ours, 20], [torch, 5], [vino, 10]]),
    new Map([[ours, 30], [torch, 5], [vino, 20]]),
    new Map([[ours, 10], [torch, 50], [vino, 4]]), // PyTorch is ahead in this round alone
  ];
  const [best, ...others] = ratiosOf(rounds);
  assertEquals(best, {
    name: "encoderVsBestPeer",
    title: "encoder, against the best peer, OpenVINO int8",
    value: 2, // the median of 20/10, 30/20 and 10/4
    base: vino,
    isInChart: true,
  });
  assertEquals(others.map(({ name, value }) => [name, value]), [["encoderVsPeerFloat32", 4]]);
});

Deno.test("ratiosOf() has no ratio without a peer, and keeps ours against its own peak", () => {
  const rounds = [new Map([[ours, 20], ["encoder GFLOP/s, bfloat16", 300], ["matmul peak, bfloat16", 400]])];
  assertEquals(ratiosOf(rounds).map(({ name, value }) => [name, value]), [["encoderVsMatmulPeak", 0.75]]);
});

Deno.test("ratiosOf() leaves out rounds without both sides", () => {
  const rounds = [new Map([[ours, 20]]), new Map([[torch, 5]]), new Map([[ours, 9], [torch, 3]])];
  assertEquals(ratiosOf(rounds)[0].value, 3);
});

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { InputError } from "../../lib/base/errors.ts";
import { sampleWeights } from "../../lib/data/epoch.ts";
import type { Sample } from "../../lib/data/sample.ts";
import { probeSentences, probeTable } from "../../lib/report/tables/probe.ts";
import { resolveConfig, type RunInput } from "../../lib/runs/config/config.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { writePictures } from "../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const faces = await writePictures(join(root, "train"), { videos: 8 });
const test = await writePictures(join(root, "test"), { videos: 12, seed: 1 });
const places: RunInput = { out: join(root, "runs"), cacheFolder: join(root, "tokens"), clip: "demo" };

async function trained(run: string, changes: RunInput) {
  const config = resolveConfig({
    ...{ ...places, ...faces, testReal: test.real, testFake: test.fake, run },
    ...{ feedForward: 32, depth: 1, epochs: 1, batchSize: 4, jpegQualities: [50] },
    ...changes,
  });
  const events = await Array.fromAsync(trainRun(config));
  return { events, report: await evaluateRun(config), folder: join(config.out, run) };
}

Deno.test("a run's report has the linear probe of the same images beside its detector, and its file is one of its own", async () => {
  // Standardised, features that hardly move would make much of the rounding of kept tokens.
  const plain = { logisticC: 1, standardise: false };
  const { report: { results, noProbe }, folder } = await trained("head", plain);
  const { report: own } = await trained("own", { ...plain, detector: "linear-probe" });
  const file = join(folder, "probe.safetensors");
  const ofFile = await evaluateRun({ ...places, detector: "linear-probe" }, {
    checkpoint: file,
    into: join(root, "file"),
  });
  assertEquals(noProbe, undefined);
  for (const [i, { metrics, probe, video, perturbation }] of results.entries()) {
    // Of tokens that are rounded to half precision the probe's differ in the fourth digit, which may swap neighbours.
    assertAlmostEquals(probe!.auc!, own.results[i].metrics.auc!, 0.02);
    assertAlmostEquals(probe!.auc!, ofFile.results[i].metrics.auc!, 0.02);
    assertEquals(probe!.difference, metrics.auc! - probe!.auc!);
    assertEquals(video!.probe!.difference, video!.metrics.auc! - video!.probe!.auc!);
    assertEquals(probe!.interval === undefined, perturbation !== "none");
  }
  assert(ofFile.warnings.some((text) => text.startsWith("Fitted to class tokens rounded to half precision")));
  assertEquals(own.results.map(({ probe }) => probe), [undefined, undefined]);
  assertEquals([own.history, own.noProbe, ofFile.noProbe], [[], undefined, undefined]);
  const csv = await Deno.readTextFile(join(folder, "results.csv"));
  for (const name of ["probe.auc", "probe.difference"]) assertStringIncludes(csv, name);
  const html = await Deno.readTextFile(join(folder, "report.html"));
  assertStringIncludes(html, "Beside a linear probe");
});

Deno.test("weights away from their run, and runs of the reference, have no probe beside, and say so", async () => {
  const { folder } = await trained("moved", { detector: "knn", neighbours: 3 });
  const away = join(root, "away.safetensors");
  await Deno.copyFile(join(folder, "model.safetensors"), away);
  const { results, noProbe } = await evaluateRun(
    { ...places, test: [`other=${test.real},${test.fake}`] },
    { checkpoint: away, named: true, into: join(root, "away") },
  );
  assertEquals([results[0].probe, noProbe], [undefined, "none lies beside the weights"]);
  assertStringIncludes(await Deno.readTextFile(join(root, "away", "report.html")), "none beside it");
  const reference = await trained("reference", { preset: "reference" });
  assertEquals(reference.report.noProbe, "the reference has none");
});

Deno.test("a fit says which settings it has no use for, and refuses several seeds", async () => {
  const { events } = await trained("unused", { detector: "knn", neighbours: 3, epochs: 7, balance: false });
  const warnings = events.flatMap((event) => event.type === "warning" ? [event.message] : []);
  assert(warnings.some((text) => text.endsWith("which --epochs, --balance do not change")), warnings.join());
  await assertRejects(
    () => trained("seeds", { detector: "linear-probe", runs: 3 }),
    InputError,
    "expected --runs 1 with --detector linear-probe, whose fit is the same for each, but found --runs 3",
  );
});

Deno.test("sampleWeights() lets classes, and methods of the fakes, count alike, hand-computed", () => {
  const sample = (label: 0 | 1, method?: string): Sample => ({ path: "", label, set: "", method });
  const samples = [sample(0), sample(0), sample(0), sample(1, "a"), sample(1, "a"), sample(1, "b")];
  assertEquals([...sampleWeights(samples, { balance: true })!], [1, 1, 1, 3 / 4, 3 / 4, 3 / 2]);
});

Deno.test("the table beside a probe says plainly where it is as good or better", async () => {
  const { report: { results: [result] } } = await trained("table", {});
  const said = (difference: number, low: number) => {
    const probe = { auc: 0.5, interval: null, difference, differenceInterval: { low, high: low + 0.2 } };
    const changed = { ...result, probe, video: { ...result.video!, probe } };
    return [probeTable([changed])!.rows[0].at(-1), probeSentences([changed])[0]];
  };
  const [better, sentence] = said(0, -0.1);
  assertEquals(better, "as good or better");
  assertStringIncludes(sentence!, "the probe is as good or better on data test");
  assertEquals(said(0.05, -0.05)[0], "not told apart");
  assertEquals(said(0.1, 0.01)[0], "worse");
  assertEquals(probeTable([{ ...result, probe: undefined, video: undefined }]), null);
});

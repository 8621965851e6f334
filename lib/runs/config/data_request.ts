/**
 * Configuration → what a run asks of its data.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { ClassFolders, DataRequest, DataSource } from "../../data/split/request.ts";
import { labelsSaid } from "../../data/layouts/vocabulary.ts";
import { isDemo, type RunConfig } from "./config.ts";
import { alsoSets, dataSet, testSets } from "./sets.ts";

/**
 * What `config` asks of its data.
 *
 * @param options.tests only the test sets that folders are named for
 * @throws {InputError} for settings that would select nothing of the data that are named
 */
export function requestOf(config: RunConfig, options: { readonly tests?: boolean } = {}): DataRequest {
  const { strict, framesPerVideo, videos, root, compression, valShare, testShare, seed, select, allowLeak } =
    config;
  if (!options.tests) checkSelections(config);
  // What one flag says for all sets, a set's own options say otherwise.
  const labels = config.labels.length > 0 ? labelsSaid(config.labels, { flag: "--labels" }) : undefined;
  const shared = { framesPerVideo, videos, root, compression, labels };
  const main = dataSet(config);
  const names = methodNames(config);
  const methods = main?.methods ?? (names.length > 0 ? names : undefined);
  const spec = main && { ...shared, ...main, methods };
  return {
    source: options.tests ? testSource(config) : spec ? { kind: "layout", spec } : sourceOf(config),
    also: options.tests ? [] : alsoSets(config).map((also) => ({ ...shared, ...also })),
    tests: testSets(config).map((test) => (test.kind === "pair" ? test : { ...shared, ...test })),
    choice: { strict, framesPerVideo, videos, root },
    dealing: { valShare, testShare, seed, needsVal: select === "best", allowLeak },
  };
}

/** What is trained on, where it is no set as it is distributed. */
function sourceOf(config: RunConfig): DataSource {
  const { set, demoRoot, manifest } = config;
  if (isDemo(config)) return { kind: "demo", root: demoRoot };
  if (manifest !== undefined) return { kind: "manifest", set, path: manifest };
  return {
    kind: "folders",
    set,
    train: foldersOf(config.real, config.fake),
    val: foldersOf(config.valReal, config.valFake),
    test: foldersOf(config.testReal, config.testFake),
  };
}

/** Only the test folders that are named. */
function testSource({ set, testReal, testFake }: RunConfig): DataSource | undefined {
  return testReal === undefined ? undefined : { kind: "folders", set, test: foldersOf(testReal, testFake) };
}

/** Two folders where they are named: `resolveConfig()` refuses one without the other. */
function foldersOf(real?: string, fake?: string): ClassFolders | undefined {
  return real === undefined || fake === undefined ? undefined : { real, fake };
}

/**
 * Refuses settings that would select nothing of the data that are named.
 *
 * @throws {InputError} naming the flag.
 */
function checkSelections(config: RunConfig): void {
  const { data, also, manifest, test, compression, methods, root } = config;
  const main = data !== undefined
    ? "--data"
    : manifest !== undefined
    ? "--manifest"
    : config.real !== undefined
    ? "--real and --fake"
    : "the demo data";
  const lists = data !== undefined || also.length > 0 || test.length > 0;
  const unused = [
    methods.length > 0 && data === undefined && ["--methods", "--data"],
    config.labels.length > 0 && !lists && ["--labels", "--data, --also or --test"],
    compression !== undefined && !lists && ["--compression", "--data, --also or --test"],
    root !== undefined && !lists && manifest === undefined &&
    ["--root", "--data, --also, --test or --manifest"],
  ].find((each) => each !== false);
  if (unused) {
    throw new InputError(
      `Cannot use ${unused[0]}: expected ${unused[1]}, whose images it is about, but found only ${main}`,
    );
  }
  if (methods.length > 0 && methodNames(config).length === 0) {
    throw new InputError(
      `Cannot use --methods: expected a method's name but found "${methods.join('" and "')}"`,
    );
  }
  const own = dataSet(config)?.methods;
  if (own && methods.length > 0) {
    throw new InputError(
      `Cannot use --methods: expected the methods once but found ${methods.join(",")} beside method=${
        own.join(",method=")
      } in --data`,
    );
  }
  if (manifest !== undefined && (config.valReal !== undefined || config.testReal !== undefined)) {
    throw new InputError(
      `Cannot use ${
        config.valReal === undefined ? "--test-real" : "--val-real"
      } beside --manifest: expected the manifest's split column to say it but found a folder; a further set goes to --test`,
    );
  }
}

/** The names that `methods` lists, separated by commas or given several times. */
function methodNames({ methods }: Pick<RunConfig, "methods">): string[] {
  return methods.flatMap((text) => text.split(",")).map((name) => name.trim()).filter((name) => name !== "");
}

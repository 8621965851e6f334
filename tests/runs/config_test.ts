import { assertEquals, assertThrows } from "@std/assert";
import { resolveConfig } from "../../lib/runs/config/config.ts";
import { runSchema } from "../../lib/runs/config/keys.ts";
import { alsoSets, drawingOf, testSets } from "../../lib/runs/config/sets.ts";
import { flagName, nearestName } from "../../lib/runs/config/names.ts";
import { isSmallDemo, smallDemoOf } from "../../lib/runs/config/small_demo.ts";
import { perturbationsOf } from "../../lib/runs/config/perturbations.ts";
import { requestOf } from "../../lib/runs/config/data_request.ts";
import { InputError } from "../../lib/base/errors.ts";
import { ladderNames } from "../../lib/images/perturbations/mod.ts";
import { perturbationName } from "../../lib/images/perturbations/perturbation.ts";
import { newRunName } from "../../lib/runs/folder/folder.ts";

const own = { real: "r", fake: "f" };

Deno.test("resolveConfig() fills in the reference notebook's training settings", () => {
  const { epochs, batchSize, learningRate, heads, depth, feedForward, dropout, jpegQualities } =
    resolveConfig(own);
  assertEquals({ epochs, batchSize, learningRate, heads, depth, feedForward, dropout, jpegQualities }, {
    epochs: 5,
    batchSize: 8,
    learningRate: 1e-4,
    heads: 8,
    depth: 2,
    feedForward: 2048,
    dropout: 0.1,
    jpegQualities: [100, 90, 75, 50, 30],
  });
});

Deno.test("resolveConfig() makes each of the reference's mistakes with that preset and none with the other", () => {
  const mistakes = (
    { activation, attendAcross, balance, select, valShare }: ReturnType<typeof resolveConfig>,
  ) => [
    activation,
    attendAcross,
    balance,
    select,
    valShare,
  ];
  assertEquals(mistakes(resolveConfig({ ...own, preset: "reference" })), ["gelu", "batch", false, "last", 0]);
  assertEquals(mistakes(resolveConfig(own)), ["quickgelu", "tokens", true, "best", 0.15]);
});

Deno.test("resolveConfig() lets later sources win, and any of them win over the preset", () => {
  const config = resolveConfig({ ...own, preset: "reference", epochs: 2 }, {
    epochs: 3,
    activation: "quickgelu",
  });
  assertEquals([config.epochs, config.activation, config.attendAcross], [3, "quickgelu", "batch"]);
});

Deno.test("resolveConfig() takes the weight decay of the optimizer, unless one is given", () => {
  const decay = (input: Record<string, unknown>) => resolveConfig(input).weightDecay;
  assertEquals([decay({}), decay({ optimizer: "adam" })], [0.01, 0]);
  assertEquals(decay({ optimizer: "adam", weightDecay: 0.01 }), 0.01);
  assertThrows(() => resolveConfig({ optimizer: "sgd" }), InputError, 'found "sgd"');
});

Deno.test("the preset gend trains in steps of 128 images, and what is given wins over it", () => {
  const { batchSize, accumulate, detector, schedule, loss } = resolveConfig({
    preset: "gend",
    loss: "focal",
  });
  assertEquals([batchSize * accumulate, detector, schedule, loss], [128, "ln-tuned", "cosine", "focal"]);
  assertThrows(
    () => resolveConfig({ preset: "gend", schedule: "constant" }),
    InputError,
    "or give --least-rate 0",
  );
});

Deno.test("resolveConfig() lists every bad key at once, with what it found and the nearest known name", () => {
  const error = assertThrows(() => resolveConfig({ epohcs: 3, batchSize: 0, seed: "x" }), InputError);
  assertEquals(
    error.message,
    'Cannot use the configuration: seed: expected number but found "x"; batchSize: expected number to be >=1 but found 0; ' +
      'unknown key "epohcs", did you mean "epochs"?',
  );
});

Deno.test("resolveConfig() refuses settings that contradict each other", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ real: "r" }, "expected --real and --fake together but found only --real; add --fake FOLDER"],
    [{ ...own, valFake: "v" }, "found only --val-fake; add --val-real FOLDER"],
    [
      { ...own, manifest: "m.csv" },
      "expected one of --data, --manifest, or --real and --fake but found --manifest and --real and --fake",
    ],
    [{ testReal: "a", testFake: "b" }, "expected --real and --fake beside validation or test folders"],
    [{ ...own, valShare: 0 }, "found --val-share 0; give --val-real and --val-fake, or --select last"],
    [{ valShare: 0 }, "found --val-share 0; leave --val-share out, or --select last"],
    [{ ...own, clip: "demo", randomClip: true }, "with --clip demo"],
    [{ ...own, clipWeights: "w", randomClip: true }, "found both"],
    [{ asPublished: true }, "with --detector forgelens or forgelens-stage1 but found notebook-head"],
    [{ detector: "forgelens", asPublished: true, stageOne: "none" }, "but found --stage-one none"],
    [{ detector: "ln-tuned", precision: "int8" }, "with --detector ln-tuned, whose tower is trained"],
    [
      { detector: "ln-tuned", precision: "float32", headPrecision: "bfloat16" },
      "expected --head-precision auto with --detector ln-tuned, whose tower is trained with its head, but found bfloat16; give --precision bfloat16",
    ],
    [{ detector: "ln-tuned", engine: "native" }, "expected --engine auto or graph or eager with --detector"],
    [{ detector: "linear-probe", engine: "graph" }, "expected --engine auto with --detector linear-probe"],
    [
      { loss: "focal", labelSmoothing: 0.1 },
      "expected --label-smoothing with a loss that takes it (cross-entropy, binary-cross-entropy, uniformity-alignment) but found --loss focal",
    ],
    [
      { leastRate: 1e-6 },
      "expected --least-rate with --schedule cosine or --warmup but found --schedule constant",
    ],
    [
      { schedule: "cosine", leastRate: 0.1 },
      "expected --least-rate of at most the learning rate, 0.0001, but found 0.1",
    ],
    [{ patience: 2, select: "last" }, "expected --select best with --patience but found --select last"],
    [{ ...own, test: ["x"] }, 'expected NAME=FOLDER[,options] or NAME=REAL_FOLDER,FAKE_FOLDER but found "x"'],
    [{ ...own, test: ["x=a,b", "x=c,d"] }, '"x" twice'],
  ];
  for (const [input, message] of cases) assertThrows(() => resolveConfig(input), InputError, message);
});

Deno.test("requestOf() refuses what would select nothing of the data that are named", () => {
  const data = { data: "ff=F" };
  const cases: [Record<string, unknown>, string][] = [
    [
      { ...own, methods: ["Deepfakes"] },
      "Cannot use --methods: expected --data, whose images it is about, but found only --real and --fake",
    ],
    [{ manifest: "m.csv", methods: ["Deepfakes"] }, "but found only --manifest"],
    [{ methods: ["Deepfakes"], test: ["x=F"] }, "but found only the demo data"],
    [{ ...own, compression: "c23" }, "Cannot use --compression: expected --data, --also or --test"],
    [{ ...own, root: "/a=/b" }, "Cannot use --root: expected --data, --also, --test or --manifest"],
    [{ ...data, methods: [" ,"] }, 'expected a method\'s name but found " ,"'],
    [{ data: "ff=F,method=A", methods: ["B"] }, "found B beside method=A in --data"],
    [{ manifest: "m.csv", testReal: "r", testFake: "f" }, "Cannot use --test-real beside --manifest"],
    [{ manifest: "m.csv", valReal: "r", valFake: "f" }, "Cannot use --val-real beside --manifest"],
  ];
  for (const [input, message] of cases) {
    assertThrows(() => requestOf(resolveConfig(input)), InputError, message);
  }
  for (const input of [own, data, { ...data, compression: "c23", methods: ["A,B"], root: "/a" }]) {
    requestOf(resolveConfig(input));
  }
  requestOf(resolveConfig({ ...own, test: ["ff=F"], compression: "c23", root: "/a" }));
  requestOf(resolveConfig({ manifest: "m.csv", root: "/a" }));
});

Deno.test("perturbationsOf() gives each perturbation once: JPEG qualities first, then what is named, in that order", () => {
  const names = (input: Record<string, unknown>) =>
    perturbationsOf(resolveConfig({ ...own, ...input })).map(perturbationName);
  const all = ["jpeg-100", "jpeg-90", "jpeg-75", "jpeg-50", "jpeg-30"];
  assertEquals(names({}), all);
  assertEquals(names({ perturb: ["jpeg"] }), all);
  assertEquals(names({ jpegQualities: [50, 50], perturb: ["jpeg-60, JPEG-50", "jpeg-7"] }), [
    ...["jpeg-50", "jpeg-60", "jpeg-7"],
  ]);
  assertEquals(names({ jpegQualities: [], perturb: ["jpeg-30,jpeg"] }), ["jpeg-30", ...all.slice(0, 4)]);
  assertEquals(names({ jpegQualities: [], perturb: ["jpeg-gend"] }), [
    ...["jpeg-100", "jpeg-80", "jpeg-60", "jpeg-40", "jpeg-20", "jpeg-10"],
  ]);
  assertEquals(names({ jpegQualities: [] }), []);
});

Deno.test("resolveConfig() refuses a perturbation that there is none of, with the nearest that there is", () => {
  const families = ladderNames.join(", ");
  const cases = [["jpg", "jpeg"], ["jpeg_50", "jpeg-50"], ["jpeg,jpeg-900", "jpeg-100"], [
    "jpeg-0",
    "jpeg-90",
  ]];
  for (const [text, near] of cases) {
    const error = assertThrows(() => resolveConfig({ ...own, perturb: [text] }), InputError);
    assertEquals(
      error.message,
      `Cannot use --perturb: expected a perturbation (${families}) or one level of it, such as jpeg-50, but found "${
        text.split(",").pop()
      }", did you mean "${near}"?`,
    );
  }
  assertThrows(() => resolveConfig({ ...own, perturb: ["jpeg,"] }), InputError, 'but found ""');
});

Deno.test("testSets() takes names and folders apart", () => {
  const config = resolveConfig({ ...own, test: ["celeb-df=/a b/r,/a b/f"] });
  assertEquals(testSets(config), [
    { kind: "pair", name: "celeb-df", real: "/a b/r", fake: "/a b/f" },
  ]);
});

Deno.test("alsoSets() takes further training sets and their weights, and refuses what would not be mixed as it is meant", () => {
  const mixed = { data: "ffpp=DIR,c23" };
  const config = resolveConfig({ ...mixed, also: ["celebdf=/a b,frames=4,weight=0.5", "dfdc=D"] });
  assertEquals(alsoSets(config), [
    { kind: "layout", name: "celebdf", path: "/a b", framesPerVideo: 4, weight: 0.5 },
    { kind: "layout", name: "dfdc", path: "D", weight: 1 },
  ]);
  assertEquals(drawingOf(config), { balance: true, weights: new Map([["celebdf", 0.5], ["dfdc", 1]]) });
  assertEquals(drawingOf(resolveConfig({ ...own, balance: false })), { balance: false });
  assertEquals(requestOf(config).also?.map(({ name }) => name), ["celebdf", "dfdc"]);
  assertEquals(requestOf(config, { tests: true }).also, []);
  const refused: readonly (readonly [readonly string[], string])[] = [
    [["ffpp=D"], 'Cannot use --also: expected names of training sets that differ but found "ffpp" twice'],
    [["a=D", "a=E"], 'expected names of training sets that differ but found "a" twice'],
    [["a=D,E"], 'Cannot use --also: expected one folder and options but found "a=D,E"'],
    ...["0", "-1", "NaN", "", "Infinity", "1001", "two"].map((weight) =>
      [
        [`a=D,weight=${weight}`],
        `Cannot use --also: expected a weight above 0 and of at most 1000, as weight=0.5, but found "weight=${weight}"`,
      ] as const
    ),
    [["a=D,weight=1,weight=2"], 'expected one weight but found "1" and "weight=2"'],
  ];
  for (const [also, message] of refused) {
    assertThrows(() => resolveConfig({ ...mixed, also }), InputError, message);
  }
  for (const key of ["data", "test"]) {
    const given = key === "data" ? { data: "a=D,weight=2" } : { ...mixed, test: ["a=D,weight=2"] };
    assertThrows(() => resolveConfig(given), InputError, `Cannot use --${key}: expected raw, c0`);
  }
  assertThrows(() => resolveConfig({ also: ["a=D"] }), InputError, "beside it but found only the demo data");
  assertThrows(
    () => resolveConfig({ ...mixed, also: ["a=D"], test: ["a=E"] }),
    InputError,
    'Cannot use --test: expected names that differ but found "a" twice',
  );
});

Deno.test("flagName() and nearestName() know the keys of the configuration", () => {
  assertEquals(flagName("jpegQualities"), "--jpeg-qualities");
  assertEquals(nearestName("learningrate", Object.keys(runSchema.shape)), "learningRate");
  assertEquals(nearestName("qqqq", Object.keys(runSchema.shape)), undefined);
});

Deno.test("resolveConfig() takes a run's name that is a folder's on every system, and no other", () => {
  for (const run of ["a", "7", "_x", "demo-corrected-seed0", "v1.2", "console", "a".repeat(150)]) {
    assertEquals(resolveConfig({ run }).run, run);
  }
  const others = [
    ...["", ".", "..", "...", "../x", "a/b", "a\\b", "a:b", "a b", ".hidden", "-x", "--resume", "x.", "x\n"],
    ...["con", "NUL", "aux.txt", "Com1", "lpt9.", "a".repeat(151)],
  ];
  for (const run of others) {
    assertThrows(() => resolveConfig({ run }), InputError, "Cannot use the configuration: run: ");
  }
});

Deno.test("newRunName() is a name that can be used, whatever the set is called", () => {
  for (const set of ["data", "..", "-x", ".a/b", "假", "x".repeat(300)]) {
    const config = resolveConfig({ ...own, set });
    const run = newRunName(config);
    assertEquals(resolveConfig({ ...config, run }).run, run);
  }
});

Deno.test("smallDemoOf() makes a plain demo smaller, leaves what was asked for, and isSmallDemo() knows it again", () => {
  const plain = resolveConfig({ run: "first" });
  const small = smallDemoOf(plain);
  const smaller = { framesPerVideo: 1, depth: 1, feedForward: 256, epochs: 3, jpegQualities: [50] };
  assertEquals(small, { ...plain, ...smaller });
  assertEquals([isSmallDemo(small), isSmallDemo(plain)], [true, false]);
  const others = [
    resolveConfig(own),
    resolveConfig({ depth: 1 }),
    resolveConfig({ epochs: 4 }),
    resolveConfig({ framesPerVideo: 2 }),
    resolveConfig({ detector: "linear-probe" }),
    resolveConfig({ preset: "reference" }),
  ];
  for (const config of others) assertEquals(smallDemoOf(config), config);
});

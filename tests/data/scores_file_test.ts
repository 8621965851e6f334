import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { readScores, type ScoresFileOptions } from "../../lib/data/scores_file.ts";

async function read(text: string | Uint8Array, options: Partial<ScoresFileOptions> = {}) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "scores.csv");
    if (typeof text === "string") await Deno.writeTextFile(path, text);
    else await Deno.writeFile(path, text);
    return await readScores(path, { set: "faces", ...options });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readScores() takes a path, a label and a score, in any case, and each path as a video", async () => {
  const { tests, columns } = await read("Score,LABEL,Path\n0.25,Real,a.png\n1,fake,b.png\n");
  const [{ scores, ...test }] = tests;
  assertEquals(test, {
    ...{ set: "faces", split: "", perturbation: "none", seeds: [""], groups: new Map() },
    lines: Uint32Array.of(2, 3),
    items: [
      { label: 0, path: "a.png", video: "a.png", method: "" },
      { label: 1, path: "b.png", video: "b.png", method: "" },
    ],
  });
  assertEquals(scores, [Float64Array.of(0.25, 1)]);
  assertEquals(columns.unused, []);
});

Deno.test("readScores() parts sets, splits and perturbations, and brings seeds into one order", async () => {
  const { tests } = await read(
    "set,split,perturbation,path,label,score,seed\n" +
      "x,test,,a,0,0.1,7\nx,test,,b,1,0.2,7\nx,test,none,b,1,0.4,9\nx,test,none,a,0,0.3,9\n" +
      "x,test,jpeg-50,a,0,0.5,7\n,val,,a,0,0.6,7\n",
  );
  assertEquals(
    tests.map(({ set, split, perturbation, seeds, scores }) => [set, split, perturbation, seeds, scores]),
    [
      ["x", "test", "none", ["7", "9"], [Float64Array.of(0.1, 0.2), Float64Array.of(0.3, 0.4)]],
      ["x", "test", "jpeg-50", ["7"], [Float64Array.of(0.5)]],
      ["faces", "val", "none", ["7"], [Float64Array.of(0.6)]],
    ],
  );
});

Deno.test("readScores() keeps videos of one name apart by class and method, and takes rows of a video without paths", async () => {
  const { tests: [{ items, scores }] } = await read(
    "video,method,label,score,run\n1,youtube,0,0.1,0\n1,swap,1,0.2,0\n1,swap,1,0.3,0\n1,blend,1,0.4,0\n" +
      "1,youtube,0,0.5,1\n1,swap,1,0.6,1\n1,swap,1,0.7,1\n1,blend,1,0.8,1\n",
  );
  assertEquals(items.map(({ path, video, method }) => `${path} ${video} ${method}`), [
    ...["1 1 youtube", "1 1 swap", "1 1 swap", "1 1 blend"],
  ]);
  assertEquals(scores[1], Float64Array.of(0.5, 0.6, 0.7, 0.8));
});

Deno.test("readScores() has no column of paths where none of its cells names one, and the first line of each item", async () => {
  const { columns, tests: [{ lines }] } = await read(
    "path,video,label,score,seed\n,a,0,0,1\n,a,0,0,2\n,b,1,1,2\n,b,1,1,1\n",
  );
  assertEquals([columns.path, columns.video, lines], [undefined, "video", Uint32Array.of(2, 5)]);
});

Deno.test("readScores() takes the names of persons, and none where no row has any", async () => {
  const { tests: [{ items }] } = await read(
    "path,label,score,persons\n1,0,0,anna\n2,1,0,anna | ben\n3,0,0,\n",
  );
  assertEquals(items.map(({ identities }) => identities), [["anna"], ["anna", "ben"], []]);
  const none = await read("path,label,score,persons\n1,0,0,\n");
  assert(!("identities" in none.tests[0].items[0]));
});

Deno.test("readScores() takes the columns of groups by name and by request, and names the others", async () => {
  const { tests: [{ groups }], columns } = await read(
    "path,label,score,group,Group_Skin,light,camera\na,0,0.1,x,dark,day,c1\nb,1,0.2,,pale,night,c2\n",
    { groups: ["Light"] },
  );
  assertEquals([...groups], [
    ["light", ["day", "night"]],
    ["group", ["x", ""]],
    ["group_skin", ["dark", "pale"]],
  ]);
  assertEquals(columns.unused, ["camera"]);
});

Deno.test("readScores() reads AI-Face's lists with a column of scores", async () => {
  const header =
    "Image Path,Uncertainty Score Gender,Ground Truth Gender,Ground Truth Age,Ground Truth Race,Intersection,Target,score";
  const { tests: [{ items, groups }], columns } = await read(
    `${header}\n/dfdc/fake/a.png,0.1,1,0,2,2,1,0.9\n`,
  );
  assertEquals(items, [{ label: 1, path: "/dfdc/fake/a.png", video: "/dfdc/fake/a.png", method: "" }]);
  assertEquals([...groups.keys()], [
    ...["ground truth gender", "ground truth age", "ground truth race", "intersection"],
  ]);
  assertEquals(columns.unused, ["uncertainty score gender"]);
});

Deno.test("readScores() reads files with other separators, quotes, a byte order mark and UTF-16", async () => {
  const text = '\ufeffpath,label,score,method\n"a, b.png",0,0.5,"say ""x"""\n';
  const wanted = (await read(text)).tests;
  assertEquals([wanted[0].items[0].path, wanted[0].items[0].method], ["a, b.png", 'say "x"']);
  for (const separator of [";", "\t"]) {
    const other = text.replaceAll(/,(?! )/g, separator);
    assertEquals((await read(other)).tests, wanted);
  }
  const units = Uint16Array.from(text, (letter) => letter.charCodeAt(0));
  assertEquals((await read(new Uint8Array(units.buffer))).tests, wanted);
});

Deno.test("readScores() makes probabilities of logits, and says where they tie", async () => {
  const text = "path,label,score\na,0,-2\nb,1,0\nc,1,37\nd,1,40\n";
  const { tests: [{ scores: [scores] }], warnings } = await read(text, { logits: true });
  // 1 / (1 + e²), to the rounding of one exponential
  assertAlmostEquals(scores[0], 0.11920292202211755, 1e-16);
  assertEquals([...scores.subarray(1)], [0.5, 1, 1]);
  assertEquals(warnings, [
    "The scores are logits: every number is of the probabilities that the sigmoid made.",
    "The 4 different logits give 3 different probabilities, as numbers near 1 are coarse: the others tie.",
  ]);
});

Deno.test("readScores() asks whether what is given as logits is none, and takes the words for an image as it is", async () => {
  const { tests, warnings } = await read(
    "path,label,score,perturbation\na,0,0.2,clean\nb,1,0.7,\nc,1,0.5,None\n",
    { logits: true },
  );
  assertEquals(tests.map(({ perturbation, items }) => [perturbation, items.length]), [["none", 3]]);
  assertEquals(
    warnings.at(-1),
    "All logits are in [0, 1]: where they are probabilities already, leave --logits out.",
  );
});

Deno.test("readScores() leaves out a known column of more than a hundred groups, and refuses one that was asked for", async () => {
  const text = `path,label,score,age\n${
    Array.from({ length: 101 }, (_, i) => `${i},0,0.5,${i}`).join("\n")
  }\n`;
  const { tests: [{ groups }], columns, largeColumns } = await read(text);
  assertEquals([groups.size, columns.groups, largeColumns], [0, [], ["age"]]);
  await assertRejects(
    () => read(text, { groups: ["age"] }),
    InputError,
    "expected at most 100 groups in the column age but found more; give a column of fewer, such as decades for years",
  );
});

const head = "path,label,score\n";
for (
  const [what, text, message, options] of [
    [
      "an empty file",
      "",
      "expected rows below a header with the columns label, score, and path or video but found none",
    ],
    [
      "a header alone",
      head,
      "expected rows below a header with the columns label, score, and path or video but found none",
    ],
    [
      "a file without scores",
      "path,label\na,0\n",
      "expected a header with the columns label, score, and path or video but found only path, label; name them so in line 1",
    ],
    [
      "a file without paths and videos",
      "label,score\n0,0\n",
      "expected a header with the columns label, score, and path or video but found only label, score; name them so in line 1",
    ],
    [
      "a column of groups that is not there",
      `${head}a,0,0\n`,
      "expected a column of groups named skin but found only path, label, score; name another --group",
      { groups: ["Skin"] },
    ],
    [
      "an empty score",
      `${head}a,0,0.5\nb,0,\n`,
      "expected a finite number as score in line 3 but found none; score the image again, or leave the row out",
    ],
    [
      "a score of NaN",
      `${head}a,0,nan\n`,
      'expected a finite number as score in line 2 but found "nan"; score the image again, or leave the row out',
    ],
    [
      "an infinite score",
      `${head}a,0,-inf\n`,
      'expected a finite number as score in line 2 but found "-inf"; ',
    ],
    [
      "an infinite logit",
      `${head}a,0,Infinity\n`,
      'expected a finite number as score in line 2 but found "Infinity"; ',
      { logits: true },
    ],
    [
      "a comma in a score",
      "path;label;score\na;0;0,5\n",
      'expected a finite number as score in line 2 but found "0,5"; write it with a point',
    ],
    [
      "a score above 1",
      `${head}a,0,1.5\n`,
      'expected a score in [0, 1] in line 2 but found "1.5"; divide percent by 100, or where these are logits, give --logits',
    ],
    [
      "a score below 0",
      `${head}a,0,-0.1\n`,
      'expected a score in [0, 1] in line 2 but found "-0.1"; divide percent by 100, or where these are logits, give --logits',
    ],
    [
      "another label",
      `${head}a,2,0\n`,
      'expected the label 0 or real, or 1 or fake in line 2 but found "2"; correct it, or leave the row out',
    ],
    [
      "an empty label",
      `${head}a,,0\n`,
      'expected the label 0 or real, or 1 or fake in line 2 but found ""; ',
    ],
    [
      "a row of neither path nor video",
      "path,video,label,score\na,,0,0\n,,1,0\n",
      "expected a path or a video in line 3 but found neither; name the image or its video",
    ],
    [
      "an image that comes twice",
      `${head}a,0,0.1\nb,1,0.2\na,0,0.1\n`,
      "expected each image of faces once but found a in line 2 and in line 4; leave one out, or name the seeds in a column seed",
    ],
    [
      "an image of two labels",
      "set,path,label,score,seed\nx,a,0,0.1,1\nx,a,1,0.1,2\n",
      'expected one label of a but found "0" in line 2 and "1" in line 3; correct one of them',
    ],
    [
      "an image of two groups by seed",
      "path,label,score,seed,group\na,0,0.1,1,x\na,0,0.1,2,y\n",
      'expected one group of a but found "x" in line 2 and "y" in line 3; correct one of them',
    ],
    [
      "a seed that left an image out",
      "set,split,path,label,score,seed\nx,test,a,0,0.1,1\nx,test,b,1,0.1,1\nx,test,b,1,0.1,2\n",
      "expected every seed to score the same images of x test but found none of a (line 2) by seed 2; score it too, or leave it out",
    ],
    [
      "a first seed that left an image out",
      "path,label,score,seed\na,0,0.1,1\na,0,0.1,2\nb,1,0.1,2\n",
      "expected every seed to score the same images of faces but found none of b (line 4) by seed 1; score it too, or leave it out",
    ],
    [
      "a video of two groups",
      "path,video,label,score,group\na,v,0,0.1,x\nb,v,1,0.1,y\nc,v,0,0.1,z\n",
      'expected one group of the video v but found "x" in line 2 and "z" in line 4; correct one of them',
    ],
    ["a row with fewer values", `${head}a,0\n`, "expected 3 values as in the header but found 2 in line 2"],
  ] as const satisfies readonly (readonly [string, string, string, Partial<ScoresFileOptions>?])[]
) {
  Deno.test(`readScores() refuses ${what} in one line`, async () => {
    const error = await assertRejects(() => read(text, options), InputError, message);
    assert(/^Cannot read the scores \S+: expected .* but found [^\n]*$/.test(error.message), error.message);
  });
}

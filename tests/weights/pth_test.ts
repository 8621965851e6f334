import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { loadStateDict } from "../../lib/weights/load.ts";
import { savePth } from "../../lib/weights/pth.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { withFolder } from "../folders.ts";

Deno.test("savePth() and loadStateDict() give back every type, name and shape", async () => {
  await withFolder(async (folder) => {
    const dict: StateDict = new Map([
      ["a.weight", {
        dtype: "float32",
        shape: [2, 3],
        data: Float32Array.of(1, -2, 0.5, 1e-9, Infinity, NaN),
      }],
      ["scalar", { dtype: "int64", shape: [], data: BigInt64Array.of(-(2n ** 60n)) }],
      ["empty", { dtype: "float32", shape: [0, 4], data: new Float32Array() }],
      ["größe", { dtype: "uint8", shape: [2], data: Uint8Array.of(0, 255) }],
      ["mask", { dtype: "bool", shape: [2], data: Uint8Array.of(0, 1) }],
      ["half", { dtype: "float16", shape: [2], data: Float32Array.of(0.1, 65504) }],
    ]);
    await savePth(`${folder}/a.pth`, dict);
    const half = { dtype: "float32", shape: [2], data: Float32Array.of(0.0999755859375, 65504) };
    assertEquals(await loadStateDict(`${folder}/a.pth`), new Map([...dict, ["half", half]]));
    const once = await Deno.readFile(`${folder}/a.pth`);
    await savePth(`${folder}/a.pth`, dict);
    assertEquals(await Deno.readFile(`${folder}/a.pth`), once);
  });
});

Deno.test("savePth() leaves the old file and nothing else when an entry is wrong", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.pth`;
    await Deno.writeTextFile(path, "old");
    const wrong: [StateDict, RegExp][] = [
      [
        new Map([["w", { dtype: "float32", shape: [3], data: new Float32Array(2) }]]),
        /3 values for w \[3\] but found 2/,
      ],
      [new Map([["w", { dtype: "F8_E5M2", shape: [1], data: new Float32Array(1) }]]), /F8_E5M2 in w/],
      [
        new Map([["w", { dtype: "int8", shape: [1], data: Int32Array.of(128) }]]),
        /fit the type but found 128 in w/,
      ],
    ];
    for (const [dict, found] of wrong) {
      const { message } = await assertRejects(() => savePth(path, dict), Error);
      assert(message.startsWith(`Cannot save ${path}: expected `), message);
      assertMatch(message, found);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.pth"]);
    assertEquals(await Deno.readTextFile(path), "old");
  });
});

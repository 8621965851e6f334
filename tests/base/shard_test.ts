import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { parseShard, partIndex, slurmShard } from "../../lib/base/shard.ts";

Deno.test("parseShard() takes I/N, and slurmShard() the variables of an array without gaps", () => {
  assertEquals(parseShard("2/8", { command: "encode" }), { number: 2, count: 8 });
  for (const text of ["0/3", "4/3", "a/b", "1", "1/3/5", "-1/3", "1.5/3", ""]) {
    assertThrows(
      () => parseShard(text, { command: "prepare" }),
      InputError,
      `Cannot prepare a shard: expected --shard I/N with I from 1 to N, such as 2/8, but found ${text}`,
    );
  }
  const slurm = (id: string, min: string, max: string, tasks: string) =>
    slurmShard(
      new Map([["ID", id], ["MIN", min], ["MAX", max], ["COUNT", tasks]].map((
        [name, value],
      ) => [`SLURM_ARRAY_TASK_${name}`, value])),
      { command: "encode" },
    );
  assertEquals(slurmShard(new Map(), { command: "encode" }), undefined);
  assertEquals(slurm("0", "0", "3", "4"), { number: 1, count: 4 });
  assertEquals(slurm("12", "5", "12", "8"), { number: 8, count: 8 });
  assertThrows(() => slurm("7", "3", "7", "2"), InputError, "without gaps but found task 7 of 2 from 3 to 7");
});

Deno.test("partIndex() takes a part's name, or task with the number of an array's task, and says what it found instead", () => {
  const at = (text: string, id?: string) =>
    partIndex(text, {
      parts: ["jpeg", "blur"],
      env: new Map(id === undefined ? [] : [["SLURM_ARRAY_TASK_ID", id]]),
      doing: "score one family alone",
      flag: "--only-family",
    });
  assertEquals([at("jpeg"), at("blur", "1"), at("task", "1"), at("task", "2")], [0, 1, 0, 1]);
  const expected = "Cannot score one family alone: expected --only-family with one of jpeg, blur, " +
    "or task in a Slurm array of 1 to 2, but found ";
  assertThrows(() => at("blurr", "1"), InputError, `${expected}blurr`);
  for (const id of ["0", "3", "-1", "1.5", "one"]) {
    assertThrows(() => at("task", id), InputError, `${expected}task with SLURM_ARRAY_TASK_ID=${id}`);
  }
  for (const id of [undefined, ""]) {
    assertThrows(() => at("task", id), InputError, `${expected}task outside a Slurm array`);
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { parseShard, slurmShard } from "../../lib/base/shard.ts";

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

import { assertEquals } from "@std/assert";
import { mayRun } from "../../lib/backend/native.ts";
import { compilesFor, trainsByAvx2 } from "./native.ts";

Deno.test({
  name: "mayRun() says of this CPU what /proc/cpuinfo does",
  ignore: !await compilesFor("fpu"),
  fn: async () => {
    assertEquals(await mayRun("int8_vnni"), await compilesFor("avx512_vnni"));
    assertEquals(await mayRun("head_float32"), await trainsByAvx2());
    assertEquals(await mayRun("head_step"), await compilesFor("avx512_bf16"));
    assertEquals(await mayRun("head_amx"), await compilesFor("amx_bf16"));
  },
});

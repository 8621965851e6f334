import { assertEquals } from "@std/assert";
import { mayRun } from "../../lib/backend/native.ts";
import { compilesFor } from "./native.ts";

Deno.test({
  name: "mayRun() says of this CPU what /proc/cpuinfo does",
  ignore: !await compilesFor("fpu"),
  fn: async () => {
    assertEquals(await mayRun("int8_vnni"), await compilesFor("avx512_vnni"));
    assertEquals(await mayRun("head_float32_avx2"), await compilesFor("avx2"));
    assertEquals(await mayRun("head_float32_avx512"), await compilesFor("avx512bw"));
    assertEquals(await mayRun("head_step"), await compilesFor("avx512_bf16"));
    assertEquals(await mayRun("head_amx"), await compilesFor("amx_bf16"));
  },
});

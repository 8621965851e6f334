/**
 * The trainers by the project's C++.
 *
 * @module
 */
import { compilesFor } from "../backend/native.ts";

/** Each with whether this machine has it not. */
export const natives = [
  { engine: "native", precision: "float32", missing: !await compilesFor("avx2") },
  { engine: "native", precision: "bfloat16", missing: !await compilesFor("avx512_bf16") },
  { engine: "native-amx", precision: "bfloat16", missing: !await compilesFor("amx_bf16") },
] as const;

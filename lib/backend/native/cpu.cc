// Which of the slow libraries are worth compiling here, for native.ts: they take seconds, this a moment.

#include <cstdint>

#include "cpu.h"

extern "C" {

int32_t cpu_runs_int8_vnni() { return hasVnni(); }

int32_t cpu_runs_head_float32_avx2() { return hasAvx2(); }

int32_t cpu_runs_head_float32_avx512() { return hasAvx512(); }

int32_t cpu_runs_head_step() { return hasBfloat16(); }

int32_t cpu_runs_head_amx() { return hasBfloat16() && hasBfloat16Tiles(); }

}  // extern "C"

// What the processor has of the instructions that the libraries are compiled for.

#pragma once

#include <cpuid.h>

namespace {

inline bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

inline bool hasAvx512() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

inline bool hasVnni() { return hasAvx512() && __builtin_cpu_supports("avx512vnni"); }

inline bool hasBfloat16() { return hasAvx512() && __builtin_cpu_supports("avx512bf16"); }

// AMX's products of bfloat16, which Linux has still to be asked for.
inline bool hasBfloat16Tiles() {
  constexpr unsigned BFLOAT16 = 1u << 22;
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & BFLOAT16);
}

}  // namespace

// Products of bytes by AMX's tiles, where the CPU has them and the system lets them be used. Sums are whole numbers, the same as VNNI's.

#pragma once

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vectors.h"

// Older compilers do not know the instructions; what is compiled with others must not hold them, so the functions name theirs.
#if defined(__AVX512F__) && ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#define WITH_AMX __attribute__((target("amx-tile,amx-int8")))
#endif

namespace {

// A product's tile is 32 rows of 32 sums, in four of AMX's eight; the inner side goes through 64 bytes at a time.
constexpr int AMX_TILE = 16, AMX_ROWS = 2 * AMX_TILE, PIECE = 64;

#ifdef WITH_AMX

// Whether this process may use tiles, which Linux has to be asked for.
inline bool amxAllowed() {
  constexpr unsigned TILE = 1u << 24, INT8 = 1u << 25;
  constexpr int ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & TILE) || !(d & INT8)) return false;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
}

// Eight tiles of 16 rows of 64 bytes, as the instruction takes it. In memory for good: GCC believes that it reads eight bytes alone, and
// would not write the others of a variable.
alignas(64) const struct {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
} tileShape;

// Shapes the calling thread's tiles.
WITH_AMX inline void openTiles() { _tile_loadconfig(&tileShape); }

// Gives them back: a thread that holds tiles takes longer to be switched.
WITH_AMX inline void closeTiles() { _tile_release(); }

// 32 rows of `inner` bytes, tile by tile, times 32 columns of a packed weight, to sums [32, 32].
WITH_AMX inline void amxTile(const uint8_t* a, int inner, const int8_t* b, int32_t* to) {
  constexpr size_t STRIDE = 4 * TILE_COLUMNS, HALF = AMX_TILE;
  asm volatile("" ::: "memory");  // GCC does not know that loads of tiles read what was written before
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int k = 0; k < inner; k += PIECE, a += HALF * PIECE, b += PIECE * TILE_COLUMNS) {
    _tile_loadd(4, a, PIECE);
    _tile_loadd(6, b, STRIDE);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, b + STRIDE / 2, STRIDE);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, a + HALF * inner, PIECE);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, to, STRIDE);
  _tile_stored(1, to + LANES, STRIDE);
  _tile_stored(2, to + HALF * TILE_COLUMNS, STRIDE);
  _tile_stored(3, to + HALF * TILE_COLUMNS + LANES, STRIDE);
}

#else

inline bool amxAllowed() { return false; }
inline void openTiles() {}
inline void closeTiles() {}
inline void amxTile(const void*, int, const void*, int32_t*) {}

#endif

}  // namespace

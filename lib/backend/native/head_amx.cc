// The step of head.h by AMX's products of bfloat16.

#define AMX_TILES
#include "head.h"

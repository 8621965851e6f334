// The encoder in 8 bits by AVX-512 VNNI, and by AMX where the processor has it.

#include "int8.h"

// The encoder in 8 bits by AVX2, with the same numbers.

#include "int8.h"

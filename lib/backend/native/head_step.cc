// The step of head.h by AVX-512's products of bfloat16.

#include "head.h"

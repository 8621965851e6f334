// The step and the logits of head.h by AVX2's products of float32.

#define FLOAT32
#include "head.h"

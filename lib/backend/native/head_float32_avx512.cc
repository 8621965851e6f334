// The step and the logits of head.h by AVX-512's products of float32: the same bits as AVX2's.

#define FLOAT32
#include "head.h"

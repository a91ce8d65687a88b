// What the processor can do, asked once at run time.

#ifndef LONGLM_FEATURES_H
#define LONGLM_FEATURES_H

#include <stdbool.h>

// AVX2, FMA, F16C, BMI1 and BMI2, and an operating system that saves their registers.
bool longlm_processor_has_avx2(void);

// The above and AVX-512 F, BW, DQ and VL (server processors since Skylake-X, AMD's since Zen 4).
bool longlm_processor_has_avx512(void);

// The above and AVX-512 BF16: dot products of bfloat16 numbers (Intel since Cooper Lake, AMD since Zen 4).
bool longlm_processor_has_avx512_bf16(void);

// AVX2 and AVX-VNNI: dot products of bytes in 256 bits (Intel since Alder Lake, AMD since Zen 5).
bool longlm_processor_has_avx_vnni(void);

// AVX-512 and AVX-512 VNNI: dot products of bytes in 512 bits (Intel since Cascade Lake, AMD since Zen 4).
bool longlm_processor_has_avx512_vnni(void);

// On arm64: dot products of bytes with sign (SDOT; Neoverse N1, Cortex-A76, Apple's M1 and later).
bool longlm_processor_has_neon_dot(void);

// On arm64: dot products of bytes without sign and bytes with one (USDOT of the extension I8MM; Neoverse V1, Apple's M2 and
// later).
bool longlm_processor_has_neon_i8mm(void);

#endif

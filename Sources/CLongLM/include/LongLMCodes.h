// Codes of quantised weights, as SIMDKernels/Storage/Quantized needs them.

#ifndef LONGLM_CODES_H
#define LONGLM_CODES_H

#include "LongLMVector.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"

#define LONGLM_INLINE static inline __attribute__((always_inline))

// The codes of quantised numbers are bytes, four to a word. Here they are taken out of words in which they have fewer bits.

// (words >> shift) & mask.
LONGLM_INLINE longlm_float16 longlm_mask_bits(longlm_float16 words, uint32_t shift, uint32_t mask) {
    return longlm_lanes((longlm_bits(words) >> shift) & mask);
}

// low | ((high >> shift) & mask) << distance.
LONGLM_INLINE longlm_float16 longlm_join_bits(
    longlm_float16 low, longlm_float16 high, uint32_t shift, uint32_t mask, uint32_t distance) {
    return longlm_lanes(longlm_bits(low) | (((longlm_bits(high) >> shift) & mask) << distance));
}

// words ^ mask.
LONGLM_INLINE longlm_float16 longlm_flip_bits(longlm_float16 words, uint32_t mask) {
    return longlm_lanes(longlm_bits(words) ^ mask);
}

// Byte `byte` of each word as a float, taken as a number without and with a sign.
LONGLM_INLINE longlm_float16 longlm_byte_to_float(longlm_float16 words, uint32_t byte) {
    longlm_int16x32 numbers = (longlm_int16x32)((longlm_bits(words) >> (8 * byte)) & 0xffu);
    return __builtin_convertvector(numbers, longlm_float16);
}

LONGLM_INLINE longlm_float16 longlm_signed_byte_to_float(longlm_float16 words, uint32_t byte) {
    longlm_int16x32 numbers = (longlm_int16x32)(longlm_bits(words) << (24 - 8 * byte)) >> 24;
    return __builtin_convertvector(numbers, longlm_float16);
}

// The sixteen values that four bits stand for in IQ4_NL and IQ4_XS, each with 128 added.
#define LONGLM_IQ4_VALUES 1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241

typedef uint8_t longlm_uchar64 __attribute__((ext_vector_type(64)));

// Every byte of the words, a number below 16, replaced by the value that it stands for.
LONGLM_INLINE longlm_float16 longlm_look_up_iq4(longlm_float16 words) {
    const uint8_t values[16] = {LONGLM_IQ4_VALUES};
    longlm_uchar64 bytes, found = (longlm_uchar64)(uint8_t)0;
    memcpy(&bytes, &words, sizeof bytes);
    for (int code = 0; code < 16; ++code) {
        found |= (longlm_uchar64)(bytes == (longlm_uchar64)(uint8_t)code) & (longlm_uchar64)values[code];
    }
    memcpy(&words, &found, sizeof found);
    return words;
}

#if defined(__x86_64__)
typedef char longlm_m256 __attribute__((__vector_size__(32), __aligned__(32)));

// The same by a shuffle of bytes. Inlined as longlm_dot_bfloat16 is.
__attribute__((target("avx2"))) static inline longlm_float16 longlm_shuffle_iq4(longlm_float16 words) {
    const uint8_t values[32] = {LONGLM_IQ4_VALUES, LONGLM_IQ4_VALUES};
    longlm_m256 table, halves[2];
    memcpy(&table, values, sizeof table);
    memcpy(halves, &words, sizeof halves);
    halves[0] = __builtin_ia32_pshufb256(table, halves[0]);
    halves[1] = __builtin_ia32_pshufb256(table, halves[1]);
    memcpy(&words, halves, sizeof halves);
    return words;
}
#endif

#undef LONGLM_INLINE

#pragma clang diagnostic pop

#endif

// Codes of quantised weights, as SIMDKernels/Storage/Quantized needs them.

#ifndef LONGLM_CODES_H
#define LONGLM_CODES_H

#include "LongLMVector.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"

#define LONGLM_INLINE static inline __attribute__((always_inline))

// The codes of quantised numbers are bytes, four to a word.

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
typedef int longlm_m512i __attribute__((__vector_size__(64), __aligned__(64)));
typedef float longlm_m512f __attribute__((__vector_size__(64), __aligned__(64)));
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

// The lower four bits of each word as a float, or as the value that IQ4_NL and IQ4_XS give them, plus 128: looked up in a
// register of sixteen floats. The permutation reads no other bits of a word.
__attribute__((target("avx512f"))) static inline longlm_float16 longlm_permute_nibbles(
    longlm_float16 words, _Bool as_iq4) {
    const float numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const float values[16] = {LONGLM_IQ4_VALUES};
    longlm_m512f table;
    longlm_m512i places;
    memcpy(&table, as_iq4 ? values : numbers, sizeof table);
    memcpy(&places, &words, sizeof places);
    table = __builtin_ia32_permvarsf512(table, places);
    memcpy(&words, &table, sizeof words);
    return words;
}
#endif

// The integers nearest to the lanes, ties to even, for lanes below 2^22 in magnitude. Two separate
// roundings, so never contracted.
LONGLM_INLINE longlm_float16 longlm_nearest_integers(longlm_float16 lanes) {
    const longlm_float16 magic = (longlm_float16)12582912.0f;
    longlm_float16 shifted = lanes + magic;
    return shifted - magic;
}

// The lanes, integers between -128 and 127, as four words of four bytes, `stride` words apart.
LONGLM_INLINE void longlm_store_word_bytes(longlm_float16 lanes, float *_Nonnull target, long stride) {
    typedef int8_t longlm_char16 __attribute__((ext_vector_type(16)));
    longlm_char16 bytes = __builtin_convertvector(__builtin_convertvector(lanes, longlm_int16x32), longlm_char16);
    float words[4];
    memcpy(words, &bytes, sizeof words);
    for (int word = 0; word < 4; ++word) target[word * stride] = words[word];
}

// The lowest byte of each word.
LONGLM_INLINE void longlm_store_low_bytes(longlm_float16 words, void *_Nonnull target) {
    typedef uint8_t longlm_uchar16 __attribute__((ext_vector_type(16)));
    longlm_uchar16 bytes = __builtin_convertvector(longlm_bits(words), longlm_uchar16);
    memcpy(target, &bytes, sizeof bytes);
}

// A float, an integer below 2^24 in magnitude, as a word that holds that integer.
LONGLM_INLINE float longlm_integer_word(float number) {
    int32_t integer = (int32_t)number;
    float word;
    memcpy(&word, &integer, sizeof word);
    return word;
}

// The words of a code product: each word of `codes` has four bytes without sign, each of `factors` four with sign. Adds
// their four products to the integer in the same word of `sums`. Integers are exact, so every form gives the same bits.
LONGLM_INLINE longlm_float16 longlm_dot_bytes(longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    longlm_uint16x32 left = longlm_bits(codes), right = longlm_bits(factors);
    longlm_int16x32 total = (longlm_int16x32)longlm_bits(sums);
    total += (longlm_int16x32)(left & 0xffu) * ((longlm_int16x32)(right << 24) >> 24);
    total += (longlm_int16x32)((left >> 8) & 0xffu) * ((longlm_int16x32)(right << 16) >> 24);
    total += (longlm_int16x32)((left >> 16) & 0xffu) * ((longlm_int16x32)(right << 8) >> 24);
    total += (longlm_int16x32)(left >> 24) * ((longlm_int16x32)right >> 24);
    return longlm_lanes((longlm_uint16x32)total);
}

#if defined(__x86_64__)
typedef int longlm_m256i __attribute__((__vector_size__(32), __aligned__(32)));
typedef short longlm_m256s __attribute__((__vector_size__(32), __aligned__(32)));
typedef unsigned short longlm_m256us __attribute__((__vector_size__(32), __aligned__(32)));
typedef unsigned short longlm_m512us __attribute__((__vector_size__(64), __aligned__(64)));
typedef short longlm_m512s __attribute__((__vector_size__(64), __aligned__(64)));

// With products of 16-bit numbers (VPMADDWD), which can't overflow as products of bytes (VPMADDUBSW) do: even and odd bytes
// apart. Inlined as longlm_dot_bfloat16 is.
__attribute__((target("avx2"))) static inline longlm_float16 longlm_dot_bytes_avx2(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    longlm_m256s left[2], right[2];
    longlm_m256i total[2];
    memcpy(left, &codes, sizeof left);
    memcpy(right, &factors, sizeof right);
    memcpy(total, &sums, sizeof total);
    for (int half = 0; half < 2; ++half) {
        longlm_m256s odd = (longlm_m256s)((longlm_m256us)left[half] >> 8);
        total[half] += __builtin_ia32_pmaddwd256(left[half] & 0xff, (longlm_m256s)(right[half] << 8) >> 8);
        total[half] += __builtin_ia32_pmaddwd256(odd, right[half] >> 8);
    }
    memcpy(&sums, total, sizeof total);
    return sums;
}

__attribute__((target("avx512f,avx512bw"))) static inline longlm_float16 longlm_dot_bytes_avx512(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    longlm_m512s left, right;
    longlm_m512i total;
    memcpy(&left, &codes, sizeof left);
    memcpy(&right, &factors, sizeof right);
    memcpy(&total, &sums, sizeof total);
    longlm_m512s odd = (longlm_m512s)((longlm_m512us)left >> 8);
    total += __builtin_ia32_pmaddwd512(left & 0xff, (longlm_m512s)(right << 8) >> 8);
    total += __builtin_ia32_pmaddwd512(odd, right >> 8);
    memcpy(&sums, &total, sizeof total);
    return sums;
}

// With products of four bytes (VPDPBUSD).
__attribute__((target("avxvnni,avx2"))) static inline longlm_float16 longlm_dot_bytes_avx2vnni(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    longlm_m256i left[2], right[2], total[2];
    memcpy(left, &codes, sizeof left);
    memcpy(right, &factors, sizeof right);
    memcpy(total, &sums, sizeof total);
    total[0] = __builtin_ia32_vpdpbusd256(total[0], left[0], right[0]);
    total[1] = __builtin_ia32_vpdpbusd256(total[1], left[1], right[1]);
    memcpy(&sums, total, sizeof total);
    return sums;
}

__attribute__((target("avx512vnni,avx512f"))) static inline longlm_float16 longlm_dot_bytes_avx512vnni(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    longlm_m512i left, right, total;
    memcpy(&left, &codes, sizeof left);
    memcpy(&right, &factors, sizeof right);
    memcpy(&total, &sums, sizeof total);
    total = __builtin_ia32_vpdpbusd512(total, left, right);
    memcpy(&sums, &total, sizeof total);
    return sums;
}
#endif

#if defined(__aarch64__)
// With NEON's dot products of bytes with sign on both sides (SDOT). Inlined as longlm_dot_bfloat16 is, and no longer than the
// inliner takes.
__attribute__((target("dotprod"))) static inline longlm_float16 longlm_dot_signed_bytes(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    int8x16_t left[4], right[4];
    int32x4_t total[4];
    memcpy(left, &codes, sizeof left);
    memcpy(right, &factors, sizeof right);
    memcpy(total, &sums, sizeof total);
    for (int quarter = 0; quarter < 4; ++quarter) {
        total[quarter] = vdotq_s32(total[quarter], left[quarter], right[quarter]);
    }
    memcpy(&sums, total, sizeof total);
    return sums;
}

// Codes have no sign, so 128 is taken from each, and 128 times the sum of its factors is added again. The compiler computes
// that once for all codes that meet the same factors.
LONGLM_INLINE longlm_float16 longlm_dot_bytes_neondot(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    const longlm_float16 zero = (longlm_float16)0.0f;
    longlm_float16 halves = longlm_dot_signed_bytes(factors, longlm_lanes((longlm_uint16x32)0x40404040u), zero);
    longlm_float16 lowered = longlm_dot_signed_bytes(longlm_lanes(longlm_bits(codes) ^ 0x80808080u), factors, sums);
    return longlm_lanes(longlm_bits(lowered) + (longlm_bits(halves) << 1));
}

// USDOT takes one factor without sign.
__attribute__((target("i8mm"))) static inline longlm_float16 longlm_dot_bytes_neoni8mm(
    longlm_float16 codes, longlm_float16 factors, longlm_float16 sums) {
    uint8x16_t left[4];
    int8x16_t right[4];
    int32x4_t total[4];
    memcpy(left, &codes, sizeof left);
    memcpy(right, &factors, sizeof right);
    memcpy(total, &sums, sizeof total);
    for (int quarter = 0; quarter < 4; ++quarter) {
        total[quarter] = vusdotq_s32(total[quarter], left[quarter], right[quarter]);
    }
    memcpy(&sums, total, sizeof total);
    return sums;
}
#endif

#undef LONGLM_INLINE

#pragma clang diagnostic pop

#endif

// Vector operations that Swift 6.3 lowers to one scalar operation per lane, or to a call that it doesn't always inline.
// The types import as SIMD16.
//
// A "word" is 32 bits of a packed matrix: one float, or two 16-bit numbers of neighboring k, the earlier one in the
// low half.
//
// All but longlm_dot_bfloat16 carry no target attribute: always_inline puts them into the calling Swift body, and the
// trampoline around that body decides the instructions.

#ifndef LONGLM_VECTOR_H
#define LONGLM_VECTOR_H

#include <stdint.h>
#include <string.h>

typedef float longlm_float16 __attribute__((ext_vector_type(16)));
typedef uint32_t longlm_uint16x32 __attribute__((ext_vector_type(16)));
typedef uint16_t longlm_ushort16 __attribute__((ext_vector_type(16)));

// Passing vectors depends on the target, which does not matter to functions that are always inlined.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"

#define LONGLM_INLINE static inline __attribute__((always_inline))

LONGLM_INLINE longlm_uint16x32 longlm_bits(longlm_float16 lanes) {
    longlm_uint16x32 bits;
    memcpy(&bits, &lanes, sizeof bits);
    return bits;
}

LONGLM_INLINE longlm_float16 longlm_lanes(longlm_uint16x32 bits) {
    longlm_float16 lanes;
    memcpy(&lanes, &bits, sizeof lanes);
    return lanes;
}

// Sixteen floats or words from memory. (The standard library's loads and stores are calls where a kernel has many.)
LONGLM_INLINE longlm_float16 longlm_load(const float *_Nonnull source) {
    longlm_float16 lanes;
    memcpy(&lanes, source, sizeof lanes);
    return lanes;
}

LONGLM_INLINE void longlm_store(longlm_float16 lanes, float *_Nonnull target) { memcpy(target, &lanes, sizeof lanes); }

// The low half of each word as a bfloat16 number, widened exactly: its bits become the upper half of a float's.
LONGLM_INLINE longlm_float16 longlm_widen_low_bfloat16(longlm_float16 words) {
    return longlm_lanes(longlm_bits(words) << 16);
}

// The high half of each word as a bfloat16 number, widened exactly.
LONGLM_INLINE longlm_float16 longlm_widen_high_bfloat16(longlm_float16 words) {
    return longlm_lanes(longlm_bits(words) & 0xffff0000u);
}

// Half-precision numbers in the low 16 bits of each lane, widened exactly, subnormal numbers, infinities and NaN
// included. Integer arithmetic for targets without a conversion instruction: a normal number moves its exponent by
// 112; a subnormal one is the difference of two normal floats, which is exact.
LONGLM_INLINE longlm_float16 longlm_widen_half_bits(longlm_uint16x32 half) {
    longlm_uint16x32 sign = (half & 0x8000u) << 16;
    longlm_uint16x32 magnitude = (half & 0x7fffu) << 13;
    longlm_uint16x32 normal = magnitude + (112u << 23);
    longlm_uint16x32 special = magnitude + (224u << 23);
    longlm_uint16x32 raised = magnitude + (113u << 23);
    longlm_uint16x32 subnormal = longlm_bits(longlm_lanes(raised) - (longlm_float16)(6.103515625e-05f));
    longlm_uint16x32 is_special = (longlm_uint16x32)(magnitude >= (0x7c00u << 13));
    longlm_uint16x32 is_subnormal = (longlm_uint16x32)(magnitude < (0x0400u << 13));
    longlm_uint16x32 is_normal = ~(is_special | is_subnormal);
    return longlm_lanes(
        sign | (is_special & special) | (is_subnormal & subnormal) | (is_normal & normal));
}

LONGLM_INLINE longlm_float16 longlm_widen_low_half_bits(longlm_float16 words) {
    return longlm_widen_half_bits(longlm_bits(words) & 0xffffu);
}

LONGLM_INLINE longlm_float16 longlm_widen_high_half_bits(longlm_float16 words) {
    return longlm_widen_half_bits(longlm_bits(words) >> 16);
}

// The same by conversion instructions (F16C, NEON). Where the target has none this becomes a call per lane.
typedef _Float16 longlm_half16 __attribute__((ext_vector_type(16)));

LONGLM_INLINE longlm_float16 longlm_convert_half(longlm_uint16x32 half) {
    longlm_ushort16 narrow = __builtin_convertvector(half, longlm_ushort16);
    longlm_half16 numbers;
    memcpy(&numbers, &narrow, sizeof numbers);
    return __builtin_convertvector(numbers, longlm_float16);
}

LONGLM_INLINE longlm_float16 longlm_convert_low_half(longlm_float16 words) {
    return longlm_convert_half(longlm_bits(words));
}

LONGLM_INLINE longlm_float16 longlm_convert_high_half(longlm_float16 words) {
    return longlm_convert_half(longlm_bits(words) >> 16);
}

// Sixteen floats rounded to bfloat16, to nearest and ties to even, in the low half of each lane. A NaN stays one.
LONGLM_INLINE longlm_uint16x32 longlm_round_bfloat16_bits(longlm_float16 lanes) {
    longlm_uint16x32 bits = longlm_bits(lanes);
    longlm_uint16x32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    longlm_uint16x32 quiet = (bits >> 16) | 0x40u;
    longlm_uint16x32 is_nan = (longlm_uint16x32)((bits & 0x7fffffffu) > 0x7f800000u);
    return (is_nan & quiet) | (~is_nan & rounded);
}

// Two floats a lane rounded to bfloat16: `low` goes to the low halves of the words, `high` to the high ones.
LONGLM_INLINE longlm_float16 longlm_round_bfloat16_words(longlm_float16 low, longlm_float16 high) {
    return longlm_lanes(longlm_round_bfloat16_bits(low) | (longlm_round_bfloat16_bits(high) << 16));
}

// Sixteen floats rounded to bfloat16, one after another.
LONGLM_INLINE void longlm_store_bfloat16(longlm_float16 lanes, uint16_t *_Nonnull target) {
    longlm_ushort16 narrow = __builtin_convertvector(longlm_round_bfloat16_bits(lanes), longlm_ushort16);
    memcpy(target, &narrow, sizeof narrow);
}

// Words from thirty-two floats in a row: the floats at 2i and 2i + 1 become word i.
LONGLM_INLINE longlm_float16 longlm_pair_bfloat16(const float *_Nonnull source) {
    longlm_float16 first, second;
    memcpy(&first, source, sizeof first);
    memcpy(&second, source + 16, sizeof second);
    longlm_float16 low = __builtin_shufflevector(
        first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    longlm_float16 high = __builtin_shufflevector(
        first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return longlm_round_bfloat16_words(low, high);
}

#if defined(__x86_64__)
typedef __bf16 longlm_bfloat16x32 __attribute__((__vector_size__(64), __aligned__(64)));
typedef float longlm_m512 __attribute__((__vector_size__(64), __aligned__(64)));

// sums + left · right, with every lane of left and right two bfloat16 numbers: two products are added (VDPBF16PS,
// which treats subnormal numbers as zero). Inlined where the target has the instruction, that is into a trampoline; not
// always_inline, since the body that the trampoline takes over is compiled for the baseline as well, though never run.
__attribute__((target("avx512bf16,avx512f"))) static inline longlm_float16 longlm_dot_bfloat16(
    longlm_float16 left, longlm_float16 right, longlm_float16 sums) {
    longlm_bfloat16x32 a, b;
    longlm_m512 c;
    memcpy(&a, &left, sizeof a);
    memcpy(&b, &right, sizeof b);
    memcpy(&c, &sums, sizeof c);
    c = __builtin_ia32_dpbf16ps_512(c, a, b);
    memcpy(&sums, &c, sizeof c);
    return sums;
}
#endif

// Asks for the cache line at `address`, which need not exist.
LONGLM_INLINE void longlm_prefetch(const void *_Nonnull address) { __builtin_prefetch(address, 0, 3); }

// The lanes moved down by `distance`, a constant; those that fall out come in at the upper end.
#define LONGLM_ROTATED(lanes, distance)                                                                                \
    __builtin_shufflevector(                                                                                           \
        lanes, lanes, (distance) % 16, (1 + (distance)) % 16, (2 + (distance)) % 16, (3 + (distance)) % 16,           \
        (4 + (distance)) % 16, (5 + (distance)) % 16, (6 + (distance)) % 16, (7 + (distance)) % 16,                    \
        (8 + (distance)) % 16, (9 + (distance)) % 16, (10 + (distance)) % 16, (11 + (distance)) % 16,                  \
        (12 + (distance)) % 16, (13 + (distance)) % 16, (14 + (distance)) % 16, (15 + (distance)) % 16)

// The sum of all lanes by one fixed tree: the upper half is added to the lower until one lane is left. Whole vectors
// are added, because LLVM splits the loop before a sum of halves into loops over halves, which takes twice as long.
LONGLM_INLINE float longlm_tree_sum(longlm_float16 lanes) {
    lanes += LONGLM_ROTATED(lanes, 8);
    lanes += LONGLM_ROTATED(lanes, 4);
    lanes += LONGLM_ROTATED(lanes, 2);
    return lanes[0] + lanes[1];
}

// The greatest lane; the lanes hold no NaN.
LONGLM_INLINE float longlm_tree_maximum(longlm_float16 lanes) {
    longlm_float16 other = LONGLM_ROTATED(lanes, 8);
    lanes = lanes > other ? lanes : other;
    other = LONGLM_ROTATED(lanes, 4);
    lanes = lanes > other ? lanes : other;
    other = LONGLM_ROTATED(lanes, 2);
    lanes = lanes > other ? lanes : other;
    return lanes[0] > lanes[1] ? lanes[0] : lanes[1];
}

#undef LONGLM_ROTATED

// Interleaves the words, pairs, quadruples or octuples of two vectors within their 4-, or 16-word parts.
#define LONGLM_LOW_WORDS(a, b)                                                                                         \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define LONGLM_HIGH_WORDS(a, b)                                                                                        \
    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LONGLM_LOW_PAIRS(a, b)                                                                                         \
    __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define LONGLM_HIGH_PAIRS(a, b)                                                                                        \
    __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LONGLM_EVEN_QUADS(a, b)                                                                                        \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define LONGLM_ODD_QUADS(a, b)                                                                                         \
    __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

// Sixteen rows of sixteen words become columns. The words are only moved, so they may hold anything.
LONGLM_INLINE void longlm_transpose(longlm_float16 *_Nonnull v) {
    longlm_float16 a[16], b[16];
    // Each step exchanges one bit of the row's number with one of the column's.
    for (int i = 0; i < 16; i += 2) {
        a[i] = LONGLM_LOW_WORDS(v[i], v[i + 1]);
        a[i + 1] = LONGLM_HIGH_WORDS(v[i], v[i + 1]);
    }
    // Now a[4g + h] (h = 0, 1) holds columns 0, 1 or 2, 3 of every quadruple for rows 4g, 4g + 1.
    for (int i = 0; i < 16; i += 4) {
        b[i] = LONGLM_LOW_PAIRS(a[i], a[i + 2]);
        b[i + 1] = LONGLM_HIGH_PAIRS(a[i], a[i + 2]);
        b[i + 2] = LONGLM_LOW_PAIRS(a[i + 1], a[i + 3]);
        b[i + 3] = LONGLM_HIGH_PAIRS(a[i + 1], a[i + 3]);
    }
    // b[4g + c] holds, in quadruple q, rows 4g … 4g + 3 of column 4q + c.
    for (int c = 0; c < 4; c++) {
        longlm_float16 even01 = LONGLM_EVEN_QUADS(b[c], b[4 + c]), odd01 = LONGLM_ODD_QUADS(b[c], b[4 + c]);
        longlm_float16 even23 = LONGLM_EVEN_QUADS(b[8 + c], b[12 + c]), odd23 = LONGLM_ODD_QUADS(b[8 + c], b[12 + c]);
        v[c] = LONGLM_EVEN_QUADS(even01, even23);
        v[8 + c] = LONGLM_ODD_QUADS(even01, even23);
        v[4 + c] = LONGLM_EVEN_QUADS(odd01, odd23);
        v[12 + c] = LONGLM_ODD_QUADS(odd01, odd23);
    }
}

// Loads up to sixteen rows of sixteen words (the others are zeros) and stores the first `column_count` columns, each of
// the first `height` words, one after another at `target_stride` words. `row_stride` is in bytes.
LONGLM_INLINE void longlm_transpose_words(
    const void *_Nonnull source, long row_stride, long row_count, long column_count, float *_Nonnull target,
    long target_stride, long height) {
    longlm_float16 v[16];
    for (int row = 0; row < 16; row++) {
        v[row] = (longlm_float16)0.0f;
        if (row < row_count) memcpy(&v[row], (const char *)source + row * row_stride, sizeof v[row]);
    }
    longlm_transpose(v);
    for (int column = 0; column < 16; column++) {
        if (column < column_count) memcpy(target + column * target_stride, &v[column], (size_t)height * 4);
    }
}

// The same for rows of thirty-two floats, which are rounded to words of two bfloat16 numbers. `row_stride` is in floats.
LONGLM_INLINE void longlm_transpose_pairs(
    const float *_Nonnull source, long row_stride, long row_count, long column_count, float *_Nonnull target,
    long target_stride, long height) {
    longlm_float16 v[16];
    for (int row = 0; row < 16; row++) {
        v[row] = (longlm_float16)0.0f;
        if (row < row_count) v[row] = longlm_pair_bfloat16(source + row * row_stride);
    }
    longlm_transpose(v);
    for (int column = 0; column < 16; column++) {
        if (column < column_count) memcpy(target + column * target_stride, &v[column], (size_t)height * 4);
    }
}

#undef LONGLM_LOW_WORDS
#undef LONGLM_HIGH_WORDS
#undef LONGLM_LOW_PAIRS
#undef LONGLM_HIGH_PAIRS
#undef LONGLM_EVEN_QUADS
#undef LONGLM_ODD_QUADS
#undef LONGLM_INLINE

#pragma clang diagnostic pop

#endif

// Vector operations that neither the standard library has nor the compiler's own operations
// (SIMDKernels/Vector/LaneOperations.swift): those with shuffles or instructions of one processor, and accesses to parts of
// vectors. Each argument passes through memory until it is optimised, so the simplest and most frequent operations don't
// stand here. The types import as SIMD16.
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
typedef int32_t longlm_int16x32 __attribute__((ext_vector_type(16)));
typedef uint16_t longlm_ushort16 __attribute__((ext_vector_type(16)));

// Passing vectors depends on the target, which does not matter to functions that are always inlined.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"

#define LONGLM_INLINE static inline __attribute__((always_inline))

// ThreadSanitizer passes over accesses of more than 16 bytes, which are nearly all that a kernel has. Here it is told of
// them (see .ci/sanitize).
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
extern void __tsan_read_range(const void *_Nonnull address, unsigned long size);
extern void __tsan_write_range(void *_Nonnull address, unsigned long size);
#define LONGLM_READS(address, size) __tsan_read_range(address, size)
#define LONGLM_WRITES(address, size) __tsan_write_range(address, size)
#endif
#endif
#ifndef LONGLM_READS
#define LONGLM_READS(address, size) ((void)(address), (void)(size))
#define LONGLM_WRITES(address, size) ((void)(address), (void)(size))
#endif

// The same for accesses in Swift.
LONGLM_INLINE void longlm_note_read(const void *_Nonnull address, long size) {
    LONGLM_READS(address, (unsigned long)size);
}

LONGLM_INLINE void longlm_note_write(void *_Nonnull address, long size) {
    LONGLM_WRITES(address, (unsigned long)size);
}

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

// The first `count` of sixteen floats or words, at most sixteen, and zeros.
LONGLM_INLINE longlm_float16 longlm_load_partial(const float *_Nonnull source, long count) {
    longlm_float16 lanes = (longlm_float16)0.0f;
    LONGLM_READS(source, (unsigned long)count * 4);
    memcpy(&lanes, source, (unsigned long)count * 4);
    return lanes;
}

// A word, or half of one, at any address.
LONGLM_INLINE float longlm_load_word(const void *_Nonnull source) {
    float word;
    LONGLM_READS(source, sizeof word);
    memcpy(&word, source, sizeof word);
    return word;
}

LONGLM_INLINE uint32_t longlm_load_half_word(const void *_Nonnull source) {
    uint16_t half;
    LONGLM_READS(source, sizeof half);
    memcpy(&half, source, sizeof half);
    return half;
}

LONGLM_INLINE void longlm_store_partial(longlm_float16 lanes, float *_Nonnull target, long count) {
    LONGLM_WRITES(target, (unsigned long)count * 4);
    memcpy(target, &lanes, (unsigned long)count * 4);
}

// Writes past the caches, to an address that is a multiple of 64. longlm_stream_end orders such stores before those that
// follow.
LONGLM_INLINE void longlm_stream(longlm_float16 lanes, float *_Nonnull target) {
    LONGLM_WRITES(target, sizeof lanes);
    __builtin_nontemporal_store(lanes, (longlm_float16 *)target);
}

LONGLM_INLINE void longlm_stream_end(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

// `first`, `first` + 1, … as whole numbers.
LONGLM_INLINE longlm_int16x32 longlm_count_from(int32_t first) {
    const longlm_int16x32 indices = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return indices + first;
}

// The low (0) or high (1) half of one word as a bfloat16 number, widened exactly.
LONGLM_INLINE float longlm_widen_bfloat16(const float *_Nonnull word, uint32_t half) {
    uint32_t bits;
    float number;
    memcpy(&bits, word, sizeof bits);
    bits = bits >> (16 * half) << 16;
    memcpy(&number, &bits, sizeof number);
    return number;
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
    LONGLM_WRITES(target, sizeof narrow);
    memcpy(target, &narrow, sizeof narrow);
}

// Words from thirty-two floats in a row: the floats at 2i and 2i + 1 become word i.
LONGLM_INLINE longlm_float16 longlm_pair_bfloat16(const float *_Nonnull source) {
    longlm_float16 first, second;
    LONGLM_READS(source, sizeof first + sizeof second);
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

// The same into the second-level cache, for what lies `distance` bytes ahead.
LONGLM_INLINE void longlm_prefetch_far(const void *_Nonnull address, long distance) {
    __builtin_prefetch((const void *)((uintptr_t)address + (uintptr_t)distance), 0, 2);
}

// The lanes moved down by `distance`, a constant; those that fall out come in at the upper end.
#define LONGLM_ROTATED(lanes, distance)                                                                                \
    __builtin_shufflevector(                                                                                           \
        lanes, lanes, (distance) % 16, (1 + (distance)) % 16, (2 + (distance)) % 16, (3 + (distance)) % 16,           \
        (4 + (distance)) % 16, (5 + (distance)) % 16, (6 + (distance)) % 16, (7 + (distance)) % 16,                    \
        (8 + (distance)) % 16, (9 + (distance)) % 16, (10 + (distance)) % 16, (11 + (distance)) % 16,                  \
        (12 + (distance)) % 16, (13 + (distance)) % 16, (14 + (distance)) % 16, (15 + (distance)) % 16)

// Sums and differences of lanes that are `distance` apart, a constant power of two: of each two such lanes, the lower one
// becomes their sum and the upper one their difference. (A product with 1 or -1 is exact, so a fused one has the same bits.)
#define LONGLM_BUTTERFLY_SIGN(lane, distance) ((lane) & (distance) ? -1.0f : 1.0f)
#define LONGLM_BUTTERFLY(lanes, distance)                                                                              \
    (__builtin_shufflevector(                                                                                          \
         lanes, lanes, 0 ^ (distance), 1 ^ (distance), 2 ^ (distance), 3 ^ (distance), 4 ^ (distance),                 \
         5 ^ (distance), 6 ^ (distance), 7 ^ (distance), 8 ^ (distance), 9 ^ (distance), 10 ^ (distance),              \
         11 ^ (distance), 12 ^ (distance), 13 ^ (distance), 14 ^ (distance), 15 ^ (distance)) +                        \
     (lanes) * (longlm_float16){                                                                                       \
         LONGLM_BUTTERFLY_SIGN(0, distance), LONGLM_BUTTERFLY_SIGN(1, distance), LONGLM_BUTTERFLY_SIGN(2, distance),   \
         LONGLM_BUTTERFLY_SIGN(3, distance), LONGLM_BUTTERFLY_SIGN(4, distance), LONGLM_BUTTERFLY_SIGN(5, distance),   \
         LONGLM_BUTTERFLY_SIGN(6, distance), LONGLM_BUTTERFLY_SIGN(7, distance), LONGLM_BUTTERFLY_SIGN(8, distance),   \
         LONGLM_BUTTERFLY_SIGN(9, distance), LONGLM_BUTTERFLY_SIGN(10, distance), LONGLM_BUTTERFLY_SIGN(11, distance), \
         LONGLM_BUTTERFLY_SIGN(12, distance), LONGLM_BUTTERFLY_SIGN(13, distance),                                     \
         LONGLM_BUTTERFLY_SIGN(14, distance), LONGLM_BUTTERFLY_SIGN(15, distance)})

// The Walsh-Hadamard transform of 16 lanes, without a factor.
LONGLM_INLINE longlm_float16 longlm_hadamard(longlm_float16 lanes) {
    lanes = LONGLM_BUTTERFLY(lanes, 1);
    lanes = LONGLM_BUTTERFLY(lanes, 2);
    lanes = LONGLM_BUTTERFLY(lanes, 4);
    return LONGLM_BUTTERFLY(lanes, 8);
}

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

// Interleaves two vectors: words or pairs of words within each quadruple of words, or whole quadruples.
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

// Of four vectors: first the words of the first two and of the last two are interleaved, then the pairs of the results.
// Afterwards the vector of column c holds, in quadruple q, the four rows of column 4q + c.
#define LONGLM_TRANSPOSE_QUADS(v0, v1, v2, v3)                                                                         \
    do {                                                                                                               \
        longlm_float16 low01 = LONGLM_LOW_WORDS(v0, v1), high01 = LONGLM_HIGH_WORDS(v0, v1);                           \
        longlm_float16 low23 = LONGLM_LOW_WORDS(v2, v3), high23 = LONGLM_HIGH_WORDS(v2, v3);                           \
        v0 = LONGLM_LOW_PAIRS(low01, low23);                                                                           \
        v1 = LONGLM_HIGH_PAIRS(low01, low23);                                                                          \
        v2 = LONGLM_LOW_PAIRS(high01, high23);                                                                         \
        v3 = LONGLM_HIGH_PAIRS(high01, high23);                                                                        \
    } while (0)

// Of the vectors of one column in the four groups of four rows: afterwards they hold the columns c, 4 + c, 8 + c, 12 + c.
#define LONGLM_GATHER_QUADS(v0, v1, v2, v3)                                                                            \
    do {                                                                                                               \
        longlm_float16 even01 = LONGLM_EVEN_QUADS(v0, v1), odd01 = LONGLM_ODD_QUADS(v0, v1);                           \
        longlm_float16 even23 = LONGLM_EVEN_QUADS(v2, v3), odd23 = LONGLM_ODD_QUADS(v2, v3);                           \
        v0 = LONGLM_EVEN_QUADS(even01, even23);                                                                        \
        v1 = LONGLM_EVEN_QUADS(odd01, odd23);                                                                          \
        v2 = LONGLM_ODD_QUADS(even01, even23);                                                                         \
        v3 = LONGLM_ODD_QUADS(odd01, odd23);                                                                           \
    } while (0)

// Sixteen rows of sixteen words become columns, and the first `column_count` of them are stored, each of the first
// `height` words. The words are only moved, so they may hold anything. Written out without a loop or an array, which
// would live in memory.
#define LONGLM_TRANSPOSE_AND_STORE(row)                                                                                \
    longlm_float16 v0 = row(0), v1 = row(1), v2 = row(2), v3 = row(3), v4 = row(4), v5 = row(5), v6 = row(6);          \
    longlm_float16 v7 = row(7), v8 = row(8), v9 = row(9), v10 = row(10), v11 = row(11), v12 = row(12);                 \
    longlm_float16 v13 = row(13), v14 = row(14), v15 = row(15);                                                        \
    LONGLM_TRANSPOSE_QUADS(v0, v1, v2, v3);                                                                            \
    LONGLM_TRANSPOSE_QUADS(v4, v5, v6, v7);                                                                            \
    LONGLM_TRANSPOSE_QUADS(v8, v9, v10, v11);                                                                          \
    LONGLM_TRANSPOSE_QUADS(v12, v13, v14, v15);                                                                        \
    LONGLM_GATHER_QUADS(v0, v4, v8, v12);                                                                              \
    LONGLM_GATHER_QUADS(v1, v5, v9, v13);                                                                              \
    LONGLM_GATHER_QUADS(v2, v6, v10, v14);                                                                             \
    LONGLM_GATHER_QUADS(v3, v7, v11, v15);                                                                             \
    LONGLM_STORE_COLUMN(0);                                                                                            \
    LONGLM_STORE_COLUMN(1);                                                                                            \
    LONGLM_STORE_COLUMN(2);                                                                                            \
    LONGLM_STORE_COLUMN(3);                                                                                            \
    LONGLM_STORE_COLUMN(4);                                                                                            \
    LONGLM_STORE_COLUMN(5);                                                                                            \
    LONGLM_STORE_COLUMN(6);                                                                                            \
    LONGLM_STORE_COLUMN(7);                                                                                            \
    LONGLM_STORE_COLUMN(8);                                                                                            \
    LONGLM_STORE_COLUMN(9);                                                                                            \
    LONGLM_STORE_COLUMN(10);                                                                                           \
    LONGLM_STORE_COLUMN(11);                                                                                           \
    LONGLM_STORE_COLUMN(12);                                                                                           \
    LONGLM_STORE_COLUMN(13);                                                                                           \
    LONGLM_STORE_COLUMN(14);                                                                                           \
    LONGLM_STORE_COLUMN(15)
#define LONGLM_STORE_COLUMN(column)                                                                                    \
    do {                                                                                                               \
        LONGLM_WRITES(target + (column) * target_stride, (size_t)height * 4);                                          \
        memcpy(target + (column) * target_stride, &v##column, (size_t)height * 4);                                     \
    } while (0)

// Stores sixteen columns of up to sixteen rows of words (missing rows are zeros) one after another at `target_stride`
// words, each of the first `height` words. `row_stride` is in bytes.
LONGLM_INLINE void longlm_transpose_words(
    const void *_Nonnull source, long row_stride, long row_count, float *_Nonnull target, long target_stride,
    long height) {
    const longlm_float16 zero = (longlm_float16)0.0f;
#define LONGLM_ROW(row)                                                                                                \
    ((row) < row_count ? longlm_load_partial((const float *)((const char *)source + (row) * row_stride), 16) : zero)
    LONGLM_TRANSPOSE_AND_STORE(LONGLM_ROW);
#undef LONGLM_ROW
}

// The same for rows of thirty-two floats, which are rounded to words of two bfloat16 numbers. `row_stride` is in floats.
LONGLM_INLINE void longlm_transpose_pairs(
    const float *_Nonnull source, long row_stride, long row_count, float *_Nonnull target, long target_stride,
    long height) {
    const longlm_float16 zero = (longlm_float16)0.0f;
#define LONGLM_ROW(row)                                                                                                \
    ((row) < row_count ? longlm_pair_bfloat16(source + (row) * row_stride) : zero)
    LONGLM_TRANSPOSE_AND_STORE(LONGLM_ROW);
#undef LONGLM_ROW
}

#undef LONGLM_STORE_COLUMN
#undef LONGLM_TRANSPOSE_AND_STORE
#undef LONGLM_GATHER_QUADS
#undef LONGLM_TRANSPOSE_QUADS
#undef LONGLM_LOW_WORDS
#undef LONGLM_HIGH_WORDS
#undef LONGLM_LOW_PAIRS
#undef LONGLM_HIGH_PAIRS
#undef LONGLM_EVEN_QUADS
#undef LONGLM_ODD_QUADS
#undef LONGLM_INLINE
#undef LONGLM_READS
#undef LONGLM_WRITES

#pragma clang diagnostic pop

#endif

// Vector operations that Swift 6.3 lowers to one scalar operation per lane, or to a call that it doesn't always inline.
// The types import as SIMD16.
//
// They carry no target attribute: always_inline puts them into the calling Swift body, and the trampoline
// around that body decides the instructions.

#ifndef LONGLM_VECTOR_H
#define LONGLM_VECTOR_H

#include <stdint.h>
#include <string.h>

typedef float longlm_float16 __attribute__((ext_vector_type(16)));
typedef uint32_t longlm_uint16x32 __attribute__((ext_vector_type(16)));
typedef uint16_t longlm_ushort16 __attribute__((ext_vector_type(16)));

#define LONGLM_INLINE static inline __attribute__((always_inline))

// Sixteen bfloat16 numbers widened exactly: the bits become the upper half of a float's.
LONGLM_INLINE longlm_float16 longlm_widen_bfloat16(const uint16_t *_Nonnull source) {
    longlm_ushort16 narrow;
    memcpy(&narrow, source, sizeof narrow);
    longlm_uint16x32 bits = __builtin_convertvector(narrow, longlm_uint16x32) << 16;
    longlm_float16 wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

// Sixteen IEEE half-precision numbers widened exactly, subnormal numbers, infinities and NaN included.
// Integer arithmetic instead of a conversion instruction, so that it compiles for every target: a normal
// number moves its exponent by 112; a subnormal one is the difference of two normal floats, which is exact.
LONGLM_INLINE longlm_float16 longlm_widen_half(const uint16_t *_Nonnull source) {
    longlm_ushort16 narrow;
    memcpy(&narrow, source, sizeof narrow);
    longlm_uint16x32 half = __builtin_convertvector(narrow, longlm_uint16x32);
    longlm_uint16x32 sign = (half & 0x8000u) << 16;
    longlm_uint16x32 magnitude = (half & 0x7fffu) << 13;
    longlm_uint16x32 normal = magnitude + (112u << 23);
    longlm_uint16x32 special = magnitude + (224u << 23);
    longlm_uint16x32 raised = magnitude + (113u << 23);
    longlm_float16 subnormal, smallest = (longlm_float16)(6.103515625e-05f);
    memcpy(&subnormal, &raised, sizeof subnormal);
    subnormal -= smallest;
    longlm_uint16x32 subnormal_bits;
    memcpy(&subnormal_bits, &subnormal, sizeof subnormal_bits);
    longlm_uint16x32 is_special = (longlm_uint16x32)(magnitude >= (0x7c00u << 13));
    longlm_uint16x32 is_subnormal = (longlm_uint16x32)(magnitude < (0x0400u << 13));
    longlm_uint16x32 is_normal = ~(is_special | is_subnormal);
    longlm_uint16x32 bits = (is_special & special) | (is_subnormal & subnormal_bits) | (is_normal & normal);
    bits |= sign;
    longlm_float16 wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

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
#undef LONGLM_INLINE

#endif

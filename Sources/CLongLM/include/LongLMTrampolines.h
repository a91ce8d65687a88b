// How the Swift kernels are compiled for several instruction targets in a package without compiler flags.
//
// A target has a Swift body for each group of kernels, `longlm_<group>_<target>`, which runs any kernel of the group by its
// number (Targets/ in SIMDKernels). Here each pair of a target and a kernel gets a trampoline: a function with the target's
// attribute that calls the body with that kernel's number. Clang emits the trampolines into the Swift file that calls
// longlm_run_<target>. LLVM inlines the body into each of them, keeps the one kernel that the number selects, and compiles it
// for the target.
//
// The inlining has two conditions. longlm_run_<target> and longlm_unpack_<target> are called in the very file that
// implements the body, by functions that are @inline(never), because each Swift file is a module to LLVM. And every Swift
// function that a kernel calls is @inline(always), which unlike @inline(__always) is a promise, or @_transparent.
// SIMDKernelsTests/TrampolineTests fails when a trampoline stops inlining.

#ifndef LONGLM_TRAMPOLINES_H
#define LONGLM_TRAMPOLINES_H

// The kernels in three groups: those that multiply floats in tiles, those that multiply codes of quantised weights, and all
// others. A target that differs in its products alone compiles one group. (One body for all would be a function of a million
// instructions before it is optimised, and some passes take more than twice as long for twice as much.)
typedef enum __attribute__((enum_extensibility(closed))) LongLMKernel : int {
    LongLMKernelGemm,
    LongLMKernelGemv,
    LongLMKernelAttention,
    LongLMKernelPeak,
    LongLMKernelPackInput,
    LongLMKernelCodeGemm,
    LongLMKernelCodeGemv,
    LongLMKernelCodeAttention,
    LongLMKernelCodePeak,
    LongLMKernelQuantizeInput,
    LongLMKernelUnpack,
    LongLMKernelPackWeights,
    LongLMKernelNormalize,
    LongLMKernelRotary,
    LongLMKernelAttentionMerge,
    LongLMKernelRead,
} LongLMKernel;

#define LONGLM_TILE_KERNELS(KERNEL, target, attributes)                                                                \
    KERNEL(tile, gemm, LongLMKernelGemm, target, attributes)                                                           \
    KERNEL(tile, gemv, LongLMKernelGemv, target, attributes)                                                           \
    KERNEL(tile, attention, LongLMKernelAttention, target, attributes)                                                 \
    KERNEL(tile, peak, LongLMKernelPeak, target, attributes)                                                           \
    KERNEL(tile, pack_input, LongLMKernelPackInput, target, attributes)

#define LONGLM_CODE_KERNELS(KERNEL, target, attributes)                                                                \
    KERNEL(code, code_gemm, LongLMKernelCodeGemm, target, attributes)                                                  \
    KERNEL(code, code_gemv, LongLMKernelCodeGemv, target, attributes)                                                  \
    KERNEL(code, code_attention, LongLMKernelCodeAttention, target, attributes)                                        \
    KERNEL(code, code_peak, LongLMKernelCodePeak, target, attributes)

#define LONGLM_OTHER_KERNELS(KERNEL, target, attributes)                                                               \
    KERNEL(other, quantize_input, LongLMKernelQuantizeInput, target, attributes)                                       \
    KERNEL(other, unpack, LongLMKernelUnpack, target, attributes)                                                      \
    KERNEL(other, pack_weights, LongLMKernelPackWeights, target, attributes)                                           \
    KERNEL(other, normalize, LongLMKernelNormalize, target, attributes)                                                \
    KERNEL(other, rotary, LongLMKernelRotary, target, attributes)                                                      \
    KERNEL(other, attention_merge, LongLMKernelAttentionMerge, target, attributes)                                     \
    KERNEL(other, read, LongLMKernelRead, target, attributes)

#define LONGLM_BODY(group, target)                                                                                     \
    void longlm_##group##_##target(LongLMKernel kernel, const void *_Nonnull arguments);

#define LONGLM_TRAMPOLINE(group, name, number, target, attributes)                                                     \
    static inline attributes void longlm_call_##name##_##target(const void *_Nonnull arguments) {                      \
        [[clang::always_inline]] longlm_##group##_##target(number, arguments);                                         \
    }

#define LONGLM_CASE(group, name, number, target, attributes)                                                           \
    case number: longlm_call_##name##_##target(arguments); break;

// The kernel `unpack` of a target, which the GEMMs call through this pointer.
typedef void (*LongLMUnpack)(const void *_Nonnull arguments);

// A target that compiles every kernel.
#define LONGLM_TARGET(target, attributes)                                                                              \
    LONGLM_BODY(tile, target)                                                                                          \
    LONGLM_BODY(code, target)                                                                                          \
    LONGLM_BODY(other, target)                                                                                         \
    LONGLM_TILE_KERNELS(LONGLM_TRAMPOLINE, target, attributes)                                                         \
    LONGLM_CODE_KERNELS(LONGLM_TRAMPOLINE, target, attributes)                                                         \
    LONGLM_OTHER_KERNELS(LONGLM_TRAMPOLINE, target, attributes)                                                        \
    static inline void longlm_run_##target(LongLMKernel kernel, const void *_Nonnull arguments) {                      \
        switch (kernel) {                                                                                              \
            LONGLM_TILE_KERNELS(LONGLM_CASE, target, attributes)                                                       \
            LONGLM_CODE_KERNELS(LONGLM_CASE, target, attributes)                                                       \
            LONGLM_OTHER_KERNELS(LONGLM_CASE, target, attributes)                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static inline LongLMUnpack _Nonnull longlm_unpack_##target(void) { return longlm_call_unpack_##target; }

// A target that has products of its own, of one group, and shares all other kernels with another one.
#define LONGLM_PRODUCT_TARGET(group, target, KERNELS, attributes)                                                      \
    LONGLM_BODY(group, target)                                                                                         \
    KERNELS(LONGLM_TRAMPOLINE, target, attributes)                                                                     \
    static inline void longlm_run_##target(LongLMKernel kernel, const void *_Nonnull arguments) {                      \
        switch (kernel) {                                                                                              \
            KERNELS(LONGLM_CASE, target, attributes)                                                                   \
        default: break;                                                                                                \
        }                                                                                                              \
    }

// Whether a kernel's number is a constant, as it is in a trampoline. By itself a body is never run and, where this is
// false, has no code: it would take minutes to compile for the baseline what only the trampolines need. Without optimisation
// nothing is known to be a constant, not even `one`, and all code stays.
static inline __attribute__((always_inline)) _Bool longlm_is_constant(LongLMKernel kernel) {
    int one = 1;
    return __builtin_constant_p(kernel) || !__builtin_constant_p(one);
}

#define LONGLM_NOINLINE __attribute__((noinline))
#define LONGLM_FEATURES(features) __attribute__((target(features)))

// The targets. Their features are those that LongLMFeatures.c tests for, no more.
LONGLM_TARGET(baseline, LONGLM_NOINLINE)

#if defined(__x86_64__)
LONGLM_TARGET(avx2, LONGLM_FEATURES("avx2,fma,f16c,bmi,bmi2"))
LONGLM_TARGET(avx512, LONGLM_FEATURES("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))
LONGLM_PRODUCT_TARGET(
    tile, avx512bf16, LONGLM_TILE_KERNELS,
    LONGLM_FEATURES("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))
LONGLM_PRODUCT_TARGET(code, avx2vnni, LONGLM_CODE_KERNELS, LONGLM_FEATURES("avxvnni,avx2,fma,f16c,bmi,bmi2"))
LONGLM_PRODUCT_TARGET(
    code, avx512vnni, LONGLM_CODE_KERNELS,
    LONGLM_FEATURES("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))
#elif defined(__aarch64__)
LONGLM_PRODUCT_TARGET(code, neondot, LONGLM_CODE_KERNELS, LONGLM_FEATURES("dotprod"))
LONGLM_PRODUCT_TARGET(code, neoni8mm, LONGLM_CODE_KERNELS, LONGLM_FEATURES("i8mm"))
#endif

#undef LONGLM_TILE_KERNELS
#undef LONGLM_CODE_KERNELS
#undef LONGLM_OTHER_KERNELS
#undef LONGLM_BODY
#undef LONGLM_TRAMPOLINE
#undef LONGLM_CASE
#undef LONGLM_TARGET
#undef LONGLM_PRODUCT_TARGET
#undef LONGLM_NOINLINE
#undef LONGLM_FEATURES

#endif

// How the Swift kernels are compiled for several instruction targets in a package without compiler flags.
//
// A target has one Swift body, `longlm_body_<target>`, which runs any kernel by its number (Targets/ in SIMDKernels). Here
// each pair of a target and a kernel gets a trampoline: a function with the target's attribute that calls the body with
// that kernel's number. Clang emits the trampolines into the Swift file that calls longlm_run_<target>. LLVM inlines the body
// into each of them, keeps the one kernel that the number selects, and compiles it for the target.
//
// The inlining has two conditions. longlm_run_<target> and longlm_unpack_<target> are called in the very file that
// implements the body, by functions that are @inline(never), because each Swift file is a module to LLVM. And every Swift
// function that a kernel calls is @inline(always), which unlike @inline(__always) is a promise. SIMDKernelsTests/TrampolineTests fails when a
// trampoline stops inlining.

#ifndef LONGLM_TRAMPOLINES_H
#define LONGLM_TRAMPOLINES_H

// The kernels. Those that multiply in tiles come first, floats and then codes of quantised weights: a target that differs in
// its products alone compiles only these.
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
    KERNEL(gemm, LongLMKernelGemm, target, attributes)                                                                 \
    KERNEL(gemv, LongLMKernelGemv, target, attributes)                                                                 \
    KERNEL(attention, LongLMKernelAttention, target, attributes)                                                       \
    KERNEL(peak, LongLMKernelPeak, target, attributes)                                                                 \
    KERNEL(pack_input, LongLMKernelPackInput, target, attributes)

#define LONGLM_CODE_KERNELS(KERNEL, target, attributes)                                                                \
    KERNEL(code_gemm, LongLMKernelCodeGemm, target, attributes)                                                        \
    KERNEL(code_gemv, LongLMKernelCodeGemv, target, attributes)                                                        \
    KERNEL(code_attention, LongLMKernelCodeAttention, target, attributes)                                              \
    KERNEL(code_peak, LongLMKernelCodePeak, target, attributes)

#define LONGLM_OTHER_KERNELS(KERNEL, target, attributes)                                                               \
    KERNEL(quantize_input, LongLMKernelQuantizeInput, target, attributes)                                              \
    KERNEL(unpack, LongLMKernelUnpack, target, attributes)                                                             \
    KERNEL(pack_weights, LongLMKernelPackWeights, target, attributes)                                                  \
    KERNEL(normalize, LongLMKernelNormalize, target, attributes)                                                       \
    KERNEL(rotary, LongLMKernelRotary, target, attributes)                                                             \
    KERNEL(attention_merge, LongLMKernelAttentionMerge, target, attributes)                                            \
    KERNEL(read, LongLMKernelRead, target, attributes)

#define LONGLM_BODY(target) void longlm_body_##target(LongLMKernel kernel, const void *_Nonnull arguments);

#define LONGLM_TRAMPOLINE(name, number, target, attributes)                                                            \
    static inline attributes void longlm_call_##name##_##target(const void *_Nonnull arguments) {                      \
        [[clang::always_inline]] longlm_body_##target(number, arguments);                                              \
    }

#define LONGLM_CASE(name, number, target, attributes)                                                                  \
    case number: longlm_call_##name##_##target(arguments); break;

// The kernel `unpack` of a target, which the GEMMs call through this pointer.
typedef void (*LongLMUnpack)(const void *_Nonnull arguments);

// A target that compiles every kernel.
#define LONGLM_TARGET(target, attributes)                                                                              \
    LONGLM_BODY(target)                                                                                                \
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

// A target that has products of its own, of `KERNELS`, and shares all other kernels with another one.
#define LONGLM_PRODUCT_TARGET(target, KERNELS, attributes)                                                             \
    LONGLM_BODY(target)                                                                                                \
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
    avx512bf16, LONGLM_TILE_KERNELS, LONGLM_FEATURES("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))
LONGLM_PRODUCT_TARGET(avx2vnni, LONGLM_CODE_KERNELS, LONGLM_FEATURES("avxvnni,avx2,fma,f16c,bmi,bmi2"))
LONGLM_PRODUCT_TARGET(
    avx512vnni, LONGLM_CODE_KERNELS,
    LONGLM_FEATURES("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))
#elif defined(__aarch64__)
LONGLM_PRODUCT_TARGET(neondot, LONGLM_CODE_KERNELS, LONGLM_FEATURES("dotprod"))
LONGLM_PRODUCT_TARGET(neoni8mm, LONGLM_CODE_KERNELS, LONGLM_FEATURES("i8mm"))
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

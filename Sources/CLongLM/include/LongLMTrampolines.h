// How one Swift kernel body is compiled for several instruction sets in a package without compiler flags.
//
// LONGLM_KERNEL(name) declares one function per instruction set, which Swift implements (@c @implementation),
// and wraps each in a trampoline with a target attribute. Clang emits the trampolines into the Swift module that
// calls longlm_run_name, LLVM inlines the Swift body into each, and the body is then compiled for the
// trampoline's target.
//
// Two conditions for the inlining: longlm_run_name is called in the very file that implements the kernel (each file
// is a module to LLVM), by a function that is @inline(never) so that no other file takes the call over; and every
// Swift function that the kernel calls is @inline(always), which unlike @inline(__always) is a promise.
// SIMDKernelsTests/TrampolineTests fails when a trampoline stops inlining.

#ifndef LONGLM_TRAMPOLINES_H
#define LONGLM_TRAMPOLINES_H

// The instruction sets by number, as InstructionSet in Swift numbers them.
enum { LONGLM_BASELINE = 0, LONGLM_AVX2 = 1, LONGLM_AVX512 = 2 };

#if defined(__x86_64__)

// What LongLMFeatures.c tests for, no more.
#define LONGLM_TARGET_AVX2 __attribute__((target("avx2,fma,f16c,bmi,bmi2")))
#define LONGLM_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2")))

#define LONGLM_TARGET_AVX512_BF16                                                                                      \
    __attribute__((target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2")))

#define LONGLM_KERNEL(name)                                                                                            \
    void longlm_##name##_baseline(const void *_Nonnull arguments);                                                     \
    void longlm_##name##_avx2(const void *_Nonnull arguments);                                                         \
    void longlm_##name##_avx512(const void *_Nonnull arguments);                                                       \
    static inline LONGLM_TARGET_AVX2 void longlm_call_##name##_avx2(const void *_Nonnull arguments) {                  \
        [[clang::always_inline]] longlm_##name##_avx2(arguments);                                                      \
    }                                                                                                                  \
    static inline LONGLM_TARGET_AVX512 void longlm_call_##name##_avx512(const void *_Nonnull arguments) {              \
        [[clang::always_inline]] longlm_##name##_avx512(arguments);                                                    \
    }                                                                                                                  \
    static inline void longlm_run_##name(int instruction_set, const void *_Nonnull arguments) {                        \
        switch (instruction_set) {                                                                                     \
        case LONGLM_AVX512: longlm_call_##name##_avx512(arguments); break;                                             \
        case LONGLM_AVX2: longlm_call_##name##_avx2(arguments); break;                                                 \
        default: longlm_##name##_baseline(arguments);                                                                  \
        }                                                                                                              \
    }

// A kernel of bfloat16 dot products, which one instruction set alone has.
#define LONGLM_BFLOAT16_KERNEL(name)                                                                                   \
    void longlm_##name##_avx512bf16(const void *_Nonnull arguments);                                                   \
    static inline LONGLM_TARGET_AVX512_BF16 void longlm_call_##name##_avx512bf16(const void *_Nonnull arguments) {     \
        [[clang::always_inline]] longlm_##name##_avx512bf16(arguments);                                                \
    }

#else

#define LONGLM_BFLOAT16_KERNEL(name)
#define LONGLM_KERNEL(name)                                                                                            \
    void longlm_##name##_baseline(const void *_Nonnull arguments);                                                     \
    static inline void longlm_run_##name(int instruction_set, const void *_Nonnull arguments) {                        \
        (void)instruction_set;                                                                                         \
        longlm_##name##_baseline(arguments);                                                                           \
    }

#endif

LONGLM_KERNEL(gemm)
LONGLM_KERNEL(gemv)
LONGLM_KERNEL(pack_rows)
LONGLM_KERNEL(normalize)
LONGLM_KERNEL(rotary)
LONGLM_KERNEL(attention)
LONGLM_KERNEL(attention_merge)
LONGLM_KERNEL(peak)
LONGLM_KERNEL(read)
LONGLM_BFLOAT16_KERNEL(gemm)
LONGLM_BFLOAT16_KERNEL(gemv)
LONGLM_BFLOAT16_KERNEL(attention)
LONGLM_BFLOAT16_KERNEL(peak)

#undef LONGLM_KERNEL
#undef LONGLM_BFLOAT16_KERNEL

#endif

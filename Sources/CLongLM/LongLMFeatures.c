#include "LongLMFeatures.h"

#if defined(__x86_64__)

bool longlm_processor_has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

bool longlm_processor_has_avx512(void) {
    return longlm_processor_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

bool longlm_processor_has_avx512_bf16(void) {
    return longlm_processor_has_avx512() && __builtin_cpu_supports("avx512bf16");
}

bool longlm_processor_has_avx_vnni(void) {
    return longlm_processor_has_avx2() && __builtin_cpu_supports("avxvnni");
}

bool longlm_processor_has_avx512_vnni(void) {
    return longlm_processor_has_avx512() && __builtin_cpu_supports("avx512vnni");
}

#else

bool longlm_processor_has_avx2(void) { return false; }

bool longlm_processor_has_avx512(void) { return false; }

bool longlm_processor_has_avx512_bf16(void) { return false; }

bool longlm_processor_has_avx_vnni(void) { return false; }

bool longlm_processor_has_avx512_vnni(void) { return false; }

#endif

#if defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

// Bits of the auxiliary vector, by the kernel's documents. Declared here because a C library's headers may be older than the
// processor.
enum { longlm_capability_dot = 1 << 20, longlm_second_capability_i8mm = 1 << 13 };

bool longlm_processor_has_neon_dot(void) { return (getauxval(AT_HWCAP) & longlm_capability_dot) != 0; }

bool longlm_processor_has_neon_i8mm(void) { return (getauxval(AT_HWCAP2) & longlm_second_capability_i8mm) != 0; }

#elif defined(__aarch64__) && defined(__APPLE__)

#include <stddef.h>
#include <sys/sysctl.h>

static bool has_feature(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

bool longlm_processor_has_neon_dot(void) { return has_feature("hw.optional.arm.FEAT_DotProd"); }

bool longlm_processor_has_neon_i8mm(void) { return has_feature("hw.optional.arm.FEAT_I8MM"); }

#else

bool longlm_processor_has_neon_dot(void) { return false; }

bool longlm_processor_has_neon_i8mm(void) { return false; }

#endif

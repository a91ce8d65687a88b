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

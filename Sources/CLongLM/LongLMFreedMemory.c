#include "LongLMFreedMemory.h"

#if defined(__linux__)
#include <features.h>
#endif

#if defined(__GLIBC__)

#include <malloc.h>

void longlm_return_freed_memory(void) { malloc_trim(0); }

#else

void longlm_return_freed_memory(void) {}

#endif

// Memory that was freed.

#ifndef LONGLM_FREED_MEMORY_H
#define LONGLM_FREED_MEMORY_H

// Gives the system back what the C library keeps of freed memory. Where the library has no function for it, it does nothing.
void longlm_return_freed_memory(void);

#endif

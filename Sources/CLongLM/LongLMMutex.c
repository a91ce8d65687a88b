// For ThreadSanitizer alone, on Linux: how a Mutex of Swift's library Synchronization changes hands.
//
// A lock and an unlock that nobody waits for are compiled into their caller, and seen. The others end in these two
// functions of the library, which isn't compiled for the sanitizer, so that it would find a race wherever one thread
// waited for another. A definition in the program goes before the library's, does what that does, and says so. Should a
// later Swift rename the functions, these are never called, and such races are reported again.

#define _GNU_SOURCE

#if defined(__has_feature) && defined(__linux__)
#if __has_feature(thread_sanitizer)

#include <dlfcn.h>
#include <stdint.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef __attribute__((swiftcall)) void lock_function(uint32_t thread, __attribute__((swift_context)) void *mutex);
typedef __attribute__((swiftcall)) void unlock_function(__attribute__((swift_context)) void *mutex);

lock_function longlm_lock_slow __asm__(LOCK);
unlock_function longlm_unlock_slow __asm__(UNLOCK);

__attribute__((swiftcall)) void longlm_lock_slow(uint32_t thread, __attribute__((swift_context)) void *mutex) {
    ((lock_function *)dlsym(RTLD_NEXT, LOCK))(thread, mutex);
    __tsan_acquire(mutex);
}

__attribute__((swiftcall)) void longlm_unlock_slow(__attribute__((swift_context)) void *mutex) {
    unlock_function *unlock = (unlock_function *)dlsym(RTLD_NEXT, UNLOCK);
    __tsan_release(mutex);
    unlock(mutex);
}

#endif
#endif

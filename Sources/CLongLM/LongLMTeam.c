#define _GNU_SOURCE

#include "LongLMTeam.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Declared here rather than taken from omp.h: distributions keep that header in a compiler's own folder,
// where the Swift toolchain's clang does not look.
extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern size_t kmp_get_stacksize_s(void);
extern void kmp_set_stacksize_s(size_t byte_count);

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LONGLM_THREAD_SANITIZER
#endif
#endif

#ifdef LONGLM_THREAD_SANITIZER
// ThreadSanitizer sees nothing of how the runtime's threads wait for each other, since the runtime wasn't compiled for
// it. So each team tells it the two things that GOMP_parallel promises: what the caller did comes before all of the team,
// and all of the team comes before what the caller does next. By hand, for compilers that come without
// sanitizer/tsan_interface.h.
extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);
#else
static void __tsan_acquire(void *address) { (void)address; }
static void __tsan_release(void *address) { (void)address; }
#endif

// MARK: - Teams

struct team {
    void (*body)(void *);
    void *context;
    // The barrier: how many threads have arrived at it, how many barriers are behind, and how many threads sleep.
    _Atomic unsigned arrived;
    _Atomic unsigned generation;
    _Atomic unsigned sleepers;
    // How often a thread looks for the others before it sleeps.
    int looks;
    char start;
    char end;
};

// The innermost team that this thread is in. A team may run inside of another one.
static _Thread_local struct team *current_team;

static void run_member(void *context) {
    struct team *team = context;
    struct team *outer = current_team;
    current_team = team;
    __tsan_acquire(&team->start);
    team->body(team->context);
    __tsan_release(&team->end);
    current_team = outer;
}

static int granted_threads(int threads);

// Some 20 to 80 microseconds, more than threads need to find each other where each has a processor of its own. The runtime's
// own barrier looks for 200 milliseconds. Where other programs want the processors, that keeps the threads that are waited
// for from running.
enum { most_looks = 2000 };

void longlm_team_run(int threads, void (*body)(void *context), void *context) {
    threads = granted_threads(threads);
    // Where threads share a processor, each look keeps another one from running.
    struct team team = {.body = body, .context = context, .looks = threads > omp_get_num_procs() ? 0 : most_looks};
    __tsan_release(&team.start);
    GOMP_parallel(run_member, &team, (unsigned)threads, 0);
    __tsan_acquire(&team.end);
}

int longlm_team_index(void) { return omp_get_thread_num(); }

int longlm_team_size(void) { return omp_get_num_threads(); }

int longlm_team_default_threads(void) { return omp_get_max_threads(); }

// MARK: - Barriers

static void pause_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_until_changed(_Atomic unsigned *word, unsigned value) {
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    (void)word;
    (void)value;
    sched_yield();
#endif
}

static void wake_sleepers(_Atomic unsigned *word) {
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)word;
#endif
}

void longlm_team_barrier(void) {
    struct team *team = current_team;
    unsigned generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
    unsigned arrived = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1;
    if (arrived == (unsigned)omp_get_num_threads()) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        // Sequentially consistent, as the three accesses below are: either this thread sees the sleeper, or the sleeper
        // sees the new generation.
        atomic_store(&team->generation, generation + 1);
        if (atomic_load(&team->sleepers) != 0) wake_sleepers(&team->generation);
        return;
    }
    for (int look = 0; look < team->looks; look++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation) return;
        pause_processor();
    }
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->generation) == generation) sleep_until_changed(&team->generation, generation);
    atomic_fetch_sub(&team->sleepers, 1);
}

// MARK: - Threads that the system grants

// Kernels keep small arrays on the stack. Less than this, which OMP_STACKSIZE may ask for, would not hold them.
static const size_t least_stack = 1 << 20;
static const size_t stack_margin = 1 << 18;

static void *wait_for_mutex(void *mutex) {
    // Where a thread allocates, the C library may reserve an address range for it, which outlives it.
    void *volatile memory = malloc(64);
    free(memory);
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

// How many of `count` threads the system lets this process create beside those that it has.
static int creatable_threads(int count) {
    pthread_t *created = malloc((size_t)count * sizeof *created);
    if (created == NULL) return 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    // A little more than the runtime will ask for, which adds an offset to each stack. The C library keeps the stacks of ended
    // threads, so the runtime gets these, and would find no room for others.
    pthread_attr_setstacksize(&attributes, kmp_get_stacksize_s() + stack_margin);
    // All of them must exist at the same time.
    pthread_mutex_lock(&mutex);
    int number = 0;
    while (number < count && pthread_create(&created[number], &attributes, wait_for_mutex, &mutex) == 0) number++;
    pthread_mutex_unlock(&mutex);
    for (int index = 0; index < number; index++) pthread_join(created[index], NULL);
    pthread_attr_destroy(&attributes);
    free(created);
    return number;
}

// The runtime ends the process when the system refuses a thread, because of a limit of processes or of memory. So before a
// thread of the program first asks for a team of some size, as many threads are created for a moment.
static int granted_threads(int threads) {
    // Of this thread's teams: the threads that it has been granted, and the most that it can have.
    static _Thread_local int granted = 1;
    static _Thread_local int limit = INT_MAX;
    if (threads > limit) threads = limit;
    if (threads <= granted) return threads;
    // It must be set before the runtime makes its first thread.
    if (kmp_get_stacksize_s() < least_stack) kmp_set_stacksize_s(least_stack);
    int number = creatable_threads(threads - granted);
    if (number < threads - granted) {
        // The runtime needs memory beside the stacks, and other programs may want threads as well.
        number /= 2;
#ifdef __GLIBC__
        // Where address space is short, the C library shall reserve none for each thread.
        mallopt(M_ARENA_MAX, 1);
#endif
        limit = granted + number;
    }
    granted += number;
    return granted;
}

#include "LongLMTeam.h"

// Declared here rather than taken from omp.h: distributions keep that header in a compiler's own folder,
// where the Swift toolchain's clang does not look.
extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern void GOMP_barrier(void);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LONGLM_THREAD_SANITIZER
#endif
#endif

#ifdef LONGLM_THREAD_SANITIZER

// ThreadSanitizer sees nothing of how the runtime's threads wait for each other, since the runtime wasn't compiled for
// it. So each team tells it the three things that GOMP_parallel and GOMP_barrier promise, and no more than them: what
// the caller did comes before all of the team, what came before a barrier comes before all that follows it on any
// thread, and all of the team comes before what the caller does next.

// By hand, for compilers that come without sanitizer/tsan_interface.h.
extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

struct team {
    void (*body)(void *);
    void *context;
    char start;
    char end;
    // Of two barriers in a row. With one address for all, a thread that waits at the first could be thought to wait for
    // another's step to the second as well, and a race between them would stay hidden.
    char barriers[2];
};

static _Thread_local struct team *current_team;
static _Thread_local unsigned barrier_count;

static void run_member(void *context) {
    struct team *team = context;
    // A team may run inside of another one.
    struct team *outer_team = current_team;
    unsigned outer_count = barrier_count;
    current_team = team;
    barrier_count = 0;
    __tsan_acquire(&team->start);
    team->body(team->context);
    __tsan_release(&team->end);
    current_team = outer_team;
    barrier_count = outer_count;
}

void longlm_team_run(int threads, void (*body)(void *context), void *context) {
    struct team team = {.body = body, .context = context};
    __tsan_release(&team.start);
    GOMP_parallel(run_member, &team, (unsigned)threads, 0);
    __tsan_acquire(&team.end);
}

void longlm_team_barrier(void) {
    char *barrier = &current_team->barriers[barrier_count++ & 1];
    __tsan_release(barrier);
    GOMP_barrier();
    __tsan_acquire(barrier);
}

#else

void longlm_team_run(int threads, void (*body)(void *context), void *context) {
    GOMP_parallel(body, context, (unsigned)threads, 0);
}

void longlm_team_barrier(void) { GOMP_barrier(); }

#endif

int longlm_team_index(void) { return omp_get_thread_num(); }

int longlm_team_size(void) { return omp_get_num_threads(); }

int longlm_team_default_threads(void) { return omp_get_max_threads(); }

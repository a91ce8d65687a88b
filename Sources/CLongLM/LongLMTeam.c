#include "LongLMTeam.h"

// Declared here rather than taken from omp.h: distributions keep that header in a compiler's own folder,
// where the Swift toolchain's clang does not look.
extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern void GOMP_barrier(void);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);

void longlm_team_run(int threads, void (*body)(void *context), void *context) {
    GOMP_parallel(body, context, (unsigned)threads, 0);
}

int longlm_team_index(void) { return omp_get_thread_num(); }

int longlm_team_size(void) { return omp_get_num_threads(); }

void longlm_team_barrier(void) { GOMP_barrier(); }

int longlm_team_default_threads(void) { return omp_get_max_threads(); }

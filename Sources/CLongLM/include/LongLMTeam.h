// A team of OpenMP threads, without compiling anything with -fopenmp.
//
// GOMP_parallel is the entry point that GCC's -fopenmp emits; libomp exports it as well. Threads of a team
// are created once by the OpenMP runtime and sleep between parallel regions after its block time
// (KMP_BLOCKTIME, 200 ms by default), so an idle host program does not burn processors.

#ifndef LONGLM_TEAM_H
#define LONGLM_TEAM_H

// Runs body(context) once on each thread of a team of at most `threads` threads, the caller included, and
// returns when all of them have finished. There are fewer where the system doesn't grant so many, or a team
// runs inside of another one; body asks longlm_team_size().
void longlm_team_run(int threads, void (*body)(void *context), void *context);

// Inside a team: this thread's number, 0 for the caller of longlm_team_run.
int longlm_team_index(void);

// Inside a team: how many threads run body.
int longlm_team_size(void);

// Inside a team: waits until every thread of the team has arrived. What was written before it on one thread
// is visible after it on all.
void longlm_team_barrier(void);

// The number of threads that OMP_NUM_THREADS asks for, or else the number of processors available.
int longlm_team_default_threads(void);

#endif

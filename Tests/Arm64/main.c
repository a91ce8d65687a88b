// Runs Check.swift on arm64, without OpenMP's runtime: a team is a few threads that are created for it.
//
// usage: check THREADS [split]

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

extern int longlm_check(int thread_count, bool splits);

// What LongLMTeam.c calls of the runtime.
enum { maximum_threads = 16 };

static _Thread_local int thread_number = 0;
static _Thread_local int thread_count = 1;

struct member {
    void (*body)(void *);
    void *context;
    int number;
    int count;
};

static void *run_member(void *context) {
    struct member *member = context;
    thread_number = member->number;
    thread_count = member->count;
    member->body(member->context);
    return NULL;
}

void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags) {
    (void)flags;
    int count = threads > maximum_threads ? maximum_threads : (int)threads;
    pthread_t created[maximum_threads];
    struct member members[maximum_threads];
    for (int number = 0; number < count; number++) {
        members[number] = (struct member){.body = body, .context = context, .number = number, .count = count};
        if (number > 0 && pthread_create(&created[number], NULL, run_member, &members[number]) != 0) abort();
    }
    run_member(&members[0]);
    for (int number = 1; number < count; number++) pthread_join(created[number], NULL);
    thread_count = 1;
}

int omp_get_thread_num(void) { return thread_number; }

int omp_get_num_threads(void) { return thread_count; }

int omp_get_max_threads(void) { return 1; }

int omp_get_num_procs(void) { return 1; }

size_t kmp_get_stacksize_s(void) { return (size_t)8 << 20; }

void kmp_set_stacksize_s(size_t byte_count) { (void)byte_count; }

int main(int argument_count, char **arguments) {
    int threads = argument_count > 1 ? atoi(arguments[1]) : 1;
    return longlm_check(threads, argument_count > 2) == 0 ? 0 : 1;
}

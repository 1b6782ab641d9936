/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_private.h - between engine.c and the two engines' parts that know of threads,
 * engine_perf.c and engine_timer.c.  The writer's alone.
 */
#ifndef PROF_ENGINE_PRIVATE_H
#define PROF_ENGINE_PRIVATE_H

#include "engine.h"

/* CPU time from one sample to the next. */
uint64_t engine_period_ns(void);

/* Calls visit for each thread of the process. */
void engine_each_task(void (*visit)(int tid, void *arg), void *arg);

/* A thread that is neither main nor one of ours. */
bool engine_is_foreign(int tid);

/* As cpu_perf.h and cpu_timer.h have them, for all threads and on behalf of engine.h: *engines
 * and state.cpu are set where the engine opens; else -errno and *why. */
int engine_perf_open(bool apart, struct header_engines *engines, const char **why);
void engine_perf_resume(bool apart, bool on, struct header_engines *engines);
void engine_perf_enable(bool on);
void engine_perf_widen(uint64_t process_ns);
void engine_perf_report(void); /* what was refused to some threads, once */
int engine_timer_open(struct header_engines *engines, const char **why);
void engine_timer_enable(bool on);
void engine_timer_look_after(void);
void engine_timer_close(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - which CPU engine runs: the ladder from perf to the timer, and the
 * sentences that say what was refused.  The writer's alone.
 */
#ifndef PROF_ENGINE_H
#define PROF_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "header.h"

/* [writer] Opens the CPU engine of LIBPROF_CPU (auto walks the ladder) and fills
 * *engines for the trace header.  apart: descriptors may stay open.  Nothing
 * samples before engine_enable. */
void engine_open(bool apart, struct header_engines *engines);

/* [init] [child] What heap_open said is missing, for engine_report; NULL nothing. */
void engine_set_heap_note(const char *why);

/* [writer] What became of unwind_init, for engine_report. */
void engine_set_unwind_note(int error, const char *why);

/* [writer] Tells the trace what runs and what was denied, and why. */
void engine_report(void);

/* [writer] Starts or stops CPU sampling on all threads. */
void engine_enable(bool on);

/* [writer] Once a second, and at the end (last): looks after what a running engine needs, and
 * whether it still runs.  process_ns: the process's CPU time so far. */
void engine_look_after(uint64_t process_ns, bool last);

/* [writer] On a new writer thread, after a pause, with all that was sampled taken: the clock
 * may be another, and the rights.  apart and engines as in engine_open, on as engine_enable was told
 * last. */
void engine_resume(bool apart, bool on, struct header_engines *engines);

/* [writer] The rings' descriptors are about to be lost. */
void engine_detach(void);
void engine_close(void);

/* [init] One sentence on why the timer engine, or perf, was refused, or NULL. */
const char *engine_denied(bool timer);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_plan.h - when the CPU engine samples: LIBPROF_DELAY_MS, LIBPROF_DURATION_MS, and what
 * the program asks for meanwhile.  Writer thread only, under loop_work.
 */
#ifndef PROF_WRITER_PLAN_H
#define PROF_WRITER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* [writer] Delay and duration count from now. */
void plan_begin(uint64_t now);

/* [writer] Starts or stops what is due. */
void plan_keep(uint64_t now);

/* [writer] Starts or stops at once, with a mark and exact clocks at both ends. */
void plan_set_sampling(bool on);

/* Whether the engine is enabled; heap sampling may run before it in a child. */
bool plan_is_sampling(void);

/* [writer] The time of the next start or stop, at most at. */
uint64_t plan_next(uint64_t at);

/* [writer] A pause of ns is not counted. */
void plan_shift(uint64_t ns);

/* [child] */
void plan_reset(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_plan.c - see writer_plan.h.
 */
#include "writer_plan.h"

#include <stdatomic.h>

#include "../include/prof_format.h"
#include "config.h"
#include "encode.h"
#include "engine.h"
#include "roster.h"
#include "state.h"
#include "sys.h"
#include "trace.h"

#define MS UINT64_C(1000000)

static struct {
	bool sampling;
	uint64_t start_at, stop_at; /* 0 = never */
} plan;

void plan_set_sampling(bool on)
{
	uint64_t now = sys_now_ns();

	if (plan.sampling == on)
		return;
	plan.sampling = on;
	atomic_store(&state.sampling, on);
	engine_enable(on);
	/* CPU time in between is what samples stand for. */
	roster_encode_stats(now, true, trace_flush);
	encode_mark(now, on ? PROF_MARK_START : PROF_MARK_STOP, 0);
}

bool plan_is_sampling(void)
{
	return plan.sampling;
}

void plan_begin(uint64_t now)
{
	plan.start_at = now + config.delay_ms * MS;
	plan.stop_at = config.duration_ms ? plan.start_at + config.duration_ms * MS : 0;
}

void plan_keep(uint64_t now)
{
	if (plan.start_at && now >= plan.start_at) {
		plan.start_at = 0;
		plan_set_sampling(true);
	}
	if (plan.stop_at && now >= plan.stop_at) {
		plan.stop_at = 0;
		plan_set_sampling(false);
	}
}

uint64_t plan_next(uint64_t at)
{
	if (plan.start_at && plan.start_at < at)
		at = plan.start_at;
	if (plan.stop_at && plan.stop_at < at)
		at = plan.stop_at;
	return at;
}

void plan_shift(uint64_t ns)
{
	if (plan.start_at)
		plan.start_at += ns;
	if (plan.stop_at)
		plan.stop_at += ns;
}

void plan_reset(void)
{
	plan.sampling = false;
	plan.start_at = plan.stop_at = 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_facts.c - the records that come one by one: totals, losses, engines,
 * marks, the end.  See encode.h.
 */
#include "encode_private.h"
#include "roster.h"

void encode_thread_stats(uint64_t t_ns, struct thread_info *t, unsigned flags)
{
	const struct thread_totals *totals = &t->totals;
	uint32_t thread = encode_thread_id(t);
	size_t payload = encode_record_begin(&encode_misc, PROF_REC_THREAD_STATS);

	buffer_put(&encode_misc, encode_since_start(t_ns));
	buffer_put(&encode_misc, 1);
	buffer_put(&encode_misc, thread);
	buffer_put(&encode_misc, flags);
	buffer_put(&encode_misc, totals->cpu_ns);
	buffer_put(&encode_misc, totals->user_ns);
	buffer_put(&encode_misc, totals->system_ns);
	buffer_put(&encode_misc, totals->alloc_calls);
	buffer_put(&encode_misc, totals->alloc_bytes);
	encode_record_end(&encode_misc, payload);
}

/* A record of plain numbers, the first of which is a time. */
static void put_numbers(enum prof_record kind, const uint64_t *numbers, size_t n)
{
	size_t payload = encode_record_begin(&encode_misc, kind);

	for (size_t i = 0; i < n; i++)
		buffer_put(&encode_misc, i ? numbers[i] : encode_since_start(numbers[i]));
	encode_record_end(&encode_misc, payload);
}
#define PUT_NUMBERS(kind, ...)                               \
	put_numbers(kind, (const uint64_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

void encode_process_stats(uint64_t t_ns, uint64_t cpu_ns, uint64_t rss, uint64_t vsize,
			  uint64_t self_cpu_ns, uint64_t self_bytes, uint64_t rss_peak)
{
	PUT_NUMBERS(PROF_REC_PROCESS_STATS, t_ns, cpu_ns, rss, vsize, self_cpu_ns, self_bytes,
		    rss_peak);
}

void encode_loss(uint64_t t_ns, unsigned code, uint64_t count, uint64_t detail)
{
	PUT_NUMBERS(PROF_REC_LOSS, t_ns, code, count, detail);
}

void encode_engine(uint64_t t_ns, unsigned engine, unsigned state, int error, const char *name,
		   const char *text)
{
	uint32_t name_id = encode_string(name), text_id = text ? encode_string(text) : 0;

	PUT_NUMBERS(PROF_REC_ENGINE, t_ns, engine, state, (uint64_t)error, name_id, text_id);
}

void encode_mark(uint64_t t_ns, unsigned mark, uint64_t value)
{
	PUT_NUMBERS(PROF_REC_MARK, t_ns, mark, value);
}

void encode_end(uint64_t t_ns, unsigned reason)
{
	PUT_NUMBERS(PROF_REC_END, t_ns, reason);
}

void encode_cumulative(uint64_t t_ns, const struct encode_cumulative *c)
{
	size_t payload = encode_record_begin(&encode_defs, PROF_REC_CUMULATIVE);
	const uint64_t numbers[] = {
		encode_since_start(t_ns), c->ended_threads,    c->ended.cpu_ns,
		c->ended.user_ns,	  c->ended.system_ns,  c->ended.alloc_calls,
		c->ended.alloc_bytes,	  c->samples,	       c->sample_ns,
		c->heap_events,		  c->segments_dropped, PROF_LOSS_CODES - 1
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		buffer_put(&encode_defs, numbers[i]);
	for (unsigned code = 1; code < PROF_LOSS_CODES; code++) {
		buffer_put(&encode_defs, code);
		buffer_put(&encode_defs, c->lost[code]);
	}
	encode_record_end(&encode_defs, payload);
}

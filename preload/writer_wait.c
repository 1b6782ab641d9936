/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_wait.c - see writer_wait.h.
 */
#include "writer_wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "bell.h"
#include "cpu_perf.h"
#include "state.h"
#include "sys.h"
#include "trace.h"

#define MS UINT64_C(1000000)
#define POLLFDS_MAX 1100u /* rings of 1,024 CPUs, and the bell */
#define BLIND_DRAIN_NS (10 * MS)
#define CROWD_NS (2 * MS) /* between the ends of threads */
#define CROWD_LASTS_NS (200 * MS)

static struct {
	struct pollfd *fds;
	uint64_t looked_at;  /* when crowd was last decided ... */
	uint64_t ended_seen; /* ... and the threads that had ended by then */
	bool crowd;
} waits;

int wait_init(struct arena *arena)
{
	if (!waits.fds)
		waits.fds = arena_alloc(arena, POLLFDS_MAX * sizeof(*waits.fds));
	return waits.fds ? 0 : -ENOMEM;
}

void wait_begin(bool apart)
{
	if (apart && state_cpu_engine() == STATE_CPU_PERF)
		bell_start();
}

/* perf wakes whoever polls an event each time that a thread ends which inherited it, on every
 * CPU: 5 us of a thread's life of 30, and a tenth of a CPU for us, to find nothing.  Where
 * threads end that often, rings are looked at by the clock. */
static bool in_a_crowd(uint64_t now)
{
	uint64_t ended = trace_sums.ended_threads - waits.ended_seen;
	uint64_t passed = now - waits.looked_at;
	bool many = ended * CROWD_NS > passed && cpu_perf_has_room_for(4 * BLIND_DRAIN_NS);

	if (passed < BLIND_DRAIN_NS / 2) /* too short to tell: somebody rang */
		return waits.crowd;
	if (waits.crowd && !many && passed < CROWD_LASTS_NS) /* it had no CPU for once */
		return true;
	waits.ended_seen = trace_sums.ended_threads;
	waits.looked_at = now;
	waits.crowd = many;
	return many;
}

void wait_until(uint64_t at_ns)
{
	bool perf = state_cpu_engine() == STATE_CPU_PERF;
	uint64_t now = sys_now_ns();
	unsigned n = 0;

	if (perf && bell_tid() && !cpu_perf_is_blind() && !in_a_crowd(now))
		n = cpu_perf_pollfds(waits.fds, POLLFDS_MAX - 1);
	else if (perf && at_ns > now + BLIND_DRAIN_NS)
		at_ns = now + BLIND_DRAIN_NS;
	bell_wait(waits.fds, n, at_ns > now ? at_ns - now : 0);
	cpu_perf_polled(waits.fds, n);
}

/* The arena's memory is the parent's. */
void wait_reset_in_child(void)
{
	memset(&waits, 0, sizeof(waits));
}

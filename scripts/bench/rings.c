/* SPDX-License-Identifier: Apache-2.0
 *
 * rings.c - what grows with the number of CPUs, on a machine that has few: the perf
 * engine of preload/ opens its events and rings on the CPUs there are, and stand-ins
 * on the same CPUs are added until there are as many as asked for.  A stand-in is never
 * enabled: it is opened, mapped, inherited by each new thread and drained like any
 * other and writes nothing, as the event of a CPU that the program does not run on.
 * Argument: rings (2).
 *
 *	rings N OPEN_NS SPAWN_NS SWITCH_NS DRAIN_NS POLL_NS
 *
 * opening all of them; creating and joining a thread; a turn of two threads on one
 * CPU; a look into all the empty rings; a poll of all.
 */
#include "../../tests/work/work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "../../preload/cpu_perf.h"
#include "../../preload/cpu_perf_rings.h"
#include "../../preload/stats.h"
#include "../../preload/sys.h"

#define RINGS_MAX 4096u
#define SPAWNS 1000u
#define TURNS 20000u
#define LOOKS 2000u

_Atomic uint64_t stats_lost[PROF_LOSS_CODES];

static struct perf_ring rings[RINGS_MAX];
static struct pollfd fds[RINGS_MAX];
static _Atomic int root_tid;
static _Atomic bool root_go;
static uint64_t spawn_ns, switch_ns;
static int there[2], back[2];

static void *nothing(void *arg)
{
	return arg;
}

static void *answer(void *arg)
{
	char byte;

	for (unsigned i = 0; i < TURNS; i++)
		if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
			exit(1);
	return arg;
}

static uint64_t time_spawns(void)
{
	uint64_t start = work_clock(CLOCK_MONOTONIC);
	pthread_t thread;

	for (unsigned i = 0; i < SPAWNS; i++)
		if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
			exit(1);
	return (work_clock(CLOCK_MONOTONIC) - start) / SPAWNS;
}

static uint64_t time_switches(void)
{
	uint64_t start;
	pthread_t thread;
	cpu_set_t one;
	char byte = 1;

	CPU_ZERO(&one);
	CPU_SET((unsigned)rings[0].cpu, &one);
	if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one) || pipe(there) ||
	    pipe(back) || pthread_create(&thread, NULL, answer, NULL))
		exit(1);
	start = work_clock(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < TURNS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
	start = work_clock(CLOCK_MONOTONIC) - start;
	pthread_join(thread, NULL);
	return start / TURNS;
}

/* The thread that is followed, as a program's first is. */
static void *root_main(void *arg)
{
	root_tid = work_tid();
	while (!root_go)
		work_sleep_ms(1);
	spawn_ns = time_spawns();
	switch_ns = time_switches();
	return arg;
}

static void add_stand_ins(uint32_t wanted)
{
	uint32_t real = perf_engine.n_rings;

	memcpy(rings, perf_engine.rings, real * sizeof(*rings));
	perf_engine.rings = rings;
	for (uint32_t i = real; i < wanted; i++) {
		struct perf_ring *r = &rings[i];
		int err = 0, cpu = rings[i % real].cpu;

		*r = (struct perf_ring){ .fd = perf_event_open_on(root_tid, cpu), .cpu = cpu };
		if (r->fd >= 0)
			r->page = sys_map_fd(perf_mapping_bytes(), PROT_READ | PROT_WRITE,
					     MAP_SHARED, r->fd, 0, &err);
		if (!r->page) {
			fprintf(stderr, "rings: %u of %u could be opened\n", i, wanted);
			exit(1);
		}
		r->data = (uint8_t *)r->page + PERF_PAGE_BYTES;
		perf_engine.n_rings++;
	}
}

static void look(uint64_t *drain_ns, uint64_t *poll_ns)
{
	uint64_t start;
	struct perf_rec rec;
	unsigned n;

	while (cpu_perf_next(&rec))
		cpu_perf_consume();
	start = work_clock(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < LOOKS; i++)
		if (cpu_perf_next(&rec))
			exit(1);
	*drain_ns = (work_clock(CLOCK_MONOTONIC) - start) / LOOKS;
	start = work_clock(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < LOOKS; i++) {
		n = cpu_perf_pollfds(fds, RINGS_MAX);
		poll(fds, n, 0);
		cpu_perf_polled(fds, n);
	}
	*poll_ns = (work_clock(CLOCK_MONOTONIC) - start) / LOOKS;
}

int main(int argc, char **argv)
{
	uint32_t wanted = (uint32_t)work_arg(argc, argv, 1, 2), real;
	struct cpu_perf_options options = { 10101010, 16384, 0, 64 << 10, 0 };
	uint64_t start, open_ns, drain_ns, poll_ns;
	struct cpu_perf_info info;
	pthread_t root;

	if (pthread_create(&root, NULL, root_main, NULL))
		return 1;
	while (!root_tid)
		work_sleep_ms(1);
	options.tid = root_tid;
	start = work_clock(CLOCK_MONOTONIC);
	if (cpu_perf_open(&options, &info)) {
		fprintf(stderr, "rings: %s\n", info.why);
		return 1;
	}
	real = perf_engine.n_rings;
	if (wanted < real || wanted > RINGS_MAX)
		return 2;
	add_stand_ins(wanted);
	open_ns = work_clock(CLOCK_MONOTONIC) - start;
	look(&drain_ns, &poll_ns);
	for (uint32_t i = 0; i < real; i++)
		SYS_CALL(SYS_ioctl, rings[i].fd, PERF_EVENT_IOC_ENABLE, 0, 0, 0, 0);
	root_go = true;
	pthread_join(root, NULL);
	printf("rings %u %llu %llu %llu %llu %llu\n", wanted, (unsigned long long)open_ns,
	       (unsigned long long)spawn_ns, (unsigned long long)switch_ns,
	       (unsigned long long)drain_ns, (unsigned long long)poll_ns);
	return 0;
}

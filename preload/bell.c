/* SPDX-License-Identifier: Apache-2.0
 *
 * bell.c - see bell.h.
 */
#include "bell.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "real.h"
#include "sys.h"
#include "thread.h"

#define BELL_STACK_BYTES (64u << 10)

/* The futex: silent, rung, or rung for the last time. */
enum { BELL_SILENT, BELL_RUNG, BELL_QUIT };
static _Atomic uint32_t bell;

static struct {
	bool running;
	pthread_t thread;
	int event;          /* eventfd, in the writer's table */
	_Atomic uint32_t tid;
} relay = { .event = -1 };

void bell_ring(void)
{
	uint32_t silent = BELL_SILENT;

	if (atomic_compare_exchange_strong(&bell, &silent, BELL_RUNG))
		sys_futex_wake(&bell);
}

/* [writer] The bell thread: while the bell is silent it sleeps, and once it has
 * passed a ring on it sleeps until the writer has silenced the bell. */
static void *relay_main(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	thread_tls.busy++;
	atomic_store(&relay.tid, (uint32_t)sys_gettid());
	for (;;) {
		uint32_t state = atomic_load(&bell);

		if (state == BELL_QUIT)
			return NULL;
		if (state == BELL_RUNG)
			sys_write(relay.event, &one, sizeof(one));
		sys_futex_wait(&bell, state, 0);
	}
}

int bell_start(void)
{
	pthread_attr_t attr;
	int err;

	relay.event = (int)SYS_CALL(SYS_eventfd2, 0, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);
	if (relay.event < 0)
		return relay.event;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, BELL_STACK_BYTES);
	err = real.pthread_create(&relay.thread, &attr, relay_main, NULL);
	if (err == EINVAL) /* a program with more static TLS than that */
		err = real.pthread_create(&relay.thread, NULL, relay_main, NULL);
	pthread_attr_destroy(&attr);
	relay.running = !err;
	return -err;
}

static void silence(void)
{
	uint32_t rung = BELL_RUNG;

	if (atomic_compare_exchange_strong(&bell, &rung, BELL_SILENT) && relay.running)
		sys_futex_wake(&bell);
}

void bell_wait(struct pollfd *fds, unsigned n, uint64_t timeout_ns)
{
	struct timespec ts = { (time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u) };
	uint64_t rings;

	if (!relay.running) {
		sys_futex_wait(&bell, BELL_SILENT, timeout_ns ? timeout_ns : 1);
		silence();
		return;
	}
	fds[n] = (struct pollfd){ .fd = relay.event, .events = POLLIN };
	SYS_CALL(SYS_ppoll, fds, n + 1, &ts, NULL, 0, 0);
	if (fds[n].revents & POLLIN) {
		sys_read(relay.event, &rings, sizeof(rings));
		silence();
	}
}

void bell_stop(void)
{
	if (!relay.running)
		return;
	atomic_store(&bell, BELL_QUIT);
	sys_futex_wake(&bell);
	pthread_join(relay.thread, NULL);
	sys_close(relay.event);
	relay.running = false;
	atomic_store(&bell, BELL_SILENT);
}

void bell_reset(void)
{
	relay.running = false;
	relay.event = -1;
	atomic_store(&relay.tid, 0);
	atomic_store(&bell, BELL_SILENT);
}

int bell_tid(void)
{
	return (int)atomic_load(&relay.tid);
}

uint64_t bell_cpu_ns(void)
{
	int tid = bell_tid();

	return relay.running && tid ? sys_clock_ns(sys_thread_cpu_clock(tid)) : 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bell.c - the writer's bell: a ring wakes it, also one from before it sleeps,
 * and the bell thread ends whenever it is told to.
 *
 * links: preload/bell.c
 */
#include "../../preload/bell.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../../preload/real.h"
#include "../../preload/sys.h"
#include "../../preload/thread.h"
#include "../../preload/trace.h"
#include "../check.h"

#define SECOND UINT64_C(1000000000)

struct real_fns real = { .pthread_create = pthread_create };
__thread struct thread_tls thread_tls;

/* Stands in for the trace, which is told when there can be no thread. */
void trace_engine(unsigned engine, unsigned state, int error, const char *name, const char *text)
{
	(void)engine;
	(void)state;
	(void)error;
	(void)name;
	CHECK_FAIL("%s", text);
}

static _Atomic bool over;
static _Atomic uint64_t woken;

static void *waits(void *arg)
{
	struct pollfd fds[1];

	bell_start();
	while (!atomic_load(&over)) {
		bell_wait(fds, 0, 10 * SECOND);
		atomic_fetch_add(&woken, 1);
	}
	bell_stop();
	return arg;
}

TEST(each_ring_wakes)
{
	uint64_t until = sys_now_ns() + 30 * SECOND;
	pthread_t writer;

	EQ(pthread_create(&writer, NULL, waits, NULL), 0);
	for (uint64_t n = 1; n <= 500; n++) {
		bell_ring();
		while (atomic_load(&woken) < n && sys_now_ns() < until)
			sched_yield();
		TRUE(atomic_load(&woken) >= n);
	}
	atomic_store(&over, true);
	bell_ring();
	pthread_join(writer, NULL);
	EQ(bell_tid(), 0);
}

/* The thread is told all along its way from a ring that was heard back to sleep. */
TEST(it_ends_when_it_is_told)
{
	struct pollfd fds[1];

	for (unsigned i = 0; i < 20000; i++) {
		bell_start();
		bell_ring();
		bell_wait(fds, 0, SECOND); /* silences it, and wakes the thread for that */
		for (volatile unsigned spin = i % 20 * (i % 200); spin; spin--)
			;
		bell_stop();
	}
}

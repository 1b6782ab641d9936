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
#include "trace.h"

#define BELL_STACK_BYTES (64u << 10)
#define GONE_NS UINT64_C(200000000)
/* The bell thread sleeps no longer, and the writer, which joins it, waits no longer, where a
 * sandbox refuses the call that wakes it. */
#define SLEEP_NS UINT64_C(1000000000)
#define BLIND_NS UINT64_C(10000000) /* between looks at descriptors that cannot be polled */

/* The futex: a count of changes.  Odd, the bell is rung; even, it is silent.
 * Whoever waits waits for the very value it has seen to change, so no ring is
 * taken for an earlier one. */
static _Atomic uint32_t bell;

static struct {
	bool running;
	pthread_t thread;
	int event; /* eventfd, in the writer's table */
	_Atomic uint32_t tid;
	_Atomic bool quit;
	_Atomic uint32_t wakings;
	uint64_t cpu_ns; /* its CPU clock after cpu_at wakings */
	uint32_t cpu_at;
} relay = { .event = -1 };

void bell_ring(void)
{
	uint32_t seen = atomic_load(&bell);

	if (!(seen & 1) && atomic_compare_exchange_strong(&bell, &seen, seen + 1))
		sys_futex_wake(&bell);
}

/* [writer] The bell thread: passes each ring on once (again, where the writer takes its time),
 * then sleeps until the writer has silenced it, and through the silence. */
static void *relay_main(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	thread_tls.own = true;
	thread_tls.busy++;
	atomic_store(&relay.tid, (uint32_t)sys_gettid());
	for (;;) {
		uint32_t seen = atomic_load(&bell); /* before quit, which changes first */

		atomic_fetch_add(&relay.wakings, 1);
		if (atomic_load(&relay.quit))
			return NULL;
		if (seen & 1)
			sys_write(relay.event, &one, sizeof(one));
		sys_futex_wait(&bell, seen, SLEEP_NS);
	}
}

static int start_relay(void)
{
	pthread_attr_t attr;
	int err;

	atomic_store(&relay.quit, false);
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
	if (err)
		sys_close(relay.event);
	return -err;
}

void bell_start(void)
{
	int err = start_relay();

	if (err)
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, -err, "bell",
			     "no eventfd(2) or thread to wake the writer by: rings are read every "
			     "10 ms");
}

static void silence(void)
{
	uint32_t seen = atomic_load(&bell);

	if ((seen & 1) && atomic_compare_exchange_strong(&bell, &seen, seen + 1) && relay.running)
		sys_futex_wake(&bell);
}

void bell_wait(struct pollfd *fds, unsigned n, uint64_t timeout_ns)
{
	struct timespec ts = { (time_t)(timeout_ns / 1000000000u),
			       (long)(timeout_ns % 1000000000u) };
	uint32_t seen = atomic_load(&bell);
	uint64_t rings;
	long err;

	if (!relay.running) {
		if (!(seen & 1) && timeout_ns)
			sys_futex_wait(&bell, seen, timeout_ns);
		silence();
		return;
	}
	fds[n] = (struct pollfd){ .fd = relay.event, .events = POLLIN };
	err = SYS_CALL(SYS_ppoll, fds, n + 1, &ts, NULL, 0, 0);
	if (err < 0 && err != -EINTR && timeout_ns && !(seen & 1)) /* refused: not in circles */
		sys_futex_wait(&bell, seen, timeout_ns < BLIND_NS ? timeout_ns : BLIND_NS);
	if (err > 0 && fds[n].revents & POLLIN)
		sys_read(relay.event, &rings, sizeof(rings));
	silence();
}

void bell_stop(void)
{
	if (!relay.running)
		return;
	atomic_store(&relay.quit, true);
	atomic_fetch_add(&bell, 2); /* a change that neither rings nor silences */
	sys_futex_wake(&bell);
	pthread_join(relay.thread, NULL);
	/* whoever looks there sees the rights that it had */
	sys_wait_until_gone((int)atomic_load(&relay.tid), GONE_NS);
	sys_close(relay.event);
	relay.running = false;
	atomic_store(&relay.tid, 0);
}

void bell_reset(void)
{
	relay.running = false;
	relay.event = -1;
	relay.cpu_ns = 0;
	atomic_store(&relay.tid, 0);
	atomic_store(&bell, 0);
}

int bell_tid(void)
{
	int tid = (int)atomic_load(&relay.tid);

	return relay.running && !tid ? -1 : tid;
}

/* Asked of the kernel only when it has run since. */
uint64_t bell_cpu_ns(void)
{
	uint32_t now = atomic_load(&relay.wakings);
	int tid = bell_tid();

	if (!relay.running || tid <= 0)
		return 0;
	if (!relay.cpu_ns || now != relay.cpu_at) {
		relay.cpu_at = now;
		relay.cpu_ns = sys_clock_ns(sys_thread_cpu_clock(tid));
	}
	return relay.cpu_ns;
}

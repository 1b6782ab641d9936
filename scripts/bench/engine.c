/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - the least that the library's CPU samples can cost: perf's events and rings as it
 * opens them (16 KiB of stack each), a thread that empties the rings and forgets what was in
 * them, libunwind loaded.  Nothing is unwound, counted or written, and pthread_create alone is
 * hooked.  Preloaded by the
 * benchmark beside the library; what that costs more is its own work.
 * ENGINE_HZ: samples a second of CPU time (94).
 * ENGINE_ASKS: set, and each thread also asks the kernel for its tid at its begin, its name
 * and its CPU time at its end, which nobody else can tell once it is gone.  For threads that
 * are made one after the other.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../../preload/cpu_perf.h"
#include "../../preload/stats.h"
#include "../../preload/sys.h"
#include "../../preload/unwind_ns.h"

#define CPUS_MAX 1024u
#define STACK_BYTES 16384u
#define LOOK_MS 200 /* the library's flush */
#define STARTS 64u  /* threads that may begin at once */

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *),
		      void *arg);

struct start {
	void *(*routine)(void *);
	void *arg;
};

_Atomic uint64_t stats_lost[PROF_LOSS_CODES];

static struct pollfd fds[CPUS_MAX + 1];
static int main_tid, wake = -1;
static _Atomic uint32_t ready;
static pthread_t thread;
static create_fn *real_create;
static struct start starts[STARTS];
static _Atomic unsigned started;
static bool asks;

static void empty_rings(void)
{
	struct perf_rec rec;

	while (cpu_perf_next(&rec))
		cpu_perf_consume();
}

static void run(void)
{
	bool over = false;

	while (!over) {
		unsigned n = cpu_perf_pollfds(fds, CPUS_MAX);

		fds[n] = (struct pollfd){ .fd = wake, .events = POLLIN };
		poll(fds, n + 1, LOOK_MS);
		over = fds[n].revents;
		cpu_perf_polled(fds, n);
		empty_rings();
	}
}

static void *engine_main(void *arg)
{
	const char *text = getenv("ENGINE_HZ");
	unsigned hz = text ? (unsigned)atoi(text) : 94;
	uint64_t period_ns = 1000000000u / hz, cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	struct cpu_perf_options options = { .period_ns = period_ns,
					    .stack_bytes = STACK_BYTES,
					    .tid = main_tid,
					    .ring_bytes =
						    cpu_perf_ring_bytes(period_ns, STACK_BYTES,
									cpus) };
	struct cpu_perf_info info;
	struct unwind_ns ns;
	const char *why;
	bool open;

	unwind_ns_load(&ns, &why);
	open = cpu_perf_open(&options, &info) == 0 && cpu_perf_enable(true) == 0;
	atomic_store(&ready, 1);
	sys_futex_wake(&ready);
	if (!open) {
		static const char said[] = "engine: perf events are refused\n";

		_exit(write(2, said, sizeof(said) - 1) < 0 ? 2 : 1);
	}
	run();
	cpu_perf_close();
	return arg;
}

static void *ask_main(void *arg)
{
	const struct start own = *(const struct start *)arg;
	volatile int tid = sys_gettid();
	struct timespec cpu;
	char name[16];

	(void)tid;
	arg = own.routine(own.arg);
	prctl(PR_GET_NAME, name, 0, 0, 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return arg;
}

int pthread_create(pthread_t *made, const pthread_attr_t *attr, void *(*routine)(void *), void *arg)
{
	struct start *own = &starts[started++ % STARTS];

	if (!asks)
		return real_create(made, attr, routine, arg);
	*own = (struct start){ routine, arg };
	return real_create(made, attr, ask_main, own);
}

__attribute__((constructor)) static void start(void)
{
	sigset_t all, before;

	real_create = (create_fn *)dlsym(RTLD_NEXT, "pthread_create");
	main_tid = sys_gettid();
	wake = eventfd(0, EFD_CLOEXEC);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (wake < 0 || !real_create || real_create(&thread, NULL, engine_main, NULL))
		_exit(1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (!atomic_load(&ready))
		sys_futex_wait(&ready, 0, 0);
	asks = getenv("ENGINE_ASKS");
}

__attribute__((destructor)) static void end(void)
{
	const uint64_t one = 1;

	if (write(wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(thread, NULL);
}

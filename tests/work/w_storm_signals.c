/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_signals.c - 10,000 signals a second, of every number a program may
 * handle, sent to four threads that allocate with all signals blocked and
 * compute with all of them open; the handlers allocate, too.  Argument 2:
 *
 *	plain	handlers on the threads' own stacks
 *	noprof	the same, but SIGPROF is left alone
 *	stacks	handlers on alternate stacks with room for one signal's frame and
 *		a little more (argument 3: bytes), a page that may not be touched below;
 *		they block all but SIGPROF, which the program has no use for; not
 *		SIGSYS, which stays open in a profiler's handler
 *	all	the same with those two: where no profiler's handler is put on top
 *	nested	handlers that block nothing but their own signal, on alternate stacks
 *		with room for all of them at once; not SIGPROF
 */
#include "storm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#define WORKERS 4
#define SIGNALS 65
#define HZ 10000u

static int kinds[SIGNALS], kind_count;
static _Atomic uint64_t received[SIGNALS], sent[SIGNALS], changed_errno, strange_masks;
static _Atomic int tids[WORKERS], over;
static _Atomic uint64_t nested;
static __thread volatile int depth;
static enum how { PLAIN, NOPROF, STACKS, ALL, NESTED, HOWS } how;
static const char *const how_names[HOWS] = { "plain", "noprof", "stacks", "all", "nested" };
static sigset_t every;
static size_t page, room;

static void on_signal(int sig)
{
	int saved = errno;

	storm_free(storm_malloc(64 + (size_t)sig));
	received[sig]++;
	errno = saved;
}

/* What a handler sees of its own mask is what was asked for. */
static void on_stack(int sig)
{
	sigset_t now;

	on_signal(sig);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	strange_masks += sigismember(&now, SIGPROF) != (how == ALL) || !sigismember(&now, sig);
	work_spin(20000);
}

/* The others may come while it computes; while it allocates none may. */
static void on_top(int sig)
{
	sigset_t before;

	nested += depth++ > 0;
	pthread_sigmask(SIG_BLOCK, &every, &before);
	on_signal(sig);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	strange_masks += sigismember(&before, SIGPROF) || !sigismember(&before, sig);
	work_spin(20000);
	depth--;
}

static bool on_alternate_stacks(void)
{
	return how >= STACKS;
}

static bool is_handled(int sig)
{
	if (how == PLAIN || how == ALL)
		return true;
	return sig != SIGPROF && (how != STACKS || sig != SIGSYS);
}

static void alternate_stack(void)
{
	size_t bytes = ((size_t)sysconf(_SC_MINSIGSTKSZ) + room) * (how == NESTED ? SIGNALS : 1);
	char *area = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	stack_t stack = { .ss_sp = area + page, .ss_size = bytes };

	if (area == MAP_FAILED || mprotect(area, page, PROT_NONE) || sigaltstack(&stack, NULL))
		exit(97);
}

static void *worker(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	if (on_alternate_stacks())
		alternate_stack();
	tids[(uintptr_t)arg] = work_tid();
	while (!over) {
		pthread_sigmask(SIG_BLOCK, &every, NULL);
		errno = 77;
		for (int i = 0; i < 10; i++)
			storm_free(storm_realloc(storm_malloc(100), 3000));
		changed_errno += errno != 77;
		pthread_sigmask(SIG_SETMASK, &none, NULL);
		work_spin(2000);
	}
	return NULL;
}

/* One at a time, but for SIGPROF, where it is not the program's, and but for nested ones. */
static void handle(int sig)
{
	void (*const handlers[HOWS])(int) = { on_signal, on_signal, on_stack, on_stack, on_top };
	struct sigaction act = { .sa_handler = handlers[how],
				 .sa_flags = SA_RESTART | (on_alternate_stacks() ? SA_ONSTACK : 0),
				 .sa_mask = every };

	if (how == NESTED)
		sigemptyset(&act.sa_mask);
	if (how == STACKS)
		sigdelset(&act.sa_mask, SIGPROF);
	if (!sigaction(sig, &act, NULL))
		kinds[kind_count++] = sig;
	if (on_alternate_stacks() && !sigaction(sig, NULL, &act))
		strange_masks += sigismember(&act.sa_mask, SIGPROF) != (how == ALL);
}

/* As many as are due by the clock, in bursts when it was held up. */
static void send_them(void)
{
	uint64_t began = work_clock(CLOCK_MONOTONIC), n = 0;

	while (storm_running()) {
		uint64_t due = (work_clock(CLOCK_MONOTONIC) - began) / (1000000000u / HZ);

		for (; n < due; n++) {
			int sig = kinds[n % (unsigned)kind_count];
			int tid = tids[n / (unsigned)kind_count % WORKERS];

			if (tid && !syscall(SYS_tgkill, getpid(), tid, sig))
				sent[sig]++;
		}
		work_sleep_ms(1);
	}
}

/* The kernel drops a waiting SIGCONT when a stop signal is sent, and the reverse. */
static int flushed_by_others(int sig)
{
	return sig == SIGCONT || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

int main(int argc, char **argv)
{
	const char *asked = argc > 2 ? argv[2] : "plain";
	uint64_t total = 0, lost = 0, seen = 0;
	pthread_t id[WORKERS];

	storm_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	room = work_arg(argc, argv, 3, 2048);
	sigfillset(&every);
	storm_free(storm_malloc(1));
	while (how < HOWS && strcmp(asked, how_names[how]))
		how++;
	if (how == HOWS)
		return 2;
	for (int sig = 1; sig < SIGNALS; sig++)
		if (is_handled(sig))
			handle(sig);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&id[i], NULL, worker, (void *)i);
	pthread_sigmask(SIG_BLOCK, &every, NULL);
	send_them();
	over = 1;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(id[i], NULL);
	for (int k = 0; k < kind_count; k++) {
		total += received[kinds[k]];
		seen += received[kinds[k]] > 0 && !flushed_by_others(kinds[k]);
		if (kinds[k] >= SIGRTMIN)
			lost += sent[kinds[k]] - received[kinds[k]];
	}
	storm_load("signals", total);
	storm_load("of_them_inside_a_handler", nested);
	storm_must("kinds", seen);
	storm_must("realtime_signals_lost", lost);
	storm_must("changed_errno", changed_errno);
	storm_must("strange_masks", strange_masks);
	storm_end();
	return 0;
}

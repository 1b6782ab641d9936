/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_jumps.c - handlers that interrupt malloc and leave by siglongjmp.
 * After that a thread may call nothing that is not safe in a handler, so it
 * makes bare system calls only; its blocks are of one size that the thread's
 * own cache serves, so that it never holds a lock of malloc's.  The other
 * threads allocate as before.  Argument 2: how many threads jump at most.
 */
#include "storm.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>

#define ALLOCATORS 3
#define STACK_BYTES (64u << 10)

static __thread sigjmp_buf out;
static _Atomic uint64_t jumped, started;
static _Atomic int over;

static void on_signal(int sig)
{
	(void)sig;
	siglongjmp(out, 1);
}

static void *jumper(void *unused)
{
	volatile int left = 0;

	if (!sigsetjmp(out, 1)) {
		work_alloc(200); /* in the thread's cache from here on; the compiler keeps it */
		started++;
		for (;;)
			work_alloc(200);
	}
	if (!left++)
		jumped++;
	for (;;)
		syscall(SYS_pause);
	return unused;
}

static void *allocator(void *unused)
{
	while (!over) {
		for (int i = 0; i < 50; i++)
			storm_free(storm_malloc(150));
		sched_yield();
	}
	return unused;
}

int main(int argc, char **argv)
{
	uint64_t most = work_arg(argc, argv, 2, 500), n = 0;
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t id[ALLOCATORS], jumping;
	pthread_attr_t small;

	storm_begin(argc, argv);
	sigaction(SIGUSR1, &act, NULL);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	for (int i = 0; i < ALLOCATORS; i++)
		pthread_create(&id[i], NULL, allocator, NULL);
	while (storm_running() && n < most) {
		if (pthread_create(&jumping, &small, jumper, NULL))
			break;
		n++;
		while (started < n)
			sched_yield();
		work_sleep_ms(1);
		pthread_kill(jumping, SIGUSR1);
		while (jumped < n)
			sched_yield();
	}
	while (storm_running())
		work_sleep_ms(1);
	over = 1;
	for (int i = 0; i < ALLOCATORS; i++)
		pthread_join(id[i], NULL);
	storm_load("jumps_out_of_malloc", n);
	storm_settle();
	storm_row->begun += n; /* each jump left a call that never returned */
	storm_end();
	_exit(0); /* the jumpers are still there */
}

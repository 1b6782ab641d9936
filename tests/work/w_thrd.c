/* SPDX-License-Identifier: Apache-2.0
 *
 * w_thrd.c - C11 threads, a bare clone'd thread and a timer's SIGEV_THREAD:
 * threads that do not come from the program's own pthread_create.
 *
 *	thread TID KIND CPU_NS
 */
#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <threads.h>

static _Atomic int timer_done;
static _Atomic int clone_done;
static int clone_tid;
static uint64_t clone_cpu;

static FRAME int thrd_body(void *arg)
{
	work_burn(150 * MS);
	printf("thread %d thrd %llu\n", work_tid(), (unsigned long long)work_thread_cpu());
	return *(int *)arg;
}

static FRAME void timer_body(union sigval value)
{
	work_burn(100 * MS);
	printf("thread %d timer %llu\n", work_tid(), (unsigned long long)work_thread_cpu());
	atomic_store(value.sival_ptr ? (_Atomic int *)value.sival_ptr : &timer_done, 1);
}

/* Has no thread control block of its own: system calls and arithmetic only. */
static FRAME int clone_body(void *unused)
{
	(void)unused;
	work_burn(100 * MS);
	clone_tid = work_tid();
	clone_cpu = work_thread_cpu();
	atomic_store(&clone_done, 1);
	syscall(SYS_exit, 0);
	return 0;
}

static void bare_clone(void)
{
	size_t bytes = 256 << 10;
	char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (clone(clone_body, stack + bytes,
		  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		  NULL) < 0)
		perror("clone");
	while (!atomic_load(&clone_done))
		work_sleep_ms(1);
	printf("thread %d clone %llu\n", clone_tid, (unsigned long long)clone_cpu);
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	struct itimerspec once = { { 0, 0 }, { 0, 1000000 } };
	int status = 5, got = 0;
	timer_t timer;
	thrd_t id;

	event.sigev_notify_function = timer_body;
	event.sigev_value.sival_ptr = &timer_done;
	thrd_create(&id, thrd_body, &status);
	thrd_join(id, &got);
	bare_clone();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
		timer_settime(timer, 0, &once, NULL);
		while (!atomic_load(&timer_done))
			work_sleep_ms(1);
	}
	return got == 5 ? 0 : 1;
}

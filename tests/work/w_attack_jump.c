/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_jump MS - a thread whose signal handler jumps out (siglongjmp) of
 * whatever it interrupted in a preloaded library, but never out of libc, whose
 * own locks are not made for that; two other threads allocate meanwhile.  In
 * the end each of the three must still get through 1,000 blocks of 77 bytes.
 * Prints `jumps N`.
 */
#include "work.h"

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

static sigjmp_buf back;
static uintptr_t from, to; /* of the preloaded library */
static volatile sig_atomic_t may_jump;
static volatile uint64_t jumps;
static _Atomic int done;

static int find_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; strstr(info->dlpi_name, "libprof") && i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			to = from + info->dlpi_phdr[i].p_memsz;
		}
	return 0;
}

static void on_alarm(int signal, siginfo_t *info, void *context)
{
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)signal;
	(void)info;
	if (may_jump && pc >= from && pc < to)
		siglongjmp(back, 1);
}

static FRAME void blocks_of_77(void)
{
	work_sleep_ms(1000); /* whatever is queued is written meanwhile */
	for (int i = 0; i < 1000; i++) {
		if (i % 100 == 0)
			work_sleep_ms(50);
		work_alloc(77);
	}
}

static void *allocate(void *arg)
{
	while (!atomic_load(&done))
		for (int i = 0; i < 1000; i++)
			work_alloc(32);
	blocks_of_77();
	return arg;
}

static FRAME void jump_about(uint64_t until)
{
	if (sigsetjmp(back, 1))
		jumps++;
	may_jump = 1;
	while (work_clock(CLOCK_MONOTONIC) < until)
		work_alloc(48);
	may_jump = 0;
}

int main(int argc, char **argv)
{
	uint64_t ms = work_arg(argc, argv, 1, 1000);
	struct sigaction act = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO };
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	pthread_t threads[2];
	sigset_t alarm;

	dl_iterate_phdr(find_library, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* the others' mask */
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, allocate, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	jump_about(work_clock(CLOCK_MONOTONIC) + ms * MS);
	setitimer(ITIMER_REAL, &never, NULL);
	atomic_store(&done, 1);
	blocks_of_77();
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("jumps %llu\n", (unsigned long long)jumps);
	return 0;
}

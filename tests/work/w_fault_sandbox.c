/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_sandbox.c - a program that, once it runs, allows itself no more than it needs.
 *
 *	w_fault_sandbox strict			SECCOMP_MODE_STRICT by prctl
 *	w_fault_sandbox strict-call		the same by seccomp(2)
 *	w_fault_sandbox ACTION WHO		a filter with an allow-list; ACTION for the
 *		rest: kill, errno, trap (SIGSYS is counted); WHO: alone, caller (two threads
 *		go on without it), all (two threads have it, too), crowd (16 have)
 *
 * Then 150 ms of allocating: `sigsys N`, `calls N`, main's mallocs in allocate before.
 */
#include "work.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#define ALLOW(call)                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define BLOCKS 300
#define CROWD 16

static _Atomic unsigned traps;
static _Atomic int warm, shut_in; /* warm: threads that have all they will need */

static void count_trap(int sig)
{
	(void)sig;
	traps++;
}

static void put_on_filter(const char *action, int everyone)
{
	unsigned rest = !strcmp(action, "kill")	   ? SECCOMP_RET_KILL_PROCESS
			: !strcmp(action, "errno") ? SECCOMP_RET_ERRNO | EPERM
						   : SECCOMP_RET_TRAP;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read),
		ALLOW(SYS_write),
		ALLOW(SYS_exit),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_rt_sigreturn),
		ALLOW(SYS_futex),
		ALLOW(SYS_clock_nanosleep),
		ALLOW(SYS_madvise), /* a thread's end gives its stack back, and blocks */
		ALLOW(SYS_munmap),  /* its signals meanwhile */
		ALLOW(SYS_rt_sigprocmask),
		BPF_STMT(BPF_RET | BPF_K, rest),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	signal(SIGSYS, count_trap);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, everyone ? SECCOMP_FILTER_FLAG_TSYNC : 0u,
		    &filter))
		exit(1);
}

/* For ms milliseconds, or, with 0, some rounds: strict mode takes the clock, too. */
static FRAME uint64_t allocate(uint64_t ms)
{
	uint64_t end = ms ? work_clock(CLOCK_MONOTONIC) + ms * MS : 0;
	uint64_t rounds = 0;
	void *block[BLOCKS];

	do {
		for (size_t i = 0; i < BLOCKS; i++)
			block[i] = malloc(10 + i);
		for (size_t i = 0; i < BLOCKS; i++)
			free(block[i]);
		rounds++;
	} while (ms ? work_clock(CLOCK_MONOTONIC) < end : rounds < 1000);
	return rounds * BLOCKS;
}

static FRAME void *thread_body(void *arg)
{
	volatile char pages[8192]; /* stacks that need a system call to be taken */

	(void)arg;
	pages[0] = 0;
	allocate(20);
	warm++;
	while (!shut_in)
		allocate(1);
	allocate(150);
	return pages[0] ? arg : NULL;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "", *who = argc > 2 ? argv[2] : "alone";
	int strict = !strncmp(how, "strict", 6), everyone = strcmp(who, "caller") != 0;
	int threads = !strcmp(who, "alone") ? 0 : !strcmp(who, "crowd") ? CROWD : 2;
	uint64_t before;
	char text[64];
	pthread_t id[CROWD];

	for (int i = 0; i < threads; i++)
		pthread_create(&id[i], NULL, thread_body, NULL);
	before = allocate(100);
	while (warm < threads)
		before += allocate(1);
	if (!strict)
		put_on_filter(how, threads && everyone);
	else if (!strcmp(how, "strict") ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
					: syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL))
		return 1;
	shut_in = 1;
	allocate(strict ? 0 : 150);
	for (int i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	snprintf(text, sizeof(text), "sigsys %u\ncalls %llu\n", traps, (unsigned long long)before);
	if (write(1, text, strlen(text)) < 0 || !strict)
		return 5;
	syscall(SYS_exit, 5); /* all that strict mode allows */
	return 0;
}

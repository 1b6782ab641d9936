/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault.c - a little of everything the library stands before, with output that
 * is always the same, to be run while something of the library's fails.
 *
 *	w_fault PLUGIN [fork] [MS]	threads of 2 ms of CPU time and 300 allocations,
 *					blocks that stay, a plugin loaded and unloaded;
 *					fork: a child that does the like; then MS more
 *					milliseconds of allocating (0)
 *
 * SIGUSR1 is blocked and stays so, on every thread: `mask` is what main's mask says in the
 * end, `taken` how often its handler ran while it was blocked and sent, and after.
 *
 * The last line is `calls N`, the mallocs in fault_blocks by this process (not the
 * child, which makes CALLS); with MS, the only line that is not always the same.
 *
 * main begins with getppid(), which w_fault_nth takes for the end of the start.
 */
#include "work.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define THREADS 3
#define CALLS 300

static void *kept[CALLS];
static _Atomic uint64_t made;
static volatile sig_atomic_t taken;

static FRAME uint64_t fault_blocks(uint64_t ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < CALLS; i++) {
		unsigned char *p = malloc(40 + i);

		memset(p, (int)i, 40 + i);
		sum += p[i] + (uint64_t)p[39 + i];
		free(p);
	}
	made += CALLS;
	work_burn(ns);
	return sum;
}

static FRAME void *thread_body(void *arg)
{
	*(uint64_t *)arg = fault_blocks(2 * MS);
	return NULL;
}

static FRAME void fault_threads(void)
{
	pthread_t id[THREADS];
	uint64_t sums[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&id[i], NULL, thread_body, &sums[i]))
			abort();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(id[i], NULL);
		printf("thread %d sum %llu\n", i, (unsigned long long)sums[i]);
	}
}

static void fault_plugin(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);

	printf("plugin %s\n", plugin ? "loaded" : dlerror());
	if (plugin)
		printf("unloaded %d\n", dlclose(plugin));
}

static void fault_child(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		uint64_t sum = fault_blocks(40 * MS);

		printf("child sum %llu\n", (unsigned long long)sum);
		fflush(stdout);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("child status %x\n", (unsigned)status);
}

static void on_signal(int sig)
{
	(void)sig;
	taken++;
}

static void block_signal(void)
{
	sigset_t set;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* It comes to the process: a thread that does not block it, whose ever, would take it. */
static void send_signal(void)
{
	uint64_t mask = 0;
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	for (int sig = 1; sig <= 64; sig++)
		mask |= (uint64_t)(sigismember(&now, sig) == 1) << (sig - 1);
	kill(getpid(), SIGUSR1);
	work_burn(MS);
	printf("mask %llx\n", (unsigned long long)mask);
	printf("taken %d", (int)taken);
	pthread_sigmask(SIG_UNBLOCK, &now, NULL);
	printf(" %d\n", (int)taken);
}

int main(int argc, char **argv)
{
	int at = 2;

	getppid();
	block_signal();
	fault_threads();
	for (size_t i = 0; i < CALLS; i++)
		kept[i] = malloc(100 + i);
	if (argc > 1)
		fault_plugin(argv[1]);
	if (argc > at && !strcmp(argv[at], "fork")) {
		fault_child();
		at++;
	}
	for (uint64_t end = work_clock(CLOCK_MONOTONIC) + work_arg(argc, argv, at, 0) * MS;
	     work_clock(CLOCK_MONOTONIC) < end;)
		fault_blocks(MS / 2);
	printf("sum %llu\n", (unsigned long long)fault_blocks(2 * MS));
	send_signal();
	printf("calls %llu\n", (unsigned long long)made);
	return 7;
}

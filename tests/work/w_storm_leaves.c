/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_leaves.c - processes, one after the other, whose main thread leaves
 * by pthread_exit while four workers go on: the last worker returns, or one
 * calls exit, quick_exit or _exit, or dies of a signal, amid the others'
 * allocations.  Before that a flush is asked for.
 */
#include "storm.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define WORKERS 4
#define ROUNDS 300

enum way { RETURN, EXIT, QUICK_EXIT, BARE_EXIT, SEGV, TERM, WAYS };

static enum way way;
static volatile int over, main_left;
static pthread_key_t key;

static void allocate(void)
{
	void *kept = storm_malloc(50), *block = storm_malloc(60);

	storm_free(block);
	storm_free(kept);
}

static void *worker(void *arg)
{
	while (!main_left)
		allocate();
	for (int i = 0; i < ROUNDS; i++)
		allocate();
	if (way == RETURN) {
		storm_flush();
		return NULL;
	}
	if (arg) {
		while (!over)
			allocate();
		for (;;)
			pause();
	}
	/* The others go on while one decides the end. */
	for (int i = 0; i < ROUNDS; i++)
		allocate();
	over = 1;
	storm_settle();
	storm_flush();
	if (way == EXIT)
		exit(11);
	if (way == QUICK_EXIT)
		quick_exit(12);
	if (way == BARE_EXIT)
		_exit(13);
	raise(way == SEGV ? SIGSEGV : SIGTERM);
	return NULL;
}

/* Thread-specific data of main's: its destructor is the end of main. */
static void on_leaving(void *flag)
{
	*(volatile int *)flag = 1;
}

static void leaver(void)
{
	pthread_t id;

	storm_child();
	pthread_key_create(&key, on_leaving);
	pthread_setspecific(key, (void *)(uintptr_t)&main_left);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&id, NULL, worker, (void *)i);
	pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	static const int wanted[WAYS] = { 0, 11 << 8, 12 << 8, 13 << 8, SIGSEGV, SIGTERM };
	uint64_t ended[WAYS] = { 0 }, astray = 0, all = 0;

	storm_begin(argc, argv);
	storm_free(storm_malloc(10));
	for (; storm_running(); all++) {
		int status = -1;
		pid_t pid;

		way = all % WAYS;
		pid = fork();
		if (!pid)
			leaver();
		if (waitpid(pid, &status, 0) != pid || (status & ~0x80) != wanted[way]) {
			printf("astray %u %#x\n", way, status);
			astray++;
		}
		ended[way]++;
	}
	storm_load("processes_that_main_left", all);
	storm_load("of_them_ended_by_signals", ended[SEGV] + ended[TERM]);
	storm_must("astray", astray);
	storm_end();
	return 0;
}

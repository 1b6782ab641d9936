/* SPDX-License-Identifier: Apache-2.0
 *
 * sleeper.h - with SHIM_THREAD set, a thread that sleeps beside the program: glibc locks
 * its arenas once there are two, which no profiler with a thread of its own gets round.
 * For shim.c and sampler.c.
 */
#ifndef BENCH_SLEEPER_H
#define BENCH_SLEEPER_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

__attribute__((constructor)) static void start_thread(void)
{
	sigset_t all, before;
	pthread_t t;

	if (!getenv("SHIM_THREAD"))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&t, NULL, sleep_for_ever, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif

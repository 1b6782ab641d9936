/* SPDX-License-Identifier: Apache-2.0
 *
 * p_clock.c - a preload library whose clocks jump: every other call of libc's
 * clock_gettime and gettimeofday is an hour ahead of the one before.  The CPU clocks are true.
 *
 * flags: -shared -fPIC
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned calls;

static long step(void)
{
	return calls++ % 2 ? 3600 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ts);

	if (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)
		ts->tv_sec += step();
	return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	int result = (int)syscall(SYS_gettimeofday, tv, zone);

	tv->tv_sec += step();
	return result;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_wait.c - allocates while every thread that is not its own stands
 * still, held by a tracer, so that nobody makes room for what is recorded;
 * how often and how long it had to wait shows in its own voluntary switches of
 * context, which load on the machine does not cause.
 * Argument 2: allocations.
 *
 *	waits CALLS LONGEST_NS SWITCHES
 */
#include "storm.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { HOLD_ASKED, HELD, RELEASE };

static void list_others(uint64_t *tids)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != work_tid() && n < 8)
			tids[n++] = (uint64_t)atoi(e->d_name);
	closedir(d);
}

static volatile uint64_t *state_word(void)
{
	return &storm_shared->extra[15];
}

static void tracer(const uint64_t *tids)
{
	int status, ok = 1;

	for (unsigned i = 0; tids[i]; i++)
		ok &= !ptrace(PTRACE_SEIZE, (pid_t)tids[i], 0, 0) &&
		      !ptrace(PTRACE_INTERRUPT, (pid_t)tids[i], 0, 0) &&
		      waitpid((pid_t)tids[i], &status, __WALL) == (pid_t)tids[i];
	*state_word() = HELD;
	while (*state_word() != RELEASE)
		work_sleep_ms(1);
	_exit(ok ? 0 : 1); /* ends the hold */
}

static uint64_t switches(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return (uint64_t)ru.ru_nvcsw;
}

int main(int argc, char **argv)
{
	uint64_t count = work_arg(argc, argv, 2, 100000), calls = 0, longest = 0, before, all;
	int status = -1;
	pid_t pid;

	storm_begin(argc, argv);
	storm_free(storm_malloc(60));
	list_others(storm_shared->extra);
	pid = fork();
	if (!pid)
		tracer(storm_shared->extra);
	prctl(PR_SET_PTRACER, pid, 0, 0, 0);
	while (*state_word() != HELD)
		work_sleep_ms(1);
	all = switches();
	for (uint64_t i = 0; i < count; i++) {
		uint64_t began = work_clock(CLOCK_MONOTONIC), took;

		before = switches();
		storm_free(storm_malloc(60));
		calls += switches() != before;
		took = work_clock(CLOCK_MONOTONIC) - began;
		longest = took > longest ? took : longest;
	}
	all = switches() - all;
	*state_word() = RELEASE;
	waitpid(pid, &status, 0);
	storm_must("tracer", (uint64_t)status);
	printf("waits %llu %llu %llu\n", (unsigned long long)calls, (unsigned long long)longest,
	       (unsigned long long)all);
	storm_load("held_writers", 1);
	storm_end();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_wait.c - allocates while every thread that is not its own stands
 * still, held by a tracer, so that nobody makes room for what is recorded;
 * how often and how long it had to wait shows in its own voluntary switches of
 * context, which load on the machine does not cause, and in what one call took by
 * the clock, without the time in which it could run and was not let.
 * Argument 2: allocations, at least, and as many as the time allows.
 *
 *	waits CALLS SWITCHES		calls that switched, and how often all did
 *	most NS CPU_NS PUSHES		of one call: time, CPU time, involuntary switches
 */
#include "storm.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
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

struct measure {
	uint64_t ns, cpu_ns, waits, pushes;
};

/* What the thread waited for a CPU, ns; 0 where the kernel does not count it. */
static uint64_t held_up(void)
{
	static int fd = -1;
	char text[128] = "";
	char *second;

	if (fd < 0)
		fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

static struct measure now(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return (struct measure){ work_clock(CLOCK_MONOTONIC), work_thread_cpu(),
				 (uint64_t)ru.ru_nvcsw, (uint64_t)ru.ru_nivcsw };
}

static void keep_most(uint64_t *most, uint64_t n)
{
	*most = n > *most ? n : *most;
}

/* One allocation and free; most: of all so far. */
static uint64_t measured_call(struct measure *most)
{
	uint64_t held = held_up(), took;
	struct measure before = now(), after;

	storm_free(storm_malloc(60));
	after = now();
	held = held_up() - held;
	took = after.ns - before.ns;
	keep_most(&most->ns, took > held ? took - held : 0);
	keep_most(&most->cpu_ns, after.cpu_ns - before.cpu_ns);
	keep_most(&most->pushes, after.pushes - before.pushes);
	most->waits += after.waits - before.waits;
	return after.waits != before.waits;
}

static pid_t hold_others(void)
{
	pid_t pid;

	list_others(storm_shared->extra);
	pid = fork();
	if (!pid)
		tracer(storm_shared->extra);
	prctl(PR_SET_PTRACER, pid, 0, 0, 0);
	while (*state_word() != HELD)
		work_sleep_ms(1);
	return pid;
}

int main(int argc, char **argv)
{
	uint64_t count = work_arg(argc, argv, 2, 100000), calls = 0;
	struct measure most = { 0 };
	int status = -1;
	pid_t pid;

	storm_begin(argc, argv);
	storm_free(storm_malloc(60));
	pid = hold_others();
	for (uint64_t i = 0; i < count || storm_running(); i++)
		calls += measured_call(&most);
	*state_word() = RELEASE;
	waitpid(pid, &status, 0);
	storm_must("tracer", (uint64_t)status);
	printf("waits %llu %llu\n", (unsigned long long)calls, (unsigned long long)most.waits);
	printf("most %llu %llu %llu\n", (unsigned long long)most.ns,
	       (unsigned long long)most.cpu_ns, (unsigned long long)most.pushes);
	storm_load("held_writers", 1);
	storm_end();
	return 0;
}

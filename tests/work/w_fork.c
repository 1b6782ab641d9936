/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fork.c - children of four kinds: one computes and allocates, one computes
 * and never allocates, one has a child of its own, one does nothing.
 * Argument: milliseconds of each (200).
 *
 *	process KIND PID CPU_NS
 */
#include "work.h"

#include <sys/wait.h>

static uint64_t each_ns;

static void say(const char *kind)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "process %s %d %llu\n", kind, (int)getpid(),
			 (unsigned long long)work_thread_cpu());

	if (write(1, line, (size_t)n) != n)
		_exit(9);
}

static FRAME void child_allocates(void)
{
	uint64_t end = work_thread_cpu() + each_ns;

	while (work_thread_cpu() < end) {
		void *p = malloc(5000);

		__asm__ volatile("" : "+r"(p) : : "memory");
		work_spin(2000);
		free(p);
	}
	say("allocates");
}

static FRAME void child_computes(void)
{
	work_burn(each_ns);
	say("computes");
}

static FRAME void grandchild(void)
{
	work_burn(each_ns);
	say("grandchild");
}

static void child_nothing(void)
{
}

static void in_child(void (*body)(void), int status)
{
	pid_t pid = fork();
	int got;

	if (pid == 0) {
		body();
		_exit(status);
	}
	if (waitpid(pid, &got, 0) != pid || !WIFEXITED(got) || WEXITSTATUS(got) != status)
		printf("child %d ended badly: %#x\n", (int)pid, got);
}

static FRAME void child_forks(void)
{
	work_burn(each_ns);
	in_child(grandchild, 5);
	say("forks");
}

static FRAME void parent_computes(void)
{
	work_burn(each_ns);
}

int main(int argc, char **argv)
{
	each_ns = work_arg(argc, argv, 1, 200) * MS;
	work_alloc(100);
	in_child(child_allocates, 2);
	in_child(child_computes, 3);
	in_child(child_forks, 4);
	in_child(child_nothing, 6);
	parent_computes();
	say("parent");
	return 0;
}

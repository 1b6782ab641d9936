/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_forks.c - eight threads fork without pause, and allocate between.
 * Children of four kinds: one allocates, frees blocks of its parent's, forks
 * again and leaves by _exit; one is made by the bare clone call and does
 * nothing that a child of a threaded program may not do; one is a vfork that
 * calls exec; one is a fork that calls exec.  Argument 2: how many children
 * there are at most (their traces have to be read).
 */
#include "storm.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define FORKERS 8
#define BLOCKS 40

enum kind { FORK, CLONE, VFORK_EXEC, FORK_EXEC, KINDS };

static _Atomic uint64_t children[KINDS], astray;
static uint64_t most;

static int ended_with(pid_t pid, int wanted)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == wanted;
}

static void allocate_some(void)
{
	void *block[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		block[i] = storm_malloc(64 + (size_t)i);
	for (int i = 0; i < BLOCKS; i++)
		storm_free(block[i]);
}

static void grandchild(void)
{
	storm_child();
	allocate_some();
	storm_flush();
	_exit(4);
}

static void child(void *const *parents, int count)
{
	pid_t pid;

	storm_child();
	allocate_some();
	for (int i = 0; i < count; i++)
		storm_free_inherited(parents[i]);
	pid = fork();
	if (!pid)
		grandchild();
	STORM_ADD(storm_shared->extra[0], 1);
	allocate_some();
	storm_flush();
	_exit(ended_with(pid, 4) ? 7 : 8);
}

static pid_t start(enum kind kind, void *const *parents, int count)
{
	char *const argv[] = { "true", NULL };
	pid_t pid;

	switch (kind) {
	case FORK:
		pid = fork();
		if (!pid)
			child(parents, count);
		return pid;
	case CLONE:
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (!pid) {
			work_spin(10000);
			_exit(7);
		}
		return pid;
	case VFORK_EXEC:
		pid = vfork();
		if (!pid) {
			execv("/bin/true", argv);
			_exit(9);
		}
		return pid;
	default:
		pid = fork();
		if (!pid) {
			execv("/bin/true", argv);
			_exit(9);
		}
		return pid;
	}
}

static void *forker(void *arg)
{
	void *block[BLOCKS];

	for (unsigned n = (unsigned)(uintptr_t)arg; storm_running(); n++) {
		enum kind kind = n % KINDS;
		pid_t pid;

		for (int i = 0; i < BLOCKS; i++)
			block[i] = storm_malloc(100 + (size_t)i);
		pid = children[FORK] < most || kind != FORK ? start(kind, block, BLOCKS) : 0;
		for (int i = 0; i < BLOCKS; i++)
			storm_free(block[i]);
		if (!pid)
			continue;
		children[kind]++;
		astray += !ended_with(pid, kind == FORK || kind == CLONE ? 7 : 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t id[FORKERS];

	storm_begin(argc, argv);
	most = work_arg(argc, argv, 2, 1000);
	for (uintptr_t i = 0; i < FORKERS; i++)
		pthread_create(&id[i], NULL, forker, (void *)i);
	for (int i = 0; i < FORKERS; i++)
		pthread_join(id[i], NULL);
	storm_load("forks", children[FORK] + children[FORK_EXEC] + storm_shared->extra[0]);
	storm_load("bare_clones", children[CLONE]);
	storm_load("vforks_and_execs", children[VFORK_EXEC]);
	storm_must("astray", astray);
	storm_end();
	return 0;
}

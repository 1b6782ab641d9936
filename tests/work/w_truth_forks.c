/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_forks.c - CHILDREN (100) children, forked one after the other, each of which
 * allocates CALLS (256) blocks of BYTES (64) and frees them.
 *
 *	forks CHILDREN CALLS BYTES
 */
#include "work.h"

#include <sys/wait.h>

static FRAME void in_child(uint64_t calls, size_t bytes)
{
	for (uint64_t i = 0; i < calls; i++)
		work_alloc(bytes);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t children = work_arg(argc, argv, 1, 100);
	uint64_t calls = work_arg(argc, argv, 2, 256), bytes = work_arg(argc, argv, 3, 64);

	for (uint64_t i = 0; i < children; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			in_child(calls, bytes);
			exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			abort();
	}
	printf("forks %llu %llu %llu\n", (unsigned long long)children, (unsigned long long)calls,
	       (unsigned long long)bytes);
	return 0;
}

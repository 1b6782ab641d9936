/* SPDX-License-Identifier: Apache-2.0
 *
 * w_exec.c - executes itself again and again under one pid, computing a
 * little in each image, then once in a child by fork and exec.  Arguments:
 * images to come (3), milliseconds of each (60).
 *
 *	image STEPS_LEFT PID CPU_NS
 */
#include "work.h"

#include <string.h>
#include <sys/wait.h>

static FRAME void image_work(uint64_t ns)
{
	work_burn(ns);
}

int main(int argc, char **argv)
{
	uint64_t left = work_arg(argc, argv, 1, 3), ms = work_arg(argc, argv, 2, 60);
	char count[24], each[24];
	uint64_t before = work_thread_cpu();
	pid_t pid;

	snprintf(each, sizeof(each), "%llu", (unsigned long long)ms);
	image_work(ms * MS);
	printf("image %llu %d %llu\n", (unsigned long long)left, (int)getpid(),
	       (unsigned long long)(work_thread_cpu() - before));
	fflush(stdout);
	if (argc > 3)
		return 7;
	if (left == 0) {
		pid = fork();
		if (pid == 0) {
			execl("/proc/self/exe", argv[0], "0", each, "last", NULL);
			_exit(127);
		}
		return waitpid(pid, (int[]){ 0 }, 0) == pid ? 3 : 4;
	}
	snprintf(count, sizeof(count), "%llu", (unsigned long long)(left - 1));
	execl("/proc/self/exe", argv[0], count, each, NULL);
	return 126;
}

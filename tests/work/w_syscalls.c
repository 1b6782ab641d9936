/* SPDX-License-Identifier: Apache-2.0
 *
 * w_syscalls.c - most CPU time in the kernel: reads of /dev/zero and calls of
 * getppid, with a little user work between.  Argument: milliseconds (1000).
 *
 *	cpu CPU_NS USER_NS SYSTEM_NS
 */
#include "work.h"

#include <fcntl.h>
#include <sys/resource.h>

static char buf[1 << 16];

static FRAME void work_read(int fd)
{
	for (int i = 0; i < 20; i++)
		if (read(fd, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
			abort();
}

static FRAME void work_getppid(void)
{
	for (int i = 0; i < 500; i++)
		syscall(SYS_getppid);
}

static FRAME void user_part(void)
{
	work_spin(20000);
}

int main(int argc, char **argv)
{
	uint64_t end = work_arg(argc, argv, 1, 1000) * MS;
	int fd = open("/dev/zero", O_RDONLY);
	struct rusage ru;

	while (work_thread_cpu() < end) {
		work_read(fd);
		work_getppid();
		user_part();
	}
	getrusage(RUSAGE_THREAD, &ru);
	printf("cpu %llu %llu %llu\n", (unsigned long long)work_thread_cpu(),
	       (unsigned long long)ru.ru_utime.tv_sec * 1000000000u +
		       (unsigned long long)ru.ru_utime.tv_usec * 1000u,
	       (unsigned long long)ru.ru_stime.tv_sec * 1000000000u +
		       (unsigned long long)ru.ru_stime.tv_usec * 1000u);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_sandbox.c - a program that shuts itself in, and one without stdio.
 *
 *	filter	a seccomp filter on this thread that kills for all but a few calls;
 *		then 300 ms of allocating: `alive`
 *	all	the same filter on every thread
 *	fork	the filter, which lets a child be made, and a child that allocates: `child STATUS`
 *	probe	asks whether there are filters, puts none on, allocates 100 MB: `alive`
 *	stdio	descriptors 0 to 2 closed; for a second nobody may open anything there:
 *		`strange COUNT` into the file that is the next argument
 */
#include "work.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ALLOW(call)                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void shut_in(int everyone)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_brk),
		ALLOW(SYS_mmap),
		ALLOW(SYS_munmap),
		ALLOW(SYS_newfstatat),
		ALLOW(SYS_clock_gettime),
		ALLOW(SYS_getrandom),
		ALLOW(SYS_clone),
		ALLOW(SYS_wait4),
		ALLOW(SYS_gettid),
		ALLOW(SYS_rt_sigprocmask),
		ALLOW(SYS_set_robust_list),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };
	unsigned flags = everyone ? SECCOMP_FILTER_FLAG_TSYNC : 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter))
		exit(1);
}

static void allocate(uint64_t ns)
{
	uint64_t end = work_clock(CLOCK_MONOTONIC) + ns;
	void *block[1000];

	while (work_clock(CLOCK_MONOTONIC) < end) {
		for (int i = 0; i < 1000; i++)
			block[i] = malloc(100 + (size_t)i);
		for (int i = 0; i < 1000; i++)
			free(block[i]);
	}
}

static FRAME void makes_a_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 1000; i++)
			work_alloc(10000);
		_exit(4);
	}
	waitpid(pid, &status, 0);
	printf("child %x\n", (unsigned)status);
}

static FRAME void after_probe(void)
{
	for (int i = 0; i < 1000; i++)
		work_alloc(100000);
}

static void probe(void)
{
	unsigned kills = SECCOMP_RET_KILL_PROCESS;

	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL);
	syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kills);
	after_probe();
}

static int without_stdio(const char *path)
{
	uint64_t end = work_clock(CLOCK_MONOTONIC) + 1000 * MS;
	unsigned strange = 0;
	int fd;

	for (fd = 0; fd < 3; fd++)
		close(fd);
	while (work_clock(CLOCK_MONOTONIC) < end) {
		allocate(MS / 10);
		for (fd = 0; fd < 3; fd++)
			strange += write(fd, "text", 4) >= 0;
		fd = open("/dev/null", O_WRONLY);
		strange += fd != 0;
		close(fd);
	}
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	return dprintf(fd, "strange %u\n", strange) < 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "stdio"))
		return without_stdio(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "probe")) {
		probe();
	} else {
		shut_in(argc > 1 && !strcmp(argv[1], "all"));
		allocate(300 * MS);
	}
	if (argc > 1 && !strcmp(argv[1], "fork"))
		makes_a_child();
	puts("alive");
	return 0;
}

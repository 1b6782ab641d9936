/* SPDX-License-Identifier: Apache-2.0
 *
 * w_deny.c - runs a program with one system call made to fail, by a seccomp
 * filter: `w_deny perf_event_open EACCES program args`.  Names: see below; the error may be
 * a number, or what the filter does instead: KILL (the process), KILL_THREAD, TRAP.
 */
#include "work.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
	const char *name;
	unsigned nr;
} calls[] = {
	{ "perf_event_open", SYS_perf_event_open },
	{ "close_range", SYS_close_range },
	{ "unshare", SYS_unshare },
	{ "timer_create", SYS_timer_create },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "mkdirat", SYS_mkdirat },
};

static const struct {
	const char *name;
	unsigned value;
} errors[] = {
	{ "EACCES", SECCOMP_RET_ERRNO | EACCES },
	{ "EPERM", SECCOMP_RET_ERRNO | EPERM },
	{ "ENOSYS", SECCOMP_RET_ERRNO | ENOSYS },
	{ "EINVAL", SECCOMP_RET_ERRNO | EINVAL },
	{ "KILL", SECCOMP_RET_KILL_PROCESS },
	{ "KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "TRAP", SECCOMP_RET_TRAP },
};

int main(int argc, char **argv)
{
	unsigned nr = ~0u, action = SECCOMP_RET_ALLOW;

	for (size_t i = 0; argc > 3 && i < sizeof(calls) / sizeof(calls[0]); i++)
		nr = strcmp(calls[i].name, argv[1]) ? nr : calls[i].nr;
	for (size_t i = 0; argc > 3 && i < sizeof(errors) / sizeof(errors[0]); i++)
		action = strcmp(errors[i].name, argv[2]) ? action : errors[i].value;
	if (argc > 3 && atoi(argv[2]) > 0)
		action = SECCOMP_RET_ERRNO | (unsigned)atoi(argv[2]);
	if (nr == ~0u || action == SECCOMP_RET_ALLOW) {
		fprintf(stderr, "usage: w_deny CALL ERROR PROGRAM [ARGS]\n");
		return 125;
	}
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("w_deny: seccomp");
		return 125;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}

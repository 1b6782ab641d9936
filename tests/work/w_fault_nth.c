/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_nth.c - runs a program in which system calls of libprof fail and the
 * program's own do not.
 *
 *	w_fault_nth REPORT CALL[,CALL...] ERROR FIRST COUNT [NAME=VALUE...] PROGRAM ARGS
 *
 * Of the calls the library makes, COUNT fail from the FIRST on (1 is the first),
 * with ERROR (a number; 0: they return 0 and do nothing).  A seccomp filter hands
 * CALL to a supervisor, which says whose it is:
 *	- of a thread named libprof: the library's;
 *	- a change of user or group on another thread: the program's, which the library makes
 *	  for it;
 *	- from an instruction of libprof.so: the library's;
 *	- from libc, on the first thread before main has called getppid(), or in a
 *	  forked child (w_fault's makes no such call itself): the library's thread;
 *	- in any other process before that: the library's probe of the filter, left alone.
 * REPORT gets `ours N failed N`, and a line for each call that failed.
 */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* clang-format off */
#define CALLS(X) \
	X(mmap) X(munmap) X(mprotect) X(madvise) X(openat) X(close) X(read) X(pread64) \
	X(pwrite64) X(write) X(fallocate) X(ftruncate) X(renameat) X(mkdirat) X(unlinkat) \
	X(getdents64) X(fstat) X(newfstatat) X(fstatfs) X(readlinkat) X(getcwd) X(chdir) \
	X(uname) X(getrandom) X(clock_gettime) X(getrusage) X(sched_getaffinity) X(eventfd2) \
	X(ppoll) X(futex) X(nanosleep) X(sched_yield) X(ioctl) X(perf_event_open) X(clone3) \
	X(clone) X(prctl) X(seccomp) X(execveat) X(unshare) X(close_range) X(umask) X(fchmod) \
	X(fchmodat) X(timer_create) X(timer_settime) X(timer_delete) X(getcpu) X(tgkill) \
	X(rt_sigaction) X(rt_sigprocmask) X(rt_sigpending) X(rt_sigtimedwait) X(process_vm_readv) X(mincore) X(prlimit64) \
	X(wait4) X(geteuid) X(capget) X(capset) X(setresuid) X(setresgid) X(setgroups)
/* clang-format on */

#define ENTRY(call) { #call, SYS_##call },
static const struct {
	const char *name;
	int nr;
} calls[] = { CALLS(ENTRY) };

#define CALLS_MAX 16

struct shared {
	_Atomic int listener;
};

struct supervisor {
	int listener, error;
	pid_t main;
	bool started; /* main() runs */
	uint64_t ours, first, count, failed;
	FILE *report;
};

struct place {
	bool preloaded, in_libprof, in_libc;
};

static const char *call_name(int nr)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].nr == nr)
			return calls[i].name;
	return "?";
}

static unsigned read_calls(char *text, int *numbers)
{
	unsigned n = 0;

	for (char *name = strtok(text, ","); name && n < CALLS_MAX; name = strtok(NULL, ","))
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			if (!strcmp(calls[i].name, name))
				numbers[n++] = calls[i].nr;
	return n;
}

/* The filter goes on, the listener stays ours too, since parent and child share
 * their descriptors until the exec. */
static int hand_over(const int *numbers, unsigned n)
{
	struct sock_filter code[CALLS_MAX + 4];
	struct sock_fprog program = { 0, code };
	unsigned at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < n; i++, at++)
		code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							(unsigned)numbers[i],
							(unsigned char)(n - i + 1), 0);
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	program.len = (unsigned short)at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
				    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			    &program);
}

/* Where the instruction pc of the thread lies.  A process has more than one libc
 * when libunwind's namespace is there. */
static struct place find_place(int tid, uint64_t pc)
{
	struct place place = { false, false, false };
	char path[64], line[512];
	uint64_t from, to;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		bool libprof = strstr(line, "/libprof.so");

		place.preloaded |= libprof;
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && pc >= from && pc < to) {
			place.in_libprof = libprof;
			place.in_libc = strstr(line, "/libc.so");
		}
	}
	if (f)
		fclose(f);
	return place;
}

static bool named_libprof(int tid)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
		*name = '\0';
	close(fd);
	return !strcmp(name, "libprof\n");
}

static bool thread_of(pid_t pid, int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return !access(path, F_OK);
}

static bool changes_rights(int nr)
{
	return nr == SYS_setresuid || nr == SYS_setresgid || nr == SYS_setgroups;
}

static bool is_libraries(const struct supervisor *s, const struct seccomp_notif *n)
{
	int tid = (int)n->pid, nr = n->data.nr;
	bool elsewhere = !thread_of(s->main, tid);
	struct place at;

	if (named_libprof(tid))
		return true;
	if (changes_rights(nr))
		return false;
	at = find_place(tid, n->data.instruction_pointer);
	if (!at.preloaded || (!s->started && elsewhere))
		return false;
	if (at.in_libprof)
		return true;
	if (!at.in_libc || nr == SYS_prlimit64)
		return false;
	return (!s->started && tid == s->main) ||
	       (elsewhere && (nr == SYS_mmap || nr == SYS_mprotect || nr == SYS_clone3));
}

static void judge(struct supervisor *s, const struct seccomp_notif *n,
		  struct seccomp_notif_resp *answer)
{
	answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (n->data.nr == SYS_getppid) {
		s->started = s->started || n->pid == (unsigned)s->main;
		return;
	}
	if (!is_libraries(s, n))
		return;
	s->ours++;
	if (s->ours < s->first || s->ours - s->first >= s->count)
		return;
	answer->flags = 0;
	answer->error = -s->error;
	if (s->failed++ < 10)
		fprintf(s->report, "%s tid %u pc %llx args %llx %llx %llx\n", call_name(n->data.nr),
			n->pid, (unsigned long long)n->data.instruction_pointer,
			(unsigned long long)n->data.args[0], (unsigned long long)n->data.args[1],
			(unsigned long long)n->data.args[2]);
}

/* Until nobody is left under the filter. */
static void supervise(struct supervisor *s)
{
	struct pollfd wait = { .fd = s->listener, .events = POLLIN };

	while (poll(&wait, 1, -1) >= 0 && !(wait.revents & POLLHUP)) {
		struct seccomp_notif n;
		struct seccomp_notif_resp answer;

		memset(&n, 0, sizeof(n));
		memset(&answer, 0, sizeof(answer));
		if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
			continue;
		answer.id = n.id;
		judge(s, &n, &answer);
		ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static struct start {
	int *numbers;
	unsigned n;
	char **argv;
	struct shared *shared;
} start;

static int run_program(void *arg)
{
	char **argv = start.argv;
	int fd;

	(void)arg;
	fd = hand_over(start.numbers, start.n);
	start.shared->listener = fd < 0 ? -2 : fd;
	if (fd < 0)
		_exit(125);
	for (; *argv && strchr(*argv, '='); argv++)
		putenv(*argv);
	execvp(*argv, argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	int numbers[CALLS_MAX], status;
	struct supervisor s = { .listener = -1 };

	if (argc < 7 || !(start.n = read_calls(argv[2], numbers))) {
		fprintf(stderr, "usage: w_fault_nth REPORT CALLS ERROR FIRST COUNT PROGRAM\n");
		return 125;
	}
	start.numbers = numbers;
	start.argv = argv + 6;
	start.shared = mmap(NULL, sizeof(*start.shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start.shared->listener = -1;
	s.report = fopen(argv[1], "we");
	s.error = atoi(argv[3]);
	s.first = strtoull(argv[4], NULL, 0);
	s.count = strtoull(argv[5], NULL, 0);
	s.main = clone(run_program, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	while (s.main > 0 && start.shared->listener == -1)
		sched_yield();
	s.listener = start.shared->listener;
	if (!s.report || s.main < 0 || s.listener < 0) {
		perror("w_fault_nth");
		return 125;
	}
	supervise(&s);
	fprintf(s.report, "ours %llu failed %llu\n", (unsigned long long)s.ours,
		(unsigned long long)s.failed);
	waitpid(s.main, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

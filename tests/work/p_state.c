/* SPDX-License-Identifier: Apache-2.0
 *
 * p_state.c - what a program may see of its own state, written down for the
 * conformity oracle.  Preloaded in front of the library, so that its
 * constructor runs behind the library's and its destructor before: at the
 * start of each image, in each forked child and at each exit that runs
 * destructors it appends one record to the file that ORACLE_STATE names:
 *
 *	== PHASE PROGRAM
 *	fd 0 flags 0 mode 100000 /dev/null        ...
 *
 * Where ORACLE_STATE_START is set, too, there are records of starts only: for a
 * program that may not look later.
 *
 * It defines no name of anybody's, allocates nothing and keeps errno.
 *
 * flags: -shared -fPIC -fvisibility=hidden
 */
#include "work.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

extern char **environ;

static char record[128 << 10];
static size_t used;
static int start_only;
static char program[64]; /* its name at its start: it may write over its arguments */

static __attribute__((format(printf, 1, 2))) void put(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(record + used, sizeof(record) - used, format, args);
	va_end(args);
	if (n > 0 && used + (size_t)n < sizeof(record))
		used += (size_t)n;
}

static void put_link(const char *what, const char *path)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	to[n > 0 ? n : 0] = 0;
	put("%s %s\n", what, n < 0 ? strerrorname_np(errno) : to);
}

static void put_fd(int fd)
{
	int flags = fcntl(fd, F_GETFD);
	char path[40], what[80];

	if (flags < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(what, sizeof(what), "fd %d flags %d mode %o", fd, flags,
		 (unsigned)fcntl(fd, F_GETFL));
	put_link(what, path);
}

/* What getdents64 fills in. */
struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short bytes;
	unsigned char type;
	char name[];
};

/* From the lowest to the highest, however high: that is /proc's order. */
static int put_listed_fds(int dir)
{
	static _Alignas(struct entry) char entries[16 << 10];
	long n;

	while ((n = syscall(SYS_getdents64, dir, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(entries + at);

			if (e->name[0] != '.' && atoi(e->name) != dir)
				put_fd(atoi(e->name));
			at += e->bytes;
		}
	}
	return n < 0 ? -1 : 0;
}

/* Where they cannot be listed the first 4096 are asked: the soft limit may lie far
 * below one that is open. */
static void put_fds(void)
{
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t before = used;
	int listed = dir < 0 ? -1 : put_listed_fds(dir);

	if (dir >= 0)
		close(dir);
	if (!listed)
		return;
	used = before;
	for (int fd = 0; fd < 4096; fd++)
		put_fd(fd);
}

static void put_set(const char *what, const sigset_t *set)
{
	put("%s", what);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(set, sig) == 1)
			put(" %d", sig);
	put("\n");
}

static void put_signals(void)
{
	sigset_t set;
	stack_t stack;

	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction act;

		if (sigaction(sig, NULL, &act))
			continue;
		act.sa_flags &= ~0x04000000; /* SA_RESTORER: the C library's */
		if (act.sa_handler == SIG_DFL && !act.sa_flags)
			continue;
		put("signal %d %s flags %x", sig,
		    act.sa_handler == SIG_DFL	? "default"
		    : act.sa_handler == SIG_IGN ? "ignored"
						: "handler",
		    (unsigned)act.sa_flags);
		put_set(" mask", &act.sa_mask);
	}
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	put_set("blocked", &set);
	sigpending(&set);
	put_set("pending", &set);
	if (!sigaltstack(NULL, &stack))
		put("sigaltstack flags %d size %zu\n", stack.ss_flags, stack.ss_size);
}

/*
 * The kernel's own view.  SIGPROF has a line of its own, which is not compared
 * where the timer engine borrows that signal.  32 and 33 are the C library's, which
 * takes 33 with a process's first thread and shows neither to the program.
 */
static void put_kernel_signals(const char *line)
{
	unsigned long long bit = 1ull << (SIGPROF - 1), mask = strtoull(line + 7, NULL, 16);

	put("kernel %.6s %llx\n", line, mask & ~bit & ~(3ull << 31));
	put("kernel sigprof %.6s %d\n", line, !!(mask & bit));
}

static void put_status(void)
{
	static const char *const keys[] = {
		"Name:",       "Umask:",   "Uid:",	    "Gid:",    "Groups:",
		"CapInh:",     "CapPrm:",  "CapEff:",	    "CapBnd:", "CapAmb:",
		"NoNewPrivs:", "Seccomp:", "Cpus_allowed:",
	};
	static char text[16 << 10];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *rest = text, *line;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	while ((line = strsep(&rest, "\n"))) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strncmp(line, keys[i], strlen(keys[i])))
				put("%s\n", line);
		if (!strncmp(line, "SigBlk:", 7) || !strncmp(line, "SigIgn:", 7) ||
		    !strncmp(line, "SigCgt:", 7))
			put_kernel_signals(line);
	}
}

static void put_limits(void)
{
	int sig = 0;

	for (int which = 0; which < RLIMIT_NLIMITS; which++) {
		struct rlimit limit;

		if (!getrlimit((__rlimit_resource_t)which, &limit))
			put("limit %d %llx %llx\n", which, (unsigned long long)limit.rlim_cur,
			    (unsigned long long)limit.rlim_max);
	}
	for (int which = 0; which < 3; which++) {
		struct itimerval timer;

		if (!getitimer((__itimer_which_t)which, &timer))
			put("itimer %d armed %d interval %ld.%06ld\n", which,
			    timer.it_value.tv_sec || timer.it_value.tv_usec,
			    (long)timer.it_interval.tv_sec, (long)timer.it_interval.tv_usec);
	}
	prctl(PR_GET_PDEATHSIG, &sig);
	put("dumpable %d keepcaps %d deathsig %d\n", prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS),
	    sig);
	put("timerslack %d nice %d policy %d personality %x\n", prctl(PR_GET_TIMERSLACK),
	    getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), (unsigned)personality(~0u));
}

static void put_environment(void)
{
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, "LD_PRELOAD=", 11) && strncmp(*e, "LIBPROF_", 8))
			put("env %s\n", *e);
}

/* One write, to the end of the file: processes do not mix their records. */
static void append(void)
{
	const char *path = getenv("ORACLE_STATE");
	struct rlimit limit = { 0, 0 };
	int fd;

	getrlimit(RLIMIT_FSIZE, &limit);
	if (!path || limit.rlim_cur != RLIM_INFINITY)
		return; /* the signal for a file too large would be ours */
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, record, used) < 0)
		used = 0;
	close(fd);
}

static void state(const char *phase)
{
	int error = errno;

	used = 0;
	put("== %s %s\n", phase, program);
	put_fds();
	put_link("cwd", "/proc/self/cwd");
	put_link("root", "/proc/self/root");
	put_signals();
	put_status();
	put_limits();
	put_environment();
	append();
	errno = error;
}

static void in_child(void)
{
	state("fork");
}

static __attribute__((constructor)) void at_start(void)
{
	snprintf(program, sizeof(program), "%s", program_invocation_short_name);
	state("start");
	start_only = !!getenv("ORACLE_STATE_START");
	if (!start_only)
		pthread_atfork(NULL, NULL, in_child);
}

static __attribute__((destructor)) void at_end(void)
{
	if (!start_only)
		state("end");
}

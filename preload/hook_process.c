/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_process.c - the calls that make, replace and end processes.  Before
 * an image goes away (exec, _exit) the writer is asked to flush, which takes
 * about a millisecond and is waited for a hundred at most; a forked child is
 * started here, once every atfork handler has run.  vfork is not wrapped and
 * nothing is done in its child: it has another pid and our memory.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cpu_timer.h"
#include "heap.h"
#include "hook.h"
#include "real.h"
#include "signal_mask.h"
#include "state.h"
#include "sys.h"
#include "thread.h"
#include "writer.h"

#define LAST_FLUSH_NS \
	UINT64_C(100000000) /* no wait at all where the writer gets a CPU: it takes 1 ms */

extern char **environ;

/* [hook] True when the caller is the profiled process itself. */
static bool ours(void)
{
	return state_phase() == STATE_ON && !thread_tls.busy && state_is_here();
}

/* [hook] In the child of a completed fork. */
static pid_t forked(pid_t pid)
{
	int saved = errno;

	if (pid == 0 && state_phase() != STATE_INERT)
		state_start_child();
	else if (pid > 0 && ours()) {
		heap_note_fork();
		writer_note_fork(pid);
	}
	errno = saved;
	return pid;
}

/* [hook] */
HOOK pid_t fork(void)
{
	real_resolve();
	return forked(real.fork());
}

/* [hook] No atfork handler runs: state_start_child notices by the pid. */
HOOK pid_t _Fork(void)
{
	pid_t pid;

	real_resolve();
	pid = real._Fork ? real._Fork() : real.fork();
	if (pid)
		return forked(pid);
	/* The child may be in a handler, libc's locks held: it begins with its first event. */
	if (state_phase() == STATE_ON) {
		state.by_libc = true;
		cpu_timer_leave_in_child();
		signal_mask_give_back(thread_tls.self);
		thread_forget_gap();
	}
	return 0;
}

/* [hook] */
HOOK pid_t forkpty(int *master, char *name, const void *termios, const void *winsize)
{
	pid_t (*next)(int *, char *, const void *, const void *);
	bool unused;

	real_resolve();
	next = real.forkpty;
	if (!next) { /* before glibc 2.34 in a library of its own, which may be loaded later */
		void *found = real_find("forkpty", &unused);

		memcpy(&next, &found, sizeof(next));
	}
	if (!next) {
		errno = ENOSYS;
		return -1;
	}
	return forked(next(master, name, termios, winsize));
}

/* [hook] Returns in the child; the parent has gone through _exit inside libc, so
 * what it holds is written first. */
HOOK int daemon(int nochdir, int noclose)
{
	int result;

	real_resolve();
	if (ours())
		writer_request(WRITER_FLUSH, LAST_FLUSH_NS);
	result = real.daemon(nochdir, noclose);
	if (result == 0)
		forked(0);
	return result;
}

/* [hook] A shell tries a name in each directory of PATH: for what the kernel will refuse
 * nobody need be woken.  What cannot be told, by rights above all, it will say itself. */
static bool may_execute(int dir, const char *path, int flags)
{
	struct stat st;

	flags &= AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
	return SYS_CALL(SYS_newfstatat, dir, path, &st, flags, 0, 0) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH);
}

/* [hook] Before an exec, possible or not. */
static void before_exec(bool possible)
{
	real_resolve();
	if (possible)
		writer_request(WRITER_EXEC, LAST_FLUSH_NS);
	if (state_cpu_engine() == STATE_CPU_TIMER)
		cpu_timer_exec(true);
	signal_mask_exec(thread_tls.self, true);
}

/* [hook] */
static void before_exec_of(int dir, const char *path, int flags)
{
	before_exec(ours() && !writer_has_nothing() && may_execute(dir, path, flags));
}

/* [hook] A name without a slash is for libc to look for. */
static void before_exec_of_name(const char *file)
{
	before_exec(ours() && !writer_has_nothing() &&
		    (!strchr(file, '/') || may_execute(AT_FDCWD, file, 0)));
}

/* [hook] The exec failed: the program goes on, and so do we. */
static int failed(int result)
{
	if (state_cpu_engine() == STATE_CPU_TIMER) {
		signal_mask_exec(thread_tls.self, false);
		cpu_timer_exec(false);
	}
	return result;
}

/* [hook] */
HOOK int execve(const char *path, char *const argv[], char *const env[])
{
	before_exec_of(AT_FDCWD, path, 0);
	return failed(real.execve(path, argv, env));
}

/* [hook] */
HOOK int execv(const char *path, char *const argv[])
{
	before_exec_of(AT_FDCWD, path, 0);
	return failed(real.execve(path, argv, environ));
}

/* [hook] */
HOOK int execvpe(const char *file, char *const argv[], char *const env[])
{
	before_exec_of_name(file);
	return failed(real.execvpe(file, argv, env));
}

/* [hook] */
HOOK int execvp(const char *file, char *const argv[])
{
	before_exec_of_name(file);
	return failed(real.execvpe(file, argv, environ));
}

/* [hook] */
HOOK int fexecve(int fd, char *const argv[], char *const env[])
{
	before_exec_of(fd, "", AT_EMPTY_PATH);
	return failed(real.fexecve(fd, argv, env));
}

/* [hook] */
HOOK int execveat(int dir, const char *path, char *const argv[], char *const env[], int flags)
{
	before_exec_of(dir, path, flags);
	if (real.execveat)
		return failed(real.execveat(dir, path, argv, env, flags));
	return failed((int)real.syscall(SYS_execveat, dir, path, argv, env, flags));
}

/* Arguments of the list forms, as an array on the caller's stack: the calls
 * are used in vfork children, where nothing may be allocated. */
#define ARGUMENT_LIST(argv, first, args)                     \
	do {                                                 \
		size_t count_ = 1;                           \
		va_list counting_;                           \
                                                             \
		va_start(args, first);                       \
		va_copy(counting_, args);                    \
		while (va_arg(counting_, char *))            \
			count_++;                            \
		va_end(counting_);                           \
		argv = alloca((count_ + 1) * sizeof(*argv)); \
		argv[0] = (char *)(uintptr_t)first;          \
		for (size_t i_ = 1; i_ <= count_; i_++)      \
			argv[i_] = va_arg(args, char *);     \
	} while (0)

/* [hook] */
HOOK int execl(const char *path, const char *arg, ...)
{
	va_list args;
	char **argv;

	ARGUMENT_LIST(argv, arg, args);
	va_end(args);
	return execv(path, argv);
}

/* [hook] */
HOOK int execlp(const char *file, const char *arg, ...)
{
	va_list args;
	char **argv;

	ARGUMENT_LIST(argv, arg, args);
	va_end(args);
	return execvp(file, argv);
}

/* [hook] */
HOOK int execle(const char *path, const char *arg, ...)
{
	char *const *env;
	va_list args;
	char **argv;

	ARGUMENT_LIST(argv, arg, args);
	env = va_arg(args, char *const *);
	va_end(args);
	return execve(path, argv, env);
}

/* [hook] */
HOOK void _exit(int status)
{
	real_resolve();
	if (ours() && !writer_has_nothing()) {
		thread_snapshot_self();
		writer_request(WRITER_EXIT, LAST_FLUSH_NS);
	}
	real._exit(status);
}

/* [hook] */
HOOK void _Exit(int status)
{
	_exit(status);
}

/* [hook] libseccomp and others put filters on by the bare call. */
HOOK long syscall(long nr, ...)
{
	va_list args;
	long a[6], result;

	va_start(args, nr);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	real_resolve();
	if (nr == SYS_seccomp &&
	    (a[0] == SECCOMP_SET_MODE_STRICT || (a[0] == SECCOMP_SET_MODE_FILTER && a[2])))
		writer_leave_for_good();
	result = real.syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr == SYS_capset && result == 0)
		hook_caps_changed();
	return result;
}

/* The children's pid namespace is no longer the process's own: no thread may be
 * made, by the program or by us. */
static _Atomic bool children_elsewhere;

/* [hook] Some calls are only for a single-threaded process; a program that has one
 * thread gets to be one.  last: it may be the last that we can do. */
static bool step_aside(bool last)
{
	return ours() && writer_alone_with_caller() && writer_pause(last || children_elsewhere);
}

/* [hook] Back, and result passed on. */
static int step_back(bool aside, int flags, int result)
{
	int saved = errno;

	if (result == 0 && (flags & CLONE_NEWPID))
		children_elsewhere = true;
	if (aside)
		writer_resume();
	errno = saved;
	return result;
}

/* [hook] A thread that is no task any more may share the signal handlers for a moment
 * yet: EINVAL is the kernel's last word only when it stays. */
static int unshare_alone(int flags)
{
	int result, saved = errno;

	for (unsigned tries = 0; tries < 100; tries++) {
		result = real.unshare(flags);
		if (!result || errno != EINVAL)
			break;
		sys_sleep_ns(50000);
	}
	if (!result)
		errno = saved;
	return result;
}

/* [hook] Other namespaces are each thread's own affair. */
HOOK int unshare(int flags)
{
	const int single = CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	bool aside;

	real_resolve();
	aside = (flags & single) && step_aside(flags & CLONE_NEWPID);
	return step_back(aside, flags, aside ? unshare_alone(flags) : real.unshare(flags));
}

/* [hook] What type 0 stands for: the kind of namespace that the descriptor is of, all that it
 * may be where the kernel does not say, 0 for what is none. */
static int kind_of_namespace(int fd, int all)
{
	const long ns_get_nstype = 0xb703; /* linux/nsfs.h, Linux 4.11 */
	const uint64_t nsfs_magic = 0x6e736673;
	struct statfs fs;
	long kind;

	/* Another's descriptor might do something when it is asked so. */
	if (SYS_CALL(SYS_fstatfs, fd, &fs, 0, 0, 0, 0) < 0 || (uint64_t)fs.f_type != nsfs_magic)
		return 0;
	kind = SYS_CALL(SYS_ioctl, fd, ns_get_nstype, 0, 0, 0, 0);
	return kind > 0 ? (int)kind : all;
}

/* [hook] A process of several threads may not enter another user or time namespace; nor a thread
 * that of mounts, while another has the same root directory, as ours has where it could not
 * have its own. */
HOOK int setns(int fd, int type)
{
	int single = CLONE_NEWUSER | 0x00000080 /* CLONE_NEWTIME */, kind = type;
	bool aside;

	real_resolve();
	if (ours()) {
		single |= writer_shares_root() ? CLONE_NEWNS : 0;
		kind = type ? type : kind_of_namespace(fd, single);
	}
	aside = (kind & single) && step_aside(kind & CLONE_NEWPID);
	return step_back(aside, kind, real.setns(fd, type));
}

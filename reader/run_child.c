/* SPDX-License-Identifier: Apache-2.0
 *
 * run_child.c - the program's process: start, signals, end; see run.h.
 *
 * The program shares prof's process group, so that terminal and job control
 * treat both as one.  A signal sent to the group reaches the program by itself
 * and must not be passed on; one sent to prof alone must be.  The receiver of
 * a signal cannot see which it was, so a third process in the group, the
 * witness, does nothing but keep all signals pending: what it got too was sent
 * to the group.
 *
 * prof blocks what it passes on and takes it with sigwaitinfo(2); dispositions
 * are never changed (but SIGCHLD, which must not be ignored while we wait), so
 * the program inherits what prof was started with.
 */
#define _GNU_SOURCE
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "err.h"

/* Time for a signal to a group to have reached every member. */
#define GROUP_DELIVERY_NS 2000000

struct witness {
	pid_t pid;
	int ask, answer; /* pipe ends */
	uint64_t seen;	 /* signals it told of that prof has not taken yet */
};

struct child {
	pid_t pid;
	struct witness witness;
	sigset_t passed_on, mask_before;
	struct sigaction chld_before;
};

/* Signals that stop or continue act on prof as on the program; those of faults
 * are prof's own. */
static void signals_passed_on(sigset_t *set)
{
	static const int not [] = { SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN,	 SIGTTOU,
				    SIGCONT, SIGSEGV, SIGBUS,  SIGFPE,	 SIGILL,
				    SIGTRAP, SIGABRT, SIGSYS,  SIGWINCH, SIGURG };

	sigfillset(set);
	for (size_t i = 0; i < G_N_ELEMENTS(not ); i++)
		sigdelset(set, not [i]);
}

/* The witness: answers each byte with the signals that came since the last. */
static void G_GNUC_NORETURN witness_main(int ask, int answer)
{
	const struct timespec now = { 0, 0 };
	sigset_t all;
	uint64_t seen;
	char byte;
	int sig;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 0; fd < 3; fd++) {
		if (fd != ask && fd != answer)
			close(fd); /* a pipe the program writes to must end with the program */
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	while (read(ask, &byte, 1) == 1) {
		seen = 0;
		while ((sig = sigtimedwait(&all, NULL, &now)) > 0)
			seen |= UINT64_C(1) << (sig - 1);
		if (write(answer, &seen, sizeof(seen)) != sizeof(seen))
			break;
	}
	_exit(0);
}

/* False without a witness: then every signal is passed on. */
static bool witness_start(struct witness *w)
{
	int ask[2], answer[2];

	if (pipe2(ask, O_CLOEXEC))
		return false;
	if (pipe2(answer, O_CLOEXEC)) {
		close(ask[0]);
		close(ask[1]);
		return false;
	}
	w->pid = fork();
	if (w->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		witness_main(ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	w->ask = ask[1];
	w->answer = answer[0];
	return w->pid > 0;
}

static void witness_stop(struct witness *w)
{
	close(w->ask);
	close(w->answer);
	waitpid(w->pid, NULL, 0);
}

/* Whether the witness got sig too; each of its signals answers for one. */
static bool witness_saw(struct witness *w, int sig)
{
	const struct timespec delivery = { 0, GROUP_DELIVERY_NS };
	uint64_t seen = 0, bit = UINT64_C(1) << (sig - 1);
	bool saw;

	nanosleep(&delivery, NULL);
	if (write(w->ask, "", 1) != 1 || read(w->answer, &seen, sizeof(seen)) != sizeof(seen))
		seen = 0;
	w->seen |= seen;
	saw = w->seen & bit;
	w->seen &= ~bit;
	return saw;
}

static void pass_on(struct child *c, const siginfo_t *info)
{
	int sig = info->si_signo;
	bool typed =
		info->si_code == SI_KERNEL && (sig == SIGINT || sig == SIGQUIT || sig == SIGHUP);
	bool in_group = getpgid(c->pid) == getpgrp();

	if (c->witness.pid > 0 && witness_saw(&c->witness, sig) && in_group)
		return;
	if (typed && in_group)
		return;
	if (info->si_code == SI_QUEUE)
		sigqueue(c->pid, sig, info->si_value);
	else
		kill(c->pid, sig);
}

/* Waits for the end and returns what waitpid(2) says. */
static int wait_for_end(struct child *c)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(&c->passed_on, &info) < 0)
			continue; /* EINTR: stopped and continued */
		if (info.si_signo != SIGCHLD)
			pass_on(c, &info);
		else if (waitpid(c->pid, &status, WNOHANG) == c->pid)
			return status;
	}
}

/* In the new process: becomes the program, or reports errno. */
static void G_GNUC_NORETURN child_exec(const struct child *c, const char *path, char **argv,
				       char **env, int report)
{
	guint words = g_strv_length(argv);
	char **shell = g_new0(char *, words + 2);
	int error;

	sigaction(SIGCHLD, &c->chld_before, NULL);
	sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
	execve(path, argv, env);
	error = errno;
	if (error == ENOEXEC) { /* what execvp(3) does with a script that names no interpreter */
		shell[0] = (char *)"sh";
		shell[1] = (char *)path;
		memcpy(shell + 2, argv + 1, sizeof(*argv) * (words - 1));
		execve("/bin/sh", shell, env);
		error = errno;
	}
	if (write(report, &error, sizeof(error)) != sizeof(error))
		error = 0;
	_exit(RUN_NOT_RUNNABLE);
}

/* Starts the program; 0 or the errno that kept it from running. */
static int child_start(struct child *c, const char *path, char **argv, char **env)
{
	int report[2], error = 0;

	if (pipe2(report, O_CLOEXEC))
		return errno;
	c->pid = fork();
	if (c->pid == 0)
		child_exec(c, path, argv, env, report[1]);
	if (c->pid < 0)
		error = errno;
	close(report[1]);
	if (c->pid > 0 && read(report[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(c->pid, NULL, 0);
		c->pid = 0;
	}
	close(report[0]);
	return error;
}

int run_child(const char *path, char **argv, char **env, pid_t *pid)
{
	struct sigaction chld = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	struct child c = { .pid = 0 };
	int error, status;

	signals_passed_on(&c.passed_on);
	sigprocmask(SIG_BLOCK, &c.passed_on, &c.mask_before);
	sigaction(SIGCHLD, &chld, &c.chld_before);
	if (!witness_start(&c.witness))
		c.witness.pid = 0;
	error = child_start(&c, path, argv, env);
	*pid = c.pid > 0 ? c.pid : 0;
	if (c.pid > 0)
		status = wait_for_end(&c);
	if (c.witness.pid > 0)
		witness_stop(&c.witness);
	if (c.pid <= 0) {
		char *safe = err_safe(path);

		err_say("%s: cannot be run: %s", safe, strerror(error));
		g_free(safe);
		return c.pid < 0 ? RUN_FAILED : error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_RUNNABLE;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

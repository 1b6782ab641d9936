/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fds.c - prints what of its surroundings a library could disturb, in a
 * constructor, in main, in a thread, later and at exit: open descriptors,
 * signal actions and mask, directory, umask, limits, environment size.  The
 * output must be the same to the byte with and without one.
 */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void print_fds(const char *when)
{
	printf("%s fds", when);
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d:%d", fd, fcntl(fd, F_GETFD));
	printf("\n");
}

static void print_signals(const char *when)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	printf("%s signals", when);
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction act;

		if (sigaction(sig, NULL, &act))
			continue;
		if (act.sa_handler != SIG_DFL || act.sa_flags || sigismember(&mask, sig) == 1)
			printf(" %d:%s:%x:%d", sig,
			       act.sa_handler == SIG_DFL   ? "default"
			       : act.sa_handler == SIG_IGN ? "ignored"
							   : "handler",
			       (unsigned)act.sa_flags, sigismember(&mask, sig));
	}
	printf("\n");
}

static void print_all(const char *when)
{
	char cwd[PATH_MAX], name[17] = "";
	struct rlimit files, core;
	mode_t mask = umask(0);
	int next;

	umask(mask);
	print_fds(when);
	print_signals(when);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	prctl(PR_GET_NAME, name);
	printf("%s cwd %s umask %o nofile %llu/%llu core %llu dumpable %d name %s\n", when,
	       getcwd(cwd, sizeof(cwd)) ? cwd : "?", (unsigned)mask,
	       (unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max,
	       (unsigned long long)core.rlim_cur, prctl(PR_GET_DUMPABLE), name);
	next = open("/dev/null", O_RDONLY);
	printf("%s next %d errno %d\n", when, next, errno);
	close(next);
}

static __attribute__((constructor)) void at_start(void)
{
	print_all("constructor");
}

static void at_end(void)
{
	print_all("atexit");
}

static void *body(void *unused)
{
	print_all("thread");
	return unused;
}

int main(void)
{
	pthread_t id;

	atexit(at_end);
	print_all("main");
	work_burn(50 * MS);
	work_alloc(3000000);
	pthread_create(&id, NULL, body, NULL);
	pthread_join(id, NULL);
	if (chdir("/") || (umask(077), 0))
		return 1;
	work_sleep_ms(250);
	print_all("later");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_signals.c - a program with signals of its own.  `sigprof` as argument:
 * it takes SIGPROF and an interval timer of 10 ms for itself and burns 300 ms;
 * `sigset`: it asks in the oldest way; without: it must never see an interrupted
 * call while a thread computes, and all 200 SIGUSR1 it sends itself must arrive.
 *
 * flags: -Wno-deprecated-declarations
 *
 *	ticks COUNT                  eintr COUNT usr1 COUNT
 */
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks, usr1, stop;

static void on_prof(int sig)
{
	(void)sig;
	ticks++;
}

static void on_usr1(int sig)
{
	(void)sig;
	usr1++;
}

static int own_sigprof(void)
{
	struct sigaction act = { .sa_handler = on_prof, .sa_flags = SA_RESTART }, old;
	struct itimerval each = { { 0, 10000 }, { 0, 10000 } };

	sigaction(SIGPROF, NULL, &old);
	printf("found %s\n", old.sa_handler == SIG_DFL ? "default" : "a handler");
	sigaction(SIGPROF, &act, NULL);
	sigaction(SIGPROF, NULL, &old);
	printf("mine %d\n", old.sa_handler == on_prof);
	setitimer(ITIMER_PROF, &each, NULL);
	work_burn(300 * MS);
	memset(&each, 0, sizeof(each));
	setitimer(ITIMER_PROF, &each, NULL);
	printf("ticks %d\n", (int)ticks);
	return 0;
}

/* What each call of sigset answers: the earlier disposition, or that it was held. */
static int old_calls(void)
{
	static const struct {
		sighandler_t wanted;
		const char *name;
	} steps[] = { { SIG_IGN, "ignore" },  { SIG_HOLD, "hold" },  { SIG_HOLD, "hold again" },
		      { SIG_IGN, "ignore" },  { SIG_HOLD, "hold" },  { SIG_DFL, "default" },
		      { on_prof, "handler" }, { SIG_DFL, "default" } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sighandler_t was = sigset(SIGPROF, steps[i].wanted);

		printf("%s: %s\n", steps[i].name,
		       was == SIG_ERR	 ? "error"
		       : was == SIG_HOLD ? "held"
		       : was == SIG_DFL	 ? "default"
		       : was == SIG_IGN	 ? "ignored"
					 : "handler");
	}
	return 0;
}

static void *computes(void *unused)
{
	while (!stop)
		work_spin(100000);
	return unused;
}

int main(int argc, char **argv)
{
	int interrupted = 0, pipes[2];
	struct pollfd fd;
	pthread_t id;

	if (argc > 1 && !strcmp(argv[1], "sigprof"))
		return own_sigprof();
	if (argc > 1 && !strcmp(argv[1], "sigset"))
		return old_calls();
	if (pipe(pipes))
		return 1;
	fd = (struct pollfd){ pipes[0], POLLIN, 0 };
	signal(SIGUSR1, on_usr1);
	pthread_create(&id, NULL, computes, NULL);
	for (int i = 0; i < 100; i++) {
		struct timespec ts = { 0, 1000000 };

		interrupted += poll(&fd, 1, 2) < 0 && errno == EINTR;
		interrupted += nanosleep(&ts, NULL) < 0 && errno == EINTR;
		work_burn(MS);
	}
	for (int i = 0; i < 200; i++)
		kill(getpid(), SIGUSR1), pthread_sigmask(SIG_BLOCK, NULL, NULL);
	stop = 1;
	pthread_join(id, NULL);
	printf("eintr %d usr1_seen %d\n", interrupted, usr1 > 0);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_exits.c - ends in the way its argument names, after some work: exit,
 * _exit, quick_exit, abort, signal (SIGTERM), kill (SIGKILL), return,
 * threads (exit while others run), handler (exit in a signal handler), many
 * (exit from 8 threads at once).
 */
#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static FRAME void before_exit(void)
{
	for (int i = 0; i < 200; i++)
		work_alloc(50000);
	work_burn(150 * MS);
}

static void *runs_on(void *unused)
{
	for (;;)
		work_alloc(1000);
	return unused;
}

static void *exits(void *unused)
{
	exit(21);
	return unused;
}

static void on_signal(int sig)
{
	exit(20 + (sig == SIGUSR1));
}

static void start(unsigned n, void *(*body)(void *))
{
	pthread_t id;

	while (n--)
		pthread_create(&id, NULL, body, NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";

	before_exit();
	printf("exit by %s\n", how);
	fflush(stdout);
	if (!strcmp(how, "exit"))
		exit(21);
	if (!strcmp(how, "_exit"))
		_exit(21);
	if (!strcmp(how, "quick_exit"))
		quick_exit(21);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "signal"))
		raise(SIGTERM);
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "threads"))
		start(4, runs_on);
	if (!strcmp(how, "many"))
		start(8, exits), pthread_exit(NULL);
	if (!strcmp(how, "handler")) {
		signal(SIGUSR1, on_signal);
		raise(SIGUSR1);
	}
	return 21;
}

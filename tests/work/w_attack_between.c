/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_between MS - a signal handler that forks, and returns in both: whatever it
 * interrupted, in a preloaded library, too, goes on in the child.  Blocks come from the
 * thread's cache, so that libc's locks are never held meanwhile.  Each child makes
 * another 1,000 and exits with 7.  Prints `forks N PID` and `wrong N` children, `blocks N`
 * made by the parent.
 */
#include "work.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile sig_atomic_t is_child, forks;

static void on_alarm(int signal)
{
	pid_t pid;

	(void)signal;
	if (is_child)
		return;
	pid = forks % 3 == 2 ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
	      : forks % 3    ? fork()
			     : _Fork();
	if (pid < 0)
		return;
	forks++;
	is_child = !pid;
}

static FRAME void make_block(void)
{
	volatile char *p = malloc(200);

	p[0] = 1;
	free((void *)p);
}

static FRAME uint64_t go_on(uint64_t until)
{
	uint64_t blocks = 0, left = 1000;

	while (is_child ? left-- > 0 : work_clock(CLOCK_MONOTONIC) < until)
		for (int i = 0; i < 10; i++, blocks++)
			make_block();
	return blocks;
}

int main(int argc, char **argv)
{
	uint64_t ms = work_arg(argc, argv, 1, 1000), blocks;
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = { 0 };
	int status, wrong = 0;

	make_block();
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	blocks = 1 + go_on(work_clock(CLOCK_MONOTONIC) + ms * MS);
	if (is_child)
		_exit(7);
	setitimer(ITIMER_REAL, &never, NULL);
	while (wait(&status) > 0)
		wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 7;
	printf("forks %d %d\nwrong %d\nblocks %llu\n", (int)forks, (int)getpid(), wrong,
	       (unsigned long long)blocks);
	return 0;
}

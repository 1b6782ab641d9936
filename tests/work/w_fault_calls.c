/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_calls.c - calls of a program that has one thread which the library has to follow
 * or to stand aside for: other rights, namespaces, programs and working directories.
 *
 *	w_fault_calls UID	changes its effective user to UID and back
 *
 * What each answered is printed, errno where it was refused; last `calls N`, the mallocs in
 * fault_blocks, some of them after each call.  main begins with getppid(), see w_fault_nth.
 */
#include "fault_blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/wait.h>

#define GROUPS_MAX 64

/* What a call answered, and what the program does then. */
static void tell(const char *call, int result)
{
	int error = result < 0 ? errno : 0;

	printf("%s %d %llu\n", call, error, (unsigned long long)fault_blocks());
}

static void enter(const char *namespace)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	tell(namespace, setns(fd, 0)); /* the user namespace we are in: EINVAL, whoever we are */
	close(fd);
}

static void run_nothing(void)
{
	char *argv[] = { "nothing", NULL };

	tell("exec", execv("/no/such/program", argv));
	tell("exec", execv("/", argv));
}

static void rights(uid_t other)
{
	uid_t own = geteuid();
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	tell("seteuid", seteuid(other));
	tell("seteuid", seteuid(own));
	tell("setresgid", setresgid(getgid(), getegid(), getgid()));
	if (own == 0)
		tell("setgroups", setgroups((size_t)n, groups));
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	getppid();
	rights((uid_t)work_arg(argc, argv, 1, geteuid()));
	enter("uts");
	enter("user");
	tell("unshare", unshare(CLONE_FILES));
	run_nothing();
	tell("chdir", chdir("/"));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		fault_blocks();
		run_nothing();
		fflush(stdout);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("child status %x\n", (unsigned)status);
	rights((uid_t)work_arg(argc, argv, 1, geteuid()));
	printf("calls %llu\n", (unsigned long long)made);
	return 7;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_memory.c - what a program may do with its memory as a whole: lock it, ask for
 * huge pages, forbid dumps and forks of it, limit it.  Prints what each call gave;
 * the second argument is how many huge pages the system has ready.
 *
 *	CALL RESULT ERRNO
 *
 * Usage: w_memory lock|huge|limit [PAGES]
 */
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define HUGE_BYTES (2u << 20)

static void say(const char *call, long result)
{
	printf("%s %ld %s\n", call, result, result < 0 ? strerrorname_np(errno) : "0");
	fflush(stdout);
}

static void *churn(void *arg)
{
	for (size_t i = 0; i < 3000; i++) {
		char *p = malloc(i * 37 % 5000 + 1);

		p[i * 37 % 5000] = 1;
		free(p);
	}
	return arg;
}

static void threads(void)
{
	pthread_t t[4];
	long started = 0;

	for (int i = 0; i < 4; i++)
		started += !pthread_create(&t[i], NULL, churn, NULL);
	for (int i = 0; i < started; i++)
		pthread_join(t[i], NULL);
	say("threads", started);
}

/* A child locks nothing, whatever its parent did. */
static void child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		churn(NULL);
		_exit(5);
	}
	waitpid(pid, &status, 0);
	say("child", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void lock(void)
{
	char *p;

	say("mlockall(MCL_CURRENT | MCL_FUTURE)", mlockall(MCL_CURRENT | MCL_FUTURE));
	threads();
	p = malloc(8 << 20);
	memset(p, 1, 8 << 20);
	say("mlock", mlock(p, 8 << 20));
	say("munlock", munlock(p, 8 << 20));
	free(p);
	child();
	say("munlockall", munlockall());
	say("mlockall(MCL_FUTURE | MCL_ONFAULT)", mlockall(MCL_FUTURE | MCL_ONFAULT));
	threads();
	say("munlockall", munlockall());
}

static void huge_pages(uint64_t ready)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	char *p = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);

	say("MAP_HUGETLB", p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED && ready) {
		memset(p, 1, 2 * HUGE_BYTES);
		child();
		say("munmap", munmap(p, 2 * HUGE_BYTES));
	}
	p = mmap(NULL, 8 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("MADV_HUGEPAGE", madvise(p, 8 * HUGE_BYTES, MADV_HUGEPAGE));
	memset(p, 1, 8 * HUGE_BYTES);
	say("MADV_DONTDUMP", madvise(p, HUGE_BYTES, MADV_DONTDUMP));
	say("MADV_DONTFORK", madvise(p, 8 * HUGE_BYTES, MADV_DONTFORK));
	child();
	say("MADV_DONTNEED", madvise(p, 8 * HUGE_BYTES, MADV_DONTNEED));
	say("zero again", p[5] + p[7 * HUGE_BYTES]);
	threads();
}

/* A block too large for what the limit leaves fails, a small one does not. */
static void limit(void)
{
	struct rlimit r = { 1u << 30, 1u << 30 };

	say("RLIMIT_AS", setrlimit(RLIMIT_AS, &r));
	say("malloc", malloc((size_t)2 << 30) ? 0 : -1);
	threads();
	child();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "lock"))
		lock();
	else if (!strcmp(what, "huge"))
		huge_pages(work_arg(argc, argv, 2, 0));
	else
		limit();
	return 0;
}

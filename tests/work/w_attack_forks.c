/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_forks.c - forks at their most awkward.
 *
 *	many	eight threads fork a process that is slow to fork, at once; then 200 ms of
 *		CPU time in after_forks: `failed CHILDREN`
 *	clone	children by the bare system call, out of a process whose threads are in
 *		malloc, free what is their parent's: `hung CHILDREN`
 *	chain	each child forks the next, N (20) times: `grown KIB` of resident memory from
 *		the first to the last but one
 *
 * libs: -lpthread
 */
#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SLOW_BYTES ((size_t)256 << 20)
#define BLOCKS 100

static int failed;
static volatile int stop;

static void *forks(void *unused)
{
	int status;

	for (int i = 0; i < 15; i++) {
		pid_t pid = fork();

		if (!pid) {
			work_alloc(100);
			_exit(3);
		}
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 3)
			__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static FRAME void after_forks(void)
{
	work_burn(200 * MS);
}

/* Small pages make a fork slow: each has an entry to copy. */
static void many(void)
{
	void *big =
		mmap(NULL, SLOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t id[8];

	madvise(big, SLOW_BYTES, MADV_NOHUGEPAGE);
	memset(big, 1, SLOW_BYTES);
	for (int i = 0; i < 8; i++)
		pthread_create(&id[i], NULL, forks, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(id[i], NULL);
	after_forks();
	printf("failed %d\n", failed);
}

static void *allocates(void *unused)
{
	while (!stop)
		work_alloc(32);
	return unused;
}

/* True when the child ended by itself, in time. */
static int ends_well(pid_t pid)
{
	int status = 0;

	for (int ms = 0; ms < 3000; ms++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 5;
		work_sleep_ms(1);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 0;
}

static void bare_clones(void)
{
	void *block[BLOCKS];
	pthread_t id[3];
	int hung = 0;

	for (int i = 0; i < 3; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	for (int turn = 0; turn < 200 && !hung; turn++) {
		pid_t pid;

		for (int i = 0; i < BLOCKS; i++)
			block[i] = malloc(24);
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		for (int i = 0; i < BLOCKS; i++)
			free(block[i]);
		if (!pid)
			syscall(SYS_exit_group, 5);
		hung += !ends_well(pid);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	printf("hung %d\n", hung);
}

static long resident_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

static int chain(uint64_t generations)
{
	long first = 0;
	int status = 0;
	pid_t pid;

	for (uint64_t g = 0;; g++) {
		for (int i = 0; i < 20000; i++)
			work_alloc(100);
		work_sleep_ms(30);
		if (!g)
			first = resident_kib();
		if (g == generations) {
			printf("grown %ld\n", resident_kib() - first);
			return 0;
		}
		pid = fork();
		if (pid) {
			waitpid(pid, &status, 0);
			return WEXITSTATUS(status);
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "chain"))
		return chain(work_arg(argc, argv, 2, 20));
	if (!strcmp(what, "clone"))
		bare_clones();
	else
		many();
	return 0;
}

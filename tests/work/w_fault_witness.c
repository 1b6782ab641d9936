/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_witness.c - becomes a program, and leaves a child beside it that sleeps 5 ms at a
 * time and keeps account of how late it woke, as long as the program lives:
 *
 *	w_fault_witness OUT [NAME=VALUE...] PROGRAM ARGS
 *
 * The child is in the program's session and process group: the kernel shares out the CPUs by
 * session, and a thread of the program that sleeps wakes no sooner than it does.  OUT holds
 * the number of lines, then the lines in turn (time, ns late), the newest WAKES of them.
 * tests/faults/kills.py reads it.
 */
#include "work.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define WAKES 1024
#define SLEEP_MS 5

static struct account {
	_Atomic uint64_t n;
	uint64_t unused;
	struct wake {
		uint64_t t_ns, late_ns;
	} wakes[WAKES];
} * account;

static int open_account(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*account)))
		return -1;
	account = mmap(NULL, sizeof(*account), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return account == MAP_FAILED ? -1 : 0;
}

static void watch(pid_t program)
{
	while (getppid() == program) {
		uint64_t began = work_clock(CLOCK_MONOTONIC), now, n = atomic_load(&account->n);

		work_sleep_ms(SLEEP_MS);
		now = work_clock(CLOCK_MONOTONIC);
		account->wakes[n % WAKES] = (struct wake){ now, now - began - SLEEP_MS * MS };
		atomic_store(&account->n, n + 1);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	pid_t program = getpid();

	if (argc < 3 || open_account(argv[1]))
		return 125;
	account->wakes[0].t_ns = work_clock(CLOCK_MONOTONIC);
	account->n = 1;
	if (fork() == 0)
		watch(program);
	for (argv += 2; *argv && strchr(*argv, '='); argv++)
		putenv(*argv);
	execvp(*argv, argv);
	return 127;
}

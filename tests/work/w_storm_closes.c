/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_closes.c - close_range(3, ~0) every 10 ms, while four threads
 * allocate and children are forked.  Between two closings the program opens
 * files: each gets the lowest descriptor there is, as without the library,
 * and what it writes to one of them is what it reads back.
 */
#include "storm.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#define OPENED 6

static uint64_t wrong_numbers, lost_bytes, failed_closes, astray;

static void *allocates(void *unused)
{
	while (storm_running()) {
		for (int i = 0; i < 100; i++)
			storm_free(storm_realloc(storm_malloc(100), 5000));
		sched_yield();
	}
	return unused;
}

static void open_some(void)
{
	static const char text[] = "the program's own bytes";
	char back[sizeof(text)];
	int ends[2];

	for (int i = 0; i < OPENED; i++)
		wrong_numbers += open("/dev/null", O_RDWR) != 3 + i;
	if (pipe(ends) || ends[0] != 3 + OPENED || ends[1] != 4 + OPENED)
		wrong_numbers++;
	if (write(ends[1], text, sizeof(text)) != (ssize_t)sizeof(text) ||
	    read(ends[0], back, sizeof(back)) != (ssize_t)sizeof(text) ||
	    memcmp(back, text, sizeof(text)))
		lost_bytes++;
}

static int child(void)
{
	storm_child();
	for (int i = 0; i < 20; i++)
		storm_free(storm_malloc(77));
	storm_flush();
	if (syscall(SYS_close_range, 3, ~0u, 0))
		return 1;
	return open("/dev/null", O_RDONLY) == 3 ? 0 : 2;
}

int main(int argc, char **argv)
{
	uint64_t closes = 0, forks = 0;
	pthread_t id[4];

	storm_begin(argc, argv);
	for (int i = 0; i < 4; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	for (; storm_running(); closes++) {
		int status = -1;
		pid_t pid;

		failed_closes += syscall(SYS_close_range, 3, ~0u, 0) != 0;
		open_some();
		work_sleep_ms(10);
		if (closes % 10)
			continue;
		forks++;
		pid = fork();
		if (!pid)
			_exit(child());
		astray += waitpid(pid, &status, 0) != pid || status;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(id[i], NULL);
	storm_load("close_ranges", closes);
	storm_load("forks", forks);
	storm_must("wrong_numbers", wrong_numbers);
	storm_must("lost_bytes", lost_bytes);
	storm_must("failed_closes", failed_closes);
	storm_must("astray", astray);
	storm_end();
	return 0;
}

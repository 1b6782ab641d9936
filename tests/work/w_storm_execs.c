/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_execs.c - one process that replaces itself a thousand times and
 * more, by each of the exec calls in turn; every image allocates a little, each
 * twentieth works for 10 ms.
 * Arguments: seconds, least number of images, and what an image tells the
 * next: its number, the deadline, the first one's descriptors and calls' time.
 */
#include "storm.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

extern char **environ;

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 3; /* the directory's own, `.` and `..` */
}

static void next_image(char *argv[], uint64_t number)
{
	int fd;

	switch (number % 5) {
	case 0: execv("/proc/self/exe", argv); break;
	case 1: execve("/proc/self/exe", argv, environ); break;
	case 2: execvp("/proc/self/exe", argv); break;
	case 3:
		execl("/proc/self/exe", argv[0], argv[1], argv[2], argv[3], argv[4], argv[5],
		      (char *)NULL);
		break;
	default: fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); fexecve(fd, argv, environ);
	}
	perror("exec");
	exit(1);
}

static FRAME void exec_works(void)
{
	work_burn(10 * MS);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t least = work_arg(argc, argv, 2, 100), number = work_arg(argc, argv, 3, 0);
	char words[3][24], *again[] = { argv[0],  argv[1],  argc > 2 ? argv[2] : (char *)"100",
					words[0], words[1], words[2],
					NULL };
	void *block[10];

	storm_begin(argc, argv);
	if (argc > 4)
		storm_deadline_ns = work_arg(argc, argv, 4, 0);
	for (int i = 0; i < 10; i++)
		block[i] = storm_malloc(1000);
	for (int i = 0; i < 8; i++)
		storm_free(block[i]);
	if (number % 20 == 10)
		exec_works();
	/* No flush is asked for: exec alone has to see to that. */
	storm_say(storm_row);
	fflush(stdout);
	if (++number >= least && !storm_running()) {
		storm_load("images", number);
		storm_must("more_descriptors",
			   open_descriptors() - work_arg(argc, argv, 5, open_descriptors()));
		return 0;
	}
	snprintf(words[0], sizeof(words[0]), "%llu", (unsigned long long)number);
	snprintf(words[1], sizeof(words[1]), "%llu", (unsigned long long)storm_deadline_ns);
	snprintf(words[2], sizeof(words[2]), "%llu",
		 (unsigned long long)work_arg(argc, argv, 5, open_descriptors()));
	next_image(again, number);
}

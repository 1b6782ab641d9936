/* SPDX-License-Identifier: Apache-2.0
 *
 * w_closefds.c - closes every descriptor above 2 every 10 ms, opens files and
 * expects the lowest numbers.  Argument: milliseconds (500).
 *
 *	closed TIMES wrong COUNT
 */
#include "work.h"

#include <fcntl.h>

static FRAME void close_all(void)
{
	syscall(SYS_close_range, 3, ~0u, 0);
}

static FRAME void between(void)
{
	work_alloc(100000);
	work_burn(10 * MS);
}

int main(int argc, char **argv)
{
	uint64_t end = work_arg(argc, argv, 1, 500) * MS;
	unsigned times = 0, wrong = 0;

	close_all();
	while (work_thread_cpu() < end) {
		for (int i = 3; i < 20; i++)
			wrong += open("/dev/null", O_RDONLY) != i;
		between();
		for (int i = 3; i < 20; i++)
			wrong += write(i, "x", 1) != -1;
		close_all();
		times++;
	}
	printf("closed %s wrong %u\n", times > 10 ? "often" : "seldom", wrong);
	return wrong != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * grow.c - one vector that grows by realloc to so many bytes, each written once.
 * Arguments: bytes (1 GiB), bytes more at a time (0: half as many again, as
 * vectors do).
 *
 *	grow REALLOCS CPU_NS
 */
#include <string.h>

#include "../../tests/work/work.h"

int main(int argc, char **argv)
{
	uint64_t most = work_arg(argc, argv, 1, UINT64_C(1) << 30);
	uint64_t step = work_arg(argc, argv, 2, 0), bytes = 0, reallocs = 0;
	uint64_t start = work_thread_cpu();
	char *vector = NULL;

	while (bytes < most) {
		uint64_t more = step ? step : bytes / 2 + 64;

		if (more > most - bytes)
			more = most - bytes;
		vector = realloc(vector, bytes + more);
		if (!vector)
			return 1;
		memset(vector + bytes, 1, more);
		bytes += more;
		reallocs++;
	}
	printf("grow %llu %llu\n", (unsigned long long)reallocs,
	       (unsigned long long)(work_thread_cpu() - start));
	free(vector);
	return 0;
}

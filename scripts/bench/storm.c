/* SPDX-License-Identifier: Apache-2.0
 *
 * storm.c - allocates at a steady rate: half of the blocks up to 256 bytes, most
 * others up to 4 KiB, one in 64 up to 128 KiB; 4,096 are held at a time.  Arguments:
 * MiB a second (1024), milliseconds (2000).
 *
 *	storm MIB CALLS WALL_NS CPU_NS
 */
#include "../../tests/work/work.h"

#define SLOTS 4096u /* a power of two */

static void *slots[SLOTS];
static uint64_t random_state = 1, calls;

static uint64_t draw(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return random_state >> 33;
}

static size_t size(void)
{
	uint64_t r = draw(), kind = r % 64, at = r >> 6;

	if (kind == 0)
		return 4096 + at % (124u << 10);
	return kind < 32 ? 16 + at % 240 : 256 + at % 3840;
}

static uint64_t allocate(uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		size_t n = size();
		unsigned slot = (unsigned)draw() % SLOTS;
		char *p = malloc(n);

		if (!p)
			exit(1);
		*p = 1;
		free(slots[slot]);
		slots[slot] = p;
		done += n;
		calls++;
	}
	return done;
}

int main(int argc, char **argv)
{
	uint64_t rate = work_arg(argc, argv, 1, 1024) << 20;
	uint64_t ms = work_arg(argc, argv, 2, 2000), start = work_clock(CLOCK_MONOTONIC),
		 now = start;
	uint64_t done = 0;

	while (now - start < ms * MS) {
		uint64_t due = (uint64_t)((double)rate * (double)(now - start) / 1e9);

		if (done < due)
			done += allocate(due - done);
		else
			work_sleep_ms(1);
		now = work_clock(CLOCK_MONOTONIC);
	}
	printf("storm %llu %llu %llu %llu\n", (unsigned long long)(done >> 20),
	       (unsigned long long)calls, (unsigned long long)(now - start),
	       (unsigned long long)work_thread_cpu());
	return 0;
}

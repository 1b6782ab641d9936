/* SPDX-License-Identifier: Apache-2.0
 *
 * w_shares.c - CPU time in four functions in the proportions 4:2:1:1, by
 * fixed iteration counts; what each really took comes from the thread's CPU
 * clock.  Argument: milliseconds in all (2000).
 *
 *	share FUNCTION CPU_NS        total CPU_NS
 */
#include "work.h"

static FRAME void work_half(uint64_t n)
{
	work_spin(4 * n);
}

static FRAME void work_quarter(uint64_t n)
{
	work_spin(2 * n);
}

static FRAME void work_eighth_a(uint64_t n)
{
	work_spin(n);
}

static FRAME void work_eighth_b(uint64_t n)
{
	work_spin(n);
}

static const struct {
	const char *name;
	void (*run)(uint64_t n);
} parts[] = { { "work_half", work_half },
	      { "work_quarter", work_quarter },
	      { "work_eighth_a", work_eighth_a },
	      { "work_eighth_b", work_eighth_b } };

/* Iterations that take about ns of CPU time. */
static FRAME uint64_t calibrate(uint64_t ns)
{
	uint64_t began = work_thread_cpu();

	work_spin(3000000);
	return 3000000 * ns / (work_thread_cpu() - began + 1);
}

int main(int argc, char **argv)
{
	uint64_t rounds = work_arg(argc, argv, 1, 2000) / 40 + 1, n = calibrate(5 * MS);
	uint64_t took[4] = { 0 };

	for (uint64_t r = 0; r < rounds; r++)
		for (int i = 0; i < 4; i++) {
			uint64_t began = work_thread_cpu();

			parts[i].run(n);
			took[i] += work_thread_cpu() - began;
		}
	for (int i = 0; i < 4; i++)
		printf("share %s %llu\n", parts[i].name, (unsigned long long)took[i]);
	printf("total %llu\n", (unsigned long long)work_thread_cpu());
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * w_idle.c - sleeps for the given milliseconds (300) and says so.
 */
#include "work.h"

int main(int argc, char **argv)
{
	uint64_t ms = work_arg(argc, argv, 1, 300);

	work_sleep_ms(ms);
	printf("slept %llu\n", (unsigned long long)ms);
	return 0;
}

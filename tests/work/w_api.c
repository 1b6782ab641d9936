/* SPDX-License-Identifier: Apache-2.0
 *
 * w_api.c - start, stop and flush from include/libprof.h, which are weak: the
 * program also runs without the library.  Meant to be started with a long
 * LIBPROF_DELAY_MS, so that only what lies between start and stop is there.
 *
 *	api PRESENT                  before|inside|after CPU_NS
 */
#include "work.h"

#include "../../include/libprof.h"

static FRAME uint64_t api_before(void)
{
	uint64_t began = work_thread_cpu();

	work_burn(200 * MS);
	return work_thread_cpu() - began;
}

static FRAME uint64_t api_inside(void)
{
	uint64_t began = work_thread_cpu();

	for (int i = 0; i < 100; i++)
		work_alloc(100000);
	work_burn(200 * MS);
	return work_thread_cpu() - began;
}

static FRAME uint64_t api_after(void)
{
	uint64_t began = work_thread_cpu();

	work_burn(200 * MS);
	return work_thread_cpu() - began;
}

int main(void)
{
	printf("before %llu\n", (unsigned long long)api_before());
	if (libprof_start) {
		libprof_start();
		libprof_start();
	}
	printf("inside %llu\n", (unsigned long long)api_inside());
	if (libprof_stop) {
		libprof_flush();
		libprof_stop();
		libprof_stop();
	}
	printf("after %llu\n", (unsigned long long)api_after());
	fprintf(stderr, "api %d\n", libprof_start && libprof_stop && libprof_flush);
	return 0;
}

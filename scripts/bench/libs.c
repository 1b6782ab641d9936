/* SPDX-License-Identifier: Apache-2.0
 *
 * libs.c - loads a directory's libraries (0000.so, 0001.so ...) and goes round in
 * all of them.  Arguments: directory, how many, milliseconds of CPU time to go round.
 *
 *	libs N LOAD_NS RUN_NS
 */
#include <dlfcn.h>

#include "../../tests/work/work.h"

#define LIBS_MAX 10000u

typedef uint64_t run_fn(uint64_t iterations);

static run_fn *run[LIBS_MAX];

static run_fn *load(const char *directory, unsigned n)
{
	char path[4096];
	void *library;

	snprintf(path, sizeof(path), "%s/%04u.so", directory, n);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return library ? (run_fn *)dlsym(library, "bench_lib_run") : NULL;
}

int main(int argc, char **argv)
{
	uint64_t count = work_arg(argc, argv, 2, 100), ms = work_arg(argc, argv, 3, 300);
	uint64_t start = work_thread_cpu(), loaded, turns = 0;

	if (argc < 2 || !count || count > LIBS_MAX)
		return 2;
	for (unsigned i = 0; i < count; i++) {
		run[i] = load(argv[1], i);
		if (!run[i])
			return 1;
	}
	loaded = work_thread_cpu() - start;
	start = work_thread_cpu();
	/* a fixed amount of work, whatever the number of libraries */
	for (; turns < ms * 10; turns++)
		run[turns % count](60000);
	printf("libs %llu %llu %llu\n", (unsigned long long)count, (unsigned long long)loaded,
	       (unsigned long long)(work_thread_cpu() - start));
	return 0;
}

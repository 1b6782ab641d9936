/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_libs.c - loads thousands of libraries, allocates in every one,
 * computes in some, unloads half of them, and goes on in the others, loading
 * and unloading as it goes.
 *
 *	w_storm_libs SECONDS DIRECTORY COUNT
 *
 *	lib NUMBER ALLOCATIONS CPU_NS
 *
 * libs: -ldl
 */
#include "storm.h"

#include <dlfcn.h>

#define BURNERS 100 /* every so manieth library computes */

typedef void run_fn(unsigned, uint64_t, void *(*)(size_t), void (*)(void *));

static struct lib {
	void *handle;
	run_fn *run;
	uint64_t calls, cpu_ns;
} * libs;

static void load(const char *directory, unsigned n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/lib%04u.so", directory, n);
	libs[n].handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!libs[n].handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	libs[n].run = (run_fn *)dlsym(libs[n].handle, "storm_lib_run");
}

static void unload(unsigned n)
{
	if (dlclose(libs[n].handle))
		exit(2);
	libs[n].handle = NULL;
}

static void run(unsigned n, uint64_t ns)
{
	const unsigned times = 5;
	uint64_t began = work_thread_cpu();

	libs[n].run(times, ns, storm_malloc, storm_free);
	libs[n].calls += times;
	libs[n].cpu_ns += ns ? work_thread_cpu() - began : 0;
}

int main(int argc, char **argv)
{
	const char *directory = argc > 2 ? argv[2] : ".";
	unsigned count = (unsigned)work_arg(argc, argv, 3, 2000), seed = 1, loads = count;

	libs = calloc(count, sizeof(*libs));
	storm_begin(argc, argv);
	for (unsigned n = 0; n < count; n++) {
		load(directory, n);
		run(n, 0);
	}
	for (unsigned n = 0; n < count; n++)
		run(n, n % BURNERS ? 0 : 20 * MS);
	for (unsigned n = 1; n < count; n += 2)
		unload(n);
	while (storm_running()) {
		unsigned n = (unsigned)rand_r(&seed) % count;

		if (!libs[n].handle) {
			load(directory, n);
			loads++;
		}
		run(n, 0);
		if (n % 2)
			unload(n);
	}
	for (unsigned n = 0; n < count; n += 2)
		run(n, 0);
	for (unsigned n = 0; n < count; n++)
		printf("lib %u %llu %llu\n", n, (unsigned long long)libs[n].calls,
		       (unsigned long long)libs[n].cpu_ns);
	storm_load("libraries", count);
	storm_load("loads", loads);
	storm_end();
	return 0;
}

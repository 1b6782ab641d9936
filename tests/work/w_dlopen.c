/* SPDX-License-Identifier: Apache-2.0
 *
 * w_dlopen.c - opens, runs and closes two plugins in turn, so that one is
 * often mapped where the other was.  Arguments: turns (20), milliseconds of
 * each (25).
 *
 *	plugin FUNCTION CPU_NS       reused TIMES_THE_SAME_ADDRESS
 *
 * libs: -ldl
 */
#include "work.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const char *const file[] = { "p_alpha.so", "p_beta.so" };
	static const char *const inner[] = { "alpha_inner", "beta_inner" };
	uint64_t turns = work_arg(argc, argv, 1, 20), ns = work_arg(argc, argv, 2, 25) * MS;
	char self[PATH_MAX] = "", path[PATH_MAX + 32];
	uint64_t cpu[2] = { 0 };
	unsigned reused = 0;
	void *last = NULL;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	dirname(self);
	for (uint64_t i = 0; i < 2 * turns; i++) {
		uint64_t began = work_thread_cpu();
		void (*work)(uint64_t);
		void *plugin;

		snprintf(path, sizeof(path), "%s/%s", self, file[i % 2]);
		plugin = dlopen(path, RTLD_NOW);
		if (!plugin) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		*(void **)&work = dlsym(plugin, "plugin_work");
		reused += (void *)work == last ||
			  ((uintptr_t)work & ~4095ul) == ((uintptr_t)last & ~4095ul);
		last = (void *)work;
		work(ns);
		dlclose(plugin);
		cpu[i % 2] += work_thread_cpu() - began;
	}
	for (int i = 0; i < 2; i++)
		printf("plugin %s %llu\n", inner[i], (unsigned long long)cpu[i]);
	printf("reused %u\n", reused);
	return 0;
}

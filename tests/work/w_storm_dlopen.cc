/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_dlopen.cc - two libraries opened, called and closed in turn, mostly at
 * one address, while four threads allocate and throw.  The libraries call
 * back, and every tenth time the callback throws through them.
 *
 *	plugin FUNCTION CALLS
 *
 * libs: -ldl
 */
#include "storm.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdexcept>

static uint64_t thrown, caught;

struct holder {
	void *block;
	holder() : block(storm_malloc(90))
	{
	}
	~holder()
	{
		storm_free(block);
	}
};

static FRAME void called_back(int n)
{
	holder h;

	if (n % 10)
		return;
	STORM_ADD(thrown, 1);
	throw std::runtime_error("through the plugin");
}

static FRAME void throws(int depth)
{
	holder h;

	if (!depth)
		throw std::runtime_error("a word");
	throws(depth - 1);
	STAY;
}

static void *thrower(void *unused)
{
	while (storm_running()) {
		for (int i = 0; i < 20; i++)
			storm_free(storm_malloc(2000));
		try {
			STORM_ADD(thrown, 1);
			throws(3);
		} catch (const std::exception &) {
			STORM_ADD(caught, 1);
		}
	}
	return unused;
}

static void *open_plugin(const char *self, const char *name)
{
	char path[PATH_MAX + 32];
	void *plugin;

	snprintf(path, sizeof(path), "%s/%s", self, name);
	plugin = dlopen(path, RTLD_NOW);
	if (!plugin) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return plugin;
}

int main(int argc, char **argv)
{
	static const char *const file[] = { "p_storm_a.so", "p_storm_b.so" };
	uint64_t turns = 0, reused = 0, calls[2] = { 0, 0 };
	char self[PATH_MAX] = "";
	uintptr_t last = 0;
	pthread_t id[4];

	storm_begin(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	dirname(self);
	for (pthread_t &t : id)
		pthread_create(&t, NULL, thrower, NULL);
	for (; storm_running(); turns++) {
		void *plugin = open_plugin(self, file[turns % 2]);
		void (*call)(void (*)(int), int) =
			(void (*)(void (*)(int), int))dlsym(plugin, "plugin_call");

		reused += ((uintptr_t)call & ~4095ul) == last;
		last = (uintptr_t)call & ~4095ul;
		for (int n = 0; n < 50; n++) {
			calls[turns % 2]++;
			try {
				call(called_back, n);
			} catch (const std::exception &) {
				STORM_ADD(caught, 1);
			}
		}
		dlclose(plugin);
	}
	for (pthread_t t : id)
		pthread_join(t, NULL);
	printf("plugin storm_a_calls %llu\n", (unsigned long long)calls[0]);
	printf("plugin storm_b_calls %llu\n", (unsigned long long)calls[1]);
	storm_load("libraries_opened_and_closed", turns);
	storm_load("of_them_at_the_address_of_the_other", reused);
	storm_load("exceptions", thrown);
	storm_must("not_caught", thrown - caught);
	storm_end();
	return 0;
}

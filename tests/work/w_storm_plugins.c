/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_plugins.c - loads plugins that have private copies of well-known
 * libraries, runs and unloads them, in every way a plugin can be loaded, while two
 * threads allocate.
 *
 *	w_storm_plugins SECONDS PLUGIN OTHER_PLUGIN
 *
 * The other is never loaded into a namespace of its own, which C++'s own library would
 * not leave again.
 *
 *	must WAY-FAILED N     must NAMESPACES N (how many fit at once)
 *
 * libs: -ldl
 */
#include "storm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#define THREADS 2
#define NAMESPACES 3 /* what glibc has room for in any case */

typedef int run_fn(void *(*)(size_t), void (*)(void *), void (*)(void (*)(void)));

static const struct way {
	const char *name;
	int flags;
	bool apart; /* in a namespace of its own */
} ways[] = {
	{ "local", RTLD_NOW | RTLD_LOCAL, false },
	{ "global", RTLD_NOW | RTLD_GLOBAL, false },
	{ "lazy", RTLD_LAZY | RTLD_LOCAL, false },
	{ "deepbind", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND, false },
	{ "namespace", RTLD_NOW | RTLD_LOCAL, true },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static uint64_t failed[WAYS], loads;
static _Atomic bool over;
static int first_free; /* the lowest descriptor that was not in use before */

/* The program's frame that an exception of the plugin passes. */
static FRAME void through(void (*call)(void))
{
	call();
	STAY;
}

static void *load(const struct way *way, const char *path)
{
	void *plugin =
		way->apart ? dlmopen(LM_ID_NEWLM, path, way->flags) : dlopen(path, way->flags);

	if (!plugin)
		fprintf(stderr, "%s: %s\n", way->name, dlerror());
	return plugin;
}

static bool runs(void *plugin)
{
	run_fn *run = plugin ? (run_fn *)dlsym(plugin, "plugin_run") : NULL;

	return run && run(storm_malloc, storm_free, through) == 0;
}

static void try(size_t way, const char *path)
{
	void *plugin = load(&ways[way], path);

	loads++;
	failed[way] += !runs(plugin) || dlclose(plugin);
	/* libunwind leaves the ends of a pipe behind: 20,000 descriptors are soon used up. */
	for (int fd = first_free; close(fd) == 0; fd++)
		;
}

static unsigned namespaces_at_once(const char *path)
{
	void *plugins[NAMESPACES];
	unsigned n = 0, good = 0;

	while (n < NAMESPACES && (plugins[n] = load(&ways[WAYS - 1], path)))
		n++;
	for (unsigned i = 0; i < n; i++) {
		good += runs(plugins[i]);
		dlclose(plugins[i]);
	}
	return good;
}

static void *allocates(void *arg)
{
	while (!over) {
		for (size_t i = 0; i < 10; i++)
			storm_free(storm_malloc(50 + i));
		sched_yield();
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t id[THREADS];
	char text[64];

	if (argc < 4)
		return 2;
	storm_begin(argc, argv);
	first_free = dup(0);
	close(first_free);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	storm_must("namespaces", namespaces_at_once(argv[2]));
	while (storm_running())
		for (size_t w = 0; w < WAYS; w++) {
			try(w, argv[2]);
			if (!ways[w].apart)
				try(w, argv[3]);
		}
	over = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	for (size_t w = 0; w < WAYS; w++) {
		snprintf(text, sizeof(text), "%s-failed", ways[w].name);
		storm_must(text, failed[w]);
	}
	storm_load("loads", loads);
	storm_end();
	return 0;
}

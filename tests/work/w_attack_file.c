/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_file.c - a plugin whose file is copied here, opened, used for 40 ms, closed
 * and cut to nothing at once, four times over, as a build in a watched
 * directory does.
 *
 *	reloaded TIMES
 *
 * libs: -ldl
 */
#include "work.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

static int copy(const char *from, const char *to)
{
	static char bytes[1 << 20];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n = in ? fread(bytes, 1, sizeof(bytes), in) : 0;
	int good = out && n && fwrite(bytes, 1, n, out) == n;

	if (in)
		fclose(in);
	return (!out || !fclose(out)) && good;
}

int main(void)
{
	char self[PATH_MAX] = "", from[PATH_MAX + 32];
	int times = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	dirname(self);
	snprintf(from, sizeof(from), "%s/p_alpha.so", self);
	for (; times < 4; times++) {
		void (*work)(uint64_t);
		void *plugin;

		if (!copy(from, "./plugin.so") || !(plugin = dlopen("./plugin.so", RTLD_NOW)))
			return 1;
		*(void **)&work = dlsym(plugin, "plugin_work");
		work(40 * MS);
		dlclose(plugin);
		if (truncate("./plugin.so", 0))
			return 1;
		work_sleep_ms(250);
	}
	printf("reloaded %d\n", times);
	return 0;
}

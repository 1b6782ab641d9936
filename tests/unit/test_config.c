/* SPDX-License-Identifier: Apache-2.0
 *
 * test_config.c - the LIBPROF_ settings: defaults, every value kind, limits,
 * and the sentence a bad value gets.
 *
 * links: preload/config.c
 */
#include "../../preload/config.h"

#include <errno.h>

#include "../check.h"

static char why[512];

/* Reads one setting, on top of defaults, from an environment that may be
 * written to, as a real one may. */
static int read_one(const char *setting)
{
	static char copy[CONFIG_TEXT_BYTES];
	char *env[] = { "PATH=/bin", copy, "HOME=/", NULL };

	snprintf(copy, sizeof(copy), "%s", setting);
	why[0] = 0;
	return config_read(env, why, sizeof(why));
}

TEST(defaults)
{
	char *env[] = { "LIBPROFX=1", "LIBPROF=2", "XLIBPROF_CPU=nonsense", NULL };

	EQ(config_read(env, why, sizeof(why)), 0);
	STREQ(config.out, "prof-%e-%p");
	EQ(config.cpu, CONFIG_CPU_AUTO);
	EQ(config.cpu_hz, 94);
	EQ(config.stack_bytes, 16384);
	EQ(config.heap, CONFIG_HEAP_AUTO);
	EQ(config.heap_bytes, 512 << 10);
	EQ(config.heap_hz, 8192);
	EQ(config.seed, 0);
	EQ(config.delay_ms, 0);
	EQ(config.duration_ms, 0);
	EQ(config.flush_ms, 200);
	EQ(config.segment_bytes, 16 << 20);
	EQ(config.limit_bytes, 1 << 30);
	EQ(config.children, 1);
	STREQ(config.programs, "*");
	EQ(config.verbose, 0);
}

TEST(values)
{
	EQ(read_one("LIBPROF_OUT=/tmp/%h/%t-%%"), 0);
	STREQ(config.out, "/tmp/%h/%t-%%");
	EQ(read_one("LIBPROF_CPU=timer"), 0);
	EQ(config.cpu, CONFIG_CPU_TIMER);
	EQ(read_one("LIBPROF_CPU=perf"), 0);
	EQ(config.cpu, CONFIG_CPU_PERF);
	EQ(read_one("LIBPROF_HEAP=totals"), 0);
	EQ(config.heap, CONFIG_HEAP_TOTALS);
	EQ(read_one("LIBPROF_HEAP=jemalloc"), 0);
	EQ(config.heap, CONFIG_HEAP_JEMALLOC);
	EQ(read_one("LIBPROF_CPU_HZ=10000"), 0);
	EQ(config.cpu_hz, 10000);
	EQ(read_one("LIBPROF_CHILDREN=0"), 0);
	EQ(config.children, 0);
	EQ(read_one("LIBPROF_SEED=18446744073709551615"), 0);
	EQ(config.seed, UINT64_MAX);
}

TEST(sizes)
{
	EQ(read_one("LIBPROF_HEAP_BYTES=1"), 0);
	EQ(config.heap_bytes, 1);
	EQ(read_one("LIBPROF_HEAP_BYTES=64K"), 0);
	EQ(config.heap_bytes, 64 << 10);
	EQ(read_one("LIBPROF_HEAP_BYTES=3M"), 0);
	EQ(config.heap_bytes, 3 << 20);
	EQ(read_one("LIBPROF_HEAP_BYTES=1T"), 0);
	EQ(config.heap_bytes, UINT64_C(1) << 40);
	EQ(read_one("LIBPROF_SEGMENT_BYTES=1G"), 0);
	EQ(config.segment_bytes, 1 << 30);
	EQ(read_one("LIBPROF_LIMIT_BYTES=0"), 0);
	EQ(config.limit_bytes, 0);
}

TEST(stack_bytes_are_rounded_to_words)
{
	EQ(read_one("LIBPROF_STACK_BYTES=65528"), 0);
	EQ(config.stack_bytes, 65528);
	EQ(read_one("LIBPROF_STACK_BYTES=1025"), 0);
	EQ(config.stack_bytes, 1032);
}

/* Each is refused, and the sentence names the variable and the value. */
TEST(bad_values)
{
	static const char *const bad[][2] = {
		{ "LIBPROF_CPU", "on" },
		{ "LIBPROF_CPU", "off " },
		{ "LIBPROF_CPU", "PERF" },
		{ "LIBPROF_CPU_HZ", "0" },
		{ "LIBPROF_CPU_HZ", "10001" },
		{ "LIBPROF_CPU_HZ", "-1" },
		{ "LIBPROF_CPU_HZ", "99.5" },
		{ "LIBPROF_CPU_HZ", "9 9" },
		{ "LIBPROF_CPU_HZ", "1e3" },
		{ "LIBPROF_CPU_HZ", "0x10" },
		{ "LIBPROF_STACK_BYTES", "1023" },
		{ "LIBPROF_STACK_BYTES", "65529" },
		{ "LIBPROF_STACK_BYTES", "64K" },
		{ "LIBPROF_HEAP", "yes" },
		{ "LIBPROF_HEAP_BYTES", "0" },
		{ "LIBPROF_HEAP_BYTES", "2T" },
		{ "LIBPROF_HEAP_BYTES", "K" },
		{ "LIBPROF_HEAP_BYTES", "1KB" },
		{ "LIBPROF_HEAP_BYTES", "99999999999999999999" },
		{ "LIBPROF_HEAP_BYTES", "18014398509481984K" },
		{ "LIBPROF_SEED", "x" },
		{ "LIBPROF_DELAY_MS", "-5" },
		{ "LIBPROF_DURATION_MS", "1s" },
		{ "LIBPROF_FLUSH_MS", "9" },
		{ "LIBPROF_FLUSH_MS", "60001" },
		{ "LIBPROF_SEGMENT_BYTES", "63K" },
		{ "LIBPROF_SEGMENT_BYTES", "2G" },
		{ "LIBPROF_LIMIT_BYTES", "many" },
		{ "LIBPROF_CHILDREN", "2" },
		{ "LIBPROF_CHILDREN", "true" },
		{ "LIBPROF_VERBOSE", "3" },
	};
	char setting[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(setting, sizeof(setting), "%s=%s", bad[i][0], bad[i][1]);
		if (read_one(setting) != -EINVAL)
			CHECK_FAIL("%s was accepted", setting);
		if (!strstr(why, bad[i][0]) || !strstr(why, bad[i][1]) || strchr(why, '\n'))
			CHECK_FAIL("%s: the sentence is \"%s\"", setting, why);
	}
	EQ(read_one("LIBPROF_CPU=on"), -EINVAL);
	TRUE(strstr(why, "auto") && strstr(why, "perf") && strstr(why, "timer") &&
	     strstr(why, "off"));
	EQ(read_one("LIBPROF_CPU_HZ=0"), -EINVAL);
	TRUE(strstr(why, "1") && strstr(why, "10000"));
}

TEST(long_values_do_not_overflow)
{
	static char setting[3 * CONFIG_TEXT_BYTES] = "LIBPROF_OUT=";
	char small[8];
	char *env[] = { setting, NULL };

	memset(setting + 12, 'a', sizeof(setting) - 13);
	EQ(config_read(env, small, sizeof(small)), -EINVAL);
	TRUE(memchr(small, 0, sizeof(small)));
	memcpy(setting, "LIBPROF_CPU=", 12);
	EQ(config_read(env, small, sizeof(small)), -EINVAL);
	TRUE(memchr(small, 0, sizeof(small)));
}

/* What such a process starts finds itself marked, and is left alone. */
TEST(children_of_unfollowed)
{
	char setting[] = "LIBPROF_CHILDREN=0";
	char *env[] = { setting, NULL };

	EQ(config_read(env, why, sizeof(why)), 0);
	EQ(config.children, 0);
	TRUE(!config.child_of_unfollowed);
	EQ(config_read(env, why, sizeof(why)), 0);
	TRUE(config.child_of_unfollowed);
}

TEST(programs_are_globs)
{
	EQ(read_one("LIBPROF_PROGRAMS=sql*,x?,[ab]c"), 0);
	TRUE(config_wants_program("sqlite3"));
	TRUE(config_wants_program("xz"));
	TRUE(config_wants_program("bc"));
	TRUE(!config_wants_program("x"));
	TRUE(!config_wants_program("cc"));
	TRUE(!config_wants_program("mysql"));
	TRUE(!config_wants_program(""));
	EQ(read_one("LIBPROF_PROGRAMS=*"), 0);
	TRUE(config_wants_program("anything"));
}

static unsigned settings;
static char hz[64];

static void note(void *arg, const char *setting)
{
	EQ(arg == &settings, 1);
	settings++;
	if (!strncmp(setting, "LIBPROF_CPU_HZ=", 15))
		snprintf(hz, sizeof(hz), "%s", setting);
}

TEST(each_tells_all_settings)
{
	EQ(read_one("LIBPROF_CPU_HZ=250"), 0);
	config_each(note, &settings);
	EQ(settings, 16);
	STREQ(hz, "LIBPROF_CPU_HZ=250");
}

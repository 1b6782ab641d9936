/* SPDX-License-Identifier: Apache-2.0
 *
 * test_flat_names.c - names that come from text: mangled names, kernel symbols
 * and the maps that runtimes write of their generated code.
 *
 * links: reader/demangle.c reader/kernel_names.c reader/jit_names.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: -l:libiberty.a $(pkg-config --libs glib-2.0)
 */
#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/time.h>

#undef TRUE /* the harness has a TRUE of its own */

#include "../../include/prof_format.h"
#include "../../reader/demangle.h"
#include "../../reader/jit_names.h"
#include "../../reader/kernel_names.h"
#include "../check.h"

static void demangles(const char *name, const char *wanted)
{
	char *text = demangle_name(name);

	if (g_strcmp0(text, wanted))
		CHECK_FAIL("%s: got %s, wanted %s", name, text ? text : "(null)",
			   wanted ? wanted : "(null)");
	g_free(text);
}

TEST(demangle)
{
	demangles("main", NULL);
	demangles("_Release", NULL);
	demangles("_Z", NULL);
	demangles("_Zgarbage", NULL);
	demangles("_Z3fooi", "foo(int)");
	demangles("_ZNKSt6vectorIiSaIiEE4sizeEv",
		  "std::vector<int, std::allocator<int> >::size() const");
	demangles("_Z3fooi.constprop.0", "foo(int) [clone .constprop.0]");
	demangles("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	demangles(
		"_ZN55_$LT$$RF$str$u20$as$u20$core..str..pattern..Pattern$GT$4find17h0123456789abcdefE",
		"<&str as core::str::pattern::Pattern>::find");
	demangles("_RNvCs1234_7mycrate3foo", "mycrate::foo");
}

/* Each parameter is a pair of two of the one before: 400 bytes of name are
 * terabytes of text. */
TEST(demangle_is_bounded)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	GString *bomb = g_string_new("_Z1fSt4pairIiiE"), *deep = g_string_new("_Z1f");
	char *text;

	for (int i = 0; i < 36; i++) {
		g_string_append_printf(bomb, "S_IS%c_S%c_E", digits[i], digits[i]);
		text = demangle_name(bomb->str);
		if (i == 1)
			STREQ(text, "f(std::pair<int, int>, std::pair<std::pair<int, int>, "
				    "std::pair<int, int> >, std::pair<std::pair<std::pair<int, "
				    "int>, std::pair<int, int> >, std::pair<std::pair<int, int>, "
				    "std::pair<int, int> > >)");
		TRUE(i < 20 || !text);
		g_free(text);
	}
	for (int i = 0; i < 200000; i++)
		g_string_append_c(deep, 'P');
	g_string_append_c(deep, 'i');
	TRUE(!demangle_name(deep->str));
	g_string_truncate(deep, 15000);
	g_string_append_c(deep, 'i');
	TRUE(!demangle_name(deep->str));
}

struct flat {
	uint64_t addresses[8];
	struct symbolize_frame frames[8];
	uint64_t starts[8];
	struct symbolize_status status;
	struct symbolize_module module;
	GStringChunk *text;
};

static void flat_init(struct flat *f, const uint64_t *addresses, size_t n)
{
	*f = (struct flat){ .text = g_string_chunk_new(256) };
	for (size_t i = 0; i < n; i++) {
		f->addresses[i] = addresses[i];
		f->frames[i].name = "[none]";
	}
	f->module = (struct symbolize_module){ .addresses = f->addresses,
					       .n_addresses = n,
					       .pid = 77,
					       .uid = geteuid(),
					       .boot_id = "boot" };
}

static void enter(void)
{
	static char name[200];

	snprintf(name, sizeof(name), "%s/flat-XXXXXX", g_get_tmp_dir());
	TRUE(mkdtemp(name) && !chdir(name));
}

static void kernel(struct flat *f, const char *kallsyms)
{
	TRUE(g_file_set_contents("kallsyms", kallsyms, -1, NULL));
	TRUE(g_file_set_contents("boot_id", "boot\n", -1, NULL));
	kernel_names_fill(&f->module, "kallsyms", "boot_id", f->text, f->frames, f->starts,
			  &f->status);
}

TEST(kernel_symbols)
{
	const uint64_t at[] = { 0xf0, 0x100, 0x150, 0x200, 0x2ff, 0x300, 0x900, 0x9000000 };
	struct flat f;

	enter();
	flat_init(&f, at, 8);
	kernel(&f,
	       "0000000000000900 T last\n0000000000000200 t __local\n0000000000000200 T second\n"
	       "nonsense\n0000000000000100 T first\n0000000000000300 D data\n"
	       "0000000000000280 t _RNvCs1234_7mycrate3foo\t[rust_mod]\n");
	EQ(f.status.source, SYMBOLIZE_SOURCE_KALLSYMS);
	STREQ(f.frames[0].name, "[none]");
	STREQ(f.frames[1].name, "first");
	STREQ(f.frames[2].name, "first");
	EQ(f.starts[2], 0x100);
	STREQ(f.frames[3].name, "second");
	STREQ(f.frames[4].name, "mycrate::foo");
	STREQ(f.frames[5].name, "[none]"); /* data is no function */
	STREQ(f.frames[6].name, "last");
	STREQ(f.frames[7].name, "[none]"); /* too far above the last */
	EQ(f.status.n_named, 5);
}

TEST(kernel_hidden_or_other)
{
	const uint64_t at[] = { 0x100 };
	struct flat f;

	enter();
	flat_init(&f, at, 1);
	kernel(&f, "0000000000000000 T first\n0000000000000000 T second\n");
	STREQ(f.frames[0].name, "[none]");
	TRUE(strstr(f.status.advice, "kptr_restrict"));
	flat_init(&f, at, 1);
	f.module.boot_id = "another";
	kernel(&f, "0000000000000100 T first\n");
	STREQ(f.frames[0].name, "[none]");
	TRUE(strstr(f.status.advice, "boot"));
	EQ(f.status.source, SYMBOLIZE_SOURCE_NONE);
}

static void jit(struct flat *f, const char *map, gssize n)
{
	TRUE(g_file_set_contents("perf-77.map", map, n, NULL));
	jit_names_fill(&f->module, ".", f->text, f->frames, f->starts, &f->status);
}

TEST(jit_later_lines_win)
{
	const uint64_t at[] = { 0xfff, 0x1000, 0x1010, 0x101f, 0x1020, 0x2000 };
	static const char map[] = "1000 20 old name(int, char) with spaces\n"
				  "1010 8 moved here\r\n"
				  "0x2000 0x10 prefixed\n"
				  "3000 10 unfinished";
	struct flat f;

	enter();
	flat_init(&f, at, 6);
	jit(&f, map, -1);
	EQ(f.status.source, SYMBOLIZE_SOURCE_PERF_MAP);
	STREQ(f.frames[0].name, "[JIT]");
	STREQ(f.frames[1].name, "old name(int, char) with spaces");
	STREQ(f.frames[2].name, "moved here");
	EQ(f.starts[2], 0x1010);
	STREQ(f.frames[3].name, "old name(int, char) with spaces");
	STREQ(f.frames[4].name, "[JIT]");
	STREQ(f.frames[5].name, "prefixed");
	EQ(f.status.n_named, 4);
	TRUE(!f.frames[0].system_name && !f.status.advice);
}

TEST(jit_hostile_map)
{
	const uint64_t at[] = { 0x1000, 0x2000, 0xffffffffffffffff };
	GString *map = g_string_new("1000 10 good\n");
	struct flat f;
	unsigned seed = 1;

	enter();
	for (int i = 0; i < 200000; i++)
		g_string_append_c(map, (char)(rand_r(&seed) % 7 ? rand_r(&seed) : '\n'));
	g_string_append(map, "\n\n\n1000\n1000 \n1000 10\n1000 10 \n 1000 10 x\n");
	g_string_append(map, "ffffffffffffffff1 10 wide\nffffffffffffffff ffffffffffffffff top\n");
	g_string_append_len(map, "2000 10 cut\0short\n", 18);
	flat_init(&f, at, 3);
	jit(&f, map->str, (gssize)map->len);
	STREQ(f.frames[0].name, "good");
	STREQ(f.frames[1].name, "cut");
	STREQ(f.frames[2].name, "top");
	/* A million lines over every address cost no more than the lines. */
	g_string_truncate(map, 0);
	for (int i = 0; i < 1000000; i++)
		g_string_append(map, "0 ffffffffffffffff x\n");
	flat_init(&f, at, 3);
	jit(&f, map->str, (gssize)map->len);
	STREQ(f.frames[0].name, "x");
}

TEST(jit_map_must_be_ours)
{
	const struct timeval past[2] = { { 1000, 0 }, { 1000, 0 } };
	const uint64_t at[] = { 0x1000 };
	struct flat f;

	enter();
	flat_init(&f, at, 1);
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	STREQ(f.frames[0].name, "[none]");
	TRUE(strstr(f.status.advice, "./perf-77.map"));
	/* Of another process with the same id, long ago. */
	TRUE(g_file_set_contents("perf-77.map", "1000 10 stale\n", -1, NULL));
	TRUE(!utimes("perf-77.map", past));
	f.module.start_real_ns = UINT64_C(2000) * 1000000000;
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	STREQ(f.frames[0].name, "[none]");
	TRUE(strstr(f.status.advice, "older"));
	/* A link may lead anywhere. */
	TRUE(!rename("perf-77.map", "real") && !symlink("real", "perf-77.map"));
	f.module.start_real_ns = 0;
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	STREQ(f.frames[0].name, "[none]");
	TRUE(!unlink("perf-77.map") && !mkfifo("perf-77.map", 0600));
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	TRUE(strstr(f.status.advice, "regular"));
	if (geteuid())
		return;
	TRUE(!unlink("perf-77.map") && !rename("real", "perf-77.map"));
	TRUE(!chown("perf-77.map", 12345, 12345));
	f.module.uid = 1000;
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	TRUE(strstr(f.status.advice, "another user"));
	f.module.uid = 12345;
	jit_names_fill(&f.module, ".", f.text, f.frames, f.starts, &f.status);
	STREQ(f.frames[0].name, "stale");
}

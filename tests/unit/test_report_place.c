/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_place.c - names of functions and places in them, made to fit.
 *
 * links: reader/report_place.c reader/format_units.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: $(pkg-config --libs glib-2.0) -lm
 */
#include "../../reader/report_place.h"

#undef TRUE /* GLib's; check.h has its own */
#include "../check.h"

static void fits(const char *name, const char *file, uint32_t line, unsigned columns,
		 const char *wanted)
{
	struct function function = { .name = name, .file = file };
	char *cell = report_place(&function, line, 0);
	GString *out = g_string_new("");
	unsigned width = report_place_append(out, cell, columns);

	STREQ(out->str, wanted);
	EQ(width, g_utf8_strlen(out->str, -1));
	TRUE(!columns || width <= columns);
	g_string_free(out, true);
	g_free(cell);
}

TEST(whole)
{
	fits("work", "/src/a.c", 12, 0, "work  /src/a.c:12");
	fits("work", "/src/a.c", 12, 17, "work  /src/a.c:12");
	fits("work", NULL, 12, 17, "work");
	fits("work", "/src/a.c", 0, 17, "work");
	fits("", NULL, 0, 17, "");
}

TEST(what_goes_first)
{
	fits("work", "/src/a.c", 12, 16, "work  a.c:12");
	fits("std::vector<int, std::allocator<int> >::push_back(int&&)", "/usr/include/v.h", 7, 40,
	     "std::vector<>::push_back()  v.h:7");
	fits("a_function_with_a_name_that_is_too_long_by_far_for_that", "a.c", 1, 30,
	     "a_functio...ar_for_that  a.c:1");
	fits("short", "a_file_with_a_long_name_that_is_too_long.c", 1, 30,
	     "short  a_file_with_...");
}

TEST(arguments)
{
	fits("f<(anonymous namespace)::t>((anonymous namespace)::t*)", NULL, 0, 20, "f<>()");
	fits("(anonymous namespace)::function<int>(int, int, int)", NULL, 0, 40,
	     "(anonymous namespace)::function<>()");
	fits("std::ostream& operator<< <char>(std::ostream&, char const*)", NULL, 0, 40,
	     "std::ostream& operator<< <char>()");
	fits("text::operator()(std::pair<int, int> const&) const", NULL, 0, 30,
	     "text::operator()() const");
	fits("<alloc::vec::Vec<T> as core::ops::Index<I>>::index", NULL, 0, 45,
	     "<alloc::vec::Vec<> a...::ops::Index<>>::index");
}

/* Brackets that do not match, text that commands a terminal, wide letters. */
TEST(hostile)
{
	fits("f<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<", NULL, 0, 20, "f<<<<<<...<<<<<<<<<<");
	fits(")))))))))))))))))>>>>>>>>>>>>>>>>>>>>>>>>>>", NULL, 0, 20, ")))))))...>>>>>>>>>>");
	fits("\x1b[31m", "\x1b.c", 1, 30, "\\x1b[31m  \\x1b.c:1");
	fits("tab\there", NULL, 0, 30, "tab\\x09here");
	fits("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, 0, 5, "aa...");
}

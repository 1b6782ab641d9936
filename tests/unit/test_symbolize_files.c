/* SPDX-License-Identifier: Apache-2.0
 *
 * test_symbolize_files.c - which file gives the names: stripped, split off,
 * changed, gone; and what is named in code that has no debug information.
 *
 * links: reader/symbolize.c reader/symbolize_child.c reader/symbolize_pipe.c reader/keys.c
 * links: reader/module_names.c reader/module_advice.c reader/elf_files.c
 * links: reader/elf_names.c reader/elf_plt.c reader/eh_bounds.c reader/demangle.c
 * links: reader/dwarf_names.c reader/dwarf_inline.c reader/kernel_names.c
 * links: reader/jit_names.c reader/debuginfod.c
 * flags: $(pkg-config --cflags glib-2.0) -DCORPUS_SRC='"$(pwd)"'
 * libs: -ldw -lelf -l:libiberty.a -lz $(pkg-config --libs glib-2.0)
 */
#include "symbolize_corpus.h"

/* chain as it was linked, and stripped of all but its debug file. */
static void make_chain(const char *flags)
{
	corpus_enter();
	corpus_run("gcc -O2 -g %s %s/tests/work/names/chain.c -o whole", flags, corpus_source());
	corpus_run("objcopy --only-keep-debug whole whole.debug && "
		   "strip -o stripped whole && strip -g -o nodebug whole");
}

/* In stripped code a function is one frame, from its first to its last byte,
 * and nobody's name stands on it. */
TEST(stripped_bounds)
{
	GArray *symbols;
	struct corpus_symbol *s;
	struct symbolize_result r;
	char wanted[64];
	unsigned seen = 0;

	make_chain("");
	symbols = corpus_symbols("whole");
	for (guint i = 0; i < symbols->len; i++) {
		s = &g_array_index(symbols, struct corpus_symbol, i);
		uint64_t at[2] = { s->start, s->start + s->size - 1 };

		r = corpus_name_at(NULL, "stripped", "whole", at, 2);
		snprintf(wanted, sizeof(wanted), "stripped!fn_%lx", s->start);
		for (int k = 0; k < 2; k++) {
			STREQ(r.addresses[k].frames->name, wanted);
			EQ(r.addresses[k].function_start, s->start);
			TRUE(!r.addresses[k].frames->system_name);
		}
		EQ(r.status.n_named, 0);
		TRUE(r.status.advice && strstr(r.status.advice, ".build-id/"));
		seen++;
	}
	TRUE(seen >= 6);
}

TEST(dynsym_only_names_what_it_has)
{
	make_chain("-rdynamic");
	STREQ(corpus_name(NULL, "stripped", "whole", corpus_symbol("whole", "outer").start + 3),
	      "outer");
	TRUE(g_str_has_prefix(corpus_name(NULL, "stripped", "whole",
					  corpus_symbol("whole", "local_one").start + 3),
			      "stripped!fn_"));
}

TEST(no_section_headers)
{
	uint64_t start;
	char wanted[64];

	make_chain("");
	start = corpus_symbol("whole", "outer").start;
	corpus_run("cp stripped bare && printf '\\0\\0\\0\\0\\0\\0\\0\\0' | "
		   "dd of=bare bs=1 seek=40 conv=notrunc status=none && "
		   "printf '\\0\\0\\0\\0' | dd of=bare bs=1 seek=60 conv=notrunc status=none");
	snprintf(wanted, sizeof(wanted), "bare!fn_%lx", start);
	STREQ(corpus_name(NULL, "bare", "whole", start + 1), wanted);
}

TEST(debug_file_by_build_id)
{
	struct symbolize_options options = { .debug_dir = "debug" };
	struct corpus_symbol one;
	struct symbolize_result r;

	make_chain("");
	one = corpus_symbol("whole", "local_one");
	corpus_run("id=$(readelf -n whole | sed -n 's/.*Build ID: //p') && "
		   "d=debug/.build-id/$(echo $id | cut -c1-2) && mkdir -p $d && "
		   "cp whole.debug $d/$(echo $id | cut -c3-).debug");
	r = corpus_name_at(&options, "stripped", "whole", &one.start, 1);
	STREQ(corpus_outer(r.addresses)->name, "local_one");
	EQ(r.status.source, SYMBOLIZE_SOURCE_DEBUG_FILE);
	TRUE(r.status.lines && strstr(r.status.debug_file, "debug/.build-id/"));
	TRUE(!r.status.advice && corpus_outer(r.addresses)->line >= 400);
	/* The program is gone: its debug file still names it. */
	r = corpus_name_at(&options, "gone", "whole", &one.start, 1);
	STREQ(corpus_outer(r.addresses)->name, "local_one");
	EQ(r.status.match, SYMBOLIZE_MATCH_MISSING);
	TRUE(strstr(r.status.advice, "is not here"));
	/* Changed: the file is not used, its debug file is. */
	corpus_run("gcc -O1 %s/tests/work/names/chain.c -o stripped", corpus_source());
	r = corpus_name_at(&options, "stripped", "whole", &one.start, 1);
	STREQ(corpus_outer(r.addresses)->name, "local_one");
	EQ(r.status.match, SYMBOLIZE_MATCH_CHANGED);
	/* A debug file under the right name with a wrong build id is refused. */
	corpus_run("f=$(find debug -name '*.debug') && objcopy --only-keep-debug stripped $f");
	r = corpus_name_at(&options, "gone", "whole", &one.start, 1);
	STREQ(corpus_outer(r.addresses)->name, "[gone]");
}

TEST(debug_file_by_debuglink)
{
	struct symbolize_result r;
	uint64_t at;

	make_chain("-Wl,--build-id=none");
	at = corpus_symbol("whole", "local_one").start;
	corpus_run("objcopy --add-gnu-debuglink=whole.debug stripped linked");
	r = corpus_name_at(NULL, "linked", NULL, &at, 1);
	STREQ(corpus_outer(r.addresses)->name, "local_one");
	TRUE(r.status.lines && g_str_has_suffix(r.status.debug_file, "/whole.debug"));
	corpus_run("mkdir .debug && mv whole.debug .debug/");
	STREQ(corpus_name(NULL, "linked", NULL, at), "local_one");
	/* One byte differs: the checksum does not hold. */
	corpus_run("printf x >> .debug/whole.debug");
	TRUE(g_str_has_prefix(corpus_name(NULL, "linked", NULL, at), "linked!fn_"));
}

/* A server of one file.  Without the option nobody is asked. */
TEST(debuginfod)
{
	struct symbolize_options options = { .debuginfod = true };
	char urls[300], cache[300];
	uint64_t at;

	make_chain("");
	if (corpus_try("ldconfig -p | grep -q libdebuginfod.so.1")) {
		printf("skipped: libdebuginfod.so.1 is not installed\n");
		return;
	}
	at = corpus_symbol("whole", "local_one").start;
	corpus_run("d=served/buildid/$(readelf -n whole | sed -n 's/.*Build ID: //p') && "
		   "mkdir -p $d && cp whole.debug $d/debuginfo");
	snprintf(urls, sizeof(urls), "file://%s/served/", g_get_current_dir());
	snprintf(cache, sizeof(cache), "%s/cache", g_get_current_dir());
	setenv("DEBUGINFOD_URLS", urls, 1);
	setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
	TRUE(g_str_has_prefix(corpus_name(NULL, "stripped", "whole", at), "stripped!fn_"));
	TRUE(access(cache, F_OK));
	STREQ(corpus_name(&options, "stripped", "whole", at), "local_one");
	TRUE(!access(cache, F_OK));
	STREQ(getenv("DEBUGINFOD_URLS"), urls);
}

TEST(changed_is_not_used)
{
	struct symbolize_result r;
	uint64_t at;

	make_chain("");
	at = corpus_symbol("whole", "outer").start;
	corpus_run("gcc -O2 -g -DOTHER -Wl,--defsym=other=1 %s/tests/work/names/chain.c -o other",
		   corpus_source());
	r = corpus_name_at(NULL, "other", "whole", &at, 1);
	EQ(r.status.match, SYMBOLIZE_MATCH_CHANGED);
	EQ(r.status.source, SYMBOLIZE_SOURCE_NONE);
	STREQ(r.addresses->frames->name, "[other]");
	TRUE(!r.addresses->has_start && !r.status.file);
	TRUE(strstr(r.status.advice, "has changed"));
	r = corpus_name_at(NULL, "nowhere/x", "whole", &at, 1);
	EQ(r.status.match, SYMBOLIZE_MATCH_MISSING);
	STREQ(r.addresses->frames->name, "[x]");
}

TEST(symfs)
{
	struct symbolize_options options = { .symfs = "root" };
	uint64_t at;

	make_chain("");
	at = corpus_symbol("whole", "outer").start;
	corpus_run("mkdir -p root/$PWD && mv nodebug root/$PWD/prog && cp stripped prog");
	STREQ(corpus_name(&options, "prog", "whole", at), "outer");
	/* Outside of symfs only what the build id proves. */
	TRUE(g_str_has_prefix(corpus_name(&options, "stripped", "whole", at), "stripped!fn_"));
	STREQ(corpus_name(&options, "stripped", NULL, at), "[stripped]");
}

/* labels.S says which byte is whose. */
TEST(labels_end_where_code_does)
{
	static const struct {
		unsigned bytes;
		const char *name;
	} truth[] = { { 8, "sized_before" }, { 4, "[labels.so]" }, { 8, "plain_label" },
		      { 8, "with_cfi" },     { 8, "[labels.so]" }, { 8, "sized_after" },
		      { 8, "alias_best" } };
	struct corpus_symbol first;
	uint64_t at;

	corpus_enter();
	corpus_run("gcc -shared -nostdlib %s/tests/work/names/labels.S -o labels.so",
		   corpus_source());
	first = corpus_symbol("labels.so", "sized_before");
	at = first.start;
	for (size_t i = 0; i < sizeof(truth) / sizeof(*truth); i++) {
		STREQ(corpus_name(NULL, "labels.so", NULL, at), truth[i].name);
		at += truth[i].bytes;
		STREQ(corpus_name(NULL, "labels.so", NULL, at - 1), truth[i].name);
	}
	TRUE(strcmp(corpus_name(NULL, "labels.so", NULL, at), "alias_best"));
}

/* Entries of every kind of PLT, where the disassembler says they are. */
static void compare_plt(const char *flags)
{
	char line[400], name[200], *end;
	unsigned seen = 0;
	uint64_t at;
	FILE *pipe;

	make_chain(flags);
	pipe = popen("objdump -d -j .plt -j .plt.sec -j .plt.got whole 2>objdump.errors", "r");
	while (fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "%lx <%199[^>]>:", &at, name) != 2)
			continue;
		end = strstr(name, "@plt");
		if (!end || end[4] || strchr(name, '@') != end)
			continue;
		STREQ(corpus_name(NULL, "stripped", "whole", at), name);
		STREQ(corpus_name(NULL, "stripped", "whole", at + 5), name);
		seen++;
	}
	pclose(pipe);
	printf("%s: %u entries\n", flags, seen);
	TRUE(seen >= 2);
}

TEST(plt)
{
	compare_plt("-Wl,-z,lazy");
	compare_plt("-fcf-protection -Wl,-z,ibtplt -Wl,-z,lazy");
	compare_plt("-Wl,-z,now");
}

TEST(plt_head_has_no_name)
{
	struct corpus_symbol s;
	char *out, *at;
	uint64_t plt;

	make_chain("-Wl,-z,lazy");
	s = corpus_symbol("whole", "outer");
	TRUE(s.start);
	TRUE(g_spawn_command_line_sync("readelf -W -S whole", &out, NULL, NULL, NULL));
	at = strstr(out, " .plt ");
	TRUE(at && sscanf(at, " .plt PROGBITS %lx", &plt) == 1);
	STREQ(corpus_name(NULL, "stripped", "whole", plt), "stripped![plt]");
}

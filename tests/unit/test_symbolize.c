/* SPDX-License-Identifier: Apache-2.0
 *
 * test_symbolize.c - names, lines and inline chains of real ELF files, against
 * what two other symbolizers say of the same bytes.  limit: 180
 *
 * links: reader/symbolize.c reader/symbolize_child.c reader/symbolize_pipe.c reader/keys.c
 * links: reader/module_names.c reader/module_advice.c reader/elf_files.c
 * links: reader/elf_names.c reader/elf_plt.c reader/eh_bounds.c reader/demangle.c
 * links: reader/dwarf_names.c reader/dwarf_inline.c reader/kernel_names.c
 * links: reader/jit_names.c reader/debuginfod.c
 * flags: $(pkg-config --cflags glib-2.0) -DCORPUS_SRC='"$(pwd)"'
 * libs: -ldw -lelf -l:libiberty.a -lz $(pkg-config --libs glib-2.0)
 */
#define CHECK_SECONDS 60
#include "symbolize_corpus.h"

struct peer_frame {
	char *name;
	char *file; /* last component */
	unsigned line;
};

/* Runs `command -a -i -C -f -e path` on addresses; an array of arrays of
 * struct peer_frame. */
static GPtrArray *peer_run(const char *command, const char *path, const GArray *addresses)
{
	GPtrArray *all = g_ptr_array_new();
	char *line = NULL, *colon, *text;
	struct peer_frame f = { 0 };
	GArray *frames = NULL;
	size_t room = 0;
	FILE *io = fopen("addresses", "w");

	for (guint i = 0; i < addresses->len; i++)
		fprintf(io, "0x%lx\n", g_array_index(addresses, uint64_t, i));
	fclose(io);
	text = g_strdup_printf("%s -a -i -C -f -e %s < addresses", command, path);
	io = popen(text, "r");
	while (getline(&line, &room, io) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0x", 2)) {
			frames = g_array_new(false, false, sizeof(struct peer_frame));
			g_ptr_array_add(all, frames);
			continue;
		}
		if (!f.name) {
			if (strstr(line, " inlined at "))
				*strstr(line, " inlined at ") = '\0';
			f.name = g_strdup(line);
			continue;
		}
		colon = strchr(line, ':');
		TRUE(colon);
		*colon = '\0';
		f.file = g_path_get_basename(line);
		f.line = (unsigned)strtoul(colon + 1, NULL, 10);
		g_array_append_val(frames, f);
		f.name = NULL;
	}
	pclose(io); /* 1 when it misses one; the count tells whether it ran */
	EQ(all->len, addresses->len);
	g_free(text);
	free(line);
	return all;
}

/* A part that was split off a function and put back looks to the peers like the
 * function inlined into itself; to us it is no call.  So functions that stand
 * in their own chain are compared once; self_calls looks at them. */
static void peer_merge(GPtrArray *all)
{
	for (guint k = 0; k < all->len; k++) {
		GArray *frames = g_ptr_array_index(all, k);

		for (guint i = frames->len; i-- > 1;) {
			if (!strcmp(g_array_index(frames, struct peer_frame, i).name,
				    g_array_index(frames, struct peer_frame, i - 1).name))
				g_array_remove_index(frames, i);
		}
	}
}

static void own_merge(struct symbolize_address *a)
{
	struct symbolize_frame *frames =
		g_memdup2(a->frames, a->n_frames * sizeof(struct symbolize_frame));
	uint32_t kept = 1;

	for (uint32_t i = 1; i < a->n_frames; i++) {
		if (strcmp(frames[i].name, frames[kept - 1].name))
			frames[kept++] = frames[i];
	}
	a->frames = frames;
	a->n_frames = kept;
}

/* The name of the function that is not inlined may be another alias of the
 * same address: the caller says whether it is to be compared. */
static bool peer_agrees(const struct symbolize_address *a, const GArray *frames, bool outer)
{
	const struct peer_frame *p;
	const struct symbolize_frame *f;
	gchar *base;
	bool same;

	if (a->n_frames != frames->len)
		return false;
	for (guint i = 0; i < frames->len; i++) {
		p = &g_array_index(frames, struct peer_frame, i);
		f = &a->frames[i];
		base = f->file ? g_path_get_basename(f->file) : g_strdup("??");
		/* Of code that LTO has moved the peers lose the file. */
		same = (!strcmp(base, p->file) || !strcmp(p->file, "<artificial>")) &&
		       f->line == p->line &&
		       ((i + 1 == frames->len && !outer) || !strcmp(f->name, p->name));
		g_free(base);
		if (!same)
			return false;
	}
	return true;
}

static void show_difference(uint64_t address, const struct symbolize_address *a, const GArray *peer)
{
	printf("%#lx:\n", address);
	for (uint32_t i = 0; i < a->n_frames; i++)
		printf("\t%s %s:%u\n", a->frames[i].name, a->frames[i].file, a->frames[i].line);
	for (guint i = 0; i < peer->len; i++)
		printf("\tpeer: %s %s:%u\n", g_array_index(peer, struct peer_frame, i).name,
		       g_array_index(peer, struct peer_frame, i).file,
		       g_array_index(peer, struct peer_frame, i).line);
}

/* Compares up to max addresses of path.  Each must be as one of the peers has
 * it: they differ from one another at the edges of inlined calls.  debug is
 * the file with the DWARF, outer as in peer_agrees. */
static void compare(const char *path, const char *debug, guint max, bool outer)
{
	static const char *const commands[] = { "eu-addr2line", "addr2line", "llvm-addr2line" };
	GArray *addresses = corpus_addresses(debug, max), *frames;
	struct symbolize_result r =
		corpus_name_at(NULL, path, path, (void *)addresses->data, addresses->len);
	guint n = corpus_try("command -v llvm-addr2line >llvm.path") ? 2 : 3;
	guint agree[3] = { 0 }, none = 0, any;
	GPtrArray *peers[3];

	for (guint k = 0; k < n; k++)
		peers[k] = peer_run(commands[k], debug, addresses);
	for (guint k = 0; k < n; k++)
		peer_merge(peers[k]);
	for (guint i = 0; i < addresses->len; i++) {
		own_merge((struct symbolize_address *)&r.addresses[i]);
		any = 0;
		for (guint k = 0; k < n; k++) {
			frames = g_ptr_array_index(peers[k], i);
			any += peer_agrees(&r.addresses[i], frames, outer);
			agree[k] += peer_agrees(&r.addresses[i], frames, outer);
		}
		if (!any && none++ < 5)
			show_difference(g_array_index(addresses, uint64_t, i), &r.addresses[i],
					g_ptr_array_index(peers[1], i));
	}
	printf("%s: %u addresses, as eu-addr2line %u, addr2line %u, llvm-addr2line %u, none %u\n",
	       path, addresses->len, agree[0], agree[1], agree[2], none);
	TRUE(addresses->len > 50 && r.status.lines && !r.status.failed);
	TRUE(none * 200 <= addresses->len);
}

TEST(c_as_others)
{
	static const char *const flags[] = { "-O0 -g",	      "-O2 -g",
					     "-O2 -gdwarf-4", "-O2 -g -gz",
					     "-O2 -g -flto",  "-O3 -g3 -fno-pie -no-pie" };
	char *name;

	corpus_enter();
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		name = g_strdup_printf("c%zu", i);
		corpus_run("gcc -w %s %s/tests/work/names/chain.c -o %s", flags[i], corpus_source(),
			   name);
		compare(name, name, 400, true);
		g_free(name);
	}
	/* Of clang's DWARF 5 the first two peers of Debian 12 miss half. */
	if (!corpus_try("command -v llvm-addr2line >llvm.path") &&
	    !corpus_try("clang -w -O2 -g %s/tests/work/names/chain.c -o clang", corpus_source()))
		compare("clang", "clang", 400, true);
}

/* The peers miss the lines of split units: the unsplit build is the truth. */
TEST(split_dwarf)
{
	GArray *addresses;
	struct symbolize_result split, whole;
	const struct symbolize_frame *f, *g;

	corpus_enter();
	corpus_run("gcc -O2 -g %s/tests/work/names/chain.c -o whole", corpus_source());
	corpus_run("gcc -O2 -g -gsplit-dwarf %s/tests/work/names/chain.c -o split",
		   corpus_source());
	addresses = corpus_addresses("whole", 1000);
	whole = corpus_name_at(NULL, "whole", NULL, (void *)addresses->data, addresses->len);
	split = corpus_name_at(NULL, "split", NULL, (void *)addresses->data, addresses->len);
	for (guint i = 0; i < addresses->len; i++) {
		EQ(split.addresses[i].n_frames, whole.addresses[i].n_frames);
		for (uint32_t k = 0; k < whole.addresses[i].n_frames; k++) {
			f = &split.addresses[i].frames[k];
			g = &whole.addresses[i].frames[k];
			STREQ(f->name, g->name);
			EQ(f->line, g->line);
			STREQ(f->file ? f->file : "", g->file ? g->file : "");
		}
	}
	TRUE(!split.status.advice || !strstr(split.status.advice, ".dwo"));
	/* Without its split files there are no chains, and that is said. */
	corpus_run("rm *.dwo");
	split = corpus_name_at(NULL, "split", "split", (void *)addresses->data, addresses->len);
	TRUE(split.status.advice && strstr(split.status.advice, "chain.dwo is not where"));
}

TEST(cxx_as_others)
{
	corpus_enter();
	corpus_run("g++ -O2 -g %s/tests/work/names/shapes.cc -o shapes", corpus_source());
	compare("shapes", "shapes", 600, false);
}

/* Addresses of a file whose chain has a function of that name called by itself. */
static unsigned count_self_calls(const char *path, const char *name)
{
	GArray *addresses = corpus_addresses(path, 4000);
	struct symbolize_result r =
		corpus_name_at(NULL, path, path, (void *)addresses->data, addresses->len);
	unsigned count = 0;

	for (guint i = 0; i < addresses->len; i++) {
		for (uint32_t k = 1; k < r.addresses[i].n_frames; k++)
			count += strstr(r.addresses[i].frames[k].name, name) &&
				 !strcmp(r.addresses[i].frames[k].name,
					 r.addresses[i].frames[k - 1].name);
	}
	return count;
}

/* The destructors of shapes.cc are split and put together again: no calls.
 * Recursion that was inlined is. */
TEST(self_calls)
{
	corpus_enter();
	corpus_run("g++ -O2 -g %s/tests/work/names/shapes.cc -o shapes", corpus_source());
	EQ(count_self_calls("shapes", "~grid"), 0);
	corpus_run("gcc -O3 -g %s/tests/work/names/recursive.c -o recursive", corpus_source());
	TRUE(count_self_calls("recursive", "fibonacci") > 10);
}

TEST(libc_as_others)
{
	const char *libc = "/lib/x86_64-linux-gnu/libc.so.6";
	char debug[200], *at = debug + sprintf(debug, "/usr/lib/debug/.build-id/");
	uint8_t id[64];
	size_t n = corpus_build_id(libc, id);

	for (size_t i = 0; i < n; i++)
		at += sprintf(at, i == 1 ? "/%02x" : "%02x", id[i]);
	strcpy(at, ".debug");
	if (access(debug, R_OK)) {
		printf("skipped: libc6-dbg is not installed (no %s)\n", debug);
		return;
	}
	corpus_enter();
	compare(libc, debug, 2000, false);
	STREQ(corpus_name(NULL, libc, libc, corpus_symbol(debug, "__libc_start_main_impl").start),
	      "__libc_start_main");
}

TEST(inline_chain_and_lines)
{
	struct corpus_symbol outer;
	struct symbolize_result r;
	const struct symbolize_frame *f;
	uint64_t addresses[4096];
	unsigned found = 0;

	corpus_enter();
	corpus_run("gcc -O2 -g %s/tests/work/names/chain.c -o chain", corpus_source());
	outer = corpus_symbol("chain", "outer");
	for (uint64_t i = 0; i < outer.size; i++)
		addresses[i] = outer.start + i;
	r = corpus_name_at(NULL, "chain", "chain", addresses, outer.size);
	EQ(r.status.source, SYMBOLIZE_SOURCE_SYMTAB);
	EQ(r.status.match, SYMBOLIZE_MATCH_SAME);
	EQ(r.status.n_named, outer.size);
	TRUE(!r.status.advice);
	for (uint64_t i = 0; i < outer.size; i++) {
		TRUE(r.addresses[i].has_start);
		EQ(r.addresses[i].function_start, outer.start);
		STREQ(corpus_outer(&r.addresses[i])->name, "outer");
		f = r.addresses[i].frames;
		if (r.addresses[i].n_frames != 3 || f[0].line != 102)
			continue;
		found++;
		STREQ(f[0].name, "inner");
		STREQ(f[1].name, "middle");
		EQ(f[1].line, 202);
		EQ(f[2].line, 302);
		TRUE(f[0].inlined && f[1].inlined && !f[2].inlined);
		TRUE(*f[2].file == '/' && g_str_has_suffix(f[2].file, "/names/chain.c"));
	}
	TRUE(found);
}

/* The part of a function that is moved away is the same function. */
TEST(cold_part)
{
	struct corpus_symbol cold, guarded;
	struct symbolize_result r;

	corpus_enter();
	corpus_run("gcc -O2 -g %s/tests/work/names/chain.c -o chain", corpus_source());
	cold = corpus_symbol("chain", "guarded.cold");
	guarded = corpus_symbol("chain", "guarded");
	r = corpus_name_at(NULL, "chain", NULL, &cold.start, 1);
	STREQ(corpus_outer(r.addresses)->name, "guarded");
	EQ(r.addresses->function_start, guarded.start);
	EQ(r.status.match, SYMBOLIZE_MATCH_UNCHECKED);
	TRUE(strstr(r.status.advice, "no build id"));
}

/* Names only: the same functions, no files. */
TEST(no_lines)
{
	struct symbolize_options options = { .no_lines = true };
	struct symbolize_result r;
	struct corpus_symbol outer;

	corpus_enter();
	corpus_run("gcc -O2 -g %s/tests/work/names/chain.c -o chain", corpus_source());
	outer = corpus_symbol("chain", "outer");
	r = corpus_name_at(&options, "chain", "chain", &outer.start, 1);
	EQ(r.addresses->n_frames, 1);
	STREQ(r.addresses->frames->name, "outer");
	TRUE(!r.addresses->frames->file && !r.status.lines && !r.status.advice);
}

TEST(rust)
{
	struct symbolize_result r;
	GArray *addresses;
	unsigned fold = 0, closures = 0;

	corpus_enter();
	if (corpus_try("PATH=$PATH:$HOME/.cargo/bin; command -v rustc >rustc.path")) {
		printf("skipped: rustc is not installed\n");
		return;
	}
	corpus_run("$(cat rustc.path) -C opt-level=2 -g %s/tests/work/names/crate.rs -o crate",
		   corpus_source());
	addresses = corpus_addresses("crate", 100000);
	r = corpus_name_at(NULL, "crate", "crate", (void *)addresses->data, addresses->len);
	TRUE(r.status.lines);
	for (guint i = 0; i < addresses->len; i++) {
		for (uint32_t k = 0; k < r.addresses[i].n_frames; k++) {
			const char *name = r.addresses[i].frames[k].name;

			TRUE(strncmp(name, "_R", 2) && strncmp(name, "_ZN", 3));
			TRUE(!strstr(name, "::h0") || !strchr(name, 'E'));
			fold += strstr(name, "crate::Stack<") && g_str_has_suffix(name, "fold");
			closures += strstr(name, "crate::main::{{closure}}") ||
				    strstr(name, "crate::main::{closure#");
		}
	}
	TRUE(fold && closures);
}

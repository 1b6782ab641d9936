/* SPDX-License-Identifier: Apache-2.0
 *
 * test_symbolize_hostile.c - damaged and foreign files: whatever is in them,
 * every address has a name, nothing takes long, and the parent lives.
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

#include <sys/inotify.h>
#include <sys/stat.h>

#define ROUNDS 300

static const struct symbolize_options limits = { .debug_dir = "debug",
						 .module_seconds = 1,
						 .module_memory_bytes = 256 << 20 };

/* Bytes anywhere, or in the headers and tables at either end, where they do
 * most; sometimes the file is cut as well. */
static gsize damage(char *bytes, gsize n, unsigned *seed)
{
	unsigned edits = 1u << rand_r(seed) % 8, where = (unsigned)rand_r(seed) % 3;
	gsize at;

	for (unsigned i = 0; i < edits; i++) {
		at = (gsize)rand_r(seed) % n;
		if (where == 1)
			at %= 4096;
		else if (where == 2)
			at = n - 1 - at % 8192;
		if (at >= 4) /* it stays an ELF file */
			bytes[at] = rand_r(seed) % 3 ? (char)rand_r(seed) : (char)0xff;
	}
	return rand_r(seed) % 8 ? n : (gsize)rand_r(seed) % n;
}

TEST(damaged_files)
{
	gint64 began = g_get_monotonic_time(), worst = 0, took;
	unsigned seed = 42, named = 0, failed = 0;
	struct symbolize_result r;
	GArray *addresses;
	char *good, *bad;
	gsize n, length;

	corpus_enter();
	corpus_run("g++ -O2 -g %s/tests/work/names/shapes.cc -o good", corpus_source());
	addresses = corpus_addresses("good", 200);
	TRUE(g_file_get_contents("good", &good, &n, NULL));
	bad = g_malloc(n);
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(bad, good, n);
		length = damage(bad, n, &seed);
		TRUE(g_file_set_contents("bad", bad, (gssize)length, NULL));
		took = g_get_monotonic_time();
		r = corpus_name_at(&limits, "bad", NULL, (void *)addresses->data, addresses->len);
		took = g_get_monotonic_time() - took;
		worst = took > worst ? took : worst;
		named += r.status.n_named != 0;
		failed += r.status.failed;
		TRUE(!r.status.failed || strstr(r.status.advice, "bad"));
	}
	printf("%d files in %.1f s, the worst %.2f s, %u with names, %u failed\n", ROUNDS,
	       (double)(g_get_monotonic_time() - began) / 1e6, (double)worst / 1e6, named, failed);
	TRUE(named > ROUNDS / 10 && named < ROUNDS);
	TRUE(worst < 5000000);
}

/* The same for the file with the debug information. */
TEST(damaged_debug_files)
{
	unsigned seed = 43, lines = 0;
	struct symbolize_result r;
	GArray *addresses;
	char *good, *bad;
	gsize n, length;

	corpus_enter();
	corpus_run(
		"gcc -O2 -g -Wl,--build-id=0xabcdef0123456789 %s/tests/work/names/chain.c -o whole",
		corpus_source());
	corpus_run("mkdir -p debug/.build-id/ab && strip -o stripped whole && "
		   "objcopy --only-keep-debug whole good");
	addresses = corpus_addresses("whole", 200);
	TRUE(g_file_get_contents("good", &good, &n, NULL));
	bad = g_malloc(n);
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(bad, good, n);
		length = round ? damage(bad, n, &seed) : n;
		TRUE(g_file_set_contents("debug/.build-id/ab/cdef0123456789.debug", bad,
					 (gssize)length, NULL));
		r = corpus_name_at(&limits, "stripped", "whole", (void *)addresses->data,
				   addresses->len);
		lines += r.status.lines;
		TRUE(round || r.status.lines);
	}
	TRUE(lines > ROUNDS / 10);
}

TEST(foreign_files)
{
	const uint64_t at = 0x1000;
	struct inotify_event event;
	int watch;

	corpus_enter();
	corpus_run("mkfifo fifo; mkdir dir; : > empty; printf '\\177ELF' > short; "
		   "head -c 100000 /dev/urandom > noise; ln -s loop loop; "
		   "printf '\\177ELF\\2\\1\\1' > header; head -c 60 /dev/zero >> header; "
		   "gcc -c %s/tests/work/names/chain.c -o relocatable.o; "
		   "truncate -s 1T sparse",
		   corpus_source());
	watch = inotify_init1(IN_NONBLOCK);
	TRUE(inotify_add_watch(watch, "fifo", IN_OPEN) >= 0);
	STREQ(corpus_name(&limits, "fifo", NULL, at), "[fifo]");
	TRUE(read(watch, &event, sizeof(event)) < 0 && errno == EAGAIN); /* not even opened */
	STREQ(corpus_name(&limits, "dir", NULL, at), "[dir]");
	STREQ(corpus_name(&limits, "empty", NULL, at), "[empty]");
	STREQ(corpus_name(&limits, "short", NULL, at), "[short]");
	STREQ(corpus_name(&limits, "header", NULL, at), "[header]");
	STREQ(corpus_name(&limits, "noise", NULL, at), "[noise]");
	STREQ(corpus_name(&limits, "loop", NULL, at), "[loop]");
	STREQ(corpus_name(&limits, "sparse", NULL, at), "[sparse]");
	TRUE(*corpus_name(&limits, "relocatable.o", NULL, at));
	STREQ(corpus_name(&limits, "/dev/zero", NULL, at), "[zero]");
}

/* Names that the file makes up: long, with controls, mangled without end. */
TEST(strange_names)
{
	struct corpus_symbol s;
	struct symbolize_result r;
	const struct symbolize_frame *f;

	corpus_enter();
	corpus_run(
		"python3 -c \"print('.globl \\\"' + 'n' * 100000 + '\\\"\\n.type \\\"' + "
		"'n' * 100000 + '\\\",@function\\n\\\"' + 'n' * 100000 + '\\\": nop; ret\\n.size \\\"'"
		" + 'n' * 100000 + '\\\", 2\\n.globl a_b\\na_b: nop\\n.size a_b, 1')\" > long.s "
		"&& gcc -shared -nostdlib long.s -o long.so");
	s = corpus_symbol("long.so", "a_b");
	s.start -= 2;
	r = corpus_name_at(&limits, "long.so", NULL, &s.start, 1);
	f = r.addresses->frames;
	EQ(strlen(f->name), SYMBOLIZE_NAME_BYTES);
	EQ(f->name[0], 'n');
}

/* A lifetime's binder that counts to 2^64, in names of Rust. */
TEST(endless_names)
{
	struct corpus_symbol s;

	corpus_enter();
	corpus_run("for i in a b c; do echo \".globl _RXYC0YFGFFFFFFFFF_$i\"; "
		   "echo \"_RXYC0YFGFFFFFFFFF_$i: nop; nop\"; "
		   "echo \".size _RXYC0YFGFFFFFFFFF_$i, 2\"; done > endless.s && "
		   "gcc -shared -nostdlib endless.s -o endless.so");
	s = corpus_symbol("endless.so", "_RXYC0YFGFFFFFFFFF_b");
	STREQ(corpus_name(&limits, "endless.so", NULL, s.start), "_RXYC0YFGFFFFFFFFF_b");
}

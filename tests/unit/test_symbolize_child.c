/* SPDX-License-Identifier: Apache-2.0
 *
 * test_symbolize_child.c - what the parent of the naming children survives: a
 * stand-in for the child's work crashes, hangs, eats memory, lies and stops in
 * the middle, as its module's path says; the other modules keep their names.
 *
 * links: reader/symbolize.c reader/symbolize_child.c reader/symbolize_pipe.c reader/keys.c
 * links: reader/kernel_names.c reader/jit_names.c reader/demangle.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: -l:libiberty.a $(pkg-config --libs glib-2.0)
 */
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#undef TRUE /* the harness has a TRUE of its own */

#include "../../include/prof_format.h"
#include "../../reader/module_names.h"
#include "../../reader/symbolize.h"
#include "../check.h"

static void put_named(struct symbolize_writer *w, size_t index, const char *name)
{
	struct symbolize_frame frames[2] = {
		{ .name = "inlined", .system_name = "inlined", .line = 7, .inlined = true },
		{ .name = name, .system_name = name, .file = "/f.c", .line = 8 },
	};
	struct symbolize_address a = {
		.frames = frames, .n_frames = 2, .has_start = true, .function_start = 0x100 + index
	};

	symbolize_put_address(w, index, &a, true);
}

static void misbehave(const char *how, struct symbolize_writer *w)
{
	static char *volatile grown;

	if (!strcmp(how, "/crash"))
		raise(SIGSEGV);
	else if (!strcmp(how, "/exit"))
		_exit(0);
	else if (!strcmp(how, "/sleep"))
		sleep(100);
	else if (!strcmp(how, "/spin"))
		for (;;)
			grown = NULL;
	else if (!strcmp(how, "/memory"))
		for (;;)
			memset(grown = malloc(1 << 20), 1, 1 << 20);
	else if (!strcmp(how, "/lie"))
		TRUE(write(w->fd, "A\x05\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 13) == 13);
}

/* In place of reader/module_names.c. */
void module_names_write(const struct symbolize_options *options,
			const struct symbolize_module *module, struct symbolize_writer *w)
{
	struct symbolize_status status = { .source = SYMBOLIZE_SOURCE_SYMTAB,
					   .file = "/f",
					   .match = SYMBOLIZE_MATCH_SAME,
					   .lines = !options->no_lines };

	TRUE(!getenv("DEBUGINFOD_URLS"));
	put_named(w, 0, "first");
	if (!options->no_lines || !strstr(module->path, "once"))
		misbehave(strstr(module->path, "once") ? "/crash" : module->path, w);
	for (size_t i = 1; i < module->n_addresses; i++)
		put_named(w, i, "other");
	symbolize_put_end(w, &status);
}

char *module_names_fallback(const struct symbolize_module *module)
{
	return g_strdup_printf("[%s]", module->path);
}

static const uint64_t addresses[] = { 1, 2, 3 };

static struct symbolize_result run(const char *path)
{
	struct symbolize_options options = { .module_seconds = 1, .module_memory_bytes = 64 << 20 };
	struct symbolize_module modules[] = {
		{ .path = path, .flags = PROF_MAP_FILE, .addresses = addresses, .n_addresses = 3 },
		{ .path = "/good",
		  .flags = PROF_MAP_FILE,
		  .addresses = addresses,
		  .n_addresses = 3 },
	};
	struct symbolize_result results[2];

	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	symbolize_modules(symbolize_new(&options), modules, 2, results);
	EQ(results[1].status.n_named, 3);
	EQ(results[1].status.lines, 1);
	TRUE(!results[1].status.failed);
	EQ(results[1].addresses[2].n_frames, 2);
	STREQ(results[1].addresses[2].frames[1].name, "other");
	STREQ(results[1].addresses[2].frames[1].file, "/f.c");
	EQ(results[1].addresses[2].function_start, 0x102);
	return results[0];
}

/* Nothing of what came before the failure is kept. */
static void check_lost(const char *path, const char *why)
{
	struct symbolize_result r = run(path);
	char fallback[100];

	snprintf(fallback, sizeof(fallback), "[%s]", path);
	TRUE(r.status.failed && !r.status.lines);
	EQ(r.status.n_named, 0);
	for (int i = 0; i < 3; i++) {
		EQ(r.addresses[i].n_frames, 1);
		STREQ(r.addresses[i].frames->name, fallback);
		TRUE(!r.addresses[i].has_start);
	}
	if (!strstr(r.status.advice, why))
		CHECK_FAIL("\"%s\" does not say \"%s\"", r.status.advice, why);
}

TEST(crash)
{
	check_lost("/crash", "crashed: Segmentation fault");
}
TEST(early_exit)
{
	check_lost("/exit", "malformed answer");
}
TEST(sleeps)
{
	check_lost("/sleep", "took more than 1 s");
}
TEST(spins)
{
	check_lost("/spin", "1 s");
}
/* How it ends is the allocator's affair: killed, or, under a sanitizer, with a report. */
TEST(eats_memory)
{
	check_lost("/memory", "reading /memory ");
}

TEST(lies)
{
	check_lost("/lie", "malformed answer");
}

/* A child that fails over DWARF is asked again for names only. */
TEST(second_attempt)
{
	struct symbolize_result r = run("/once");

	TRUE(r.status.failed && !r.status.lines);
	EQ(r.status.n_named, 3);
	STREQ(r.addresses[0].frames[1].name, "first");
	TRUE(strstr(r.status.advice, "no source lines"));
}

TEST(free_what_was_given)
{
	struct symbolize_module module = {
		.path = "/once", .flags = PROF_MAP_FILE, .addresses = addresses, .n_addresses = 3
	};
	struct symbolize *s = symbolize_new(NULL);
	struct symbolize_result result;

	symbolize_free(NULL);
	symbolize_modules(s, &module, 1, &result);
	module.flags = PROF_MAP_ANON;
	symbolize_modules(s, &module, 1, &result);
	EQ(result.addresses[2].n_frames, 1);
	module.n_addresses = 0;
	symbolize_modules(s, &module, 1, &result);
	EQ(result.status.n_named, 0);
	symbolize_free(s);
}

/* Any damage to a stream is refused or gives frames that are sound. */
TEST(streams_are_checked)
{
	struct symbolize_status end = { .source = SYMBOLIZE_SOURCE_SYMTAB, .advice = "a" };
	struct symbolize_writer w;
	uint8_t good[4096], bad[4096];
	unsigned refused = 0, seed = 1;
	int fds[2];
	ssize_t n;

	TRUE(!pipe(fds));
	symbolize_writer_init(&w, fds[1]);
	put_named(&w, 0, "first");
	put_named(&w, 2, "third");
	symbolize_put_end(&w, &end);
	n = read(fds[0], good, sizeof(good));
	TRUE(n > 40);
	for (int round = 0; round < 20000; round++) {
		struct symbolize_address out[3] = { 0 };
		struct symbolize_status status = { 0 };
		struct symbolize_frame *frames;
		GStringChunk *chunk = g_string_chunk_new(256);
		size_t length = (size_t)n;
		bool ok;

		memcpy(bad, good, (size_t)n);
		if (round < n)
			length = (size_t)round;
		else
			for (int i = rand_r(&seed) % 4; i >= 0; i--)
				bad[rand_r(&seed) % n] = (uint8_t)rand_r(&seed);
		ok = symbolize_get_stream(bad, length, chunk, out, 3, &status, &frames);
		TRUE(!ok || round >= n);
		refused += !ok;
		for (int i = 0; i < 3; i++)
			for (uint32_t k = 0; k < out[i].n_frames; k++)
				TRUE(*out[i].frames[k].name);
		g_free(frames);
		g_string_chunk_free(chunk);
	}
	TRUE(refused > 1000);
}

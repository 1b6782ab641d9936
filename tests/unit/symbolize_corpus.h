/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize_corpus.h - what the tests of names share: a directory for what
 * they compile, shell commands that must succeed, symbols as nm sees them, and
 * one module symbolized by path.
 */
#ifndef PROF_SYMBOLIZE_CORPUS_H
#define PROF_SYMBOLIZE_CORPUS_H

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <stdbool.h>

#undef TRUE /* the harness has a TRUE of its own */

#include "../../include/prof_format.h"
#include "../../reader/symbolize.h"
#include "../check.h"

/* A shell command; its output is the test's. */
static int corpus_try(const char *format, ...)
{
	va_list args;
	char *command;
	int status;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	fflush(stdout);
	status = system(command);
	g_free(command);
	return status;
}

#define corpus_run(...) EQ(corpus_try(__VA_ARGS__), 0)

/* Goes to a fresh directory, which the runner removes. */
static const char *corpus_enter(void)
{
	static char name[200];

	snprintf(name, sizeof(name), "%s/names-XXXXXX", g_get_tmp_dir());
	TRUE(mkdtemp(name));
	TRUE(!chdir(name));
	return name;
}

/* Where the sources are. */
static const char *corpus_source(void)
{
	const char *src = getenv("SRC");

	return src ? src : CORPUS_SRC;
}

struct corpus_symbol {
	uint64_t start, size;
	char name[4096];
};

/* The sized functions of path in order of address, of struct corpus_symbol. */
static GArray *corpus_symbols(const char *path)
{
	GArray *symbols = g_array_new(false, false, sizeof(struct corpus_symbol));
	char *command = g_strdup_printf("nm -n -S --defined-only %s", path), type;
	FILE *pipe = popen(command, "r");
	char line[8192];
	struct corpus_symbol s;

	while (fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "%lx %lx %c %4095s", &s.start, &s.size, &type, s.name) == 4 &&
		    strchr("tTwWi", type))
			g_array_append_val(symbols, s);
	}
	pclose(pipe);
	g_free(command);
	TRUE(symbols->len);
	return symbols;
}

static inline struct corpus_symbol corpus_symbol(const char *path, const char *name)
{
	GArray *symbols = corpus_symbols(path);
	struct corpus_symbol s = { 0 };

	for (guint i = 0; i < symbols->len; i++) {
		if (!strcmp(g_array_index(symbols, struct corpus_symbol, i).name, name))
			s = g_array_index(symbols, struct corpus_symbol, i);
	}
	g_array_free(symbols, true);
	if (!s.name[0])
		CHECK_FAIL("no symbol %s in %s", name, path);
	return s;
}

/* Every step-th byte of every function of path, at most about max. */
static inline GArray *corpus_addresses(const char *path, guint max)
{
	GArray *symbols = corpus_symbols(path), *all, *some;
	const struct corpus_symbol *s;
	uint64_t last = 0, a;

	all = g_array_new(false, false, sizeof(uint64_t));
	some = g_array_new(false, false, sizeof(uint64_t));
	for (guint i = 0; i < symbols->len; i++) {
		s = &g_array_index(symbols, struct corpus_symbol, i);
		for (a = s->start; a < s->start + s->size; a++) {
			if (a > last)
				g_array_append_val(all, a);
			last = a > last ? a : last;
		}
	}
	for (guint i = 0; i < all->len; i += 1 + all->len / max)
		g_array_append_val(some, g_array_index(all, uint64_t, i));
	g_array_free(symbols, true);
	g_array_free(all, true);
	return some;
}

/* The build id of path into id (64 bytes of room); its length, 0 for none. */
static inline size_t corpus_build_id(const char *path, uint8_t *id)
{
	int fd = open(path, O_RDONLY);
	const void *bytes;
	ssize_t n;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	TRUE(elf);
	n = dwelf_elf_gnu_build_id(elf, &bytes);
	if (n > 0)
		memcpy(id, bytes, (size_t)n);
	elf_end(elf);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* Names addresses of the file at path, recorded with the build id of id_of
 * (NULL: none).  The symbolizer is never freed: results live on. */
static struct symbolize_result corpus_name_at(const struct symbolize_options *options,
					      const char *path, const char *id_of,
					      const uint64_t *addresses, size_t n)
{
	struct symbolize *s = symbolize_new(options);
	struct symbolize_result result;
	uint8_t id[64];
	char *whole = g_canonicalize_filename(path, NULL);
	struct symbolize_module m = {
		.path = whole,
		.build_id = id,
		.build_id_len = id_of ? corpus_build_id(id_of, id) : 0,
		.flags = PROF_MAP_FILE,
		.addresses = addresses,
		.n_addresses = n,
	};

	symbolize_modules(s, &m, 1, &result);
	for (size_t i = 0; i < n; i++)
		TRUE(result.addresses[i].n_frames && *result.addresses[i].frames[0].name);
	return result;
}

/* The frame that is not inlined. */
static inline const struct symbolize_frame *corpus_outer(const struct symbolize_address *a)
{
	return &a->frames[a->n_frames - 1];
}

/* The name of one address. */
static inline const char *corpus_name(const struct symbolize_options *options, const char *path,
				      const char *id_of, uint64_t address)
{
	struct symbolize_result r = corpus_name_at(options, path, id_of, &address, 1);

	return corpus_outer(r.addresses)->name;
}

#endif

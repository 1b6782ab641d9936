/* SPDX-License-Identifier: Apache-2.0
 *
 * jit_names.c - the map is read from its last line to its first, and each
 * address takes the first line that covers it: later lines win, and however
 * the lines overlap each address is named once.  Lines that make no sense are
 * skipped.  Called by the reader's only thread, in the parent.
 */
#include "jit_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Clocks of files are coarse, and a runtime may open its map before us. */
#define JIT_CLOCK_SLACK_S 10

/* Larger maps are refused: they would be read into memory. */
#define JIT_MAP_BYTES_MAX (INT64_C(1) << 30)

struct jit_map {
	const struct symbolize_module *module;
	size_t *next; /* of each address the first at or above that has no name yet */
	GStringChunk *chunk;
	struct symbolize_frame *frames;
	uint64_t *starts;
	size_t n_named;
};

/* The first unnamed address at or above i; paths are halved on the way. */
static size_t jit_next(struct jit_map *map, size_t i)
{
	while (map->next[i] != i) {
		map->next[i] = map->next[map->next[i]];
		i = map->next[i];
	}
	return i;
}

static bool jit_get_hex(const char **at, const char *end, uint64_t *value)
{
	const char *p = *at;

	*value = 0;
	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	*at = p;
	for (; p < end && g_ascii_isxdigit(*p); p++) {
		if (*value >> 60)
			return false;
		*value = *value << 4 | (uint64_t)g_ascii_xdigit_value(*p);
	}
	if (p == *at || p == end || *p != ' ')
		return false;
	while (p < end && *p == ' ')
		p++;
	*at = p;
	return true;
}

static void jit_take_line(struct jit_map *map, const char *line, const char *end)
{
	const struct symbolize_module *m = map->module;
	const char *name = NULL;
	uint64_t start, size;
	size_t length;

	if (!jit_get_hex(&line, end, &start) || !jit_get_hex(&line, end, &size))
		return;
	if (end > line && end[-1] == '\r')
		end--;
	length = strnlen(line, (size_t)(end - line));
	length = length < SYMBOLIZE_NAME_BYTES ? length : SYMBOLIZE_NAME_BYTES;
	if (!length)
		return;
	for (size_t i = jit_next(map, symbolize_lower(m, start));
	     i < m->n_addresses && m->addresses[i] - start < size; i = jit_next(map, i)) {
		if (!name)
			name = g_string_chunk_insert_len(map->chunk, line, (gssize)length);
		map->frames[i].name = map->frames[i].system_name = name;
		map->starts[i] = start;
		map->next[i] = i + 1;
		map->n_named++;
	}
}

static void jit_take_lines(struct jit_map *map, const char *bytes, size_t n)
{
	const char *end = bytes + n, *line;

	/* What follows the last newline may still be being written. */
	while (end > bytes && end[-1] != '\n')
		end--;
	for (; end > bytes; end = line) {
		end--; /* the newline */
		for (line = end; line > bytes && line[-1] != '\n'; line--)
			;
		jit_take_line(map, line, end);
	}
}

/* Why the file is not to be believed; NULL when it is. */
static const char *jit_distrust(const struct symbolize_module *m, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_size > JIT_MAP_BYTES_MAX)
		return "is larger than 1 GiB";
	if (st->st_uid != m->uid && st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user than the program ran as";
	if (m->start_real_ns &&
	    (uint64_t)st->st_mtim.tv_sec + JIT_CLOCK_SLACK_S < m->start_real_ns / 1000000000)
		return "is older than the trace: another process had the same id";
	return NULL;
}

/* A copy, not a mapping: the file may be cut while it is read. */
static char *jit_load(int fd, size_t *n)
{
	char *bytes = g_try_malloc(*n + 1);
	size_t done = 0;
	ssize_t got = 1;

	while (bytes && done < *n && got > 0) {
		got = pread(fd, bytes + done, *n - done, (off_t)done);
		done += got > 0 ? (size_t)got : 0;
	}
	*n = done;
	return bytes;
}

static void jit_read(struct jit_map *map, int fd, size_t n)
{
	size_t n_addresses = map->module->n_addresses;
	char *bytes = jit_load(fd, &n);

	if (!bytes)
		return;
	map->next = g_new(size_t, n_addresses + 1);
	for (size_t i = 0; i <= n_addresses; i++)
		map->next[i] = i;
	jit_take_lines(map, bytes, n);
	for (size_t i = 0; i < n_addresses; i++) {
		if (!map->frames[i].system_name)
			map->frames[i].name = "[JIT]";
	}
	g_free(map->next);
	g_free(bytes);
}

void jit_names_fill(const struct symbolize_module *module, const char *directory,
		    GStringChunk *chunk, struct symbolize_frame *frames, uint64_t *starts,
		    struct symbolize_status *status)
{
	struct jit_map map = {
		.module = module, .chunk = chunk, .frames = frames, .starts = starts
	};
	char *path = g_strdup_printf("%s/perf-%u.map", directory ? directory : "/tmp", module->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	char *advice = NULL;
	const char *why;
	struct stat st;

	if (fd < 0) {
		why = strerror(errno);
		advice = g_strdup_printf("code made at run time has names if the runtime writes %s "
					 "(%s): for instance node --perf-basic-prof, java "
					 "-XX:+DumpPerfMapAtExit, python3 -X perf",
					 path, why);
	} else if (fstat(fd, &st)) {
		advice = g_strdup_printf("%s cannot be used: %s", path, strerror(errno));
	} else if ((why = jit_distrust(module, &st))) {
		advice = g_strdup_printf("%s is ignored: it %s", path, why);
	} else {
		jit_read(&map, fd, (size_t)st.st_size);
		status->source = SYMBOLIZE_SOURCE_PERF_MAP;
		status->file = g_string_chunk_insert(chunk, path);
		status->n_named = map.n_named;
	}
	if (fd >= 0)
		close(fd);
	status->advice = advice ? g_string_chunk_insert(chunk, advice) : NULL;
	g_free(advice);
	g_free(path);
}

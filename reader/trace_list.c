/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_list.c - arguments to traces.  Each segment's header is read once here,
 * for its trace id and number; its damage is reported later, when it is read.
 */
#include "trace_list.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "segment_in.h"

#define TREE_LEVELS 2 /* directories below an argument */

static void trace_file_clear(void *file)
{
	g_free(((struct trace_file *)file)->path);
}

static void trace_free(void *trace)
{
	struct trace *t = trace;

	g_free(t->path);
	g_free(t->key);
	g_array_unref(t->files);
	g_free(t);
}

static bool is_segment_name(const char *name)
{
	return g_str_has_prefix(name, "segment-") && g_str_has_suffix(name, ".lz4");
}

static struct trace *trace_get(GPtrArray *list, const char *key, bool has_id, const char *path)
{
	struct trace *t;

	for (guint i = 0; i < list->len; i++) {
		t = g_ptr_array_index(list, i);
		if (t->has_id == has_id && !strcmp(t->key, key))
			return t;
	}
	t = g_new0(struct trace, 1);
	t->key = g_strdup(key);
	t->has_id = has_id;
	t->path = g_strdup(path);
	t->files = g_array_new(FALSE, TRUE, sizeof(struct trace_file));
	g_array_set_clear_func(t->files, trace_file_clear);
	g_ptr_array_add(list, t);
	return t;
}

/* Adds a segment file; shown is what messages call its trace. */
static void trace_add_file(GPtrArray *list, const char *path, const char *shown)
{
	struct trace_file file = { .path = g_strdup(path) };
	const struct segment_header *header;
	GString *key = g_string_new(NULL);
	struct segment_in *segment;
	bool has_id = false;
	struct trace *t;

	if (segment_open(&segment, path, 0, NULL, NULL) == ERR_NONE) {
		header = segment_header(segment);
		has_id = header->present[PROF_HDR_TRACE_ID] &&
			 header->text_len[PROF_HDR_TRACE_ID] == 16;
		for (unsigned i = 0; has_id && i < 16; i++)
			g_string_append_printf(key, "%02x",
					       (uint8_t)header->text[PROF_HDR_TRACE_ID][i]);
		file.number = segment_number(segment);
		file.size = segment_bytes(segment);
	}
	if (!has_id) {
		char *dir = g_path_get_dirname(path);

		g_string_append(key, dir);
		g_free(dir);
	}
	t = trace_get(list, key->str, has_id, shown);
	if (segment && segment_header(segment)->present[PROF_HDR_START_REAL_NS])
		t->start_real_ns = segment_header(segment)->number[PROF_HDR_START_REAL_NS];
	g_array_append_val(t->files, file);
	segment_close(segment);
	g_string_free(key, TRUE);
}

static void list_fail(const char *path, int error)
{
	char *safe = err_safe(path);

	err_say("%s: %s", safe, g_strerror(error));
	g_free(safe);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a directory, sorted; NULL when it cannot be opened, which is
 * told when partial is not NULL. */
static GPtrArray *list_names(const char *path, bool *partial)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	GPtrArray *names;

	if (!dir) {
		if (partial) {
			list_fail(path, errno);
			*partial = true;
		}
		return NULL;
	}
	names = g_ptr_array_new_with_free_func(g_free);
	/* cppcheck-suppress readdirCalled ; one thread, a stream of its own */
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	}
	closedir(dir);
	g_ptr_array_sort(names, compare_names);
	return names;
}

/* Adds the segments in path and in directories below it. */
static void trace_add_dir(GPtrArray *list, const char *path, unsigned levels, bool *partial)
{
	GPtrArray *names = list_names(path, partial);

	for (guint i = 0; names && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);
		char *child = g_build_filename(path, name, NULL);

		if (is_segment_name(name))
			trace_add_file(list, child, path);
		else if (levels && g_file_test(child, G_FILE_TEST_IS_DIR) &&
			 !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			trace_add_dir(list, child, levels - 1, partial);
		g_free(child);
	}
	if (names)
		g_ptr_array_unref(names);
}

/* When the newest segment at or below path was written last; 0: none there. */
static uint64_t dir_newest_ns(const char *path, unsigned levels)
{
	GPtrArray *names = list_names(path, NULL);
	uint64_t newest = 0, ns;
	struct stat st;

	for (guint i = 0; names && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);
		char *child = g_build_filename(path, name, NULL);

		ns = 0;
		if (lstat(child, &st) == 0) {
			if (S_ISREG(st.st_mode) && is_segment_name(name))
				ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
				     (uint64_t)st.st_mtim.tv_nsec;
			else if (S_ISDIR(st.st_mode) && levels)
				ns = dir_newest_ns(child, levels - 1);
		}
		newest = MAX(newest, ns);
		g_free(child);
	}
	if (names)
		g_ptr_array_unref(names);
	return newest;
}

/* The newest trace (or tree) in the current directory, or the directory itself
 * when it is a trace.  NULL: none.  Free with g_free(). */
static char *find_newest(bool *partial)
{
	GPtrArray *names;
	uint64_t newest = 0, ns;
	char *found = NULL;

	if (dir_newest_ns(".", 0))
		return g_strdup(".");
	names = list_names(".", partial);
	for (guint i = 0; names && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);

		ns = g_file_test(name, G_FILE_TEST_IS_DIR) ? dir_newest_ns(name, TREE_LEVELS - 1)
							   : 0;
		if (ns > newest) {
			newest = ns;
			g_free(found);
			found = g_strdup(name);
		}
	}
	if (names)
		g_ptr_array_unref(names);
	return found;
}

static void trace_add_arg(GPtrArray *list, const char *arg, bool *partial)
{
	guint before = list->len;
	bool told = false;
	struct stat st;
	char *safe;

	if (stat(arg, &st)) {
		list_fail(arg, errno);
		*partial = true;
	} else if (S_ISDIR(st.st_mode)) {
		trace_add_dir(list, arg, TREE_LEVELS, &told);
		if (!told && list->len == before && dir_newest_ns(arg, TREE_LEVELS) == 0) {
			safe = err_safe(arg);
			err_say("%s: no trace in this directory: no segment was written here, nor in "
				"the directories in it",
				safe);
			g_free(safe);
			told = true;
		}
		*partial |= told;
	} else {
		trace_add_file(list, arg, arg);
	}
}

/* Files whose header could not be read belong to the trace in whose directory
 * they lie, if there is one. */
static void trace_adopt_strays(GPtrArray *list)
{
	for (guint i = list->len; i-- > 0;) {
		struct trace *stray = g_ptr_array_index(list, i), *home = NULL;

		for (guint j = 0; !stray->has_id && !home && j < list->len; j++) {
			struct trace *t = g_ptr_array_index(list, j);
			char *dir = g_path_get_dirname(
				g_array_index(t->files, struct trace_file, 0).path);

			if (t->has_id && !strcmp(dir, stray->key))
				home = t;
			g_free(dir);
		}
		if (!home)
			continue;
		g_array_append_vals(home->files, stray->files->data, stray->files->len);
		g_array_set_clear_func(stray->files, NULL);
		g_ptr_array_remove_index(list, i);
	}
}

static int compare_files(const void *a, const void *b)
{
	const struct trace_file *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int compare_traces(const void *a, const void *b)
{
	const struct trace *x = *(struct trace *const *)a, *y = *(struct trace *const *)b;

	if (x->start_real_ns != y->start_real_ns)
		return x->start_real_ns < y->start_real_ns ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Orders the files and leaves out what was named twice, or is there twice: a
 * copy of a segment would count everything in it once more. */
static void trace_settle(struct trace *t)
{
	struct trace_file *file, *before;
	char *safe;

	g_array_sort(t->files, compare_files);
	for (guint i = t->files->len; i-- > 1;) {
		file = &g_array_index(t->files, struct trace_file, i);
		before = file - 1;
		if (file->number != before->number)
			continue;
		if (t->has_id && file->number && strcmp(file->path, before->path)) {
			safe = err_safe(file->path);
			err_say("%s: segment %" G_GUINT64_FORMAT " once more; not read", safe,
				file->number);
			g_free(safe);
		} else if (strcmp(file->path, before->path)) {
			continue;
		}
		g_array_remove_index(t->files, i);
	}
}

GPtrArray *trace_list_new(char **args, bool *partial)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(trace_free);
	char *newest;

	if (args && args[0]) {
		for (; *args; args++)
			trace_add_arg(list, *args, partial);
	} else {
		newest = find_newest(partial);
		if (newest) {
			char *safe = err_safe(newest);

			err_say("reading %s", safe);
			trace_add_dir(list, newest, TREE_LEVELS, partial);
			g_free(safe);
		} else {
			err_say("no trace in the current directory: name one, or make one with "
				"`prof run PROGRAM`");
		}
		g_free(newest);
	}
	trace_adopt_strays(list);
	for (guint i = 0; i < list->len; i++)
		trace_settle(g_ptr_array_index(list, i));
	g_ptr_array_sort(list, compare_traces);
	return list;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * run_traces.c - finds the traces that a run left behind and tells of them in
 * one line; see run.h.  Traces are recognised by LIBPROF_OUT turned into a
 * shell pattern, before and after the run.
 */
#include "run.h"

#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "err.h"
#include "profile.h"

/* Beyond this many bytes of trace, counting samples would take seconds. */
#define COUNTED_BYTES_MAX (512u << 20)
#define NAMED_MAX 3

/* LIBPROF_OUT as glob(3) wants it: what is filled in becomes *, all else is
 * literal. */
static char *shell_pattern(const char *out)
{
	GString *pattern = g_string_new(NULL);

	for (; *out; out++) {
		if (*out == '%' && out[1] && strchr("epth", out[1])) {
			g_string_append_c(pattern, '*');
			out++;
			continue;
		}
		if (*out == '%' && out[1] == '%')
			out++;
		if (strchr("*?[\\", *out))
			g_string_append_c(pattern, '\\');
		g_string_append_c(pattern, *out);
	}
	while (pattern->len > 1 && pattern->str[pattern->len - 1] == '/')
		g_string_truncate(pattern, pattern->len - 1);
	return g_string_free(pattern, FALSE);
}

/* The bytes of a trace directory's segments; false when path is none. */
static bool trace_bytes(const char *path, uint64_t *bytes)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	bool found = false;
	struct stat st;

	while (dir && (name = g_dir_read_name(dir))) {
		char *file;

		if (!g_str_has_prefix(name, "segment-") || !g_str_has_suffix(name, ".lz4"))
			continue;
		found = true;
		file = g_build_filename(path, name, NULL);
		if (stat(file, &st) == 0)
			*bytes += (uint64_t)st.st_size;
		g_free(file);
	}
	if (dir)
		g_dir_close(dir);
	return found;
}

GHashTable *run_traces_list(const char *pattern)
{
	GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	char *plain = shell_pattern(pattern), *numbered = g_strconcat(plain, ".*", NULL);
	glob_t found = { 0 };

	glob(plain, 0, NULL, &found);
	glob(numbered, GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		uint64_t bytes = 0;

		if (trace_bytes(found.gl_pathv[i], &bytes))
			g_hash_table_add(set, g_strdup(found.gl_pathv[i]));
	}
	globfree(&found);
	g_free(numbered);
	g_free(plain);
	return set;
}

/* What of a profile belongs to this run. */
struct tally {
	GPtrArray *paths; /* borrowed from the profile, each once */
	uint64_t samples, heap_events;
	uint64_t lost;	   /* of them */
	bool cut, damaged; /* bytes could not be written, or not be read */
};

/* True when b was forked from a, or runs in its child, or in itself. */
static bool descends(const struct process *a, const struct process *b)
{
	static const uint8_t none[sizeof(b->parent_trace_id)];

	if (memcmp(b->parent_trace_id, none, sizeof(none)) &&
	    !memcmp(a->trace_id, b->parent_trace_id, sizeof(none)))
		return true;
	return b->ppid == a->pid || b->pid == a->pid;
}

/* Marks the processes that descend from pid, from parents to children. */
static bool *kinship(const struct profile *p, pid_t pid)
{
	guint n = p->processes->len;
	bool *ours = g_new0(bool, n), grown = true;

	for (guint i = 1; i < n; i++)
		ours[i] = profile_process(p, i)->pid == (uint64_t)pid;
	while (grown) {
		grown = false;
		for (guint i = 1; i < n; i++) {
			for (guint k = 1; k < n && !ours[i]; k++) {
				if (ours[k] &&
				    descends(profile_process(p, k), profile_process(p, i)))
					ours[i] = grown = true;
			}
		}
	}
	return ours;
}

/* Codes that count events; dropped segments were asked for. */
static void count_loss(struct tally *tally, const struct profile_loss *loss)
{
	switch (loss->code) {
	case PROF_LOSS_WRITE: tally->cut |= loss->count > 0; break;
	case PROF_LOSS_CPU_RING:
	case PROF_LOSS_TIMER_RING:
	case PROF_LOSS_HEAP_RING:
	case PROF_LOSS_FREE_RING:
	case PROF_LOSS_LIVE_TABLE: tally->lost += loss->count; break;
	default: break;
	}
}

static void count(struct tally *tally, const struct profile *p, const bool *ours)
{
	for (guint i = 1; i < p->processes->len; i++) {
		const struct process *process = profile_process(p, i);

		if (ours && !ours[i])
			continue;
		tally->samples += process->n_samples;
		tally->heap_events += process->n_heap_rows;
		g_ptr_array_add(tally->paths, (gpointer)process->path);
		tally->damaged |= process->partial;
		tally->cut |= process->end_reason == PROF_END_WRITE;
		for (guint j = 0; j < process->losses->len; j++)
			count_loss(tally, &g_array_index(process->losses, struct profile_loss, j));
	}
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What to type: the directory that holds all, or the traces by name. */
static char *next_command(const GPtrArray *paths, const char *dir)
{
	GString *text = g_string_new("prof report");
	char *quoted;

	for (guint i = 0; i < (dir ? 1 : MIN(paths->len, NAMED_MAX)); i++) {
		quoted = g_shell_quote(dir ? dir : paths->pdata[i]);
		/* Quotes only where a shell needs them. */
		if (strspn(quoted + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_-+./,:@=") == strlen(quoted) - 2) {
			quoted[strlen(quoted) - 1] = 0;
			g_string_append_printf(text, " %s", quoted + 1);
		} else {
			g_string_append_printf(text, " %s", quoted);
		}
		g_free(quoted);
	}
	if (!dir && paths->len > NAMED_MAX)
		g_string_append_printf(text, " ... (%u more; -o DIR keeps them together)",
				       paths->len - NAMED_MAX);
	return g_string_free(text, FALSE);
}

static void tell(const struct tally *tally, bool counted, const char *dir)
{
	char *command = next_command(tally->paths, dir), *safe = err_safe(command);
	GString *what = g_string_new(NULL);

	if (counted)
		g_string_append_printf(what,
				       "%" G_GUINT64_FORMAT " CPU samples and %" G_GUINT64_FORMAT
				       " heap events",
				       tally->samples, tally->heap_events);
	else
		g_string_append(what, "samples not counted");
	if (tally->paths->len == 1)
		g_string_append(what, " in 1 trace");
	else
		g_string_append_printf(what, " in %u traces", tally->paths->len);
	if (tally->lost)
		g_string_append_printf(what, ", %" G_GUINT64_FORMAT " events lost", tally->lost);
	if (tally->cut)
		g_string_append(what, ", NOT ALL OF IT: the trace could not be written");
	if (tally->damaged)
		g_string_append(what, ", damaged");
	err_say("%s; next: %s", what->str, safe);
	g_string_free(what, TRUE);
	g_free(safe);
	g_free(command);
}

/* Counts what the traces hold, or only names them when they cannot be read or
 * are too large. */
static void tell_of(GPtrArray *paths, const char *dir, pid_t pid)
{
	struct tally tally = { .paths = g_ptr_array_new() };
	struct profile *p = NULL;
	uint64_t bytes = 0;
	bool *ours = NULL;

	for (guint i = 0; i < paths->len; i++)
		trace_bytes(paths->pdata[i], &bytes);
	g_ptr_array_sort(paths, by_text);
	g_ptr_array_add(paths, NULL);
	if (bytes <= COUNTED_BYTES_MAX)
		p = profile_load((char **)paths->pdata, 0, UINT64_MAX);
	g_ptr_array_set_size(paths, (gint)paths->len - 1);
	if (p) {
		ours = dir ? NULL : kinship(p, pid);
		count(&tally, p, ours);
	}
	if (tally.paths->len) {
		tell(&tally, true, dir);
	} else {
		struct tally all = { .paths = paths };

		tell(&all, false, dir);
	}
	g_free(ours);
	g_ptr_array_free(tally.paths, TRUE);
	profile_free(p);
}

void run_traces_tell(GHashTable *before, const char *pattern, const char *programs, const char *dir,
		     pid_t pid)
{
	GHashTable *after = run_traces_list(pattern);
	GPtrArray *paths = g_ptr_array_new();
	GHashTableIter it;
	gpointer path;

	g_hash_table_iter_init(&it, after);
	while (g_hash_table_iter_next(&it, &path, NULL)) {
		if (!g_hash_table_contains(before, path))
			g_ptr_array_add(paths, path);
	}
	if (paths->len)
		tell_of(paths, dir, pid);
	else if (strcmp(programs, "*"))
		err_say("no trace was made: is the program's name among --programs?");
	else
		err_say("no trace was made; to see why: prof run --verbose 2 ...");
	g_ptr_array_free(paths, TRUE);
	g_hash_table_unref(after);
}

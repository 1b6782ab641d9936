/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_list.h - which files the arguments of a command name.  An argument is a
 * trace directory, a directory of trace directories (a process tree; two levels
 * are looked at), or a segment; with no argument it is the newest trace here.
 * Segments are grouped by the trace id in their headers, whatever directory
 * they lie in, and ordered by number.
 */
#ifndef PROF_TRACE_LIST_H
#define PROF_TRACE_LIST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct trace_file {
	char *path;
	uint64_t number; /* of the segment; 0 unknown */
	uint64_t size;	 /* when it was listed; 0: no segment */
	uint64_t bytes;	 /* looked at by the first reading; 0: not read yet */
};

/* One process's trace. */
struct trace {
	char *path; /* its directory, or the segment when only one was named */
	char *key;  /* trace id in hex; of files without one, their directory */
	bool has_id;
	uint64_t start_real_ns;
	GArray *files; /* struct trace_file, by number */
};

/* The traces that args (NULL-terminated) name, by start time; free with
 * g_ptr_array_unref().  Arguments that name nothing get a message and set
 * *partial; the list is empty when nothing was found. */
GPtrArray *trace_list_new(char **args, bool *partial);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json.h - what the files of the JSON output share: the document being
 * written for one process.  Model ids become indexes of the document's arrays,
 * dense and in order of first use; a process's document holds nothing of
 * another's.  JSON.md describes the document.
 */
#ifndef PROF_OUT_JSON_H
#define PROF_OUT_JSON_H

#include "heap_sites.h"
#include "interval.h"
#include "json_write.h"
#include "opts.h"
#include "profile.h"

/* Keys to indexes 0, 1, 2, ... in order of first use. */
struct json_ids {
	GHashTable *index; /* key -> index + 1 */
	GArray *keys;	   /* uint64_t, by index */
};

struct json_document {
	const struct profile *profile;
	const struct options *options;
	struct json_writer *json;
	uint32_t process;
	const guint8 *hidden;	/* by function id, as in struct view */
	const GPtrArray *cells; /* [from, to) of these are the process's */
	size_t from, to;
	GArray *mappings;	    /* ids of the process's mappings, ordered by module */
	struct heap_finder *finder; /* of all processes */
	GArray *sites;		    /* struct site_sum */
	struct json_ids threads;    /* thread ids */
	struct json_ids modules;    /* module ids */
	struct json_ids functions;  /* function ids */
	struct json_ids frames;	    /* frame id << 32 | line id */
	struct json_ids stacks;	    /* (parent index + 1) << 32 | frame index << 1 | guessed */
	GHashTable *nodes;	    /* node id -> stack index + 1, or 0 when all is hidden */
};

#define JSON_NONE UINT32_MAX

void json_ids_init(struct json_ids *ids);
void json_ids_fini(struct json_ids *ids);
/* The index of key, a new one when it is new. */
uint32_t json_ids_add(struct json_ids *ids, uint64_t key);
/* JSON_NONE when the key was never added. */
uint32_t json_ids_find(const struct json_ids *ids, uint64_t key);

/* Adds a stack with all its frames, functions and modules. */
void json_stack_add(struct json_document *doc, uint32_t node);
/* Its index in "stacks"; JSON_NONE for node 0 and when every frame is hidden. */
uint32_t json_stack_find(const struct json_document *doc, uint32_t node);
/* Adds one frame and one of its lines, both model ids; returns its index. */
uint32_t json_frame_add(struct json_document *doc, uint32_t frame, uint32_t line);

/* Fills doc->mappings and adds their modules. */
void json_mappings_add(struct json_document *doc);

/* An index of the document's, null for JSON_NONE. */
void json_index(struct json_writer *json, const char *name, uint32_t index);

/* A figure that is only there when it is valid, else null. */
void json_uint_if(struct json_writer *json, const char *name, bool valid, uint64_t value);
/* A figure that may have come out too large or below 0. */
uint64_t json_clip(double value);

/* Estimates are written as integers, but rounding each would bias their sum
 * (1.4 calls a thousand times).  So what rounding took from one is given to the
 * next: any run of rows sums to the estimate of the whole within 1. */
struct json_rounding {
	double carry;
};

void json_interval(struct json_writer *json, const char *name, struct interval of);

/* The members that threads, rows and sites have in common. */
void json_heap_sum(struct json_writer *json, const struct heap_sum *sum,
		   struct json_rounding round[4]);

/* Members of the document, in files by topic. */
void json_write_heap(struct json_document *doc); /* out_json_heap.c */
void json_write_sites(struct json_document *doc);
void json_write_process(struct json_document *doc); /* out_json_process.c */
void json_write_engines(struct json_document *doc);
void json_write_settings(struct json_document *doc);
void json_write_losses(struct json_document *doc);
void json_write_memory(struct json_document *doc);
void json_write_threads(struct json_document *doc); /* out_json_threads.c */
void json_write_modules(struct json_document *doc); /* out_json_tables.c */
void json_write_functions(struct json_document *doc);
void json_write_frames(struct json_document *doc);
void json_write_stacks(struct json_document *doc);

/* One event a line instead of the document; returns as exporter.write. */
int json_write_lines(struct profile *profile, FILE *out, const struct options *options);

#endif

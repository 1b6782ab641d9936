/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.h - the one model of what traces say, which every output reads and
 * none changes.  Built in three steps by main.c's commands, on the reader's
 * main thread: profile_load() (stream all segments; one thread helps reading them,
 * one adds up and then makes the cells), profile_symbolize() (name all frames at
 * once), profile_finish() (wait for the cells, account for CPU time no sample
 * covers).  Exporters get a finished profile, and no thread is left.
 *
 * Size: it grows with distinct stacks, threads, mappings and blocks alive,
 * never with samples or with time.  Everything the profile hands out lives
 * until profile_free().
 *
 * Ids are indexes into the GArrays below and start at 1; entry 0 is empty and
 * 0 means "none".  Use profile_node(p, id) and its kin: an id out of range
 * gives entry 0, never a crash.  Strings are raw bytes without NUL, never
 * NULL unless said; exporters escape what they print (format_units.h).
 * Times are ns since the start of their own process's trace.
 */
#ifndef PROF_PROFILE_H
#define PROF_PROFILE_H

#include <stdio.h>

#include "profile_tables.h"

/* Limits that keep a hostile trace from using all memory.  What goes past one
 * is left out, reported once, and makes the profile partial. */
#define PROFILE_NODES_MAX (16u << 20)
#define PROFILE_FRAMES_MAX (8u << 20)
#define PROFILE_CELLS_MAX (8u << 20)
#define PROFILE_BLOCKS_MAX (16u << 20)
#define PROFILE_THREADS_MAX (1u << 20)
#define PROFILE_MAPPINGS_MAX (1u << 18)
#define PROFILE_TEXT_BYTES_MAX (256u << 20) /* all distinct strings together */
#define PROFILE_DEPTH_MAX 16384u	    /* frames in a stack */
#define PROFILE_MEMORY_POINTS_MAX 8192u	    /* thinned by half when full */

/* Nor may a table run ahead of the files: beyond its free entries, each takes a
 * byte of them.  Honest entries take more; a few KiB that are a gigabyte when
 * decompressed are held to what they are. */
#define PROFILE_NODES_FREE (1u << 20) /* deep recursions compress well */
#define PROFILE_FRAMES_FREE (1u << 18)
#define PROFILE_CELLS_FREE (1u << 17)
#define PROFILE_BLOCKS_FREE (1u << 18)
#define PROFILE_THREADS_FREE (1u << 16)
#define PROFILE_MAPPINGS_FREE (1u << 14)
#define PROFILE_TEXT_BYTES_FREE (32u << 20)

/* What is counted; the names are those of --metric. */
#define PROFILE_METRICS(X)                                        \
	X(SAMPLES, samples, "samples", "count")                   \
	X(CPU, cpu, "cpu", "nanoseconds")                         \
	X(ALLOC_OBJECTS, alloc_objects, "alloc_objects", "count") \
	X(ALLOC_SPACE, alloc_space, "alloc_space", "bytes")       \
	X(INUSE_OBJECTS, inuse_objects, "inuse_objects", "count") \
	X(INUSE_SPACE, inuse_space, "inuse_space", "bytes")

#define PROFILE_METRIC_ENUM(id, field, name, unit) METRIC_##id,
enum metric { PROFILE_METRICS(PROFILE_METRIC_ENUM) METRIC_COUNT, METRIC_DEFAULT = METRIC_COUNT };

/* "cpu", "nanoseconds"; METRIC_DEFAULT is not a valid argument. */
const char *metric_name(enum metric metric);
const char *metric_unit(enum metric metric);
unsigned metric_figures(enum metric metric); /* enum profile_figures */
/* METRIC_DEFAULT when no metric has that name. */
enum metric metric_by_name(const char *name);

struct profile {
	GArray *processes;	 /* struct process; entry 0 is empty, as in all of these */
	GArray *threads;	 /* struct thread */
	GArray *modules;	 /* struct module */
	GArray *mappings;	 /* struct mapping */
	GArray *frames;		 /* struct frame */
	GArray *nodes;		 /* struct node */
	GArray *cells;		 /* struct cell, distinct in and sorted by (thread, stack) */
	GArray *lines;		 /* struct line */
	GArray *functions;	 /* struct function */
	uint64_t from_ns, to_ns; /* the window asked for: 0 .. UINT64_MAX is everything */
	bool partial;		 /* something could not be read; exit status 1 */
	struct profile_private *private; /* profile_build.c, profile.c */
};

#define PROFILE_ENTRY(array, type, id) \
	(&g_array_index((array), type, (id) < (array)->len ? (id) : 0))

static inline struct process *profile_process(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->processes, struct process, id);
}

static inline struct thread *profile_thread(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->threads, struct thread, id);
}

static inline struct module *profile_module(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->modules, struct module, id);
}

static inline struct mapping *profile_mapping(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->mappings, struct mapping, id);
}

static inline struct frame *profile_frame(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->frames, struct frame, id);
}

static inline struct node *profile_node(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->nodes, struct node, id);
}

static inline struct line *profile_line(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->lines, struct line, id);
}

static inline struct function *profile_function(const struct profile *p, uint32_t id)
{
	return PROFILE_ENTRY(p->functions, struct function, id);
}

/* The module of a frame, 0 for markers and synthetic frames. */
static inline uint32_t profile_frame_module(const struct profile *p, uint32_t frame)
{
	return profile_mapping(p, profile_frame(p, frame)->mapping)->module;
}

/* One event in time, as profile_replay() hands it out.  Ids are the model's. */
enum profile_event_kind { PROFILE_SAMPLE, PROFILE_ALLOC, PROFILE_FREE };

struct profile_event {
	enum profile_event_kind kind;
	uint32_t process, thread;
	uint32_t stack; /* SAMPLE and ALLOC: node, never 0; FREE: 0 */
	uint64_t t_ns;
	uint32_t cpu;	  /* SAMPLE: CPU number */
	bool in_kernel;	  /* SAMPLE */
	uint64_t weight;  /* SAMPLE: ns it stands for, not scaled; ALLOC: bytes it
			    * stands for, rounded; FREE: 0 */
	uint64_t periods; /* SAMPLE: weight in periods */
	uint64_t size;	  /* ALLOC: bytes asked for */
	double objects;	  /* ALLOC: calls it stands for */
	uint64_t block;	  /* ALLOC and FREE: id of the sampled block, per process */
};

typedef void profile_event_fn(const struct profile_event *event, void *arg);

/* Reads the traces that args name (see trace_list.h for what may be named;
 * none: the newest here) into a new profile.  from_ns..to_ns is the window.
 * Damage is reported on stderr as it is met, and everything readable used.
 * Returns NULL, after a message, when not one segment could be read.
 * Process ids are in order of start time. */
struct profile *profile_load(char **args, uint64_t from_ns, uint64_t to_ns);

/* Names every frame: fills lines, functions and the modules' symbols.
 * To be called once, before profile_finish(). */
void profile_symbolize(struct profile *p, const struct symbolize_options *options);

/* Settles metric cpu with the threads' CPU clocks: adds [not sampled] stacks,
 * scales what covers too much, sums per thread and process. */
void profile_finish(struct profile *p);

/* Reads the same files again, as far as profile_load() read them, and calls fn
 * for each event within the window in the order of the files (per thread in
 * order of time).  Nothing is reported twice; the model is not changed. */
void profile_replay(struct profile *p, profile_event_fn *fn, void *arg);

/* METRIC_DEFAULT becomes cpu, or alloc_space when no CPU engine ran. */
enum metric profile_metric(const struct profile *p, enum metric wanted);

/* The cell's figure in that metric, not rounded. */
double cell_value(const struct cell *cell, enum metric metric);

/* Of time that no sample covers it is estimated what was the kernel's: cells of
 * [kernel: not sampled] and the same thread's [not sampled] rest on that, and what the
 * one has too much the other lacks.  How far the kernel's part may lie below and above
 * its estimate, negated for the other, so that the two cancel in a sum; 0 for all else. */
struct cell_slack {
	double below, above;
};
struct cell_slack cell_kernel_slack(const struct profile *p, const struct cell *cell);

/* Says on stderr, one line each, which losses are not zero and what could not
 * be read; for every command but those that show it themselves. */
void profile_warn_losses(const struct profile *p);

/* The name of a loss code and the sentence about it; never NULL, for unknown
 * codes "unknown". */
const char *profile_loss_name(uint64_t code);
const char *profile_loss_text(uint64_t code);
/* The figures that are wrong by it: enum profile_figures. */
unsigned profile_loss_figures(uint64_t code);

/* NULL is allowed. */
void profile_free(struct profile *p);

#endif

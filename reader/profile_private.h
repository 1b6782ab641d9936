/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_private.h - what building the model needs and reading it does not:
 * the tables that make things distinct, and the state of each trace while its
 * segments go by.  For profile*.c, heap_model.c and cpu_model.c.
 */
#ifndef PROF_PROFILE_PRIVATE_H
#define PROF_PROFILE_PRIVATE_H

#include "decode.h"
#include "id_table.h"
#include "live_blocks.h"
#include "profile.h"
#include "segment_in.h"
#include "tally.h"
#include "trace_list.h"

/* A thread's statistics between two of its records. */
struct track {
	uint64_t t;	   /* of the last statistics */
	struct exact last; /* their values */
	uint32_t run;	   /* unbroken run of segments last belongs to; 0: none yet */
	uint64_t t_rusage; /* of the last that had user and system time */
	uint64_t tail_ns;  /* of samples in the window later than t */
};

#define KNOWN_THREADS 256u

struct known_thread {
	uint32_t trace_id, id; /* id 0: none */
};

/* A trace's own tables; ids of threads and blocks belong to it. */
struct trace_state {
	GHashTable *threads;			  /* trace's thread id -> id in profile->threads */
	struct known_thread known[KNOWN_THREADS]; /* the last found, by trace's id */
	struct live_blocks *blocks;		  /* NULL after loading */
	struct row_cumulative cumulative;	  /* the last */
	uint64_t run_start_ns; /* of the current run of segments without a hole */
	uint32_t run;	       /* its number, from 1 */
	bool run_is_first;     /* it begins with segment 1: nothing is before it */
	uint32_t generation;   /* of lists of live blocks */
	bool off;	       /* sampling is switched off */
	uint64_t off_since;
	uint64_t unknown_frees;
	double live_space, live_space_var; /* of the blocks, estimated */
	uint64_t seconds_ns[2];		   /* the last process statistics, and those before */
	double live_mean;		   /* as heap_mean of a cell */
};

struct profile_private {
	GStringChunk *text_chunk;
	GHashTable *texts; /* set of strings in text_chunk */
	uint64_t text_bytes;
	uint64_t file_bytes;	/* of all segments, when they were listed */
	GHashTable *modules;	/* text key -> id */
	GHashTable *mappings;	/* text key -> id */
	struct id_table frames; /* distinct in kind, mapping, address */
	struct id_table nodes;	/* in parent, frame */
	struct tally *tally;	/* of samples, by thread and stack; NULL once taken */
	GArray *tracks;		/* struct track, by thread */
	GPtrArray *states;	/* struct trace_state, by process; entry 0 NULL */
	GPtrArray *traces;	/* struct trace, process id - 1 */
	struct symbolize *symbolizer;
	GHashTable *limits_told; /* set of literals */
};

/* Where a sample belongs, by the model's ids. */
struct profile_place {
	uint32_t thread, stack;
};

/* The frames and nodes that the next rows of nodes may be, by their segment's ids from
 * first on: 0 or any id, to be compared with the row. */
struct build_likely {
	uint32_t first, n;
	uint32_t frame[DECODE_AHEAD], node[DECODE_AHEAD];
};

/* A trace going by, segment by segment: profile_build.c. */
struct build {
	struct profile *profile;
	struct profile_private *private;
	struct trace_state *state;
	uint32_t process;
	profile_event_fn *fn; /* replaying: only this is done; NULL: building */
	void *arg;

	/* Of the current segment. */
	const char *path;
	uint64_t frame_offset;
	uint64_t frame_since_ns; /* last time the frames before it name */
	bool frame_stops;	 /* sampling stopped in it */
	struct decoder decoder;
	GPtrArray *strings; /* const char * by id, interned */
	GArray *mappings;   /* uint32_t by id: id in profile->mappings, 0 undefined */
	GArray *nodes;	    /* uint32_t by id: id in profile->nodes, 0 undefined */
	struct build_likely likely;
	unsigned damages;
	uint64_t end_reason;
	bool live_counts;  /* rows of live records are news, not repetition */
	bool live_repairs; /* blocks not listed were freed unseen */
};

/* ---- profile_intern.c: everything distinct, once ---- */

/* A copy that lives as long as the profile; NULs become spaces, what is too
 * long is cut. */
const char *intern_text(struct profile *p, const void *text, size_t len);
static inline uint32_t frame_hash(enum frame_kind kind, uint32_t mapping, uint64_t address)
{
	return id_hash((uint64_t)mapping << 2 | kind, address);
}

static inline uint32_t node_hash(uint32_t parent, uint32_t frame)
{
	return id_hash((uint64_t)parent << 32 | frame, 0);
}

uint32_t intern_mapping(struct profile *p, uint32_t process, const struct row_mapping *row,
			const char *path);
uint32_t intern_frame(struct profile *p, enum frame_kind kind, uint32_t mapping, uint64_t address);
/* parent itself when a limit is reached. */
uint32_t intern_node(struct profile *p, uint32_t parent, uint32_t frame, bool guessed);
/* The stack that is nothing but this marker or synthetic frame. */
uint32_t intern_lone_node(struct profile *p, enum frame_kind kind, uint64_t address);
/* The thread with this id in the trace's records; made when new.  Id 0 is one
 * of its own: events nobody could be named for. */
uint32_t intern_thread(struct profile *p, uint32_t process, uint32_t trace_id);
struct track *profile_track(struct profile *p, uint32_t thread);
/* Says once that things of this kind are left out; makes the profile partial. */
void profile_limit(struct profile *p, const char *what, uint64_t max);
/* How many entries a table may have: max, or the free ones and one for each byte
 * of file. */
uint64_t profile_room(const struct profile *p, uint64_t max, uint64_t free);
/* True, and says so, when a table of len entries may not grow: it has max, or
 * more than the free ones and one for each byte of file. */
bool profile_full(struct profile *p, const char *what, uint64_t len, uint64_t max, uint64_t free);
void intern_init(struct profile *p);
/* Takes back the newest process, of which nothing was read. */
void intern_drop_process(struct profile *p, uint32_t process);
void intern_fini(struct profile *p);
bool profile_in_window(const struct profile *p, uint64_t t);

/* ---- profile_build.c ---- */

/* Reads one trace, building the model (fn NULL) or handing out its events. */
void build_trace(struct profile *p, uint32_t process, struct trace *trace, profile_event_fn *fn,
		 void *arg);

/* The process of b; moves when one is added. */
static inline struct process *build_process(const struct build *b)
{
	return profile_process(b->profile, b->process);
}

/* ---- profile_rows.c ---- */

/* Takes one row; arg is the struct build.  For struct decoder. */
void build_event(void *arg, const struct event *event);
/* Takes rows of samples; n is at most DECODE_BATCH. */
void build_samples(void *arg, const struct row_sample *rows, size_t n);

/* ---- profile_ahead.c ---- */

/* The memory that rows to come lead to is about to be needed. */
void build_ahead(void *arg, unsigned kind, const struct decode_hint *hints, size_t n);

/* ---- profile_losses.c: what was lost ---- */

/* count more, between since and t. */
void loss_more(const struct profile *p, struct process *process, uint64_t since, uint64_t t,
	       uint64_t code, uint64_t count);
/* total since the start, known at t. */
void loss_total(const struct profile *p, struct process *process, uint64_t t, uint64_t code,
		uint64_t total);
uint64_t loss_count(struct process *process, uint64_t code);

/* ---- profile_process.c: the facts of a process ---- */

/* Texts empty, not NULL. */
void process_blank(struct process *process);
/* Makes the arrays of a process. */
void process_init(struct profile *p, uint32_t process, const struct trace *trace);
void process_fini(void *process);
/* Takes over the header of a segment. */
void process_take_header(struct profile *p, uint32_t process, const struct segment_header *header);
void process_saw_time(struct process *process, uint64_t t);
void process_add_engine(struct process *process, const struct profile_engine *engine);
void process_add_memory(struct profile *p, uint32_t process, const struct row_process_stats *row);
/* Sampling is switched on or off at t. */
void process_switch(struct process *process, struct trace_state *state, uint64_t t, bool on);
/* Before the first segment's rows: a start that was to come later. */
void process_begin(struct process *process, struct trace_state *state);
/* After the last segment: names, the window. */
void process_end(struct profile *p, uint32_t process);
/* After profile_finish(): sums over threads, rates. */
void process_sum(struct profile *p);

/* ---- profile.c ---- */

/* Makes the cells of what was added up while segments were read, if that is not done. */
void profile_take_cells(struct profile *p);

/* ---- heap_model.c ---- */

struct heap_weight heap_weigh(uint64_t size, uint64_t sampled_size, uint64_t mean);
void heap_alloc(struct build *b, const struct row_live *row, uint32_t thread, uint32_t stack);
void heap_free(struct build *b, const struct row_heap *row);
/* A row of a live record; only called when b->live_counts. */
void heap_live(struct build *b, const struct row_live *row, uint32_t thread, uint32_t stack);
/* The list of live blocks is over: drops what it should have had. */
void heap_live_end(struct build *b);
/* Charges what is alive at the end of the window to its threads. */
void heap_end(struct profile *p, struct trace_state *state);

/* ---- cpu_model.c ---- */

/* Rows of samples, the model's place of each beside it. */
void cpu_samples(struct build *b, const struct row_sample *rows, const struct profile_place *places,
		 size_t n);
void cpu_thread_stats(struct profile *p, struct trace_state *state, uint32_t thread,
		      const struct row_thread_stats *row);

#endif

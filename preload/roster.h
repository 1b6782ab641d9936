/* SPDX-License-Identifier: Apache-2.0
 *
 * roster.h - the writer's list of threads: every thread that registered itself,
 * that perf reported, or that a sample named, with one id for the whole trace.
 * Hooks and perf each see part of a thread's life and neither sees all, so
 * both feed this list; a thread is the same when its tid is and its life
 * overlaps.
 */
#ifndef PROF_ROSTER_H
#define PROF_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "thread.h"

struct thread_info {
	uint32_t id, tid;
	bool main, renamed, active, ended;
	bool seen;	/* by the kernel, long before it registered maybe */
	bool has_timer; /* timer_id: given by the writer, as it was not registered */
	int timer_id;
	uint8_t stitch;		 /* stitch.h's list of its frames + 1, 0 none */
	uint32_t creator;	 /* thread id, 0 unknown */
	uint32_t creation_node;	 /* stack.h node of the creating call, 0 unknown */
	uint64_t start_pc;	 /* start routine, 0 unknown */
	uint64_t t_start, t_end; /* t_end 0 while it lives */
	char name[THREAD_NAME_BYTES];
	struct thread_state *state; /* NULL: never registered, or gone */
	uint32_t name_seen;	    /* state->name_set at last look */
	struct thread_totals totals;
	uint64_t sampled_ns;		 /* CPU time of its samples since totals were last read */
	uint32_t segment;		 /* the encoder's: defined in the segment of that number */
	struct thread_info *earlier;	 /* an earlier thread of the same tid */
	struct thread_info *next, *prev; /* list of living threads, oldest first */
};

/* Takes what is encoded, so that there is room for more. */
typedef void roster_flush(uint64_t t_ns);

/* [writer] 0 or -ENOMEM.  pid is the process's. */
int roster_init(struct arena *arena, int pid);

/* [writer] Takes in what changed in the registry since the last scan: new
 * threads, names, ends.  Ended threads stay found until roster_bury. */
void roster_scan(void);

/* [writer] Writes out the last totals of the threads that had ended at the last
 * roster_scan, adds them to *ended and gives their states back.  flush: see roster_encode_stats. */
struct encode_cumulative;
void roster_bury(struct encode_cumulative *ended, roster_flush *flush);

/* [writer] The thread of a registry index, or NULL (index 0, out of memory). */
struct thread_info *roster_by_index(uint32_t index);

/* [writer] Is tid a thread that is known and has not ended? */
bool roster_has(uint32_t tid);

/* [writer] The thread that had tid at t_ns; made up when unknown. */
struct thread_info *roster_by_tid(uint32_t tid, uint64_t t_ns);

/* [writer] perf's task records. */
void roster_forked(uint32_t tid, uint32_t creator_tid, uint64_t t_ns);
void roster_exited(uint32_t tid, uint64_t t_ns);
void roster_renamed(uint32_t tid, const char *name, uint64_t t_ns);

/* [writer] Notes the creating stack of a pthread_create site. */
void roster_site(uint64_t pc, uint32_t node);

/* [writer] Gives creation stacks their numbers in a new table of stacks. */
void roster_renumber(uint32_t (*keep)(uint32_t node));

/* [writer] Living threads, oldest first. */
struct thread_info *roster_first(void);

/* [writer] Ends the timer that the writer gave t, if it did. */
void roster_take_timer(struct thread_info *t);

/* [writer] Asks for each living thread whether the kernel still has it. */
void roster_look_for_gone(void);

/* [writer] Encodes totals of threads: of those active since the last call, of
 * all when all is set (then with user and system time, from /proc).  There may be more
 * threads than a frame has room for: flush is called whenever the next might not fit. */
void roster_encode_stats(uint64_t t_ns, bool all, roster_flush *flush);

#endif

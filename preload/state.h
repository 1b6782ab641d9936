/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - the few words that say what this process's profiler is doing.
 * Written by the constructor, the writer and the fork handlers, read by every
 * hook.
 */
#ifndef PROF_STATE_H
#define PROF_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

enum state_phase {
	STATE_NEW,   /* the constructor has not run */
	STATE_INERT, /* nothing is or will be profiled: hooks forward */
	STATE_ON,    /* a writer exists */
	STATE_CHILD, /* forked, not profiled yet: the first thing to record starts a writer */
	STATE_DONE   /* the trace is closed: hooks forward */
};
enum state_cpu { STATE_CPU_OFF, STATE_CPU_PERF, STATE_CPU_TIMER };
enum state_heap {
	STATE_HEAP_OFF,
	STATE_HEAP_TOTALS,
	STATE_HEAP_PROGRAM,
	STATE_HEAP_JEMALLOC /* jemalloc's own sampling decides */
};

struct state {
	_Atomic uint32_t phase, cpu, heap;
	_Atomic bool sampling; /* between start and stop; frees are recorded regardless */
	int pid;	       /* of the process this state belongs to */
	_Atomic uint32_t
		*same;	  /* 1 in a page the kernel wipes in any forked child; NULL: ask getpid */
	bool by_libc;	  /* a child not begun yet, in which libc has put its locks right */
	char *const *env; /* environ at start */
};

extern struct state state __attribute__((visibility("hidden")));

static inline uint32_t state_phase(void)
{
	return atomic_load_explicit(&state.phase, memory_order_acquire);
}
static inline uint32_t state_cpu_engine(void)
{
	return atomic_load_explicit(&state.cpu, memory_order_relaxed);
}
static inline uint32_t state_heap_engine(void)
{
	return atomic_load_explicit(&state.heap, memory_order_relaxed);
}

/* [hook] True in the process this state belongs to, false in a child that no fork
 * handler has told. */
bool state_is_ours(void);

/* [hook] True in that process alone, with its writer: in no child that a bare clone made, whose
 * pid may be the same (the first of a pid namespace, of one that is that, too) and whose copy of
 * a lock may be held for ever, nor in one of vfork, which has its parent's memory. */
static inline bool state_is_here(void)
{
	return state_is_ours() && sys_getpid() == state.pid;
}

/* [hook] True when this process is being profiled and a hook may record.  A
 * forked child is noticed here, however it was made, and started. */
bool state_recording(void);

/* [init] [child] This process is the one the state belongs to. */
void state_mark_ours(void);

/* [child] After a fork: drops the parent's state, without allocating. */
void state_reset_in_child(void);

/* [child] Starts the child's own writer; nothing when it is not wanted. */
void state_start_child(void);

#endif

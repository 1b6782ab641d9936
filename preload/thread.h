/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.h - who: one thread_state per thread of the program, from a pool that
 * is never unmapped, and a few words of TLS for the hooks' hot paths.  A
 * thread writes its own state; the writer reads it and gives ended states back
 * to the pool.
 */
#ifndef PROF_THREAD_H
#define PROF_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "lock.h"

#define THREAD_NAME_BYTES 16 /* the kernel's TASK_COMM_LEN */

/* The hot words of one thread, in initial-exec TLS: usable from the first
 * instruction, zero at first, never destroyed.  At most 64 bytes. */
struct thread_tls {
	uint64_t countdown;	   /* bytes to the next heap sample; 0 takes the slow path */
	uint64_t gap;		   /* what countdown was last set to */
	uint64_t bytes;		   /* allocated before that; total = bytes + gap - countdown */
	uint64_t calls;		   /* allocations */
	uint64_t random;	   /* state of the gap generator; 0 = not seeded */
	struct thread_state *self; /* NULL until registered */
	uint32_t busy;		   /* depth of our own code: hooks met inside only forward */
	uint8_t exit_round;	   /* rounds of TSD destructors seen */
	uint8_t mean_shift : 7;	   /* heap_rate.h's, by which the gap was drawn */
	uint8_t cut : 1;  /* the gap ends before a sample: its distance is to be looked at */
	bool own;	  /* the writer or its bell: allocates nothing of the program's */
	void *sampled_by; /* jemalloc engine: set while its hook reports a sample */
};
_Static_assert(sizeof(struct thread_tls) <= 64, "TLS budget");

extern __thread struct thread_tls thread_tls
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* [hook] True when bytes end before the next sample: counted then.  A size that no allocator
 * can serve does not pass.  A handler that comes before the bytes are added back, and one that
 * never lets them be, find a countdown below 0: heap.c draws anew then. */
static inline bool thread_count_down(uint64_t bytes)
{
	if (__builtin_expect((int64_t)bytes < 0, 0))
		return false;
	if (__builtin_expect(arch_count_down(&thread_tls.countdown, bytes), 1))
		return true;
	thread_tls.countdown += bytes;
	return false;
}

enum thread_life { THREAD_FREE, THREAD_STARTING, THREAD_LIVE, THREAD_ENDED };

/* What a thread's clocks and counters say; written to THREAD_STATS. */
struct thread_totals {
	uint64_t cpu_ns, user_ns, system_ns;
	uint64_t alloc_calls, alloc_bytes;
};

struct thread_state {
	uint32_t index;	       /* place in the pool, from 1; never changes */
	_Atomic uint32_t life; /* enum thread_life */
	uint32_t tid;
	uint32_t creator; /* index, 0 unknown */
	uint32_t creator_tid;
	pthread_t handle;
	uint64_t t_start, t_end; /* CLOCK_MONOTONIC ns */
	uint64_t site;		 /* return address of the creating call */
	void *(*start)(void *);	 /* the program's start routine (a thrd_start_t in disguise) */
	void *arg;
	uint64_t stack_low, stack_high; /* 0 when not known */
	struct lock lock; /* guards tls, totals and timer_id between the thread and the writer */
	struct thread_tls *tls;	     /* NULL once the thread has left */
	struct thread_totals totals; /* final, valid when ENDED */
	/* What counters and clocks said when the trace began to count this thread:
	 * TLS counters at its registration (a forked child starts at 0); for the
	 * main thread also its clocks, since the loader and, after an exec, the
	 * image before this one ran on them. */
	uint64_t base_calls, base_bytes;
	uint64_t base_cpu_ns, base_user_ns, base_system_ns;
	int timer_id;		   /* of the timer engine, -1 none */
	bool no_timer;		   /* its alternate stack is too small for a signal of ours */
	bool blocks_sigprof;	   /* in the mask as the program sees it, see signal_mask.h */
	uint64_t other_blocked;	   /* what else was then blocked */
	_Atomic uint32_t name_set; /* counts changes of name */
	char name[THREAD_NAME_BYTES];
	_Atomic uint64_t next_block; /* heap_record.c's: the next sampled block's id, or none */
	_Atomic uint32_t recording;  /* records begun, see thread_record_begin */
	uint32_t writer_id;	     /* the writer's: thread id in the trace, 0 not met */
	_Atomic uint32_t next_free;  /* the pool's: last, as it outlives the rest */
};

/* [init] Creates the TSD key and registers the calling thread as main.  0 or
 * -errno. */
int thread_init(void);

/* [hook] The calling thread's state, registering it when it is new; NULL when
 * that is not possible (counted).  The caller has marked itself busy. */
struct thread_state *thread_self(void);

/* [hook] [signal] Around a record, on its thread t: says that a fork here comes in between, and
 * that system calls of ours may be made.  Whoever finds after begin that the phase is not ON
 * makes none.  begin's answer is for end.  One jumped out of may stay counted. */
static inline uint32_t thread_record_begin(struct thread_state *t)
{
	uint32_t outer = atomic_load_explicit(&t->recording, memory_order_relaxed);

	atomic_store_explicit(&t->recording, outer + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); /* before the phase is looked at */
	return outer;
}
static inline void thread_record_end(struct thread_state *t, uint32_t outer)
{
	if (thread_tls.self == t) /* else this is a child, forked in between */
		atomic_store_explicit(&t->recording, outer, memory_order_release);
}

/* [hook] The phase is not ON any more: waits, at most timeout_ns, until no other thread is in a
 * record, or in its first or last steps. */
void thread_await_records(uint64_t timeout_ns);

/* [signal] Index of the calling thread's state, 0 when it has none yet. */
uint32_t thread_index_self(void);

/* [hook] [signal] True when sp lies on the calling thread's known stack; *high is
 * then the first address past what may be read from sp on. */
bool thread_stack_bounds(uint64_t sp, uint64_t *high);

/* [hook] A fresh state in STARTING for a thread about to be created, or NULL;
 * thread_abandon gives it back when creation failed. */
struct thread_state *thread_prepare(const pthread_attr_t *attr, void *(*start)(void *), void *arg,
				    uint64_t site);
void thread_abandon(struct thread_state *t);

/* [hook] First call of a new thread: takes on a prepared state. */
void thread_enter(struct thread_state *t);

/* [hook] Takes the thread's CPU timer away, or lets it have one (again). */
void thread_permit_timer(struct thread_state *t, bool permitted);

/* [hook] Sets the name the trace will show for t. */
void thread_set_name(struct thread_state *t, const char *name);

/* [hook] The state of a live thread by handle; NULL when unknown. */
struct thread_state *thread_by_pthread(pthread_t handle);

/* [writer] State of an index below thread_pool_end(); NULL for index 0. */
struct thread_state *thread_get(uint32_t index);
uint32_t thread_pool_end(void);

/* [writer] Counters of t now: from its TLS while it lives, else final.  Notices a
 * thread that the kernel no longer has: it is ENDED then, with the last totals read. */
void thread_read_totals(struct thread_state *t, struct thread_totals *totals);

/* [writer] t->lock; false where a handler of the program keeps the thread from dropping it. */
static inline bool thread_lock_for(struct thread_state *t)
{
	return lock_take_for(&t->lock, UINT64_C(20000000));
}

/* [writer] Asks, for next to nothing, whether main has ended by the bare exit call: that its
 * process should end is nobody else's to tell. */
void thread_look_at_leader(void);

/* [writer] CPU time of the process, like the main thread's from the start of the trace. */
uint64_t thread_process_cpu_ns(void);

/* [writer] Returns an ENDED state to the pool. */
void thread_recycle(struct thread_state *t);

/* [hook] Reads the calling thread's own clocks into its state (before exit). */
void thread_snapshot_self(void);

/* [hook] [child] The calling thread's next allocation looks what is to be done. */
void thread_forget_gap(void);

/* [child] Only the calling thread is left: starts a new pool with it as main. */
void thread_reset_in_child(void);

/* [writer] What the process's status is, where main was the last of its threads and has left by
 * the bare exit call: since Linux 5.17 the last of all, us, has to give it.  Else -1. */
int thread_leader_status(void);

/* Threads registered, or about to be, that have not left. */
uint32_t thread_live_count(void);

#endif

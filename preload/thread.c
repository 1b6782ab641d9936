/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - see thread.h: threads' lives, stacks and names; what they used is in
 * thread_totals.c.
 */
#define _GNU_SOURCE
#include "thread.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

#include "config.h"
#include "cpu_timer.h"
#include "guard.h"
#include "probe.h"
#include "state.h"
#include "sys.h"
#include "thread_pool.h"
#include "thread_private.h"
#include "writer.h"

/* glibc calls TSD destructors in up to this many rounds while any key is set
 * again; ours ends the thread in the last, so that the destructors of the
 * program are still seen. */
#define EXIT_ROUNDS 4u

/* The kernel tells user from system time by its ticks, 1 ms apart at least: of a thread that
 * met none it says that all was user time. */
#define SPLIT_FROM_NS UINT64_C(1000000)

/* The main thread's stack may grow to RLIMIT_STACK; below it the kernel keeps
 * at least this much clear of mappings. */
#define MAIN_STACK_GAP (UINT64_C(128) << 20)

__thread struct thread_tls thread_tls __attribute__((tls_model("initial-exec")));

extern void *__libc_stack_end; /* ld.so: stack pointer at the process's entry */

struct thread_lives thread_lives;
static pthread_key_t exit_key;
static pthread_attr_t default_attr;

uint32_t thread_live_count(void)
{
	return atomic_load(&thread_lives.count);
}

/* False in a child of a handler that forked between prepare and here: t is its parent's. */
static bool is_prepared(const struct thread_state *t)
{
	return atomic_load(&t->life) == THREAD_STARTING;
}

void thread_abandon(struct thread_state *t)
{
	if (!is_prepared(t))
		return;
	atomic_fetch_sub(&thread_lives.count, 1);
	thread_pool_give(t);
}

/* [hook] The calling thread takes t on. */
static void take_on(struct thread_state *t)
{
	struct thread_tls *tls = &thread_tls;

	t->tid = (uint32_t)sys_gettid();
	t->handle = pthread_self();
	t->t_start = sys_now_ns();
	t->base_calls = tls->calls;
	t->base_bytes = tls->bytes + tls->gap - tls->countdown;
	lock_take(&t->lock);
	t->tls = tls;
	if (state_cpu_engine() == STATE_CPU_TIMER)
		t->timer_id = cpu_timer_attach((int)t->tid);
	lock_drop(&t->lock);
	tls->self = t;
	tls->exit_round = 0;
	/* release: pairs with the writer's acquire of life, which then reads the rest */
	atomic_store_explicit(&t->life, THREAD_LIVE, memory_order_release);
	pthread_setspecific(exit_key, t);
}

/* [hook] The last thing a thread does for us.  No guard: with self gone no handler on this thread
 * wants the lock, under which only words are moved, and of the writer see thread_lock_for. */
static void leave(struct thread_state *t)
{
	struct thread_tls *tls = &thread_tls;
	struct thread_totals last;
	int timer_id;
	uint32_t left;

	tls->busy++;
	SYS_CALL(SYS_prctl, PR_GET_NAME, t->name, 0, 0, 0, 0);
	atomic_fetch_add_explicit(&t->name_set, 1, memory_order_relaxed);
	t->t_end = sys_now_ns();
	last = t->totals; /* what a sandbox refuses now */
	thread_own_clock(t, &last);
	if (last.cpu_ns >= SPLIT_FROM_NS)
		thread_own_split(t, &last);
	thread_take_counters(t, tls, &last);
	tls->self = NULL;
	lock_take(&t->lock);
	t->totals = last;
	t->tls = NULL;
	timer_id = t->timer_id;
	t->timer_id = -1;
	lock_drop(&t->lock);
	if (timer_id >= 0)
		cpu_timer_detach(timer_id);
	if (t == thread_lives.leader)
		thread_lives.leader = NULL; /* its state may become another's */
	atomic_store_explicit(&t->life, THREAD_ENDED, memory_order_release);
	left = atomic_fetch_sub(&thread_lives.count, 1);
	if (left == 1 || (left == 2 && thread_leader_has_gone()))
		writer_stop(WRITER_STOP_LAST_THREAD);
	tls->busy--;
}

/* [hook] TSD destructor; runs however the thread ends. */
static void on_thread_exit(void *arg)
{
	struct thread_state *t = arg;
	uint32_t phase;

	atomic_fetch_add(&thread_lives.leaving, 1);
	phase = state_phase();
	/* Else no call may be made any more; or it is a child's copy of its parent's value. */
	if (t == thread_tls.self && phase != STATE_DONE && phase != STATE_INERT &&
	    state_is_ours() &&
	    (++thread_tls.exit_round >= EXIT_ROUNDS || pthread_setspecific(exit_key, t) != 0))
		leave(t);
	atomic_fetch_sub(&thread_lives.leaving, 1);
}

/* Bounds of the main thread's stack: what lies above the entry's stack
 * pointer (arguments, environment) is not ours to copy. */
static void main_stack(struct thread_state *t)
{
	struct rlimit limit;
	uint64_t reach = MAIN_STACK_GAP;

	if (SYS_CALL(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit, 0, 0) == 0 &&
	    limit.rlim_cur < reach)
		reach = limit.rlim_cur;
	t->stack_high = (uint64_t)(uintptr_t)__libc_stack_end + sizeof(void *);
	t->stack_low = t->stack_high - reach;
}

/* Where the kernel says, to whom joins it, that main has ended: in libc's control block. */
static void find_leader_tid(uint32_t tid)
{
	const _Atomic uint32_t *word = NULL;

	if (probe_survives(PROBE_TID_ADDRESS) &&
	    SYS_CALL(SYS_prctl, PR_GET_TID_ADDRESS, &word, 0, 0, 0, 0) == 0 && word &&
	    atomic_load(word) == tid)
		thread_lives.leader_tid = word;
}

int thread_init(void)
{
	struct thread_totals before = { 0 };
	struct thread_state *t;
	int err = pthread_key_create(&exit_key, on_thread_exit);

	if (err)
		return -err;
	pthread_attr_init(&default_attr);
	t = thread_pool_take();
	if (!t)
		return -ENOMEM;
	main_stack(t);
	thread_own_clock(t, &before);
	thread_own_split(t, &before);
	t->base_cpu_ns = thread_lives.base_cpu_ns = before.cpu_ns;
	t->base_user_ns = before.user_ns;
	t->base_system_ns = before.system_ns;
	atomic_store(&thread_lives.count, 1);
	thread_lives.leader = t;
	take_on(t);
	find_leader_tid(t->tid);
	return 0;
}

struct thread_state *thread_self(void)
{
	struct thread_state *t = thread_tls.self;

	/* A thread that has left stays left: its last frees are nobody's. */
	if (t || thread_tls.exit_round >= EXIT_ROUNDS)
		return t;
	t = thread_pool_take();
	if (t) {
		atomic_fetch_add(&thread_lives.count, 1);
		take_on(t);
	}
	return t;
}

uint32_t thread_index_self(void)
{
	const struct thread_state *t = thread_tls.self;

	return t ? t->index : 0;
}

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	const struct thread_state *t = thread_tls.self;

	if (!t || sp < t->stack_low || sp >= t->stack_high)
		return false;
	*high = t->stack_high;
	return true;
}

struct thread_state *thread_prepare(const pthread_attr_t *attr, void *(*start)(void *), void *arg,
				    uint64_t site)
{
	struct thread_state *t = thread_pool_take();
	size_t bytes = 0;

	if (!t)
		return NULL;
	/* Counted from here: its creator may leave before it has drawn breath. */
	atomic_fetch_add(&thread_lives.count, 1);
	t->start = start;
	t->arg = arg;
	t->site = site;
	t->creator = thread_index_self();
	t->creator_tid = thread_tls.self ? thread_tls.self->tid : 0;
	t->blocks_sigprof = thread_tls.self && thread_tls.self->blocks_sigprof;
	t->other_blocked = thread_tls.self ? thread_tls.self->other_blocked : 0;
	/* An attribute object without a size gives the default of this moment. */
	if (pthread_attr_getstacksize(attr ? attr : &default_attr, &bytes) == 0)
		t->stack_low = bytes; /* a length until thread_enter knows the top */
	return t;
}

void thread_enter(struct thread_state *t)
{
	if (!is_prepared(t)) {
		thread_self();
		return;
	}
	/* The thread's control block lies at the top of its stack, above every
	 * frame; static TLS between them is mapped too. */
	t->stack_high = (uint64_t)(uintptr_t)pthread_self();
	t->stack_low = t->stack_low ? t->stack_high - t->stack_low : t->stack_high;
	take_on(t);
}

static bool others_record(void)
{
	uint32_t end = thread_pool_end();

	if (atomic_load(&thread_lives.leaving))
		return true;
	for (uint32_t i = 1; i < end; i++) {
		struct thread_state *t = thread_get(i);
		unsigned life = t && t != thread_tls.self ? atomic_load(&t->life) : THREAD_FREE;

		if (life == THREAD_STARTING || (life == THREAD_LIVE && atomic_load(&t->recording)))
			return true;
	}
	return false;
}

void thread_await_records(uint64_t timeout_ns)
{
	uint64_t until = sys_now_ns() + timeout_ns;

	while (others_record() && sys_now_ns() < until)
		sys_sleep_ns(50000);
}

void thread_permit_timer(struct thread_state *t, bool permitted)
{
	struct guard g;

	if (t->no_timer == !permitted)
		return;
	guard_enter(&g);
	lock_take(&t->lock);
	t->no_timer = !permitted;
	if (t->timer_id >= 0)
		cpu_timer_detach(t->timer_id);
	t->timer_id = permitted ? cpu_timer_attach((int)t->tid) : -1;
	lock_drop(&t->lock);
	guard_leave(&g);
}

void thread_set_name(struct thread_state *t, const char *name)
{
	char copy[THREAD_NAME_BYTES] = "";
	struct guard g;

	memcpy(copy, name, strnlen(name, sizeof(copy) - 1));
	guard_enter(&g);
	lock_take(&t->lock);
	memcpy(t->name, copy, sizeof(copy));
	lock_drop(&t->lock);
	guard_leave(&g);
	atomic_fetch_add_explicit(&t->name_set, 1, memory_order_release);
}

/* What a handle's thread has for thread_tls.self: the handle is the thread pointer, from which
 * static TLS is as far in every thread.  The thread may be gone, and its memory another's: the
 * kernel reads, and what it read is taken for a state when it is one.  False where it refuses. */
static bool read_self_of(pthread_t handle, struct thread_state **self)
{
	uint64_t distance = (uint64_t)(uintptr_t)&thread_tls.self - (uint64_t)pthread_self();
	uint64_t at = 0;
	uint32_t index = 0;

	if (sys_read_own_memory((uint64_t)handle + distance, &at, sizeof(at)) != sizeof(at))
		return false;
	at += at ? offsetof(struct thread_state, index) : 0;
	if (at && sys_read_own_memory(at, &index, sizeof(index)) != sizeof(index))
		return false;
	*self = thread_get(index);
	if (*self && &(*self)->index != (const uint32_t *)(uintptr_t)at)
		*self = NULL;
	return true;
}

struct thread_state *thread_by_pthread(pthread_t handle)
{
	uint32_t end = thread_pool_end();
	struct thread_state *self;

	if (pthread_equal(handle, pthread_self()))
		return thread_tls.self;
	if (read_self_of(handle, &self))
		return self;
	for (uint32_t i = 1; i < end; i++) {
		struct thread_state *t = thread_get(i);

		if (t && atomic_load_explicit(&t->life, memory_order_acquire) == THREAD_LIVE &&
		    pthread_equal(t->handle, handle))
			return t;
	}
	return NULL;
}

void thread_forget_gap(void)
{
	thread_tls.bytes += thread_tls.gap - thread_tls.countdown;
	thread_tls.gap = thread_tls.countdown = 0;
}

void thread_reset_in_child(void)
{
	struct thread_state *old = thread_tls.self, *t;
	uint64_t low = old ? old->stack_low : 0, high = old ? old->stack_high : 0;
	bool no_timer = old && old->no_timer; /* its alternate stack is the same */

	thread_pool_reset();
	thread_lives.base_cpu_ns = 0; /* the kernel starts a child's clock anew */
	atomic_store(&thread_lives.count, 1);
	atomic_store(&thread_lives.leaving, 0);
	thread_tls.self = NULL;
	thread_tls.random = 0; /* else parent and child draw the same gaps */
	thread_forget_gap();
	t = thread_lives.leader = thread_pool_take();
	thread_lives.leader_was_last = false;
	if (!t)
		return;
	t->stack_low = low;
	t->stack_high = high;
	t->no_timer = no_timer;
	take_on(t);
	/* Else another thread is main now, or libc was not there to have the word set. */
	if (thread_lives.leader_tid && atomic_load(thread_lives.leader_tid) != t->tid)
		thread_lives.leader_tid = NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * writer.c - see writer.h.  The thread's life: set itself apart, open the
 * engines, then sleep, drain, flush until it is told to end.
 */
#define _GNU_SOURCE
#include "writer.h"

#include <errno.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "bell.h"
#include "config.h"
#include "credentials.h"
#include "engine.h"
#include "guard.h"
#include "header.h"
#include "probe.h"
#include "proc.h"
#include "real.h"
#include "ring.h"
#include "state.h"
#include "stats.h"
#include "sys.h"
#include "thread.h"
#include "trace_dir.h"
#include "unload.h"
#include "writer_loop.h"

#define WRITER_STACK_BYTES (512u << 10)
#define WRITER_UMASK 077
#define START_WAIT_NS UINT64_C(2000000000)
#define EXIT_WAIT_NS UINT64_C(200000000)    /* the program waits no longer at its end */
#define RIGHTS_WAIT_NS UINT64_C(5000000000) /* ... for threads of ours to give up its rights */
/* On a busy machine our thread gets its CPU as late as that; a filter that comes before its end
 * has the process killed, and the kernel refuses a change of namespace. */
#define JOIN_WAIT_S 10
#define PAUSE_WAIT_NS (JOIN_WAIT_S * UINT64_C(1000000000))
#define RECORDS_WAIT_NS UINT64_C(2000000000) /* for other threads: one may never come back */
#define CLOSE_RANGE_UNSHARE_FLAG 2	     /* linux/close_range.h, Linux 5.9 */

enum { THREAD_NONE, THREAD_RUNNING, THREAD_FINISHED };
enum { NOT_LEAVING, LEAVING, HAS_LEFT };

static struct {
	pthread_t thread;
	_Atomic uint32_t life;	/* THREAD_ above */
	_Atomic uint32_t ready; /* 1 once the start is decided */
	int start_error;
	const char *start_why;
	bool in_child, resumed;
	_Atomic uint32_t leaving; /* see writer_leave_for_good */
	bool opened;		  /* the trace: not yet in a young child */
	bool followed;		  /* a change of rights, by itself */
	_Atomic bool own_fs;	  /* root and current directory are not the program's */
	int tid;
} w;

/* [writer] From here on nothing the program does to its descriptors, working
 * directory or umask reaches us, nor the other way round.  False: refused,
 * the table is the program's and nothing may stay open in it. */
static bool live_apart(void)
{
	bool apart = probe_survives(PROBE_CLOSE_RANGE) &&
		     SYS_CALL(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE_FLAG, 0, 0, 0) == 0;
	bool own_fs;

	if (!apart && probe_survives(PROBE_UNSHARE) && /* before Linux 5.9, in two steps */
	    SYS_CALL(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0) == 0) {
		proc_close_all();
		apart = true;
	}

	own_fs = probe_survives(PROBE_UNSHARE) &&
		 SYS_CALL(SYS_unshare, CLONE_FS, 0, 0, 0, 0, 0) == 0;
	if (own_fs)
		SYS_CALL(SYS_umask, WRITER_UMASK, 0, 0, 0, 0, 0);
	atomic_store(&w.own_fs, own_fs);
	trace_dir_start(own_fs);
	return apart;
}

static void announce_ready(int error, const char *why)
{
	w.start_error = error;
	w.start_why = why;
	atomic_store_explicit(&w.ready, 1, memory_order_release);
	sys_futex_wake(&w.ready);
}

static void *writer_main(void *arg)
{
	const char *why = NULL;
	bool apart;
	int err, status;

	(void)arg;
	w.tid = sys_gettid();
	thread_tls.own = true;
	thread_tls.busy++; /* this thread's own allocations are nobody's */
	SYS_CALL(SYS_prctl, PR_SET_NAME, "libprof", 0, 0, 0, 0);
	apart = live_apart();
	if (w.in_child && !loop_gestate())
		goto out;
	err = w.resumed ? loop_resume(apart) : loop_open(apart, w.in_child, &why);
	w.opened = true;
	announce_ready(err, why);
	if (err)
		atomic_store(&state.phase, STATE_INERT);
	else
		loop_run();
out:
	announce_ready(w.start_error, w.start_why);
	atomic_store_explicit(&w.life, THREAD_FINISHED, memory_order_release);
	sys_futex_wake(&w.life);
	writer_requests_end();
	status = thread_leader_status();
	if (status >= 0)
		SYS_CALL(SYS_exit, status, 0, 0, 0, 0, 0);
	return NULL;
}

/* [init] [child] [hook] The thread starts with every signal blocked, by libc's call:
 * it leaves open the two that setuid and cancellation need. */
static int spawn(void)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	err = real.pthread_sigmask(SIG_SETMASK, &all, &old); /* our own hook leaves SIGPROF open */
	if (err)
		return -err; /* it would take the program's signals */
	thread_tls.busy++;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
	atomic_store(&w.ready, 0);
	atomic_store(&w.life, THREAD_RUNNING);
	err = real.pthread_create(&w.thread, &attr, writer_main, NULL);
	if (err == EINVAL) /* a program with more static TLS than that */
		err = real.pthread_create(&w.thread, NULL, writer_main, NULL);
	pthread_attr_destroy(&attr);
	thread_tls.busy--;
	real.pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		atomic_store(&w.life, THREAD_NONE);
	return -err;
}

static bool wait_for(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	uint64_t now = sys_now_ns(), until = now + timeout_ns;
	uint32_t seen;

	while ((seen = atomic_load_explicit(word, memory_order_acquire)) != value && now < until) {
		sys_futex_wait(word, seen, until - now);
		now = sys_now_ns();
	}
	return seen == value;
}

int writer_start(bool in_child, const char **why)
{
	int err;

	w.in_child = in_child;
	w.resumed = false;
	w.start_error = 0;
	w.start_why = NULL;
	err = spawn();
	if (err) {
		*why = "no thread could be created for the writer";
		return err;
	}
	header_gather_names(); /* meanwhile */
	if (in_child)
		return 0;
	if (!wait_for(&w.ready, 1, START_WAIT_NS)) {
		writer_request(WRITER_EXIT, 0); /* when it does, it is to end at once */
		*why = "the writer thread did not start in time";
		return -ETIMEDOUT;
	}
	*why = w.start_why;
	return w.start_error;
}

bool writer_has_nothing(void)
{
	return w.in_child && !atomic_load(&w.ready) && !loop_child_has_something();
}

void writer_ring_bell(void)
{
	bell_ring();
}

bool writer_is_running(void)
{
	return atomic_load(&w.life) == THREAD_RUNNING;
}

/* None of the calls that come here is a cancellation point. */
static bool join(void)
{
	int cancel, err;
	/* Not libc's clock, which another library may have set elsewhere. */
	uint64_t now = sys_clock_ns(CLOCK_REALTIME);
	struct timespec until = { .tv_sec = (time_t)(now / 1000000000u) + JOIN_WAIT_S,
				  .tv_nsec = (long)(now % 1000000000u) };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = pthread_timedjoin_np(w.thread, NULL, &until);
	pthread_setcancelstate(cancel, NULL);
	return err == 0;
}

void writer_stop(enum writer_stop_reason reason)
{
	if (atomic_load(&w.life) == THREAD_NONE)
		return;
	if (reason == WRITER_STOP_LAST_THREAD) {
		writer_request(WRITER_EXIT, EXIT_WAIT_NS);
		if (join())
			atomic_store(&w.life, THREAD_NONE);
	} else {
		writer_request(WRITER_EXIT, EXIT_WAIT_NS);
	}
	atomic_store(&state.phase, STATE_DONE);
}

/* The first to come.  Nobody else may make system calls of ours while it waits, and those who
 * have a filter of their own cannot wait any more. */
static void leave_for_good(void)
{
	thread_snapshot_self();
	if (writer_request(WRITER_LEAVE, PAUSE_WAIT_NS) && join()) {
		sys_wait_until_gone(w.tid, EXIT_WAIT_NS); /* nor is its bell there any more */
		atomic_store(&w.life, THREAD_NONE);
		atomic_store(&state.cpu, STATE_CPU_OFF);
	}
	atomic_store(&state.phase, STATE_DONE);
	thread_await_records(RECORDS_WAIT_NS);
}

/* Two threads that shut themselves in at once. */
static void await_leaving(void)
{
	uint64_t until = sys_now_ns() + 2 * PAUSE_WAIT_NS + RECORDS_WAIT_NS;

	if (atomic_load(&w.leaving) == LEAVING && !state_is_ours())
		return; /* a child's copy, which nobody will change */
	while (atomic_load(&w.leaving) == LEAVING && sys_now_ns() < until)
		sys_sleep_ns(50000);
}

void writer_leave_for_good(void)
{
	uint32_t not_yet = NOT_LEAVING;

	if (thread_tls.busy || state_phase() == STATE_INERT)
		return;
	if (state_phase() == STATE_DONE) {
		await_leaving();
		return;
	}
	if (!state_is_here()) {
		if (!state_is_ours())
			atomic_store(&state.phase, STATE_INERT); /* a child's own memory */
		return;
	}
	if (state_phase() != STATE_ON) {
		atomic_store(&state.phase, STATE_INERT);
		return;
	}
	if (!atomic_compare_exchange_strong(&w.leaving, &not_yet, LEAVING)) {
		await_leaving();
		return;
	}
	thread_tls.busy++;
	leave_for_good();
	atomic_store(&w.leaving, HAS_LEFT);
	thread_tls.busy--;
}

bool writer_alone_with_caller(void)
{
	uint32_t ours = 1 + (bell_tid() != 0), threads;

	if (atomic_load(&w.life) != THREAD_RUNNING || thread_live_count() != 1 || !thread_tls.self)
		return false;
	threads = proc_thread_count();
	if (!threads && writer_request(WRITER_COUNT, EXIT_WAIT_NS))
		threads = loop_thread_count(); /* the program has changed its root */
	return threads == 1 + ours;
}

bool writer_rights_may_differ(void)
{
	return w.followed || thread_live_count() == 1;
}

bool writer_pause(bool last)
{
	unsigned pause = last ? WRITER_PAUSE | WRITER_LAST : WRITER_PAUSE;

	/* What the program is told depends on it: much rather late than not at all. */
	if (!writer_request(pause, PAUSE_WAIT_NS) && writer_take_back(pause) & WRITER_PAUSE)
		return false; /* not taken, and no more to be */
	if (!join()) {
		atomic_store(&state.phase, STATE_DONE);
		return false;
	}
	sys_wait_until_gone(w.tid, EXIT_WAIT_NS); /* nor is its bell there any more */
	atomic_store(&w.life, THREAD_NONE);
	atomic_store(&w.own_fs, false); /* until the next has it */
	return true;
}

bool writer_shares_root(void)
{
	return !atomic_load(&w.own_fs);
}

/* A young child's writer, which had not opened anything, begins anew. */
void writer_resume(void)
{
	int err;

	w.resumed = w.opened;
	w.followed = false; /* the new thread has the caller's rights */
	w.in_child = !w.opened;
	err = spawn();
	if (err) {
		engine_close(); /* nobody else is left to do it */
		atomic_store(&state.cpu, STATE_CPU_OFF);
		atomic_store(&state.phase, STATE_DONE);
	} else if (w.opened && !wait_for(&w.ready, 1, START_WAIT_NS)) {
		writer_request(WRITER_EXIT, 0); /* when it is there, it is to end at once */
		atomic_store(&state.phase, STATE_DONE);
	}
}

void writer_follow_credentials(long nr, long a, long b, long c)
{
	const struct credential_call call = { nr, a, b, c, sys_gettid() };

	thread_tls.busy++;
	w.followed = nr != 0;
	loop_credentials(&call);
	/* libc, too, waits for every thread; what it drops, nothing of its process may keep. */
	if (!writer_request(WRITER_CREDENTIALS, RIGHTS_WAIT_NS))
		atomic_store(&state.phase, STATE_DONE);
	thread_tls.busy--;
}

void writer_take_rights(void)
{
	writer_follow_credentials(0, 0, 0, 0);
}

void writer_note_fork(pid_t child)
{
	struct ring_event *e;
	const struct thread_state *t;
	struct guard g;

	guard_enter(&g);
	t = thread_self();
	e = t ? ring_reserve(RING_FREE_BYTES, RING_FORK) : NULL;
	if (e) {
		e->t_ns = sys_now_ns();
		e->thread = t->index;
		e->tid = t->tid;
		e->block = (uint64_t)child;
		ring_commit(e);
	}
	guard_leave(&g);
}

void writer_reset_in_child(void)
{
	memset(&w, 0, sizeof(w));
	writer_requests_reset();
	bell_reset();
	unload_reset_in_child();
	loop_reset_in_child();
	for (unsigned code = 0; code < PROF_LOSS_CODES; code++)
		atomic_store(&stats_lost[code], 0);
}

struct writer_summary writer_summary(void)
{
	return loop_summary();
}

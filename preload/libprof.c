/* SPDX-License-Identifier: Apache-2.0
 *
 * libprof.c - start and end: the constructor, the destructor, the fork
 * handlers and the functions of include/libprof.h.  The only place that knows
 * the order in which things start and stop.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "../include/libprof.h"
#include "aside.h"
#include "clock.h"
#include "config.h"
#include "engine.h"
#include "header.h"
#include "heap.h"
#include "hook.h"
#include "log.h"
#include "maps.h"
#include "probe.h"
#include "real.h"
#include "ring.h"
#include "state.h"
#include "sys.h"
#include "thread.h"
#include "writer.h"
#include "writer_loop.h"

#define API_WAIT_NS UINT64_C(5000000000)
#define QUICK_WAIT_NS UINT64_C(100000000)

extern char **environ;

/* The thread whose fork holds the writer's work lock, 0 none.  Two forks may be
 * under way at once; the second then goes on without. */
static _Atomic int fork_owner;

/* [hook] */
static void before_fork(void)
{
	if (!state_is_ours()) /* a child of _Fork or of a bare clone: all this is its parent's */
		return;
	if (state_phase() == STATE_ON && loop_fork_begin())
		atomic_store(&fork_owner, sys_gettid());
	maps_fork_begin();
}

/* [hook] */
static void after_fork_in_parent(void)
{
	if (!state_is_ours())
		return;
	maps_fork_end();
	if (atomic_load(&fork_owner) == sys_gettid()) {
		atomic_store(&fork_owner, 0);
		loop_fork_end();
	}
}

/* [child] */
static void after_fork_in_child(void)
{
	int saved = errno;

	maps_fork_child();
	atomic_store(&fork_owner, 0);
	thread_tls.busy++;
	state_reset_in_child();
	thread_tls.busy--;
	errno = saved;
}

/* [hook] quick_exit runs neither destructors nor the _exit we stand before.
 * Registered first, so that it runs last. */
static void end_quickly(void)
{
	if (state_phase() != STATE_ON || !state_is_here())
		return;
	thread_snapshot_self();
	writer_request(WRITER_EXIT, QUICK_WAIT_NS);
}

/* [init] Everything that has to be there before a hook may record; 0, or -errno
 * and *why. */
static int set_up(const char **why)
{
	const char *heap_why;
	int err;

	*why = "no memory";
	state_mark_ours();
	probe_run();
	clock_init();
	header_gather();
	err = thread_init();
	if (!err)
		err = ring_init(config_ring_bytes());
	if (err)
		return err;
	heap_open(&heap_why);
	engine_set_heap_note(heap_why);
	if (heap_why)
		log_line(2, "heap: %s", heap_why);
	if (at_quick_exit(end_quickly))
		log_line(2, "quick_exit will not be flushed: at_quick_exit failed");
	*why = "pthread_atfork failed";
	return -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* [init] Says what runs. */
static void announce(void)
{
	const char *perf = engine_denied(false), *timer = engine_denied(true);

	if (perf)
		log_line(2, "CPU engine perf is denied: %s", perf);
	if (timer)
		log_line(2, "CPU engine timer is denied: %s", timer);
	if ((perf || timer) && state_cpu_engine() == STATE_CPU_OFF &&
	    state_heap_engine() == STATE_HEAP_OFF)
		log_line(0, "nothing can be recorded: %s", timer ? timer : perf);
	log_line(1, "recording to %s", writer_summary().path);
}

/* [init] True when this process is to be profiled at all. */
static bool wanted(void)
{
	const char *unknown;
	char why[512];

	if (getauxval(AT_SECURE)) /* raised rights: the environment is not to be trusted */
		return false;
	if (config_read(environ, why, sizeof(why))) {
		log_line(0, "%s; running unprofiled", why);
		return false;
	}
	unknown = config_unknown(environ);
	if (unknown)
		log_line(1, "%.80s: no setting has that name", unknown);
	if (config.child_of_unfollowed)
		return false;
	if (!config_wants_program(header_program())) {
		log_line(2, "%s is none of LIBPROF_PROGRAMS=%.200s: running unprofiled",
			 header_program(), config.programs);
		return false;
	}
	return true;
}

/* [init] */
static void start_recording(void)
{
	const char *why = aside_reason();
	char text[128];
	int err;

	if (why) {
		err = aside_leave_word(why);
		log_line(1, "%s", why);
	} else {
		err = set_up(&why);
		if (!err) {
			atomic_store(&state.phase, STATE_ON);
			err = writer_start(false, &why);
		}
		if (!err) {
			announce();
			return;
		}
		atomic_store(&state.phase, STATE_INERT);
	}
	if (err)
		log_line(0, "nothing can be recorded: %s: %s", why,
			 strerror_r(-err, text, sizeof(text)));
}

/* [init] Early, so that constructors of the program are seen. */
__attribute__((constructor(101))) static void start(void)
{
	int saved = errno;

	thread_tls.busy++;
	real_resolve();
	hook_new_init();
	log_init();
	state.env = environ;
	atomic_store(&state.phase, STATE_INERT);
	if (wanted())
		start_recording();
	thread_tls.busy--;
	errno = saved;
}

/* [hook] Runs once main has returned or exit was called, on the thread that did;
 * other threads may still run. */
__attribute__((destructor(101))) static void end(void)
{
	struct writer_summary s;
	char text[64];
	int saved = errno;

	if (state_phase() == STATE_ON && state_is_here()) {
		thread_tls.busy++;
		thread_snapshot_self();
		writer_stop(WRITER_STOP_EXIT);
		s = writer_summary();
		if (s.unwritten)
			log_line(0, "%llu bytes could not be written to %s: %s",
				 (unsigned long long)s.unwritten, *s.path ? s.path : config.out,
				 strerror_r(-s.write_error, text, sizeof(text)));
		log_line(1, "%llu CPU samples, %llu heap events, %llu lost: %s",
			 (unsigned long long)s.samples, (unsigned long long)s.heap_events,
			 (unsigned long long)s.lost, *s.path ? s.path : "no trace");
		thread_tls.busy--;
	}
	errno = saved;
}

static int request(unsigned what)
{
	int saved = errno, err = -ENODEV;

	if (state_recording())
		err = writer_request(what, API_WAIT_NS) ? 0 : -ETIMEDOUT;
	errno = saved;
	return err;
}

/* [hook] */
HOOK int libprof_start(void)
{
	return request(WRITER_START);
}

/* [hook] */
HOOK int libprof_stop(void)
{
	return request(WRITER_STOP);
}

/* [hook] */
HOOK int libprof_flush(void)
{
	return request(WRITER_FLUSH);
}

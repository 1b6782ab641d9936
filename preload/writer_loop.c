/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_loop.c - see writer_loop.h.  One cycle: sleep until a ring is half
 * full, somebody asks, or the time to flush, or to look, has come; drain; flush; answer.
 */
#include "writer_loop.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "bell.h"
#include "blocks.h"
#include "config.h"
#include "cpu_perf.h"
#include "credentials.h"
#include "drain.h"
#include "encode.h"
#include "engine.h"
#include "header.h"
#include "heap_rate.h"
#include "lock.h"
#include "maps.h"
#include "proc.h"
#include "roster.h"
#include "segment.h"
#include "stack.h"
#include "state.h"
#include "stats.h"
#include "stitch.h"
#include "sys.h"
#include "trace.h"
#include "trace_dir.h"
#include "unwind.h"
#include "unwind_cfi.h"
#include "writer_plan.h"
#include "writer_wait.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define NEAR_NS (50 * MS)
#define FIRST_LOOK_NS (10 * MS)
/* Whoever asks this goes on where no thread of ours may be. */
#define NOBODY_LEFT_BEHIND (WRITER_PAUSE | WRITER_CREDENTIALS | WRITER_LEAVE)

static struct {
	struct arena arena;
	struct header_engines engines;
	bool apart, in_child;
	bool last;			    /* it was not certain that the pause would end */
	uint32_t threads;		    /* counted for WRITER_COUNT */
	struct credential_call credentials; /* to be followed by WRITER_CREDENTIALS */
	bool idle;			    /* the last flush had nothing to write */
	uint64_t first_look;	      /* of a child without a trace: interval between flushes */
	uint64_t flush_at, second_at; /* next times of each */
	uint64_t paused_at;
} loop;

static int open_tables(bool apart, bool in_child, const char **why)
{
	struct arena *a = &loop.arena;
	const char *unwind_why = NULL;
	int err;

	*why = "no memory for the profiler's tables";
	err = wait_init(a);
	if (err)
		return err;
	blocks_init();
	maps_init(a);
	err = stack_init(a);
	stitch_init(a, (uint32_t)config.stack_bytes);
	if (!err)
		err = roster_init(a, state.pid);
	if (!err)
		err = drain_init(a, SECOND / config.cpu_hz);
	if (err)
		return err;
	maps_refresh(sys_now_ns());
	err = unwind_init(a, &unwind_why);
	engine_set_unwind_note(err, unwind_why);
	/* Not among the descriptors that the program opens: now, or not at all. */
	if (!apart && !in_child)
		unwind_cfi_begin();
	else if (!apart)
		unwind_cfi_forgo();
	return 0;
}

/* After a flush with nothing to write the next comes by so much later: with its work still
 * within the two intervals that are promised. */
static uint64_t idle_extra(void)
{
	return 2 * config.flush_ms * MS / 3;
}

/* A forked child may be ended at any moment and has no trace yet: it looks for
 * its first event early, and less and less often when none comes. */
static uint64_t flush_interval(void)
{
	uint64_t standard = config.flush_ms * MS;

	if (!loop.in_child || trace_exists())
		return loop.idle ? standard + idle_extra() : standard;
	loop.first_look = loop.first_look ? 2 * loop.first_look : FIRST_LOOK_NS;
	return loop.first_look < standard ? loop.first_look : standard;
}

int loop_open(bool apart, bool in_child, const char **why)
{
	uint64_t now;
	int err = open_tables(apart, in_child, why);

	if (err)
		return err;
	loop.apart = apart;
	loop.in_child = in_child;
	engine_open(apart, &loop.engines);
	err = trace_init(apart, &loop.engines);
	now = sys_now_ns();
	if (!err && !in_child) {
		err = trace_create(now);
		if (err)
			*why = trace_dir_error(config.out);
	}
	if (err) {
		engine_close(); /* SIGPROF, above all, must not stay ours */
		atomic_store(&state.cpu, STATE_CPU_OFF);
		return err;
	}
	engine_report();
	wait_begin(loop.apart);
	if (!apart)
		trace_engine(
			PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, 0, "writer",
			"no descriptor table of its own (close_range(2) with "
			"CLOSE_RANGE_UNSHARE is refused, or Linux is older than 5.9): rings are "
			"read every 10 ms, the file is opened for each flush");
	roster_scan();
	plan_begin(now);
	plan_keep(now);
	if (!plan_is_sampling()) /* else it has just done so */
		roster_encode_stats(now, true, trace_flush);
	loop.flush_at = loop.second_at = now + flush_interval();
	if (loop.second_at > now + SECOND)
		loop.second_at = now + SECOND;
	*why = NULL;
	return 0;
}

/* A forked child has a trace once there is something in it; until then next to nothing is
 * encoded, as nothing is taken. */
static bool nothing_yet(void)
{
	return loop.in_child && !trace_exists() && !trace_sums.samples && !trace_sums.heap_events;
}

int loop_resume(bool apart)
{
	uint64_t now = sys_now_ns();

	loop.apart = apart;
	if (!apart)
		unwind_cfi_forgo();
	trace_reattach(apart, now);
	lock_take(&loop_work);
	drain_all(state_cpu_engine() == STATE_CPU_PERF);
	engine_resume(apart, plan_is_sampling(), &loop.engines);
	trace_set_engines(&loop.engines);
	lock_drop(&loop_work);
	plan_shift(now - loop.paused_at);
	loop.flush_at = loop.second_at = now;
	if (loop.last)
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, 0, "writer",
			     "the program tried another pid namespace for its children, and "
			     "may still make threads: recording went on");
	wait_begin(loop.apart);
	return 0;
}

const struct arena *loop_arena(void)
{
	return &loop.arena;
}

static void next_second(uint64_t now, bool last)
{
	loop_every_second(now, last, last || !nothing_yet());
	loop.second_at = now + SECOND;
}

/* The registry is looked at after the rings: a thread whose end perf reports
 * has left its last totals there before. */
static void take_all(void)
{
	bool perf = state_cpu_engine() == STATE_CPU_PERF;

	drain_all(perf);
	if (!perf) /* perf tells of every mapping, in its place in time */
		maps_settle();
	roster_scan();
	roster_bury(&trace_sums, trace_flush);
	if (loop.idle && encode_pending()) {
		loop.idle = false;
		loop.flush_at -= idle_extra();
	}
}

static void flush(uint64_t now)
{
	if (nothing_yet() && !encode_full()) {
		loop.flush_at = now + flush_interval();
		return;
	}
	roster_encode_stats(now, false, trace_flush);
	loop.idle = !encode_pending();
	loop.flush_at = now + flush_interval();
	if (loop.idle)
		trace_go_on();
	else
		trace_flush(now);
}

/* Where there is nothing to write, what was encoded is still there. */
static void finish(enum prof_end reason)
{
	bool perf = state_cpu_engine() == STATE_CPU_PERF;
	uint64_t now = sys_now_ns();

	if (nothing_yet() && !loop_child_has_something())
		return;
	/* From here on no hook counts or records: what other threads do while the last
	 * events are taken would be in the totals and not among them. */
	if (reason == PROF_END_EXIT)
		atomic_store(&state.phase, STATE_DONE);
	/* Only events that stand still say what the kernel lost for want of room. */
	if (perf && reason == PROF_END_EXIT)
		cpu_perf_enable(false);
	drain_all(perf); /* an exec takes perf's rings away, too */
	if (perf)
		cpu_perf_count_lost();
	if (reason == PROF_END_EXIT)
		drain_rest();
	if (reason == PROF_END_EXIT || reason == PROF_END_EXEC)
		encode_mark(now, reason == PROF_END_EXEC ? PROF_MARK_EXEC : PROF_MARK_EXIT, 0);
	next_second(now, true);
	if (reason == PROF_END_EXIT)
		trace_end(now, reason);
	else
		trace_end_perhaps(now, reason);
	loop.flush_at = now + flush_interval(); /* an exec takes its time */
}

uint32_t loop_thread_count(void)
{
	return loop.threads;
}

void loop_credentials(const struct credential_call *call)
{
	loop.credentials = *call;
}

/* The bell thread, if there is one, is made anew and inherits. */
static bool follow_credentials(void)
{
	bool followed;

	if (loop.apart)
		bell_stop();
	followed = credentials_follow(&loop.credentials);
	if (followed)
		wait_begin(loop.apart);
	return followed;
}

/* True when the thread is to end. */
static bool answer(unsigned requests, uint64_t now)
{
	if (requests & WRITER_START)
		plan_set_sampling(true);
	if (requests & WRITER_STOP)
		plan_set_sampling(false);
	if (requests & WRITER_COUNT)
		loop.threads = proc_thread_count();
	if (requests & WRITER_CREDENTIALS && !follow_credentials()) {
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, EPERM, "writer",
			     "the writer could not take the rights that the program changed to: "
			     "recording ended there");
		requests |= WRITER_EXIT;
	}
	if (requests & WRITER_LEAVE) {
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, 0, "writer",
			     "the program put on a seccomp filter: recording ended there");
		requests |= WRITER_EXIT;
	}
	if (requests & WRITER_EXIT) {
		finish(PROF_END_EXIT);
		engine_close();
	} else if (requests & WRITER_PAUSE) {
		loop.last = requests & WRITER_LAST;
		if (loop.last)
			trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, EINVAL, "writer",
				     "the program moved its children to another pid namespace, "
				     "after which its process may make no thread: recording ended "
				     "there");
		finish(PROF_END_ROTATED);
		engine_detach();
		loop.paused_at = now;
	} else if (requests & WRITER_EXEC) {
		finish(PROF_END_EXEC);
	} else if (requests & (WRITER_FLUSH | WRITER_STOP)) {
		flush(now);
	}
	return requests & (WRITER_EXIT | WRITER_PAUSE);
}

/* A second and a flush that fall nearly together are one waking. */
static bool near(uint64_t a, uint64_t b)
{
	return a - b + NEAR_NS < 2 * NEAR_NS;
}

/* The next flush, second, start or stop, whichever is first. */
static uint64_t next_time(void)
{
	uint64_t at = loop.flush_at;

	if (loop.second_at < at && !near(loop.second_at, at))
		at = loop.second_at;
	return plan_next(at);
}

void loop_run(void)
{
	bool end = false;

	while (!end) {
		unsigned requests;
		uint32_t asked;
		uint64_t now;

		wait_until(next_time());
		requests = writer_take_requests(&asked);
		lock_take(&loop_work);
		if (loop.in_child && !trace_exists()) /* later, once a second */
			thread_look_at_leader();
		if (!thread_live_count())
			requests |= WRITER_EXIT;
		take_all();
		now = sys_now_ns();
		plan_keep(now);
		heap_rate_adapt();
		if (now >= loop.second_at || (now >= loop.flush_at && near(now, loop.second_at)))
			next_second(now, false);
		if (now >= loop.flush_at)
			flush(now);
		end = answer(requests, now);
		lock_drop(&loop_work);
		if (end && !(requests & NOBODY_LEFT_BEHIND)) /* the process, too, ends */
			writer_requests_done(asked);
		if (end)
			bell_stop();
		writer_requests_done(asked);
	}
}

/* The arena's memory is the parent's; ours is new. */
void loop_reset_in_child(void)
{
	memset(&loop, 0, sizeof(loop));
	wait_reset_in_child();
	segment_reset_in_child();
	cpu_perf_reset_in_child();
	loop_second_reset();
	plan_reset();
	memset(&loop_work, 0, sizeof(loop_work));
}

struct writer_summary loop_summary(void)
{
	uint64_t lost = 0;

	for (unsigned code = 1; code < PROF_LOSS_CODES; code++)
		if (code != PROF_LOSS_SEGMENT_DROPPED && code != PROF_LOSS_WRITE)
			lost += atomic_load(&stats_lost[code]);
	return (struct writer_summary){ .path = trace_exists() ? trace_dir_path() : "",
					.samples = trace_sums.samples,
					.heap_events = trace_sums.heap_events,
					.lost = lost,
					.unwritten = atomic_load(&stats_lost[PROF_LOSS_WRITE]),
					.write_error = trace_write_error() };
}

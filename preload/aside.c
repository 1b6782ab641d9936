/* SPDX-License-Identifier: Apache-2.0
 *
 * aside.c - see aside.h.  A sanitizer's runtime or valgrind keeps account of all
 * threads, blocks and descriptors of its process and takes ours for the
 * program's: under ThreadSanitizer the writer was reported as a leaked thread
 * (status 66) or crashed in an allocator that had never heard of it, memcheck
 * listed the thread's memory as possibly lost and mistook the writer's
 * descriptors for the program's.  What would be measured there is the tool.  So
 * nothing is started; a trace that says so is written from the constructor.
 */
#include "aside.h"

#include <errno.h>
#include <stddef.h>

#include "clock.h"
#include "config.h"
#include "header.h"
#include "held_signals.h"
#include "state.h"
#include "sys.h"
#include "trace.h"

/* Each runtime shows one of these, whether it is a library or in the executable. */
#define TOOLS(X)                                                                    \
	X(__asan_init, "not profiled: the program runs under AddressSanitizer")     \
	X(__hwasan_init, "not profiled: the program runs under HWAddressSanitizer") \
	X(__lsan_init, "not profiled: the program runs under LeakSanitizer")        \
	X(__msan_init, "not profiled: the program runs under MemorySanitizer")      \
	X(__tsan_init, "not profiled: the program runs under ThreadSanitizer")      \
	X(_vgnU_freeres, "not profiled: the program runs under valgrind")

#define DECLARE(symbol, why) extern const char symbol[] __attribute__((weak));
TOOLS(DECLARE)

const char *aside_reason(void)
{
#define LOOK(symbol, why) \
	if (symbol)       \
		return why;
	TOOLS(LOOK)
	return NULL;
}

/* The descriptor is closed before the program's first line runs, and the umask
 * is put back: there is one thread yet. */
int aside_leave_word(const char *reason)
{
	struct header_engines engines = { .cpu = "off", .heap = "off" };
	struct held_signals held;
	unsigned umask;
	int err;

	state_mark_ours();
	clock_init();
	header_gather();
	header_gather_names();
	engines.cpu_period_ns = UINT64_C(1000000000) / config.cpu_hz;
	err = trace_init(false, &engines);
	if (err)
		return err;
	trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_DENIED, 0, "off", reason);
	trace_engine(PROF_ENGINE_HEAP, PROF_ENGINE_DENIED, 0, "off", reason);
	if (!signals_hold(&held))
		return -EPERM;
	umask = (unsigned)SYS_CALL(SYS_umask, 077, 0, 0, 0, 0, 0);
	err = trace_create(sys_now_ns());
	if (!err)
		trace_end(sys_now_ns(), PROF_END_EXIT);
	SYS_CALL(SYS_umask, umask, 0, 0, 0, 0, 0);
	signals_let_go(&held, true);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * libprof.h - for programs that want to say when they are profiled.  Nothing
 * has to be linked: the functions are weak and exist only while the program
 * runs under LD_PRELOAD=libprof.so.  LIBPROF_START() and its kin call them
 * then and cost one test of a pointer otherwise.  From C and C++, any thread,
 * not from signal handlers.
 *
 *	LIBPROF_STOP();          // leave the start-up phase out
 *	load_everything();
 *	LIBPROF_START();
 *	serve();
 *	LIBPROF_FLUSH();         // what happened so far is in the trace now
 *
 * Profiling runs from the start unless LIBPROF_DELAY_MS says otherwise.
 */
#ifndef LIBPROF_H
#define LIBPROF_H

#ifdef __cplusplus
extern "C" {
#define LIBPROF_NOTHROW noexcept
#else
#define LIBPROF_NOTHROW
#endif

#define LIBPROF_WEAK __attribute__((weak, visibility("default")))

/* Records from here on, in every thread, whatever LIBPROF_DELAY_MS and
 * LIBPROF_DURATION_MS say.  A second start is a no-op.  0, also where every
 * engine is off or denied; -ENODEV when this process is not profiled (a program
 * that LIBPROF_PROGRAMS leaves out, a setting that is not allowed, a sanitizer,
 * valgrind, or recording has ended); -ETIMEDOUT when there was no answer
 * within 5 s. */
LIBPROF_WEAK int libprof_start(void) LIBPROF_NOTHROW;

/* Records no samples and no allocations until libprof_start.  Frees of blocks
 * sampled before are still recorded, and so are threads: what is live stays
 * right.  A second stop is a no-op.  Returns as libprof_start. */
LIBPROF_WEAK int libprof_stop(void) LIBPROF_NOTHROW;

/* Waits until all that was recorded before the call has been written to the
 * trace's file.  Returns as libprof_start; what could not be written is counted in
 * the trace, and said on stderr at the end. */
LIBPROF_WEAK int libprof_flush(void) LIBPROF_NOTHROW;

/* The same, and 0 without the library. */
#define LIBPROF_START() (libprof_start ? libprof_start() : 0)
#define LIBPROF_STOP() (libprof_stop ? libprof_stop() : 0)
#define LIBPROF_FLUSH() (libprof_flush ? libprof_flush() : 0)

#ifdef __cplusplus
}
#endif

#undef LIBPROF_NOTHROW
#undef LIBPROF_WEAK

#endif

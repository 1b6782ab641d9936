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
 * LIBPROF_DURATION_MS say.  A second start is a no-op.  0, or -errno when
 * this process is not profiled (engines off or denied, a program that
 * LIBPROF_PROGRAMS leaves out). */
LIBPROF_WEAK int libprof_start(void) LIBPROF_NOTHROW;

/* Records no samples and no allocations until libprof_start.  Frees of blocks
 * sampled before are still recorded, and so are threads: what is live stays
 * right.  A second stop is a no-op.  0 or -errno, as libprof_start. */
LIBPROF_WEAK int libprof_stop(void) LIBPROF_NOTHROW;

/* Returns when all that was recorded before the call is in the trace's file,
 * or with -errno when it could not be written. */
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.h - the trace as a whole: opens it, gives each segment its opening
 * records, flushes frames, rotates segments, keeps the total below its limit,
 * and goes on after a failed write with a segment that needs nothing of the
 * lost one.  The writer's alone.
 */
#ifndef PROF_TRACE_H
#define PROF_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "encode.h"
#include "header.h"

/* Sums over the trace so far; drain.c and roster.c count into it. */
extern struct encode_cumulative trace_sums;

/* [writer] Prepares a trace; nothing is on disk yet.  0 or -errno. */
int trace_init(bool keep_descriptors, const struct header_engines *engines);

/* [writer] Makes the directory and the first segment now.  0 or -errno. */
int trace_create(uint64_t t_ns);

/* [writer] Notes an engine's state: written now and in every later segment. */
void trace_engine(unsigned engine, unsigned state, int error, const char *name, const char *text);

/* [writer] What the header of later segments says of the engines. */
void trace_set_engines(const struct header_engines *engines);

/* [writer] Writes all that was encoded, as one frame, and starts a new segment
 * when this one is long enough. */
void trace_flush(uint64_t t_ns);

/* [writer] Last flush, with an END record; the file is closed. */
void trace_end(uint64_t t_ns, enum prof_end reason);

/* [writer] As trace_end, for what may not be the end (an exec that may fail, a writer that is
 * to come back): the file stays open.  A program may do that as often as it likes, so
 * what follows takes the END record's place, in the same segment. */
void trace_end_perhaps(uint64_t t_ns, enum prof_end reason);

/* [writer] It was not the end, whether or not there is something to write yet. */
void trace_go_on(void);

/* [writer] In a new thread with a descriptor table of its own.  A trace that was
 * made is opened again at once: the program may be about to give up the right to. */
void trace_reattach(bool keep_descriptors, uint64_t t_ns);

/* [writer] Of the last frame that could not be written, -errno; 0 none. */
int trace_write_error(void);

/* [writer] True when a segment has been written: there is a trace to find. */
bool trace_exists(void);

#endif

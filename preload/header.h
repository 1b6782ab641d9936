/* SPDX-License-Identifier: Apache-2.0
 *
 * header.h - the facts about process and machine that open every segment.
 */
#ifndef PROF_HEADER_H
#define PROF_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* [init] [child] Gathers clocks and ids.  In a forked child the trace id found becomes the
 * parent's. */
void header_gather(void);

/* [init] [child] Gathers host and program, unless the parent had: while the writer opens its
 * files, since this takes some, too.  The writer waits for it before the first header. */
void header_gather_names(void);

/* [init] Name that %e stands for: last component of AT_EXECFN. */
const char *header_program(void);

/* CLOCK_MONOTONIC at the trace's start. */
uint64_t header_start_ns(void);

/* [writer] LIBPROF_OUT with %e %p %t %h %% replaced; -ENAMETOOLONG when it does
 * not fit.  An unknown %x stays as it is. */
int header_expand_out(char *path, size_t bytes);

/* What only the writer knows. */
struct header_engines {
	const char *cpu, *heap;
	uint64_t cpu_period_ns, heap_mean_bytes, cpus;
	int cpu_kernel;
};

/* [writer] The header fields of one segment; valid until the next call. */
const struct buffer *header_fields(uint32_t segment, uint64_t t_ns, const struct header_engines *e);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_perf_rings.h - what the parts of the perf engine share: cpu_perf_open.c
 * makes events and rings, cpu_perf_read.c takes records out of them, cpu_perf.c
 * does the rest.  Nobody else includes it; all of it belongs to the writer
 * thread.
 */
#ifndef PROF_CPU_PERF_RINGS_H
#define PROF_CPU_PERF_RINGS_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* Positions count bytes since the ring was made and never wrap; a record starts
 * at a multiple of 8. */
struct perf_ring {
	struct perf_event_mmap_page *page; /* the mapping: this page, then the data */
	uint8_t *data;
	uint64_t head;	    /* data_head as last looked at */
	uint64_t tail;	    /* first byte not consumed */
	uint64_t next_t_ns; /* time of the record at tail, when tail != head */
	int fd;		    /* -1 when detached */
	int cpu;
	bool hung_up; /* its own event's threads have all ended */
};

#define PERF_CPUS_MAX 8192u
#define PERF_RECORD_BYTES 512u /* of a sample without its stack, about */

/* What a busy CPU samples in ns. */
static inline uint64_t perf_bytes_in(uint64_t ns, uint64_t period_ns, uint32_t stack_bytes)
{
	return ns / period_ns * (stack_bytes + PERF_RECORD_BYTES);
}

struct perf_engine {
	struct perf_ring *rings;
	uint32_t n_rings, max_rings;
	uint64_t data_bytes; /* of each ring, a power of two */
	int *followers;	     /* events of threads that existed before; they write into the rings */
	uint32_t n_followers, max_followers;
	struct perf_event_attr attr;
	int pid;			 /* our process */
	int tid;			 /* the thread whose events own the rings */
	uint8_t cpus[PERF_CPUS_MAX / 8]; /* the set of those that have a ring, or refused one */
	struct table events;		 /* thread and CPU -> the one event that stands for it */
	int64_t clock_offset_ns;
	bool on, detached;

	uint8_t *bounce;	   /* a record that wraps, made whole */
	struct perf_ring *current; /* holds the record that cpu_perf_next gave out */
	struct perf_event_header current_header;
	uint64_t current_lost; /* what a LOST record at current says */
	uint64_t cut_t_ns;     /* records up to here may be given out */

	/* The same losses, known in two ways; the greater figure holds. */
	uint64_t lost_by_record, lost_by_read, lost_reported;
};

extern struct perf_engine perf_engine;

/* PERF_FORMAT_LOST, Linux 6.0; newer than the headers we may be built with. */
#define PERF_ENGINE_FORMAT_LOST (1u << 4)

#define PERF_PAGE_BYTES 4096u

/* Records have the time that the kernel sees outside all time namespaces. */
static inline uint64_t perf_our_time(uint64_t kernels)
{
	return kernels + (uint64_t)perf_engine.clock_offset_ns;
}

/* A ring's mapping: the control page, then the data. */
static inline size_t perf_mapping_bytes(void)
{
	return PERF_PAGE_BYTES + (size_t)perf_engine.data_bytes;
}

/* [writer] An event of perf_engine.attr for one thread on one CPU: its
 * descriptor or -errno. */
int perf_event_open_on(int tid, int cpu);

/* [writer] Unmaps and closes all rings. */
void perf_rings_close(void);

#define PERF_RECORD_BYTES_MAX 65536u /* struct perf_event_header's size is 16 bits */

#endif

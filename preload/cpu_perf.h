/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_perf.h - CPU engine "perf": one inherited software clock event per CPU
 * and its ring.  Everything here runs on the writer thread, whose descriptor
 * table nobody else sees; the program gets no signal and pays only for the
 * sampling interrupt.
 *
 *	while (cpu_perf_next(&rec)) {
 *		... use rec ...
 *		cpu_perf_consume();
 *	}
 */
#ifndef PROF_CPU_PERF_H
#define PROF_CPU_PERF_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "unwind.h"

enum perf_rec_kind {
	PERF_REC_SAMPLE,
	PERF_REC_FORK,
	PERF_REC_EXIT,
	PERF_REC_COMM,
	PERF_REC_MMAP,
	PERF_REC_THROTTLE,
	PERF_REC_LOST, /* of records before it, of any kind */
	PERF_REC_OTHER
};

#define PERF_KERNEL_FRAMES_MAX 127

struct perf_rec {
	enum perf_rec_kind kind;
	uint64_t t_ns; /* CLOCK_MONOTONIC */
	uint32_t pid, tid, cpu;
	union {
		struct {		     /* PERF_REC_SAMPLE */
			struct capture user; /* user.stack points into the ring */
			bool in_kernel;
			uint32_t kernel_frames; /* 0 unless the kernel is sampled */
			uint64_t kernel_pc
				[PERF_KERNEL_FRAMES_MAX]; /* innermost first, calls adjusted */
		} sample;
		struct {
			uint32_t ptid;
		} fork; /* pid, tid: the new thread */
		struct {
			const char *name;
			bool exec;
		} comm;
		struct {
			uint64_t start, bytes, file_offset, dev, ino;
			const char *path;
		} mmap;
	};
};

struct cpu_perf_options {
	uint64_t period_ns;
	uint32_t stack_bytes;
	int tid;		 /* thread to follow: the main thread, its descendants inherit */
	uint32_t ring_bytes;	 /* first try; halved down to 64 KiB while memory is refused */
	int64_t clock_offset_ns; /* our CLOCK_MONOTONIC minus the kernel's, which records have */
};

/* What became of the attempt. */
struct cpu_perf_info {
	uint32_t cpus;
	uint32_t ring_bytes; /* each */
	bool kernel;	     /* kernel code is sampled */
	bool memory;	     /* on failure: it is that which was refused */
	const char *why;     /* on failure: what was refused and the command that helps */
};

/* [writer] The size for a ring of such samples: of what a busy CPU takes in 150 ms, 256 KiB to
 * 2 MiB (it is allocated and cleared before the program runs); less where very many CPUs
 * are online. */
uint32_t cpu_perf_ring_bytes(uint64_t period_ns, uint32_t stack_bytes, uint64_t cpus);

/* [writer] Opens disabled events on every CPU the followed thread may run on.
 * 0, or -errno with info->why set and nothing left open. */
int cpu_perf_open(const struct cpu_perf_options *options, struct cpu_perf_info *info);

/* [writer] On another thread than the one that opened: disabled events and rings in place of
 * the old ones, which only that thread could have switched, and which were to be read to their
 * ends before.  Where new ones are refused, the old ones stay, with the options' clock; where
 * they are off and memory for both was missing, they are let go first: -errno, with info->why set. */
int cpu_perf_reopen(const struct cpu_perf_options *options, struct cpu_perf_info *info);

/* [writer] Adds a thread that exists already, with all it will create, on the CPUs of the
 * newest so many rings.  Not after cpu_perf_detach.  0 or -errno.  A thread that has an event
 * already, or gets two, is still sampled once: cpu_perf_next gives out those of one only. */
int cpu_perf_follow(int tid, uint32_t rings);

/* [writer] A ring for each CPU that thread tid may run on and no thread could before; the
 * followed thread is sampled there, others by cpu_perf_follow.  How many; *err is -errno where a
 * CPU could have none, which is not tried again. */
uint32_t cpu_perf_widen(int tid, int *err);

/* [writer] Starts or stops counting, for every followed thread; -errno where that was refused.
 * After cpu_perf_detach only the thread that called cpu_perf_open can do it. */
int cpu_perf_enable(bool on);

/* [writer] Whether any rings are open. */
bool cpu_perf_is_open(void);

/* [writer] Whether a ring may fill without cpu_perf_pollfds's telling. */
bool cpu_perf_is_blind(void);

/* [writer] Whether a ring has room for what a busy CPU samples in ns. */
bool cpu_perf_has_room_for(uint64_t ns);

/* [writer] Fills up to max pollfds (POLLIN at half of a ring, a small one's quarter); returns how
 * many.  0 after cpu_perf_detach: the caller then has to look in by time. */
unsigned cpu_perf_pollfds(struct pollfd *fds, unsigned max);

/* [writer] What poll said of them: a ring that can never be written again
 * by its own event (POLLHUP, all its threads ended) is left out of later cpu_perf_pollfds, so that
 * the caller does not spin. */
void cpu_perf_polled(const struct pollfd *fds, unsigned n);

/* [writer] The record with the earliest time over all rings.  Valid, with all
 * it points to, until cpu_perf_consume; false when all rings are empty. */
bool cpu_perf_next(struct perf_rec *rec);
void cpu_perf_consume(void);

/* [writer] Counts what the kernel lost since the last call into stats_lost: the
 * LOST records seen and, once counting is stopped, PERF_FORMAT_LOST where the
 * kernel has it (each loss once). */
void cpu_perf_count_lost(void);

/* [writer] Closes the descriptors; the mapped rings go on filling for the thread
 * of cpu_perf_open and its descendants, threads of cpu_perf_follow are no longer
 * sampled. */
void cpu_perf_detach(void);

/* [writer] Closes and unmaps everything. */
void cpu_perf_close(void);

/* [child] It has neither our descriptors (their numbers are the program's there) nor the
 * rings' mappings: it forgets them. */
void cpu_perf_reset_in_child(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_tables.h - what the tables of the model (profile.h) hold, a row each:
 * from files and stacks over threads and cells to the facts of a process.
 */
#ifndef PROF_PROFILE_TABLES_H
#define PROF_PROFILE_TABLES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "prof_format.h"
#include "symbolize.h"

#define PROFILE_BUILD_ID_BYTES 64 /* longer build ids are cut */

/* One ELF file, or one process's kernel, vDSO or JIT code: what names are
 * looked up in.  Mappings of the same file (path and build id) share it. */
struct module {
	const char *path; /* "" for anonymous code; "[vdso]", "[kernel]" as the trace has it */
	uint8_t build_id[PROFILE_BUILD_ID_BYTES];
	uint32_t build_id_len;
	uint32_t flags;	  /* enum prof_mapping_flags */
	uint32_t process; /* of the first mapping seen; matters for JIT and kernel only */
	struct symbolize_status symbols; /* zero before profile_symbolize() */
};

/* A range of a process's memory over some time. */
struct mapping {
	uint32_t process;
	uint32_t module;
	uint32_t flags; /* enum prof_mapping_flags */
	uint64_t start, end, file_offset, load_bias, t_ns, dev, ino;
};

enum frame_kind {
	FRAME_CODE,	/* address in mapping */
	FRAME_MARKER,	/* address is an enum prof_marker: the stack is not whole */
	FRAME_SYNTHETIC /* address is an enum synthetic_frame: made by the reader */
};

#define PROFILE_SYNTHETICS(X)                                                            \
	X(NOT_SAMPLED, "[not sampled]")		       /* CPU time no sample covers */   \
	X(KERNEL_NOT_SAMPLED, "[kernel: not sampled]") /* the kernel's estimated part */ \
	X(OFF, "[profiling off]") /* CPU time while sampling was switched off */         \
	X(DAMAGED, "[damaged]")	  /* stack or callers were in a damaged part of the trace */
#define PROFILE_SYNTHETIC_ENUM(id, text) SYNTHETIC_##id,
enum synthetic_frame { PROFILE_SYNTHETICS(PROFILE_SYNTHETIC_ENUM) SYNTHETIC_COUNT };

/* A place in the program.  Frames are distinct in (kind, mapping, address). */
struct frame {
	uint64_t address; /* at run time; subtract the mapping's load_bias for the file's */
	uint32_t mapping; /* 0 unless FRAME_CODE */
	uint32_t kind;	  /* enum frame_kind */
	/* After profile_symbolize(): lines first_line .. first_line + n_lines
	 * - 1, innermost first, at least one; all but the last are inlined. */
	uint32_t first_line, n_lines;
	uint64_t function_start; /* in the module's addresses; 0 unknown */
};

/* One function at a frame, and where in it. */
struct line {
	uint32_t function;
	uint32_t line; /* 0 unknown */
	bool inlined;
	const char *system_name; /* mangled; NULL: the name is made up */
};

/* Distinct in (module, name, file): functions that are called the same, as the
 * constructors C1 and C2 are, count as one. */
struct function {
	const char *name;	 /* demangled, or made up: "[module]", "app!fn_1234" */
	const char *system_name; /* of the first line that was met */
	const char *file;	 /* NULL unknown */
	uint32_t module;	 /* 0 for markers and synthetic frames */
};

/* A stack: a frame and all its callers.  parent is the caller's node, always
 * a smaller id, 0 for the outermost frame. */
struct node {
	uint32_t parent;
	uint32_t frame;
	uint32_t depth : 31;  /* frames in the stack, this one included */
	uint32_t guessed : 1; /* found along the frame-pointer chain */
};

/* Exact figures of a thread or process, not sampled. */
struct exact {
	uint64_t cpu_ns, user_ns, system_ns; /* user and system: tick-based split */
	uint64_t alloc_calls, alloc_bytes;
};

struct thread {
	uint32_t process;
	uint32_t trace_id; /* its id in the trace's records */
	uint64_t tid;
	const char *name;	       /* last name known; "" when it has none */
	uint32_t flags;		       /* enum prof_thread_flags */
	uint32_t creator;	       /* thread that created it, 0 unknown */
	uint32_t creator_stack;	       /* node of its creation, 0 unknown */
	uint32_t start_frame;	       /* frame of its start routine, 0 unknown */
	uint64_t t_start_ns, t_end_ns; /* t_end_ns: last time known when not ended */
	bool ended;
	bool has_cpu, has_rusage; /* the fields of window and clock are valid */

	struct exact clock;  /* since the thread's start: its clocks' last values */
	struct exact window; /* the same within the profile's window, segments not
			      * read left out: what samples can account for */

	struct exact off; /* part of window: sampling was off (delay, duration, API);
			   * without user and system */

	uint64_t n_samples;
	uint64_t sampled_ns;	    /* what its samples stand for, before any scaling */
	uint64_t sampled_kernel_ns; /* of that, with the kernel on top */
	uint64_t cpu_ns;	    /* total of metric cpu: equals window.cpu_ns when has_cpu,
			       * plus samples after its last statistics */
	/* Parts of cpu_ns no sample covers; set by profile_finish(). */
	uint64_t not_sampled_ns;	/* all three parts */
	uint64_t off_ns;		/* the part named [profiling off] */
	uint64_t kernel_not_sampled_ns; /* the part named [kernel: not sampled] */
	/* 95 % interval of that part from the counts it rests on; 0, 0 if none. */
	uint64_t kernel_low_ns, kernel_high_ns;
	/* Sums of its cells, as there. */
	double alloc_objects, alloc_space, inuse_objects, inuse_space;
	uint64_t alloc_n, inuse_n;
	double alloc_objects_var, alloc_space_var, inuse_objects_var, inuse_space_var;
	double heap_mean;
};

/* The one aggregate: what a thread did in a stack.  Heap figures are unbiased
 * estimates, to be rounded after summing. */
struct cell {
	uint32_t thread, stack;
	uint64_t samples;
	uint64_t cpu; /* ns, conserved: sums to the thread's cpu_ns */
	double alloc_objects, alloc_space, inuse_objects, inuse_space;
	/* What these rest on: sampled blocks, and unbiased estimates of the
	 * sums' variances. */
	uint64_t alloc_n, inuse_n;
	double alloc_objects_var, alloc_space_var, inuse_objects_var, inuse_space_var;
	/* Bytes from sample to sample, the most there were; 0: every call is recorded */
	double heap_mean;
};

struct profile_setting {
	const char *name, *value; /* "LIBPROF_CPU_HZ", "94" */
};

/* What became of an engine, in order of time; repeats are merged. */
struct profile_engine {
	uint64_t t_ns;
	uint32_t engine; /* enum prof_engine_kind */
	uint32_t state;	 /* enum prof_engine_state */
	uint32_t error;	 /* errno, 0 none */
	const char *name, *text;
};

struct profile_mark {
	uint64_t t_ns;
	uint64_t mark; /* enum prof_mark */
	uint64_t value;
};

struct profile_memory_point {
	uint64_t t_ns, cpu_ns, rss_bytes, vsize_bytes, self_cpu_ns, self_bytes;
	uint64_t rss_peak_bytes; /* since the process's start; 0 unknown */
};

enum segment_state {
	SEGMENT_CLOSED, /* an end record says why */
	SEGMENT_OPEN,	/* no end record: still written, or cut by a kill */
	SEGMENT_DAMAGED /* something in it could not be read */
};

/* One file that was read. */
struct profile_segment {
	const char *path;
	uint64_t number;
	uint64_t start_ns;
	uint64_t file_bytes, content_bytes; /* compressed, uncompressed */
	uint64_t frames, records;
	uint64_t uncommitted; /* frames whose write was cut */
	uint64_t damages;     /* places reported */
	uint32_t end_reason;  /* enum prof_end, 0 none */
	enum segment_state state;
};

/* Losses by code; unknown codes are kept too.  They are told once a flush, so
 * they belong to an interval: from the end of the flush before to the record; of the
 * kernel's rings once a second, and when sampling stops. */
struct profile_loss {
	uint64_t code;
	uint64_t count;
	uint64_t t_first_ns, t_last_ns;
	/* Of the intervals that overlap the window: all of it, and where they lie. */
	uint64_t window_count, window_from_ns, window_to_ns;
};

/* Figures that losses and changes of engines bear on. */
enum profile_figures {
	FIGURES_CPU = 1,     /* samples by stack */
	FIGURES_THREADS = 2, /* rows of threads: names, creators, how many samples */
	FIGURES_ALLOC = 4,   /* what was allocated, by stack */
	FIGURES_INUSE = 8,   /* what is alive, by stack */
	FIGURES_LIVE = 16,   /* what is alive, by thread */
	FIGURES_ALL = 31,
};

/* How the stack of a sample ends at the root; see FORMAT.md, markers. */
#define PROFILE_STACK_ENDS(X)                                                            \
	X(WHOLE, "whole")                                                                \
	X(STITCHED, "stitched")	  /* deeper than the copy; the rest seen there before */ \
	X(TRUNCATED, "truncated") /* deeper than the copy */                             \
	X(BROKEN, "broken")	  /* no way to go on */                                  \
	X(UNKNOWN, "unknown")	  /* no stack, none kept, or in a damaged part */
#define PROFILE_STACK_END_ENUM(id, name) STACK_##id,
enum stack_end { PROFILE_STACK_ENDS(PROFILE_STACK_END_ENUM) STACK_ENDS };

/* One trace: a process from its start, or from fork or exec, to its end. */
struct process {
	uint8_t trace_id[16];
	uint8_t parent_trace_id[16]; /* zero: not forked from a profiled process */
	bool has_trace_id;
	/* Header facts of the newest segment; "" and 0 when absent. */
	const char *exe, *argv0, *host, *container_id, *service_name, *resource_attributes;
	const char *kernel, *machine, *boot_id, *writer_version;
	const char *cpu_engine, *heap_engine;
	const char *program; /* what to call the process: never "" */
	const char *path;    /* trace directory or the single segment: for messages */
	uint64_t pid, ppid, uid, page_bytes, cpus, stack_bytes;
	uint64_t start_mono_ns, start_real_ns;
	uint64_t start_machine_ns; /* start_mono_ns outside of time namespaces; 0: the same */
	uint64_t cpu_period_ns, heap_mean_bytes, entry;
	uint64_t heap_mean_most; /* bytes, where it was told or a sample has it; else 0 */
	bool cpu_kernel;	 /* kernel code is sampled */
	bool has_cpu_kernel;	 /* the header says so either way */

	uint64_t t_first_ns;	 /* start of the first segment read; > 0: earlier ones are gone */
	uint64_t t_last_ns;	 /* last time any record names */
	uint64_t from_ns, to_ns; /* the window, clipped to the two above */
	bool exited;		 /* an exit mark or end record was seen */
	uint32_t end_reason;	 /* enum prof_end of the last segment, 0 none */

	GArray *settings; /* struct profile_setting */
	GArray *engines;  /* struct profile_engine */
	GArray *losses;	  /* struct profile_loss, all of enum prof_loss first, zero or not */
	GArray *marks;	  /* struct profile_mark; at most a few thousand kept */
	GArray *memory;	  /* struct profile_memory_point */
	GArray *segments; /* struct profile_segment */
	uint64_t segments_dropped; /* by LIBPROF_LIMIT_BYTES, as far as known */
	uint64_t segments_missing; /* holes between the segments read */

	uint32_t main_thread; /* 0 unknown */
	uint32_t entry_frame; /* the program's entry point; 0 unknown */
	uint64_t n_samples, n_heap_rows, n_unknown_records;
	uint64_t ends[STACK_ENDS]; /* samples by how their stack ends */
	uint64_t n_unknown_frees;  /* of blocks no record or list had; 0 in a whole trace */
	/* Sums over the threads known, window only. */
	uint64_t sampled_ns, not_sampled_ns, off_ns, kernel_not_sampled_ns, cpu_ns;
	uint64_t off_wall_ns;	   /* how long sampling was switched off, up to t_last_ns */
	struct exact ended_before; /* threads that ended before the first segment read */
	uint64_t ended_before_threads;
	/* Last of the process's own figures (since its start). */
	uint64_t clock_cpu_ns, self_cpu_ns, self_bytes;
	/* Most that was resident: by the kernel's account, since the start, or
	 * else of what was looked at within the window. */
	uint64_t peak_rss_bytes;
	bool peak_rss_is_kernels;
	/* When most of the heap was alive, by the samples, and how much. */
	uint64_t heap_peak_ns, heap_peak_n;
	double heap_peak_space, heap_peak_space_var;
	double heap_peak_mean; /* as heap_mean of a cell */
	/* What all threads' clocks say together, since the start; differs from
	 * clock_cpu_ns - self_cpu_ns by what no thread record covers. */
	uint64_t threads_cpu_ns;
	/* Samples a second of sampled CPU time that were asked for and came:
	 * what came is samples over their threads' exact CPU time. */
	double asked_hz, achieved_hz;
	bool partial; /* damage, or a limit above */
};

#endif

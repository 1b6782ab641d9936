/* SPDX-License-Identifier: Apache-2.0
 *
 * prof_format.h - the trace format as constants: the contract between the
 * preload library, which writes traces, and the reader, which trusts none of
 * them.  FORMAT.md beside this file is the specification in prose; where the
 * two differ, one of them has a bug.  Nothing here is a C struct that is
 * written to a file: every byte goes through prof_wire.h.
 *
 * Units: times are nanoseconds of CLOCK_MONOTONIC since the trace's start
 * (header field HDR_START_MONO_NS) unless a name says otherwise; sizes are
 * bytes; ids are dense and start at 1, 0 means "none".
 */
#ifndef PROF_FORMAT_H
#define PROF_FORMAT_H

#define PROF_VERSION "0.1.0" /* of libprof and prof; the one source of truth */

/* Format version written, and the oldest reader version that can make sense
 * of it.  A reader refuses a segment whose minimum is above its own number. */
#define PROF_FORMAT_VERSION 2
#define PROF_FORMAT_MIN_READER 2

/* "LIBPROF" and 0x1a; see FORMAT.md, "The header". */
#define PROF_HEADER_MAGIC "LIBPROF\x1a"
#define PROF_HEADER_MAGIC_BYTES 8
#define PROF_HEADER_FIXED_BYTES 20 /* magic, version, min reader, length, XXH32 */

/* LZ4 frame format magics.  Two of its sixteen skippable magics have a
 * meaning here. */
#define PROF_LZ4_MAGIC 0x184D2204u
#define PROF_SKIP_HEADER 0x184D2A50u	  /* the segment's header */
#define PROF_SKIP_UNCOMMITTED 0x184D2A51u /* a frame whose write was cut */
#define PROF_SKIP_MASK 0xFFFFFFF0u

/* A frame's content is at most this many bytes before compression. */
#define PROF_FRAME_BYTES_MAX (4u << 20)

#define PROF_SEGMENT_NAME_FMT "segment-%06u.lz4"

/* Header fields: key varint, length varint, value.  u = varint in the value,
 * s = UTF-8 text without terminator, b = raw bytes. */
#define PROF_HEADER_FIELDS(X)                                    \
	X(HDR_TRACE_ID, 1, b, "trace_id")                        \
	X(HDR_SEGMENT, 2, u, "segment")                          \
	X(HDR_EXE, 3, s, "exe")                                  \
	X(HDR_ARGV0, 4, s, "argv0")                              \
	X(HDR_HOST, 5, s, "host")                                \
	X(HDR_PID, 6, u, "pid")                                  \
	X(HDR_PPID, 7, u, "ppid")                                \
	X(HDR_PARENT_TRACE_ID, 8, b, "parent_trace_id")          \
	X(HDR_CONTAINER_ID, 9, s, "container_id")                \
	X(HDR_SERVICE_NAME, 10, s, "service_name")               \
	X(HDR_RESOURCE_ATTRIBUTES, 11, s, "resource_attributes") \
	X(HDR_KERNEL, 12, s, "kernel")                           \
	X(HDR_MACHINE, 13, s, "machine")                         \
	X(HDR_BOOT_ID, 14, s, "boot_id")                         \
	X(HDR_PAGE_BYTES, 15, u, "page_bytes")                   \
	X(HDR_CPUS, 16, u, "cpus")                               \
	X(HDR_UID, 17, u, "uid")                                 \
	X(HDR_START_MONO_NS, 18, u, "start_mono_ns")             \
	X(HDR_START_REAL_NS, 19, u, "start_real_ns")             \
	X(HDR_SEGMENT_START_NS, 20, u, "segment_start_ns")       \
	X(HDR_WRITER_VERSION, 21, s, "writer_version")           \
	X(HDR_SETTING, 22, s, "setting")                         \
	X(HDR_CPU_ENGINE, 23, s, "cpu_engine")                   \
	X(HDR_CPU_PERIOD_NS, 24, u, "cpu_period_ns")             \
	X(HDR_HEAP_ENGINE, 25, s, "heap_engine")                 \
	X(HDR_HEAP_MEAN_BYTES, 26, u, "heap_mean_bytes")         \
	X(HDR_STACK_BYTES, 27, u, "stack_bytes")                 \
	X(HDR_ENTRY, 28, u, "entry")                             \
	X(HDR_PROGRAM, 29, s, "program")                         \
	X(HDR_CPU_KERNEL, 30, u, "cpu_kernel")                   \
	X(HDR_START_MACHINE_NS, 31, u, "start_machine_ns")

/* Records in a frame: kind byte, length varint, payload of that length. */
#define PROF_RECORDS(X)                          \
	X(REC_STRING, 1, "string")               \
	X(REC_MAPPING, 2, "mapping")             \
	X(REC_NODES, 3, "nodes")                 \
	X(REC_THREAD, 4, "thread")               \
	X(REC_SAMPLES, 5, "samples")             \
	X(REC_HEAP, 6, "heap")                   \
	X(REC_LIVE, 7, "live")                   \
	X(REC_THREAD_STATS, 8, "thread_stats")   \
	X(REC_PROCESS_STATS, 9, "process_stats") \
	X(REC_LOSS, 10, "loss")                  \
	X(REC_ENGINE, 11, "engine")              \
	X(REC_MARK, 12, "mark")                  \
	X(REC_CUMULATIVE, 13, "cumulative")      \
	X(REC_END, 14, "end")                    \
	X(REC_SAMPLE_COLUMNS, 15, "sample_columns")

/* Reasons to have lost something; LOSS records count them. */
#define PROF_LOSSES(X)                                                                          \
	X(LOSS_CPU_RING, 1, "cpu_ring_full", "CPU samples lost: the perf ring was full")        \
	X(LOSS_CPU_THROTTLED, 2, "cpu_throttled", "times the kernel throttled CPU sampling")    \
	X(LOSS_TIMER_RING, 3, "timer_ring_full", "timer samples lost: the event ring was full") \
	X(LOSS_HEAP_RING, 4, "heap_ring_full",                                                  \
	  "sampled allocations lost: the event ring was full")                                  \
	X(LOSS_FREE_RING, 5, "free_ring_full",                                                  \
	  "frees of sampled blocks lost: the event ring was full; live figures are too high")   \
	X(LOSS_LIVE_TABLE, 6, "live_table_full",                                                \
	  "sampled allocations lost: no memory for the live table")                             \
	X(LOSS_STACK_TABLE, 7, "stack_table_full",                                              \
	  "stacks not kept: no memory for the stack table")                                     \
	X(LOSS_NO_STACK, 8, "no_stack",                                                         \
	  "events recorded without their stack: it could not be read")                          \
	X(LOSS_WRITE, 9, "write_failed", "bytes of trace lost: the file could not be written")  \
	X(LOSS_SEGMENT_DROPPED, 10, "segment_dropped",                                          \
	  "segments dropped to stay below LIBPROF_LIMIT_BYTES")                                 \
	X(LOSS_THREAD_TABLE, 11, "thread_table_full",                                           \
	  "threads not registered: no memory for the thread table")                             \
	X(LOSS_UNKNOWN_THREAD, 12, "unknown_thread", "samples of threads never seen to start")  \
	X(LOSS_CREATION_STACK, 13, "creation_stack",                                            \
	  "thread creation stacks not kept: over 1,000 a second, or the event ring was full")   \
	X(LOSS_OTHER_RECORDS, 14, "other_records",                                              \
	  "thread, name or mapping records lost in the perf rings")

/* Markers: nodes of mapping 0 stand at the root end of a stack that is not
 * whole as it was captured, and say why. */
#define PROF_MARKERS(X)                             \
	X(MARKER_TRUNCATED, 1, "[truncated]")       \
	X(MARKER_BROKEN, 2, "[broken]")             \
	X(MARKER_NO_STACK, 3, "[no stack]")         \
	X(MARKER_OVERFLOW, 4, "[stack table full]") \
	X(MARKER_STITCHED, 5, "[stitched]")

#define PROF_MARKS(X)             \
	X(MARK_START, 1, "start") \
	X(MARK_STOP, 2, "stop")   \
	X(MARK_EXEC, 3, "exec")   \
	X(MARK_FORK, 4, "fork")   \
	X(MARK_EXIT, 5, "exit")   \
	X(MARK_HEAP_MEAN, 6, "heap_mean")

#define PROF_ENDS(X)                 \
	X(END_ROTATED, 1, "rotated") \
	X(END_EXIT, 2, "exit")       \
	X(END_EXEC, 3, "exec")       \
	X(END_WRITE, 4, "write_failed")

#define PROF_ENUM2(name, value, ...) PROF_##name = value,
enum prof_header_field { PROF_HEADER_FIELDS(PROF_ENUM2) };
enum prof_record { PROF_RECORDS(PROF_ENUM2) };
enum prof_loss { PROF_LOSSES(PROF_ENUM2) PROF_LOSS_CODES };
enum prof_marker { PROF_MARKERS(PROF_ENUM2) };
enum prof_mark { PROF_MARKS(PROF_ENUM2) };
enum prof_end { PROF_ENDS(PROF_ENUM2) };

/* REC_MAPPING flags. */
enum prof_mapping_flags {
	PROF_MAP_FILE = 1,    /* backed by a file: path names it */
	PROF_MAP_VDSO = 2,    /* the kernel's vDSO */
	PROF_MAP_ANON = 4,    /* anonymous executable memory: JIT code */
	PROF_MAP_KERNEL = 8,  /* the kernel's half of the address space */
	PROF_MAP_DELETED = 16 /* the file was unlinked when it was recorded */
};

/* REC_THREAD flags. */
enum prof_thread_flags {
	PROF_THREAD_MAIN = 1,	/* the thread whose tid is the pid */
	PROF_THREAD_CREATOR = 2 /* creator, creation stack or start routine is known */
};

/* REC_THREAD_STATS row flags. */
enum prof_stats_flags {
	PROF_STATS_FINAL = 1,  /* the thread has ended; nothing comes after */
	PROF_STATS_RUSAGE = 2, /* user_ns and system_ns are valid */
	PROF_STATS_CPU = 4     /* cpu_ns is valid */
};

/* REC_HEAP row operations. */
enum prof_heap_op { PROF_HEAP_ALLOC = 0, PROF_HEAP_FREE = 1, PROF_HEAP_ALLOC_AS = 2 };

/* REC_ENGINE: which engine a record speaks of, and what became of it. */
enum prof_engine_kind { PROF_ENGINE_CPU = 1, PROF_ENGINE_HEAP = 2, PROF_ENGINE_WRITER = 3 };
enum prof_engine_state {
	PROF_ENGINE_OFF = 0,
	PROF_ENGINE_ON = 1,
	PROF_ENGINE_DENIED = 2,
	PROF_ENGINE_NOTE = 3
};

/* REC_NODES: low bits of a node's tag. */
enum prof_node_flags { PROF_NODE_GUESSED = 1 };

#endif

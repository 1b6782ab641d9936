/* SPDX-License-Identifier: Apache-2.0
 *
 * maps.h - what is mapped executable in this process, now and earlier, and
 * the ELF files behind it.  The writer's alone.  Filled from
 * /proc/thread-self/maps and from perf's MMAP2 records; asks the loader for
 * nothing.  File contents are read from mappings of our own, so a dlclose in
 * the program cannot pull them away.
 */
#ifndef PROF_MAPS_H
#define PROF_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define MAPS_BUILD_ID_BYTES 32

struct elf_image; /* a file's unwind tables as we see them; private to maps.c and unwind.c */

struct mapping {
	uint32_t serial; /* from 1, never reused, in order of discovery */
	uint32_t flags;	 /* enum prof_mapping_flags */
	uint64_t start, end, file_offset;
	uint64_t load_bias; /* pc - load_bias = the file's own virtual address */
	uint64_t t_ns;	    /* CLOCK_MONOTONIC when first seen */
	uint64_t dev, ino;
	const char *path; /* never NULL; "" for anonymous memory */
	uint8_t build_id[MAPS_BUILD_ID_BYTES];
	uint32_t build_id_len;
	bool ours;		      /* libprof.so itself: its frames are left out */
	bool replaced;		      /* a newer mapping covers (part of) the range */
	struct elf_image *image;      /* NULL where there is no readable ELF file */
	uint32_t segment, segment_id; /* the encoder's: id in the segment of that number */
};

/* [writer] Sets up an empty map; memory comes from arena for ever after. */
void maps_init(struct arena *arena);

/* [writer] Reads /proc/thread-self/maps and takes in what is new; mappings that
 * went away stay known.  0 or -errno (the old picture remains). */
int maps_refresh(uint64_t t_ns);

/* [writer] The same for what is not known yet: a file that is known at an address stays
 * there, because what /proc shows may be of later than the events that are being taken.
 * Perf or a dlclose tells of the end of it in its time.  Code that is in no file is
 * taken.  Where unloadings are still to be taken, or come meanwhile, only what holds pc (0:
 * all the same) is looked for. */
int maps_fill(uint64_t t_ns, uint64_t pc);

/* [writer] Nothing is known of a range any more: it was unloaded. */
void maps_forget(uint64_t start, uint64_t end);

/* [writer] Where perf does not tell of mappings: reads all anew when the loader has removed
 * objects that no dlclose of the program told of. */
void maps_settle(void);

/* [writer] Set by drain.c: takes in what an event that is still in the ring says of pc's
 * library; false when none does. */
extern bool (*maps_ahead)(uint64_t pc);
/* [writer] True when the loader has added or removed an object since the last
 * maps_refresh (its public counters, read without waiting for its locks: false
 * when that is not possible). */
bool maps_changed(void);

/* [writer] As maps_find, but looks again for a library that was loaded a moment ago,
 * where perf does not tell of that. */
struct mapping *maps_find_new(uint64_t pc);
extern bool maps_reported; /* perf tells of every mapping */

/* [writer] Takes in one executable mapping that perf, or an unloading, reported.  loaded: what
 * lies in memory there may be it. */
void maps_add(uint64_t t_ns, uint64_t start, uint64_t bytes, uint64_t file_offset, uint64_t dev,
	      uint64_t ino, const char *path, bool loaded);

/* [writer] The newest mapping that holds pc, or NULL.  Kernel addresses get
 * the one kernel mapping. */
struct mapping *maps_find(uint64_t pc);

/* [writer] The mapping of a serial, or NULL. */
struct mapping *maps_get(uint32_t serial);

/* [hook] Around a walk over the loader's objects, which no fork comes into: a child would find
 * the loader's lock held for ever. */
void maps_loader_enter(void);
void maps_loader_leave(void);

/* [hook] Around a fork, in the parent: between the two calls the writer stays out of the
 * loader's lock, which a child would otherwise inherit locked.  Waits a few
 * microseconds at most. */
void maps_fork_begin(void);
void maps_fork_end(void);

/* [child] Instead of maps_fork_end, in the child. */
void maps_fork_child(void);

/* The mapping that holds this address is marked ours; maps_init sets it to
 * one in libprof.so, tests to none. */
extern uint64_t maps_own_address;

/* Counts up whenever a known range was replaced: what was remembered by
 * address before is stale. */
extern _Atomic uint32_t maps_generation;

/* From one look at /proc/self/maps to the next, that garbage asks for: a fiftieth of the
 * writer's time at most, with mappings by the ten thousand; and what is new is seen soon. */
static inline uint64_t maps_pause_ns(uint64_t look_took_ns)
{
	const uint64_t least = UINT64_C(100000000), most = UINT64_C(5000000000);
	uint64_t pause = look_took_ns < most / 50 ? look_took_ns * 50 : most;

	return pause < least ? least : pause;
}

/* Whether such a pause lasts; the clock may have been set back since (setns). */
static inline bool maps_pausing(uint64_t now, uint64_t until)
{
	return now < until && until - now <= UINT64_C(5000000000);
}

#endif

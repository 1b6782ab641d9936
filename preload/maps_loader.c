/* SPDX-License-Identifier: Apache-2.0
 *
 * maps_loader.c - whether the dynamic loader has loaded or unloaded what the picture
 * of maps.c does not show: by its public counters, and by the unloadings that the
 * program's own threads tell of (unload.h).  Only where perf does not tell of
 * mappings.  Writer thread, but for the calls around a fork.
 */
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "maps_take.h"
#include "sys.h"
#include "unload.h"

#define MISSING_NS UINT64_C(100000000)
#define ON_ITS_WAY_NS UINT64_C(100000000) /* the thread may have to wait for a CPU */
#define LOOK_AGAIN_NS UINT64_C(200000)
#define FORK_WAIT_NS UINT64_C(50000000)

bool (*maps_ahead)(uint64_t pc);
_Atomic uint32_t unload_pending;

/* Dekker's handshake between maps_changed and a forking thread. */
static _Atomic uint32_t in_loader, forking;

static struct {
	uint64_t counters[2]; /* objects ever added and removed, at the last refresh */
	/* Removed objects: told of and taken, never told of, of which not sure yet. */
	uint64_t told, missed, missing, missing_since;
	uint64_t awaited; /* removals counted when one was last awaited in vain */
} loader;

static int note_counters(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t *counters = arg;

	(void)size;
	counters[0] = info->dlpi_adds;
	counters[1] = info->dlpi_subs;
	return 1; /* the first object knows them: stop */
}

/* dl_iterate_phdr takes the loader's short write lock, never the one that is
 * held while constructors run, so it does not wait for the program.  A child
 * forked while we hold that lock would find it held for ever: hence the
 * handshake with maps_fork_begin. */
static bool read_loader(uint64_t counters[2])
{
	bool read = false;

	atomic_fetch_add(&in_loader, 1);
	if (!atomic_load(&forking))
		read = dl_iterate_phdr(note_counters, counters) == 1;
	atomic_fetch_sub(&in_loader, 1);
	return read;
}

void maps_loader_enter(void)
{
	uint64_t until = sys_now_ns() + FORK_WAIT_NS;

	for (;;) {
		atomic_fetch_add(&in_loader, 1);
		if (!atomic_load(&forking) || sys_now_ns() >= until)
			return;
		atomic_fetch_sub(&in_loader, 1);
		SYS_CALL(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

void maps_loader_leave(void)
{
	atomic_fetch_sub(&in_loader, 1);
}

void maps_note_loader(void)
{
	read_loader(loader.counters);
}

void maps_forget_loader(void)
{
	memset(loader.counters, 0, sizeof(loader.counters));
}

bool maps_changed(void)
{
	uint64_t now[2];

	return read_loader(now) && memcmp(now, loader.counters, sizeof(now));
}

static bool tells_ahead(uint64_t pc)
{
	return maps_ahead && maps_ahead(pc);
}

/* Of removed objects, that no event has told of. */
static uint64_t missing_of(uint64_t removed)
{
	return removed - loader.told - atomic_load(&unload_pending) - loader.missed;
}

bool maps_unloaded(void)
{
	uint64_t now[2];

	if (maps_reported)
		return false;
	return atomic_load(&unload_pending) || (read_loader(now) && now[1] != loader.counters[1]);
}

/* The object is gone a moment before its event comes. */
static void await_unload(uint64_t pc)
{
	uint64_t until = sys_now_ns() + ON_ITS_WAY_NS, counters[2];

	while (!tells_ahead(pc) && read_loader(counters) && missing_of(counters[1]) &&
	       counters[1] != loader.awaited) {
		if (sys_now_ns() >= until)
			loader.awaited = counters[1]; /* once is enough */
		else
			sys_sleep_ns(LOOK_AGAIN_NS);
	}
}

struct mapping *maps_find_new(uint64_t pc)
{
	struct mapping *m = maps_find(pc);

	if (m || maps_reported)
		return m;
	if (!tells_ahead(pc)) {
		if (maps_changed())
			maps_fill(sys_now_ns(), pc);
		await_unload(pc); /* it may have been unloaded meanwhile */
	}
	return maps_find(pc);
}

/* libc unloads without the program's dlclose, and an event may be lost.  The loader counts
 * a moment before the event comes: only a difference that lasts is one. */
void maps_settle(void)
{
	uint64_t counters[2], missed, now = sys_now_ns();

	if (!read_loader(counters))
		return;
	missed = missing_of(counters[1]);
	if (!missed || missed != loader.missing) {
		loader.missing = missed;
		loader.missing_since = now;
		return;
	}
	if (now - loader.missing_since < MISSING_NS || atomic_load(&unload_pending))
		return;
	loader.missed += missed;
	loader.missing = 0;
	maps_refresh(now);
}

void maps_fork_begin(void)
{
	/* We hold the lock for microseconds.  What lasts is our wait for it: for the program, which
	 * may hold it through a callback of its own, as long as that likes. */
	uint64_t until = sys_now_ns() + FORK_WAIT_NS;

	atomic_fetch_add(&forking, 1);
	while (atomic_load(&in_loader) && sys_now_ns() < until)
		SYS_CALL(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void maps_fork_end(void)
{
	atomic_fetch_sub(&forking, 1);
}

void maps_fork_child(void)
{
	atomic_store(&in_loader, 0);
	atomic_store(&forking, 0);
}

void maps_note_unload(void)
{
	loader.told++;
}

void maps_loader_init(void)
{
	memset(&loader, 0, sizeof(loader));
	read_loader(loader.counters);
	loader.missed = loader.counters[1] - atomic_load(&unload_pending);
}

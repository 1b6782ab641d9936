/* SPDX-License-Identifier: Apache-2.0
 *
 * maps.c - see maps.h.  Known executable ranges are kept as disjoint
 * intervals sorted by address, each pointing to its mapping; a newer mapping
 * cuts what it covers out of older ones.  The text of /proc/thread-self/maps
 * is read by maps_proc.c.
 */
#include "maps.h"

#include <errno.h>
#include <string.h>

#include "../include/prof_format.h"
#include "arch.h"
#include "elf_image.h"
#include "maps_take.h"
#include "sys.h"

struct interval {
	uint64_t start, end;
	struct mapping *mapping;
};

_Atomic uint32_t maps_generation;
uint64_t maps_own_address;

static struct {
	struct arena *arena;
	struct interval *intervals; /* sorted, disjoint */
	uint32_t used, capacity;
	struct mapping **by_serial; /* by_serial[serial - 1] */
	uint32_t serials, serials_capacity;
	struct mapping *kernel;
	uint32_t last_hit; /* index where the last maps_find ended */
} maps;

void maps_init(struct arena *arena)
{
	memset(&maps, 0, sizeof(maps));
	maps.arena = arena;
	maps_own_address = (uint64_t)(uintptr_t)maps_init;
	maps_generation++;
	maps_loader_init();
	elf_image_init();
}

/* Room for one more element; old storage stays behind in the arena, half as
 * big as the new. */
static int grow(void **array, uint32_t used, uint32_t *capacity, size_t element)
{
	uint32_t bigger = *capacity ? 2 * *capacity : 128;
	void *p;

	if (used < *capacity)
		return 0;
	p = arena_alloc(maps.arena, bigger * element);
	if (!p)
		return -ENOMEM;
	if (used)
		memcpy(p, *array, used * element);
	*array = p;
	*capacity = bigger;
	return 0;
}

static struct mapping *new_mapping(const struct mapping *m)
{
	struct mapping *copy;

	if (grow((void **)&maps.by_serial, maps.serials, &maps.serials_capacity,
		 sizeof(*maps.by_serial)) < 0)
		return NULL;
	copy = arena_alloc(maps.arena, sizeof(*copy));
	if (!copy)
		return NULL;
	*copy = *m;
	copy->serial = maps.serials + 1;
	maps.by_serial[maps.serials++] = copy;
	return copy;
}

/* The first interval that ends above address. */
static uint32_t lower_bound(uint64_t address)
{
	uint32_t lo = 0, hi = maps.used;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (maps.intervals[mid].end > address)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int insert_interval(uint32_t at, uint64_t start, uint64_t end, struct mapping *m)
{
	if (grow((void **)&maps.intervals, maps.used, &maps.capacity, sizeof(struct interval)) < 0)
		return -ENOMEM;
	memmove(&maps.intervals[at + 1], &maps.intervals[at],
		(maps.used - at) * sizeof(struct interval));
	maps.intervals[at] = (struct interval){ start, end, m };
	maps.used++;
	return 0;
}

static void remove_interval(uint32_t at)
{
	maps.used--;
	memmove(&maps.intervals[at], &maps.intervals[at + 1],
		(maps.used - at) * sizeof(struct interval));
}

/* Two mappings of the same bytes at the same addresses. */
static bool same_content(const struct mapping *a, const struct mapping *b)
{
	if (a->flags != b->flags)
		return false;
	if (a->flags & PROF_MAP_ANON)
		return true;
	return a->dev == b->dev && a->ino == b->ino &&
	       a->start - a->file_offset == b->start - b->file_offset && !strcmp(a->path, b->path);
}

/* Takes [start, end) away from mappings, but those with the same content as m (NULL: all). */
static int cut_range(uint64_t start, uint64_t end, const struct mapping *m)
{
	uint32_t i = lower_bound(start);

	while (i < maps.used && maps.intervals[i].start < end) {
		struct interval *v = &maps.intervals[i], old = *v;

		if (m && same_content(old.mapping, m)) {
			i++;
			continue;
		}
		old.mapping->replaced = true;
		maps_generation++;
		if (old.end > end && insert_interval(i + 1, end, old.end, old.mapping) < 0)
			return -ENOMEM;
		v = &maps.intervals[i];
		if (old.start < start) {
			v->end = start;
			i++;
		} else {
			remove_interval(i);
		}
	}
	return 0;
}

static int cut_out(const struct mapping *m)
{
	return cut_range(m->start, m->end, m);
}

/* Finds the ELF object behind a new mapping and what it says of itself. */
static void identify(struct mapping *m, uint64_t header)
{
	struct elf_place place = { "", m->dev, m->ino, header };

	if (m->flags & PROF_MAP_FILE && !(m->flags & PROF_MAP_DELETED))
		place.path = m->path;
	if (!(m->flags & PROF_MAP_ANON))
		m->image = elf_image_open(maps.arena, &place);
	if (!m->image)
		return;
	if (!elf_image_bias(m->image, m->start, m->file_offset, &m->load_bias)) {
		m->image = NULL;
		return;
	}
	memcpy(m->build_id, m->image->build_id, sizeof(m->build_id));
	m->build_id_len = m->image->build_id_len;
}

/* Adds the part [start, end) of m that no interval covers. */
static int add_part(const struct mapping *m, uint64_t start, uint64_t end)
{
	struct mapping part = *m, *kept;

	part.start = start;
	part.end = end;
	if (!(m->flags & PROF_MAP_ANON))
		part.file_offset += start - m->start;
	part.ours = maps_own_address >= start && maps_own_address < end;
	kept = new_mapping(&part);
	return kept ? insert_interval(lower_bound(start), start, end, kept) : -ENOMEM;
}

int maps_take(const struct mapping *given, uint64_t header, bool newer)
{
	struct mapping m = *given;
	uint64_t from = m.start;
	bool identified = false;
	int err = newer ? cut_out(&m) : 0;

	/* What is left in the range stays: fill the gaps. */
	while (!err && from < m.end) {
		uint32_t i = lower_bound(from);
		bool inside = i < maps.used && maps.intervals[i].start <= from;
		uint64_t to = m.end;

		if (inside) {
			from = maps.intervals[i].end;
			continue;
		}
		if (i < maps.used && maps.intervals[i].start < to)
			to = maps.intervals[i].start;
		if (!identified) {
			m.path = *m.path ? arena_strdup(maps.arena, m.path) : "";
			if (!m.path)
				return -ENOMEM;
			identify(&m, header);
			identified = true;
		}
		err = add_part(&m, from, to);
		from = to;
	}
	return err;
}

/* Perf reports one mapping, not where the object begins, which is needed where the file cannot
 * be had, or is not known by the numbers that perf has of it (overlayfs, btrfs).  Where the
 * linker has left file and memory alike, its first byte stands as far before as in the file;
 * else /proc has to say.  What lies there may be of later: it has to fit. */
static uint64_t header_of(const struct mapping *m)
{
	uint64_t header = m->start - m->file_offset,
		 bytes = (m->end - m->start + 4095) & ~UINT64_C(4095);

	return m->file_offset <= m->start && elf_header_covers(header, m->file_offset, bytes)
		       ? header
		       : 0;
}

static bool is_elsewhere(const struct mapping *m)
{
	struct elf_place place = { m->path, m->dev, m->ino, 0 };

	return !elf_image_open(maps.arena, &place);
}

static bool is_same_object(const struct mapping *known, const struct mapping *m)
{
	return known && known->flags == m->flags &&
	       known->start - known->file_offset == m->start - m->file_offset &&
	       !strcmp(known->path, m->path);
}

/* True when it is in the picture then: /proc's numbers of it may be others. */
static bool ask_proc(const struct mapping *m)
{
	static uint64_t next_ns;
	const struct mapping *known = maps_find(m->start);
	uint64_t began = sys_now_ns();

	if (is_same_object(known, m) && known->image)
		return true; /* the look for another has shown it */
	if (maps_pausing(began, next_ns))
		return false;
	cut_out(m);
	maps_fill(m->t_ns, m->start);
	next_ns = sys_now_ns() + maps_pause_ns(sys_now_ns() - began);
	return is_same_object(maps_find(m->start), m);
}

void maps_add(uint64_t t_ns, uint64_t start, uint64_t bytes, uint64_t file_offset, uint64_t dev,
	      uint64_t ino, const char *path, bool loaded)
{
	struct mapping m = { .start = start,
			     .end = start + bytes,
			     .file_offset = file_offset,
			     .t_ns = t_ns,
			     .dev = dev,
			     .ino = ino,
			     .path = path };
	uint64_t header;
	char text[4096];

	if (!bytes || m.end < start || m.end > ARCH_KERNEL_START)
		return;
	header = loaded ? header_of(&m) : 0;
	maps_classify(&m, header, text, sizeof(text));
	if (m.flags & PROF_MAP_FILE && !header && is_elsewhere(&m) && ask_proc(&m))
		return;
	maps_take(&m, header, true);
}

bool maps_reported;

static struct mapping *kernel_mapping(void)
{
	struct mapping m = { .flags = PROF_MAP_KERNEL,
			     .start = ARCH_KERNEL_START,
			     .end = UINT64_MAX,
			     .path = "[kernel]",
			     .t_ns = sys_now_ns() };

	if (!maps.kernel)
		maps.kernel = new_mapping(&m);
	return maps.kernel;
}

struct mapping *maps_find(uint64_t pc)
{
	const struct interval *v;
	uint32_t i = maps.last_hit;

	if (pc >= ARCH_KERNEL_START)
		return kernel_mapping();
	if (i >= maps.used || pc < maps.intervals[i].start || pc >= maps.intervals[i].end)
		i = lower_bound(pc);
	if (i == maps.used)
		return NULL;
	v = &maps.intervals[i];
	if (pc < v->start)
		return NULL;
	maps.last_hit = i;
	return v->mapping;
}

struct mapping *maps_get(uint32_t serial)
{
	return serial && serial <= maps.serials ? maps.by_serial[serial - 1] : NULL;
}

uint32_t maps_newest(void)
{
	return maps.serials;
}

void maps_drop_after(uint32_t serial)
{
	for (uint32_t i = maps.used; i--;)
		if (maps.intervals[i].mapping->serial > serial) {
			maps.intervals[i].mapping->replaced = true;
			remove_interval(i);
		}
	maps_generation++;
}

void maps_forget(uint64_t start, uint64_t end)
{
	cut_range(start, end, NULL);
	maps_note_unload();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unload.c - see unload.h.  Two walks along the loader's list and one mapping a
 * dlclose: 2,000 libraries cost about 0.1 ms, a tenth of what the loader itself
 * takes for them.  Another thread may load a library into the place between the
 * unmapping and our event: what it records in that moment is told as the old one's.
 */
#define _GNU_SOURCE
#include "unload.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "guard.h"
#include "lock.h"
#include "ring.h"
#include "stats.h"
#include "sys.h"
#include "thread.h"

struct unload_object {
	uint64_t base, start, end, file_offset; /* of its executable segment */
	uint32_t name;				/* where it begins in names */
	bool gone;
};

struct unload_list {
	size_t bytes; /* of the whole mapping */
	uint64_t t_ns;
	uint32_t n, room, at; /* at: the second walk has come so far */
	size_t names_used, names_room;
	struct unload_object *objects;
	char *names;
	char *path; /* PATH_MAX bytes to put one together in: a small stack has no room for them */
};

static int count(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct unload_list *l = arg;

	(void)size;
	l->room++;
	l->names_room += strlen(info->dlpi_name) + 1;
	return 0;
}

static int note(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct unload_list *l = arg;
	struct unload_object *o = &l->objects[l->n];
	size_t length = strlen(info->dlpi_name) + 1;

	(void)size;
	if (l->n == l->room || l->names_room - l->names_used < length)
		return 1; /* loaded since they were counted */
	*o = (struct unload_object){ .base = info->dlpi_addr, .name = (uint32_t)l->names_used };
	memcpy(l->names + l->names_used, info->dlpi_name, length);
	l->names_used += length;
	l->n++;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || o->end)
			continue;
		o->start = (info->dlpi_addr + p->p_vaddr) & ~UINT64_C(4095);
		o->end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + 4095) & ~UINT64_C(4095);
		o->file_offset = p->p_offset & ~UINT64_C(4095);
	}
	return 0;
}

/* [hook] */
struct unload_list *unload_look(void)
{
	const uint32_t spare = 16; /* objects that come between the two walks */
	struct unload_list counts = { .room = spare, .names_room = spare * 64 }, *l;
	size_t objects_bytes;

	dl_iterate_phdr(count, &counts);
	objects_bytes = counts.room * sizeof(struct unload_object);
	counts.bytes = sizeof(*l) + objects_bytes + counts.names_room + PATH_MAX;
	l = sys_map(counts.bytes);
	if (!l)
		return NULL;
	*l = counts;
	l->objects = (struct unload_object *)(l + 1);
	l->names = (char *)l->objects + objects_bytes;
	l->path = l->names + counts.names_room;
	l->t_ns = sys_now_ns();
	dl_iterate_phdr(note, l);
	return l;
}

/* The list keeps its order, new objects come last: what is passed over is gone. */
static int pass(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct unload_list *l = arg;
	uint32_t i = l->at;

	(void)size;
	while (i < l->n && l->objects[i].base != info->dlpi_addr)
		i++;
	if (i == l->n)
		return 0;
	while (l->at < i)
		l->objects[l->at++].gone = true;
	l->at++;
	return 0;
}

static struct lock telling;

void unload_reset_in_child(void)
{
	atomic_store(&telling.word, 0);
	atomic_store(&unload_pending, 0);
}

/* Whether another thread's dlclose, at the same time, has told of it. */
static bool is_told(const struct unload_list *l, const struct unload_object *o)
{
	static struct {
		uint64_t base, t_ns;
	} told[64];
	static unsigned next;
	bool found = false;

	lock_take(&telling);
	for (unsigned i = 0; i < 64; i++)
		found |= told[i].base == o->base && told[i].t_ns >= l->t_ns;
	if (!found) {
		told[next].base = o->base;
		told[next].t_ns = sys_now_ns();
		next = (next + 1) % 64;
	}
	lock_drop(&telling);
	return found;
}

/* The loader's name may be relative to the working directory. */
static size_t full_path(const char *name, char *path)
{
	size_t used = 0, length = strlen(name) + 1;
	long got;

	if (name[0] != '/') {
		got = SYS_CALL(SYS_getcwd, path, PATH_MAX, 0, 0, 0, 0);
		if (got <= 1)
			return 0;
		used = (size_t)got;
		path[used - 1] = '/';
	}
	if (length > PATH_MAX - used)
		return 0;
	memcpy(path + used, name, length);
	return used + length;
}

static void record(const struct unload_object *o, const char *name, char *path)
{
	const struct thread_state *t = thread_self();
	struct unload_note *n;
	struct ring_event *e;
	struct stat st = { 0 };
	size_t length = full_path(name, path);

	if (!t || !length)
		return;
	SYS_CALL(SYS_newfstatat, AT_FDCWD, path, &st, 0, 0, 0);
	e = ring_reserve((uint32_t)(sizeof(*e) + sizeof(*n) + length), RING_UNLOAD);
	if (!e)
		return; /* the writer sees by the loader's counters that it missed one */
	e->t_ns = sys_now_ns();
	e->thread = t->index;
	e->tid = t->tid;
	e->block = o->start;
	e->size = o->end - o->start;
	e->stack_bytes = (uint32_t)(sizeof(*n) + length);
	n = (struct unload_note *)e->stack;
	n->file_offset = o->file_offset;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	memcpy(n->path, path, length);
	atomic_fetch_add(&unload_pending, 1);
	ring_commit(e);
}

/* [hook] */
void unload_report(struct unload_list *l)
{
	struct guard g;

	if (!l)
		return;
	dl_iterate_phdr(pass, l);
	for (uint32_t i = 0; i < l->n; i++) {
		struct unload_object *o = &l->objects[i];

		if ((!o->gone && i < l->at) || o->end <= o->start)
			continue;
		guard_enter(&g);
		if (!is_told(l, o))
			record(o, l->names + o->name, l->path);
		guard_leave(&g);
	}
	sys_unmap(l, l->bytes);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * roster.c - see roster.h.
 */
#include "roster.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apart.h"
#include "cpu_timer.h"
#include "encode.h"
#include "proc.h"
#include "stats.h"
#include "table.h"

/* A thread registers itself a little after the kernel has made it. */
#define REGISTRATION_NS UINT64_C(5000000000)

/* The kernel tells of a new thread once for each event of its creator, within microseconds; no
 * tid is given out again as soon as that. */
#define SAME_FORK_NS UINT64_C(1000000)

static struct arena *memory;
static uint32_t process, last_id;
static struct table by_tid;  /* tid -> newest thread_info, as a pointer */
static struct table by_site; /* pthread_create's return address -> node */
static struct thread_info *first, *last, *buried;

static struct thread_info *newest(uint32_t tid)
{
	uint64_t *known = table_get(&by_tid, tid);

	return known ? (struct thread_info *)(uintptr_t)*known : NULL;
}

static void link_last(struct thread_info *t)
{
	t->prev = last;
	t->next = NULL;
	*(last ? &last->next : &first) = t;
	last = t;
}

static void unlink_living(struct thread_info *t)
{
	*(t->prev ? &t->prev->next : &first) = t->next;
	*(t->next ? &t->next->prev : &last) = t->prev;
}

/* Memory of threads long gone is used again, so that a program that makes
 * threads for ever does not make us grow for ever; the last REMEMBERED ended
 * ones can still be asked for by samples that come late. */
#define REMEMBERED 4096u
static struct thread_info *gone[REMEMBERED] APART;
static struct thread_info *spare;
static uint32_t gone_count;

static struct thread_info *info_new(void)
{
	struct thread_info *t = spare;

	if (!t)
		return arena_alloc(memory, sizeof(*t));
	spare = t->next;
	memset(t, 0, sizeof(*t));
	return t;
}

static void info_forget(struct thread_info *t)
{
	struct thread_info *latest = newest(t->tid);

	if (latest == t)
		table_del(&by_tid, t->tid);
	else if (latest && latest->earlier == t)
		latest->earlier = NULL;
	t->next = spare;
	spare = t;
}

static void info_gone(struct thread_info *t)
{
	struct thread_info **place = &gone[gone_count++ % REMEMBERED];

	if (*place)
		info_forget(*place);
	*place = t;
}

int roster_init(struct arena *arena, int pid)
{
	memory = arena;
	process = (uint32_t)pid;
	memset(&by_tid, 0, sizeof(by_tid));
	memset(&by_site, 0, sizeof(by_site));
	if (last_id) /* at first it is empty: not to be touched */
		memset(gone, 0, sizeof(gone));
	last_id = 0;
	gone_count = 0;
	first = last = buried = spare = NULL;
	return 0;
}

static struct thread_info *meet(uint32_t tid, uint64_t t_ns)
{
	struct thread_info *t = info_new();

	if (!t || !tid)
		return NULL;
	t->id = ++last_id;
	t->tid = tid;
	t->main = tid == process;
	t->t_start = t_ns;
	t->earlier = newest(tid);
	if (t->earlier)
		t->earlier->earlier = NULL;
	if (table_put(&by_tid, tid, (uint64_t)(uintptr_t)t)) {
		stats_lose(PROF_LOSS_THREAD_TABLE, 1);
		return NULL;
	}
	link_last(t);
	return t;
}

static void take_name(struct thread_info *t, const char *name)
{
	if (strncmp(t->name, name, THREAD_NAME_BYTES) == 0)
		return;
	memset(t->name, 0, sizeof(t->name));
	memcpy(t->name, name, strnlen(name, THREAD_NAME_BYTES - 1));
	t->renamed = true;
	t->active = true; /* it may sleep from now on: the name goes out with its statistics */
}

/* The kernel's name of a living thread; 12 us, so once a thread. */
static void read_name(struct thread_info *t)
{
	char path[64], name[THREAD_NAME_BYTES + 1] = "";

	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", process, t->tid);
	if (proc_read(path, name, sizeof(name)) > 0) {
		name[strcspn(name, "\n")] = '\0';
		take_name(t, name);
	}
}

/* A new thread has its creator's name until it takes one. */
static void inherit_name(struct thread_info *t, const struct thread_info *creator)
{
	if (creator && creator->name[0])
		take_name(t, creator->name);
	else
		read_name(t);
}

static void look_at_name(struct thread_info *t)
{
	uint32_t set = atomic_load_explicit(&t->state->name_set, memory_order_acquire);

	if (set == t->name_seen)
		return;
	t->name_seen = set;
	take_name(t, t->state->name);
}

void roster_take_timer(struct thread_info *t)
{
	if (t->has_timer)
		cpu_timer_detach(t->timer_id);
	t->has_timer = false;
}

/* Ties a registry state to the thread the kernel reported, or makes one. */
static struct thread_info *tie(struct thread_state *s)
{
	struct thread_info *t = newest(s->tid), *creator = NULL;
	uint64_t *site = s->site ? table_get(&by_site, s->site) : NULL;

	if (!t || t->state || (t->ended && t->t_end < s->t_start) ||
	    (!t->seen && s->t_start > t->t_start + REGISTRATION_NS))
		t = meet(s->tid, s->t_start);
	if (!t)
		return NULL;
	t->state = s;
	roster_take_timer(t); /* it has one of its own now */
	s->writer_id = t->id;
	if (s->creator_tid)
		creator = newest(s->creator_tid);
	if (creator)
		t->creator = creator->id;
	if (site)
		t->creation_node = (uint32_t)*site;
	t->start_pc = (uint64_t)(uintptr_t)s->start;
	if (!t->name[0])
		inherit_name(t, creator);
	t->renamed = t->segment != 0; /* what is known now goes out again */
	return t;
}

void roster_scan(void)
{
	uint32_t end = thread_pool_end();

	for (uint32_t i = 1; i < end; i++) {
		struct thread_state *s = thread_get(i);
		uint32_t life = s ? atomic_load_explicit(&s->life, memory_order_acquire) : 0;
		struct thread_info *t;

		if (life != THREAD_LIVE && life != THREAD_ENDED)
			continue;
		t = roster_by_index(i);
		if (!t)
			continue;
		look_at_name(t);
		if (life == THREAD_ENDED && !t->ended) {
			t->ended = true;
			t->t_end = s->t_end;
			unlink_living(t);
			t->next = buried;
			buried = t;
		}
	}
}

struct thread_info *roster_by_index(uint32_t index)
{
	struct thread_state *s = thread_get(index);
	struct thread_info *t;

	if (!s || atomic_load_explicit(&s->life, memory_order_acquire) < THREAD_LIVE)
		return NULL;
	for (t = s->writer_id ? newest(s->tid) : NULL; t; t = t->earlier)
		if (t->id == s->writer_id)
			return t;
	return tie(s);
}

/* User and system time are known: see leave() in thread.c. */
static bool is_split(const struct thread_totals *totals)
{
	return totals->user_ns + totals->system_ns;
}

void roster_bury(struct encode_cumulative *sum, roster_flush *flush)
{
	while (buried) {
		struct thread_info *t = buried;
		struct thread_state *s = t->state;

		buried = t->next;
		if (s) {
			t->totals = s->totals;
			look_at_name(t);
		} else {
			/* Its clock went with it: what was sampled since is the best word. */
			t->totals.cpu_ns += t->sampled_ns;
		}
		t->renamed |= s != NULL; /* it is told again, with all that its state knew */
		encode_thread_stats(t->t_end, t,
				    PROF_STATS_FINAL |
					    (is_split(&t->totals) ? PROF_STATS_RUSAGE : 0) |
					    (t->totals.cpu_ns ? PROF_STATS_CPU : 0));
		sum->ended_threads++;
		sum->ended.cpu_ns += t->totals.cpu_ns;
		sum->ended.user_ns += t->totals.user_ns;
		sum->ended.system_ns += t->totals.system_ns;
		sum->ended.alloc_calls += t->totals.alloc_calls;
		sum->ended.alloc_bytes += t->totals.alloc_bytes;
		t->state = NULL;
		if (s)
			thread_recycle(s);
		info_gone(t);
		if (encode_full())
			flush(sys_now_ns());
	}
}

bool roster_has(uint32_t tid)
{
	const struct thread_info *t = newest(tid);

	return t && !t->ended;
}

struct thread_info *roster_by_tid(uint32_t tid, uint64_t t_ns)
{
	struct thread_info *t = newest(tid);

	if (t && t->earlier && t_ns < t->t_start && t_ns <= t->earlier->t_end)
		return t->earlier;
	if (t && !(t->ended && t_ns > t->t_end + REGISTRATION_NS))
		return t;
	t = meet(tid, t_ns);
	if (t)
		read_name(t);
	return t;
}

void roster_forked(uint32_t tid, uint32_t creator_tid, uint64_t t_ns)
{
	struct thread_info *t = newest(tid), *creator = newest(creator_tid);

	if (t && t->t_start >= t_ns) {
		t->t_start = t_ns; /* its registration, perhaps its end, was seen first */
	} else if (!t || t_ns - t->t_start > SAME_FORK_NS) {
		t = meet(tid, t_ns);
		if (!t)
			return;
		t->seen = true;
		if (creator)
			t->creator = creator->id;
		inherit_name(t, creator);
	}
}

/* Registered threads tell of their end themselves, with their last totals. */
void roster_exited(uint32_t tid, uint64_t t_ns)
{
	struct thread_info *t = roster_by_tid(tid, t_ns);

	if (t && t->state && !t->ended)
		thread_read_totals(t->state, &t->totals); /* it may have left without a word */
	if (!t || t->ended || t->state)
		return;
	t->ended = true;
	t->t_end = t_ns;
	unlink_living(t);
	t->next = buried;
	buried = t;
}

void roster_renamed(uint32_t tid, const char *name, uint64_t t_ns)
{
	struct thread_info *t = roster_by_tid(tid, t_ns);

	if (t)
		take_name(t, name);
}

void roster_site(uint64_t pc, uint32_t node)
{
	if (!pc || table_put(&by_site, pc, node))
		return;
	/* The first thread of a site may have been met before its stack. */
	for (struct thread_info *t = first; t; t = t->next)
		if (t->state && t->state->site == pc && !t->creation_node) {
			t->creation_node = node;
			t->renamed = true;
		}
}

void roster_renumber(uint32_t (*keep)(uint32_t node))
{
	for (struct thread_info *t = first; t; t = t->next)
		t->creation_node = keep(t->creation_node);
	for (struct thread_info *t = buried; t; t = t->next)
		t->creation_node = keep(t->creation_node);
	for (uint32_t i = 0; i < REMEMBERED; i++)
		if (gone[i])
			gone[i]->creation_node = keep(gone[i]->creation_node);
	for (uint32_t i = 0; i < by_site.capacity; i++)
		if (by_site.slots[i].key)
			by_site.slots[i].value = keep((uint32_t)by_site.slots[i].value);
}

struct thread_info *roster_first(void)
{
	return first;
}

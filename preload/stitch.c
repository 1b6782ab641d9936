/* SPDX-License-Identifier: Apache-2.0
 *
 * stitch.c - see stitch.h.
 */
#include "stitch.h"

#include <string.h>

#include "roster.h"
#include "stack.h"

#define LISTS 32u		     /* threads remembered at a time: 4 MiB at the very most */
#define PLACES_MAX UNWIND_FRAMES_MAX /* a stitched stack is no deeper than any other */
#define SAVED_WORDS 4u		     /* at a frame's root end: return address, pushed registers */
#define SAME_CALLS 16u		     /* as many next to the seam are enough */
#define SAME_CALLS_MIN 3u	     /* the seam, and two that can be compared */
#define LOOKS_MIN 2u /* in a row that saw a frame where it is, before it is a seam */
#define DOUBTS 16u   /* places of a thread that had other callers before */

/* One frame of a list. */
struct place {
	uint64_t sp, pc; /* as in struct unwound */
	const struct mapping *map;
	uint32_t node;	/* the frame and all its callers */
	uint32_t saved; /* hash of what its call saved, 0 unknown */
	uint16_t looks; /* in a row that found it so */
	bool guessed;
};

struct doubt {
	uint64_t sp, pc;
};

/* One thread's stack as far as it is known from the root on: at[0] is the root, stack
 * pointers fall from there. */
struct list {
	uint32_t thread; /* id; 0 nobody's */
	uint32_t n;
	uint64_t t_ns; /* of the last look */
	bool stitched; /* the nodes stand below the marker */
	uint32_t same; /* places that the stack being taken in has in common with it */
	uint32_t doubts;
	struct doubt doubt[DOUBTS]; /* the newest of them */
	struct place at[PLACES_MAX];
};

static struct arena *memory;
static struct list *lists[LISTS];
static uint32_t deep_bytes;

void stitch_init(struct arena *arena, uint32_t stack_bytes)
{
	memory = arena;
	memset(lists, 0, sizeof(lists));
	/* Less deep ones are no help until a thread goes down by three quarters of a copy
	 * from one sample to the next. */
	deep_bytes = stack_bytes / 4;
}

static struct list *list_of(const struct thread_info *t)
{
	struct list *l = t->stitch ? lists[t->stitch - 1] : NULL;

	return l && l->thread == t->id ? l : NULL;
}

/* A list for a thread that has none: the one that was not looked at for longest. */
static struct list *list_new(struct thread_info *t)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < LISTS; i++) {
		if (!lists[i]) {
			lists[i] = arena_alloc(memory, sizeof(*lists[i]));
			best = i;
			break;
		}
		if (lists[i]->t_ns < lists[best]->t_ns)
			best = i;
	}
	if (!lists[best])
		return NULL;
	lists[best]->thread = t->id;
	lists[best]->n = lists[best]->same = lists[best]->doubts = 0;
	t->stitch = best + 1;
	return lists[best];
}

static bool same_frame(const struct place *p, const struct unwound *u, uint32_t i)
{
	return p->sp == u->sp[i] && p->pc == u->pc[i] && p->map == u->map[i] &&
	       p->guessed == u->guessed[i];
}

/* How many frames from place k on, towards the leaf, are u's from its outermost on. */
static uint32_t same_frames(const struct list *l, uint32_t k, const struct unwound *u)
{
	uint32_t n = 0;

	while (k + n < l->n && n < u->frames && same_frame(&l->at[k + n], u, u->frames - 1 - n))
		n++;
	return n;
}

/* Of the highest words of frame i, that is next to its return address; 0 where they
 * are not in the copy. */
static uint32_t saved_words(const struct capture *c, const struct unwound *u, uint32_t i)
{
	uint64_t hash = 0, word, end, bytes;

	if (i + 1 >= u->frames || u->sp[i + 1] <= u->sp[i])
		return 0;
	end = u->sp[i + 1] - c->regs[ARCH_SP];
	bytes = u->sp[i + 1] - u->sp[i];
	if (end > c->stack_bytes || bytes > end)
		return 0;
	if (bytes > SAVED_WORDS * sizeof(word))
		bytes = SAVED_WORDS * sizeof(word);
	for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
		memcpy(&word, c->stack + end - bytes, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (uint32_t)(hash >> 32) | 1;
}

/* Frames whose stack pointer is below sp have returned. */
static void forget_below(struct list *l, uint64_t sp)
{
	while (l->n && l->at[l->n - 1].sp < sp)
		l->n--;
}

/* The place at a stack pointer, or that of the next one below it. */
static uint32_t place_of(const struct list *l, uint64_t sp)
{
	uint32_t low = 0, high = l->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (l->at[middle].sp > sp)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is one of the callers of place k, or itself, at a place that had other callers before? */
static bool is_doubtful(const struct list *l, uint32_t k)
{
	uint32_t n = l->doubts < DOUBTS ? l->doubts : DOUBTS;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = place_of(l, l->doubt[i].sp);

		if (at <= k && l->at[at].sp == l->doubt[i].sp && l->at[at].pc == l->doubt[i].pc)
			return true;
	}
	return false;
}

/* A whole stack that shows a remembered place with the same return address and other
 * callers: what is reached by more than one way, and faster than samples come. */
static void learn_doubt(struct list *l, const struct unwound *u)
{
	uint32_t k = l->same, i = u->frames - l->same;

	while (k < l->n && i) {
		const struct place *p = &l->at[k];

		if (p->sp == u->sp[i - 1] && p->pc == u->pc[i - 1]) {
			if (!is_doubtful(l, k))
				l->doubt[l->doubts++ % DOUBTS] = (struct doubt){ p->sp, p->pc };
			return;
		}
		k += p->sp >= u->sp[i - 1];
		i -= p->sp <= u->sp[i - 1];
	}
}

/* Are the n frames from the seam at place k on, which lie alike, the same calls?  The
 * seam's own words are not in the copy; a frame that went on since, and called again from
 * the same place, ends the row of those that are. */
static bool same_calls(const struct list *l, uint32_t k, uint32_t n, const struct capture *c,
		       const struct unwound *u)
{
	uint32_t wanted = u->frames / 4, same;

	if (wanted > SAME_CALLS)
		wanted = SAME_CALLS;
	if (wanted < SAME_CALLS_MIN)
		wanted = SAME_CALLS_MIN;
	if (n < wanted)
		return false;
	for (same = 1; same < wanted; same++) {
		uint32_t saved = saved_words(c, u, u->frames - 1 - same);

		if (!saved || saved != l->at[k + same].saved)
			return false;
	}
	return true;
}

/* Puts the list below the marker, from the root to place k. */
static bool mark(struct list *l, uint32_t k)
{
	uint32_t node = stack_marker(PROF_MARKER_STITCHED);

	if (l->stitched)
		return true;
	for (uint32_t i = 0; i <= k; i++) {
		node = stack_called_by(node, l->at[i].node);
		if (!node) {
			l->n = 0;
			return false;
		}
		l->at[i].node = node;
	}
	l->n = k + 1;
	l->stitched = true;
	return true;
}

/* Frames that need not be interned: n from place k on. */
static void set_known(const struct list *l, uint32_t k, uint32_t n, struct unwound *u)
{
	u->known = n;
	for (uint32_t i = 0; i < n; i++)
		u->node[u->frames - 1 - i] = l->at[k + i].node;
}

static void find_root_end(struct list *l, const struct capture *c, struct unwound *u)
{
	uint32_t k = place_of(l, u->sp[u->frames - 1]), n = same_frames(l, k, u);

	if (n && l->at[k].looks >= LOOKS_MIN && k + u->frames <= PLACES_MAX &&
	    same_calls(l, k, n, c, u) && !is_doubtful(l, k)) {
		bool was_marked = l->stitched;

		if (mark(l, k)) {
			u->end = UNWIND_STITCHED;
			l->same = n;
			set_known(l, k, was_marked ? n : 1, u);
			return;
		}
	}
	/* Whatever calls these frames, those remembered at their place are others. */
	forget_below(l, u->sp[u->frames - 1] + 1);
}

void stitch_find(struct thread_info *t, uint64_t t_ns, const struct capture *c, struct unwound *u)
{
	struct list *l = list_of(t);

	if (!l || t_ns < l->t_ns || !(c->valid >> ARCH_SP & 1))
		return;
	forget_below(l, c->regs[ARCH_SP]);
	if (!u->frames)
		return;
	if (u->end == UNWIND_TRUNCATED) {
		find_root_end(l, c, u);
	} else if (u->end == UNWIND_WHOLE) {
		l->same = same_frames(l, 0, u);
		if (!l->stitched)
			set_known(l, 0, l->same, u);
	}
}

/* Replaces the list from place k on by u's frames, of which l->same are there. */
static void take_over(struct list *l, uint32_t k, const struct capture *c, const struct unwound *u)
{
	bool seam = u->end == UNWIND_STITCHED;
	uint32_t same = k + l->same;

	for (uint32_t i = u->frames; i-- && k < PLACES_MAX; k++) {
		struct place *p = &l->at[k];
		uint32_t saved = saved_words(c, u, i), looks = 0;

		/* Down another stack, that of a signal handler perhaps, and not kept beyond. */
		if (!u->node[i] || (k && u->sp[i] >= l->at[k - 1].sp))
			break;
		/* Known without a copy: what its call saved nobody looked at. */
		if (!c->stack_bytes && k < same) {
			p->node = u->node[i];
			continue;
		}
		if (k < same && (saved == p->saved || seam) && p->looks < UINT16_MAX)
			looks = p->looks;
		if (seam)
			saved = p->saved; /* it is not in this copy */
		seam = false;
		*p = (struct place){ .sp = u->sp[i],
				     .pc = u->pc[i],
				     .map = u->map[i],
				     .node = u->node[i],
				     .guessed = u->guessed[i],
				     .saved = saved,
				     .looks = (uint16_t)(looks + 1) };
	}
	l->n = k;
}

void stitch_keep(struct thread_info *t, uint64_t t_ns, const struct capture *c,
		 const struct unwound *u)
{
	bool whole = u->end == UNWIND_WHOLE && u->frames;
	struct list *l = list_of(t);

	if (!l && whole && u->sp[u->frames - 1] - u->sp[0] >= deep_bytes)
		l = list_new(t);
	else if (!l || t_ns < l->t_ns)
		return;
	if (!l)
		return;
	l->t_ns = t_ns;
	if (whole) {
		learn_doubt(l, u);
		l->stitched = false;
		take_over(l, 0, c, u);
	} else if (u->end == UNWIND_STITCHED) {
		take_over(l, place_of(l, u->sp[u->frames - 1]), c, u);
	}
}

void stitch_renumber(uint32_t (*keep)(uint32_t node))
{
	for (uint32_t i = 0; i < LISTS && lists[i]; i++)
		for (uint32_t k = lists[i]->n; k--;)
			lists[i]->at[k].node = keep(lists[i]->at[k].node);
}

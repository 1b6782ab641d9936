/* SPDX-License-Identifier: Apache-2.0
 *
 * known_stacks.c - see known_stacks.h.
 *
 * A slot is written by the writer alone and has a version, odd while nothing in it is good: who
 * reads it looks at the version before and after, and what was read between may be used when both
 * are the same.
 */
#include "known_stacks.h"

#include <stdatomic.h>

#include "sys.h"
#include "table.h"
#include "unwind_last.h"

#define SETS 32u
#define WAYS 4u /* stacks at one stack pointer: a function that allocates in several places */
#define FRAMES_MAX 64u
#define WORDS_MAX (2 * (FRAMES_MAX + 8)) /* with libprof.so's own */

struct slot {
	_Atomic uint32_t version;    /* 0: never written */
	_Atomic uint32_t generation; /* of the mappings that it was walked in */
	_Atomic uint32_t words, frames;
	_Atomic bool fp_matters;
	_Atomic uint64_t ip, sp, fp; /* at the beginning of the walk */
	struct {
		_Atomic uint64_t at; /* bytes above sp */
		_Atomic uint64_t is;
	} word[WORDS_MAX]; /* the innermost first */
	struct {
		_Atomic uint64_t pc, sp;
	} frame[FRAMES_MAX];
};

struct set {
	struct slot way[WAYS];
};

/* SETS of them, from the first stack on; a forked child has its parent's, in which it finds
 * nothing: its picture of the mappings is another.  NULL: none yet, or no memory. */
static _Atomic(struct set *) sets;
static uint32_t next_way[SETS]; /* the writer's: to be replaced */
static uint64_t used;		/* the writer's: slots written */

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define SET(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

static uint32_t set_of(uint64_t sp)
{
	return (uint32_t)table_hash(sp) % SETS;
}

/* Does the walk of this stack begin with these registers, in the mappings as they are? */
static bool begins_with(const struct slot *s, const uint64_t regs[ARCH_REGS])
{
	return GET(s->sp) == regs[ARCH_SP] && GET(s->ip) == regs[ARCH_IP] &&
	       GET(s->generation) == GET(maps_generation) &&
	       (!GET(s->fp_matters) || GET(s->fp) == regs[ARCH_FP]);
}

/* Was all that has been read until now of this version? */
static bool is_version(const struct slot *s, uint32_t version)
{
	atomic_thread_fence(memory_order_acquire);
	return GET(s->version) == version;
}

/* From the leaf to the root: as long as the code is what was walked, each word lies in the frame of
 * a call that the ones before it have shown to be alive, so there is no need to ask whether its
 * page can be read. */
static bool words_are(const struct slot *s, uint32_t version, uint64_t sp, uint32_t stack_bytes)
{
	uint32_t n = GET(s->words);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = GET(s->word[i].at), is = GET(s->word[i].is);

		if (!is_version(s, version) || at >= stack_bytes ||
		    stack_bytes - at < sizeof(uint64_t) || arch_read_word(sp + at) != is)
			return false;
	}
	return true;
}

static bool find_in(const struct slot *s, const uint64_t regs[ARCH_REGS], uint32_t stack_bytes,
		    struct known_stack *k)
{
	/* acquire: pairs with publish's release */
	uint32_t version = atomic_load_explicit(&s->version, memory_order_acquire);

	if (!version || version & 1 || !begins_with(s, regs) ||
	    !words_are(s, version, regs[ARCH_SP], stack_bytes))
		return false;
	*k = (struct known_stack){ .slot = s, .version = version, .frames = GET(s->frames) };
	return is_version(s, version);
}

bool known_stack_find(const uint64_t regs[ARCH_REGS], uint32_t stack_bytes, struct known_stack *k)
{
	const struct set *set = atomic_load_explicit(&sets, memory_order_acquire);

	if (!set)
		return false;
	set += set_of(regs[ARCH_SP]);
	for (uint32_t way = 0; way < WAYS; way++)
		if (find_in(&set->way[way], regs, stack_bytes, k))
			return true;
	return false;
}

bool known_stack_frames(const struct known_stack *k, struct ring_frame *to)
{
	const struct slot *s = k->slot;

	for (uint32_t i = 0; i < k->frames; i++)
		to[i] = (struct ring_frame){ GET(s->frame[i].pc), GET(s->frame[i].sp) };
	return is_version(s, k->version);
}

static uint32_t count_words(const struct last *l)
{
	uint32_t n = l->n - 1; /* the root is not left */

	for (uint32_t k = l->n - 1; k; k--)
		n += last_fp_is_read(l, k);
	return n;
}

static void set_word(struct slot *s, uint32_t i, uint64_t at, uint64_t is)
{
	SET(s->word[i].at, at);
	SET(s->word[i].is, is);
}

static void set_words(struct slot *s, const struct last *l, uint64_t sp)
{
	uint32_t n = 0;

	for (uint32_t k = l->n - 1; k; k--) {
		const struct last_frame *f = &l->at[k];

		if (last_fp_is_read(l, k))
			set_word(s, n++, f->fp_at - sp, f->fp_word);
		set_word(s, n++, f->ra_at - sp, f->ra);
	}
	SET(s->words, n);
}

static void write_slot(struct slot *s, const struct unwound *u, const uint64_t regs[ARCH_REGS])
{
	const struct last *l = u->again;
	uint32_t version = GET(s->version) | 1;

	used += version == 1;
	SET(s->version, version);
	atomic_thread_fence(memory_order_release); /* who sees what follows sees that */
	SET(s->generation, l->generation);
	SET(s->ip, regs[ARCH_IP]);
	SET(s->sp, regs[ARCH_SP]);
	SET(s->fp_matters, l->at[l->n - 1].fp_matters);
	SET(s->fp, GET(s->fp_matters) ? regs[ARCH_FP] : 0); /* else it is the program's data */
	set_words(s, l, regs[ARCH_SP]);
	SET(s->frames, u->frames);
	for (uint32_t i = 0; i < u->frames; i++) {
		SET(s->frame[i].pc, u->pc[i]);
		SET(s->frame[i].sp, u->sp[i]);
	}
	/* never 0 again */
	atomic_store_explicit(&s->version, version == UINT32_MAX ? 2 : version + 1,
			      memory_order_release);
}

/* Copies that were made before it was published are still to be taken. */
static bool is_there(const struct slot *s, const struct unwound *u, const uint64_t regs[ARCH_REGS])
{
	if (GET(s->version) & 1 || !begins_with(s, regs) || GET(s->frames) != u->frames)
		return false;
	for (uint32_t i = 0; i < u->frames; i++)
		if (GET(s->frame[i].pc) != u->pc[i] || GET(s->frame[i].sp) != u->sp[i])
			return false;
	return true;
}

static struct set *make_sets(void)
{
	static bool tried;
	struct set *all = atomic_load_explicit(&sets, memory_order_relaxed);

	if (!all && !tried) {
		tried = true;
		all = sys_map(SETS * sizeof(*all));
		atomic_store_explicit(&sets, all, memory_order_release);
	}
	return all;
}

void known_stack_publish(const struct unwound *u, const uint64_t regs[ARCH_REGS])
{
	uint32_t i = set_of(regs[ARCH_SP]);
	struct set *set;

	if (!u->again || !u->frames || u->frames > FRAMES_MAX || count_words(u->again) > WORDS_MAX)
		return;
	set = make_sets();
	if (!set)
		return;
	set += i;
	for (uint32_t way = 0; way < WAYS; way++)
		if (is_there(&set->way[way], u, regs))
			return;
	write_slot(&set->way[next_way[i]++ % WAYS], u, regs);
}

uint64_t known_stacks_bytes(void)
{
	return used * sizeof(struct slot);
}

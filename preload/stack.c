/* SPDX-License-Identifier: Apache-2.0
 *
 * stack.c - see stack.h.
 */
#include "stack.h"

#include <errno.h>

#include "apart.h"
#include "stats.h"
#include "table.h"

#define CHUNK_NODES 8192u
#define CHUNKS_MAX 512u	       /* four million frames: 128 MiB at the very most */
#define LARGE_NODES (1u << 19) /* a new table past this many: 16 MiB, and as much for the hash */
#define FORWARDED UINT32_MAX   /* in segment of an old node: segment_id is its new number */

#define LASTS 32u
#define LAST_NODES 128u

/* The root end of the stack that was interned last with its outermost frame at root_sp,
 * which is as good as a thread's name: the next is mostly the same. */
struct last_nodes {
	uint64_t root_sp;
	uint32_t n;
	struct last_node {
		uint64_t offset;
		uint32_t mapping, node;
		bool guessed;
	} at[LAST_NODES]; /* root first */
};

static struct arena *memory;
static struct last_nodes lasts[LASTS] APART;
static struct stack_node *chunks[CHUNKS_MAX] APART;
static struct stack_node *spare[CHUNKS_MAX] APART; /* chunks of a table given up */
static struct stack_node *old[CHUNKS_MAX] APART;   /* while a new table is begun */
static uint32_t spares;
static uint32_t nodes; /* next free number */
static uint32_t large = LARGE_NODES;
static struct table by_frame;

struct stack_node *stack_get(uint32_t node)
{
	return &chunks[node / CHUNK_NODES][node % CHUNK_NODES];
}

static uint32_t node_new(uint32_t parent, uint32_t mapping, uint64_t offset, bool guessed)
{
	uint32_t chunk = nodes / CHUNK_NODES;

	if (chunk == CHUNKS_MAX)
		return 0;
	if (!chunks[chunk])
		chunks[chunk] =
			spares ? spare[--spares]
			       : arena_alloc(memory, CHUNK_NODES * sizeof(struct stack_node));
	if (!chunks[chunk])
		return 0;
	*stack_get(nodes) = (struct stack_node){
		.parent = parent, .mapping = mapping, .offset = offset, .guessed = guessed
	};
	return nodes++;
}

static bool node_is(const struct stack_node *n, uint32_t parent, uint32_t mapping, uint64_t offset,
		    bool guessed)
{
	return n->parent == parent && n->mapping == mapping && n->offset == offset &&
	       n->guessed == guessed;
}

/* The child of parent for a frame.  The table is keyed by a hash of the
 * frame; where two frames have the same hash the next key is tried. */
static uint32_t node_child(uint32_t parent, uint32_t mapping, uint64_t offset, bool guessed)
{
	uint64_t key = table_hash((uint64_t)parent << 32 | mapping << 1 | guessed) ^
		       table_hash(offset + 1);
	uint64_t *known;
	uint32_t node;

	for (key += !key; (known = table_get(&by_frame, key)); key += 1 + !(key + 1))
		if (node_is(stack_get((uint32_t)*known), parent, mapping, offset, guessed))
			return (uint32_t)*known;
	node = node_new(parent, mapping, offset, guessed);
	if (node && table_put(&by_frame, key, node))
		node = 0;
	return node;
}

/* Markers exist from the start, so that they can always be given. */
static int begin_table(void)
{
	for (uint32_t i = 0; nodes && i < LASTS; i++) /* at first all is empty: not to be touched */
		lasts[i].n = 0;
	memset(chunks, 0, sizeof(chunks));
	nodes = 0;
	node_new(0, 0, 0, false);
#define INTERN_MARKER(name, value, text) node_child(0, 0, value, false);
	PROF_MARKERS(INTERN_MARKER)
	return nodes > 1 ? 0 : -ENOMEM;
}

int stack_init(struct arena *arena)
{
	memory = arena;
	memset(&by_frame, 0, sizeof(by_frame));
	spares = 0;
	large = LARGE_NODES;
	return begin_table();
}

bool stack_is_large(void)
{
	return nodes > large;
}

void stack_renew_begin(void)
{
	memcpy(old, chunks, sizeof(old));
	table_clear(&by_frame);
	begin_table();
}

static struct stack_node *old_node(uint32_t node)
{
	return &old[node / CHUNK_NODES][node % CHUNK_NODES];
}

/* Up the callers until one has been kept before, and down again. */
uint32_t stack_renew_keep(uint32_t node)
{
	uint32_t path[UNWIND_FRAMES_MAX + 256], n = 0, kept = 0;

	for (uint32_t at = node; at; at = old_node(at)->parent) {
		if (old_node(at)->segment == FORWARDED) {
			kept = old_node(at)->segment_id;
			break;
		}
		if (n == sizeof(path) / sizeof(*path))
			return node_child(0, 0, PROF_MARKER_OVERFLOW, false);
		path[n++] = at;
	}
	while (n--) {
		struct stack_node *was = old_node(path[n]);
		uint32_t now = node_child(kept, was->mapping, was->offset, was->guessed);

		if (!now)
			return node_child(0, 0, PROF_MARKER_OVERFLOW, false);
		was->segment = FORWARDED;
		was->segment_id = kept = now;
	}
	return kept;
}

void stack_renew_end(void)
{
	for (uint32_t i = 0; i < CHUNKS_MAX && old[i] && spares < CHUNKS_MAX; i++)
		spare[spares++] = old[i];
	memset(old, 0, sizeof(old));
	/* What is still needed may itself be much; do not start over for nothing. */
	large = 2 * nodes > LARGE_NODES ? 2 * nodes : LARGE_NODES;
}

uint32_t stack_marker(enum prof_marker marker)
{
	return node_child(0, 0, marker, false);
}

uint32_t stack_called_by(uint32_t callers, uint32_t node)
{
	struct stack_node n = *stack_get(node);

	return node_child(callers, n.mapping, n.offset, n.guessed);
}

static uint32_t overflow(void)
{
	stats_lose(PROF_LOSS_STACK_TABLE, 1);
	return stack_marker(PROF_MARKER_OVERFLOW);
}

static uint32_t root_of(enum unwind_end end)
{
	switch (end) {
	case UNWIND_TRUNCATED: return stack_marker(PROF_MARKER_TRUNCATED);
	case UNWIND_BROKEN: return stack_marker(PROF_MARKER_BROKEN);
	case UNWIND_NO_STACK: return stack_marker(PROF_MARKER_NO_STACK);
	case UNWIND_STITCHED: return stack_marker(PROF_MARKER_STITCHED);
	case UNWIND_WHOLE: break;
	}
	return 0;
}

static struct last_nodes *last_of(const struct unwound *user)
{
	uint64_t sp = user->frames ? user->sp[user->frames - 1] : 0;
	struct last_nodes *l = &lasts[table_hash(sp) % LASTS];

	if (user->end != UNWIND_WHOLE || user->known || !sp)
		return NULL;
	if (l->root_sp != sp)
		l->n = 0;
	l->root_sp = sp;
	return l;
}

static bool same_frame(const struct last_node *was, const struct unwound *user, uint32_t i)
{
	const struct mapping *map = user->map[i];

	return map && was->mapping == map->serial && was->offset == user->pc[i] - map->start &&
	       was->guessed == user->guessed[i];
}

/* Gives the frames that are as they were their nodes; how many are left. */
static uint32_t take_last(const struct last_nodes *l, struct unwound *user)
{
	uint32_t i = user->frames;

	for (uint32_t k = 0; k < l->n && i && same_frame(&l->at[k], user, i - 1); k++)
		user->node[--i] = l->at[k].node;
	return i;
}

static void keep_last(struct last_nodes *l, const struct unwound *user, uint32_t left)
{
	l->n = user->frames - left;
	while (left-- && l->n < LAST_NODES && user->map[left])
		l->at[l->n++] = (struct last_node){ user->pc[left] - user->map[left]->start,
						    user->map[left]->serial, user->node[left],
						    user->guessed[left] };
}

uint32_t stack_intern(struct unwound *user, const uint64_t *kernel, uint32_t kernel_frames)
{
	struct last_nodes *last = last_of(user);
	uint32_t unknown = last ? take_last(last, user) : user->frames - user->known;
	uint32_t node = unknown < user->frames ? user->node[unknown] : root_of(user->end);
	struct mapping *map;

	for (uint32_t i = unknown; i--;) {
		map = user->map[i];
		/* An address in nothing known keeps its place in the stack. */
		node = map ? node_child(node, map->serial, user->pc[i] - map->start,
					user->guessed[i])
			   : node_child(node, 0, PROF_MARKER_BROKEN, false);
		user->node[i] = node;
		if (!node)
			return overflow();
	}
	if (last)
		keep_last(last, user, unknown);
	for (uint32_t i = kernel_frames; i--;) {
		map = maps_find(kernel[i]);
		if (!map)
			continue;
		node = node_child(node, map->serial, kernel[i] - map->start, false);
		if (!node)
			return overflow();
	}
	return node;
}

uint64_t stack_bytes(void)
{
	return table_bytes(&by_frame); /* the nodes are the arena's */
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_ahead.c - asks for the memory that the next rows will lead to, step by
 * step for many rows at a time: a large model is beyond the caches, and to wait for
 * one place after the other is what its building takes.  What it is told may be wrong,
 * and so may be what it finds: struct build's likely ids, which are looked at before
 * they are used.  Called through the decoder, ahead of profile_rows.c.
 */
#include "profile_private.h"

static uint32_t ahead_id(const GArray *ids, uint32_t id)
{
	return id < ids->len ? g_array_index(ids, uint32_t, id) : 0;
}

static void ahead_prefetch_id(const GArray *ids, uint32_t id)
{
	if (id < ids->len)
		__builtin_prefetch(&g_array_index(ids, uint32_t, id));
}

/* The rows' frames by their addresses. */
static void ahead_frames(const struct build *b, const struct decode_hint *hints, size_t n,
			 uint32_t *frame)
{
	const struct profile *p = b->profile;
	const struct id_table *frames = &b->private->frames;
	uint32_t hash[DECODE_AHEAD], at, mapping;

	for (size_t i = 0; i < n; i++) {
		ahead_prefetch_id(b->nodes, hints[i].node);
		mapping = ahead_id(b->mappings, hints[i].mapping);
		hash[i] = frame_hash(FRAME_CODE, mapping,
				     profile_mapping(p, mapping)->start + hints[i].number);
		id_table_prefetch(frames, hash[i]);
	}
	for (size_t i = 0; i < n; i++) {
		frame[i] = id_table_first(frames, hash[i], &at);
		__builtin_prefetch(profile_frame(p, frame[i]));
	}
}

/* Rows by round: one whose caller is among the rows, too, comes a round later than
 * that, so that the rows of a round do not wait for each other. */
struct rounds {
	uint8_t row[DECODE_AHEAD];	 /* in order of rounds */
	uint8_t begin[DECODE_AHEAD + 1]; /* of each round, and the last one's end */
	size_t n;
};

static void ahead_rounds(struct rounds *rounds, const struct decode_hint *hints, size_t n,
			 uint32_t first)
{
	uint8_t round[DECODE_AHEAD], next[DECODE_AHEAD + 1] = { 0 };
	uint32_t caller;

	rounds->n = 0;
	for (size_t i = 0; i < n; i++) {
		caller = hints[i].node - first;
		round[i] = hints[i].node >= first && caller < i ? (uint8_t)(round[caller] + 1) : 0;
		next[round[i] + 1]++;
		rounds->n = MAX(rounds->n, round[i] + 1u);
	}
	rounds->begin[0] = 0;
	for (size_t i = 1; i <= rounds->n; i++)
		rounds->begin[i] = next[i] += next[i - 1];
	for (size_t i = 0; i < n; i++)
		rounds->row[next[round[i]]++] = (uint8_t)i;
}

/* Nodes by caller and frame. */
static void ahead_nodes(struct build *b, const struct decode_hint *hints, size_t n)
{
	const struct id_table *nodes = &b->private->nodes;
	const uint32_t first = b->decoder.nodes + 1;
	uint32_t *const frame = b->likely.frame, *const node = b->likely.node;
	uint32_t hash[DECODE_AHEAD], at;
	struct rounds rounds;
	size_t i;

	b->likely.first = first;
	b->likely.n = (uint32_t)n;
	ahead_frames(b, hints, n, frame);
	ahead_rounds(&rounds, hints, n, first);
	for (size_t now = 0; now < rounds.n; now++) {
		for (size_t k = rounds.begin[now]; k < rounds.begin[now + 1]; k++) {
			i = rounds.row[k];
			hash[i] = node_hash(now ? node[hints[i].node - first]
						: ahead_id(b->nodes, hints[i].node),
					    frame[i]);
			id_table_prefetch(nodes, hash[i]);
		}
		for (size_t k = rounds.begin[now]; k < rounds.begin[now + 1]; k++) {
			i = rounds.row[k];
			node[i] = id_table_first(nodes, hash[i], &at);
			__builtin_prefetch(profile_node(b->profile, node[i]));
		}
	}
}

static void ahead_heap(const struct build *b, const struct decode_hint *hints, size_t n)
{
	const struct live_blocks *blocks = b->state->blocks;

	if (!blocks)
		return; /* a replay */
	for (size_t i = 0; i < n; i++) {
		ahead_prefetch_id(b->nodes, hints[i].node);
		live_blocks_prefetch_slot(blocks, hints[i].number);
	}
	for (size_t i = 0; i < n; i++)
		live_blocks_prefetch(blocks, hints[i].number);
}

void build_ahead(void *arg, unsigned kind, const struct decode_hint *hints, size_t n)
{
	if (kind == PROF_REC_NODES)
		ahead_nodes(arg, hints, n);
	else
		ahead_heap(arg, hints, n);
}

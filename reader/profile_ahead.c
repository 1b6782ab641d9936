/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_ahead.c - asks for the memory that the next rows will lead to, step by
 * step for many rows at a time: a large model is beyond the caches, and to wait for
 * one place after the other is what its building takes.  Changes nothing, and what
 * it is told may be wrong.  Called through the decoder, ahead of profile_rows.c.
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

/* Nodes by caller and frame.  A row whose caller is among the rows, too, comes a round
 * later than that: so the rows of a round do not wait for each other. */
static void ahead_nodes(const struct build *b, const struct decode_hint *hints, size_t n)
{
	const struct id_table *nodes = &b->private->nodes;
	const uint32_t first = b->decoder.nodes + 1;
	uint32_t frame[DECODE_AHEAD], node[DECODE_AHEAD], hash[DECODE_AHEAD], at;
	uint8_t round[DECODE_AHEAD], rounds = 0;

	ahead_frames(b, hints, n, frame);
	for (size_t i = 0; i < n; i++) {
		at = hints[i].node - first;
		round[i] = hints[i].node >= first && at < i ? (uint8_t)(round[at] + 1) : 0;
		rounds = MAX(rounds, round[i]);
	}
	for (uint8_t now = 0; now <= rounds; now++) {
		for (size_t i = 0; i < n; i++) {
			if (round[i] != now)
				continue;
			hash[i] = node_hash(now ? node[hints[i].node - first]
						: ahead_id(b->nodes, hints[i].node),
					    frame[i]);
			id_table_prefetch(nodes, hash[i]);
		}
		for (size_t i = 0; i < n; i++) {
			if (round[i] != now)
				continue;
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

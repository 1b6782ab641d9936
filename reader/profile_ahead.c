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

/* Frames by their addresses, then nodes by caller and frame.  Callers that are in
 * these rows themselves come before them. */
static void ahead_nodes(const struct build *b, const struct decode_hint *hints, size_t n)
{
	const struct profile *p = b->profile;
	const struct id_table *frames = &b->private->frames, *nodes = &b->private->nodes;
	uint32_t found[DECODE_AHEAD], hash[DECODE_AHEAD], at, mapping, parent;
	const uint32_t first = b->decoder.nodes + 1;

	for (size_t i = 0; i < n; i++) {
		ahead_prefetch_id(b->nodes, hints[i].node);
		mapping = ahead_id(b->mappings, hints[i].mapping);
		hash[i] = frame_hash(FRAME_CODE, mapping,
				     profile_mapping(p, mapping)->start + hints[i].number);
		id_table_prefetch(frames, hash[i]);
	}
	for (size_t i = 0; i < n; i++) {
		found[i] = id_table_first(frames, hash[i], &at);
		__builtin_prefetch(profile_frame(p, found[i]));
	}
	for (size_t i = 0; i < n; i++) {
		parent = hints[i].node;
		parent = parent >= first && parent - first < i ? hash[parent - first]
							       : ahead_id(b->nodes, parent);
		found[i] = id_table_first(nodes, node_hash(parent, found[i]), &at);
		hash[i] = found[i]; /* from here on: the node's id */
		__builtin_prefetch(profile_node(p, found[i]));
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

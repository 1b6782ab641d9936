/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_intern.c - makes texts, modules, mappings, frames, nodes and threads
 * distinct, and keeps each table below its limit.  Called while segments
 * are read, by profile_build.c and the models, on the reader's main thread.
 */
#include "profile_private.h"

#include <inttypes.h>
#include <string.h>

#include "keys.h"

#define TEXT_BYTES_MAX 65536u /* one string */

static uint32_t key_find(GHashTable *table, gpointer key)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(table, key));
}

static void key_add(GHashTable *table, gpointer key, uint32_t id)
{
	g_hash_table_insert(table, key, GUINT_TO_POINTER(id));
}

void profile_limit(struct profile *p, const char *what, uint64_t max)
{
	p->partial = true;
	if (g_hash_table_add(p->private->limits_told, (void *)what))
		err_say("more than %" PRIu64 " %s: the rest is left out", max, what);
}

uint64_t profile_room(const struct profile *p, uint64_t max, uint64_t free)
{
	return MIN(max, free + p->private->file_bytes);
}

bool profile_full(struct profile *p, const char *what, uint64_t len, uint64_t max, uint64_t free)
{
	uint64_t room = profile_room(p, max, free);

	if (len < room)
		return false;
	profile_limit(p, what, room);
	return true;
}

bool profile_in_window(const struct profile *p, uint64_t t)
{
	return t >= p->from_ns && t <= p->to_ns;
}

const char *intern_text(struct profile *p, const void *text, size_t len)
{
	struct profile_private *pp = p->private;
	const char *found;
	char *copy;

	if (len > TEXT_BYTES_MAX) {
		profile_limit(p, "bytes in a string", TEXT_BYTES_MAX);
		len = TEXT_BYTES_MAX;
	}
	if (!len)
		return "";
	copy = g_malloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (!copy[i])
			copy[i] = ' ';
	found = g_hash_table_lookup(pp->texts, copy);
	if (!found && profile_full(p, "bytes of strings", pp->text_bytes + len,
				   PROFILE_TEXT_BYTES_MAX, PROFILE_TEXT_BYTES_FREE)) {
		found = "";
	} else if (!found) {
		pp->text_bytes += len + 1;
		found = g_string_chunk_insert_len(pp->text_chunk, copy, (gssize)len);
		g_hash_table_add(pp->texts, (void *)found);
	}
	g_free(copy);
	return found;
}

/* A file is the same in every process; the kernel and code made at run time
 * are each process's own. */
static uint32_t intern_module(struct profile *p, uint32_t process, const struct row_mapping *row,
			      const char *path)
{
	bool own = row->flags & (PROF_MAP_ANON | PROF_MAP_KERNEL);
	uint32_t kind = (uint32_t)row->flags &
			(PROF_MAP_FILE | PROF_MAP_VDSO | PROF_MAP_ANON | PROF_MAP_KERNEL);
	struct module module = { .path = path, .process = process, .flags = (uint32_t)row->flags };
	GString *key = g_string_new(NULL);
	uint32_t id;

	module.build_id_len = (uint32_t)MIN(row->build_id_len, PROFILE_BUILD_ID_BYTES);
	if (module.build_id_len)
		memcpy(module.build_id, row->build_id, module.build_id_len);
	g_string_printf(key, "%" PRIu32 " %" PRIu32 " ", own ? process : 0, kind);
	for (uint32_t i = 0; i < module.build_id_len; i++)
		g_string_append_printf(key, "%02x", module.build_id[i]);
	g_string_append_printf(key, " %s", path);
	id = GPOINTER_TO_UINT(g_hash_table_lookup(p->private->modules, key->str));
	if (!id) {
		id = p->modules->len;
		g_array_append_val(p->modules, module);
		g_hash_table_insert(p->private->modules, g_string_free(key, FALSE),
				    GUINT_TO_POINTER(id));
	} else {
		g_string_free(key, TRUE);
	}
	return id;
}

uint32_t intern_mapping(struct profile *p, uint32_t process, const struct row_mapping *row,
			const char *path)
{
	struct profile_private *pp = p->private;
	struct mapping mapping = {
		.process = process,
		.flags = (uint32_t)row->flags,
		.start = row->start,
		.end = row->end,
		.file_offset = row->file_offset,
		.load_bias = row->load_bias,
		.t_ns = row->t,
		.dev = row->dev,
		.ino = row->ino,
	};
	uint32_t id;
	char *key;

	if (profile_full(p, "mappings", p->mappings->len, PROFILE_MAPPINGS_MAX,
			 PROFILE_MAPPINGS_FREE))
		return 0;
	mapping.module = intern_module(p, process, row, path);
	key = g_strdup_printf(
		"%" PRIu32 " %" PRIu32 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64, process,
		mapping.module, row->start, row->end, row->file_offset, row->load_bias);
	id = GPOINTER_TO_UINT(g_hash_table_lookup(pp->mappings, key));
	if (id) {
		g_free(key);
		return id;
	}
	id = p->mappings->len;
	g_array_append_val(p->mappings, mapping);
	g_hash_table_insert(pp->mappings, key, GUINT_TO_POINTER(id));
	return id;
}

uint32_t intern_frame(struct profile *p, enum frame_kind kind, uint32_t mapping, uint64_t address)
{
	struct frame frame = { .address = address, .mapping = mapping, .kind = kind }, *known;
	struct id_table *table = &p->private->frames;
	uint32_t hash = frame_hash(kind, mapping, address), at, id;

	for (id = id_table_first(table, hash, &at); id; id = id_table_next(table, hash, &at)) {
		known = &g_array_index(p->frames, struct frame, id);
		if (known->address == address && known->mapping == mapping && known->kind == kind)
			return id;
	}
	if (profile_full(p, "places in the code", p->frames->len, PROFILE_FRAMES_MAX,
			 PROFILE_FRAMES_FREE))
		return 0;
	id = p->frames->len;
	g_array_append_val(p->frames, frame);
	id_table_add(table, hash, id);
	return id;
}

uint32_t intern_node(struct profile *p, uint32_t parent, uint32_t frame, bool guessed)
{
	struct node node = { .parent = parent, .frame = frame, .guessed = guessed }, *known;
	struct id_table *table = &p->private->nodes;
	uint32_t hash = node_hash(parent, frame), at, id;

	for (id = id_table_first(table, hash, &at); id; id = id_table_next(table, hash, &at)) {
		known = &g_array_index(p->nodes, struct node, id);
		if (known->parent == parent && known->frame == frame)
			return id;
	}
	node.depth = parent ? profile_node(p, parent)->depth + 1 : 1;
	if (profile_full(p, "stacks", p->nodes->len, PROFILE_NODES_MAX, PROFILE_NODES_FREE))
		return parent;
	if (node.depth > PROFILE_DEPTH_MAX) {
		profile_limit(p, "frames in a stack", PROFILE_DEPTH_MAX);
		return parent;
	}
	id = p->nodes->len;
	g_array_append_val(p->nodes, node);
	id_table_add(table, hash, id);
	return id;
}

uint32_t intern_lone_node(struct profile *p, enum frame_kind kind, uint64_t address)
{
	return intern_node(p, 0, intern_frame(p, kind, 0, address), false);
}

static uint32_t thread_find(struct profile *p, struct trace_state *state, uint32_t process,
			    uint32_t trace_id)
{
	struct thread thread = { .process = process, .trace_id = trace_id, .name = "" };
	struct track track = { 0 };
	uint32_t id = key_find(state->threads, key_pointer(trace_id));

	if (id)
		return id;
	if (profile_full(p, "threads", p->threads->len, PROFILE_THREADS_MAX, PROFILE_THREADS_FREE))
		return 0;
	id = p->threads->len;
	g_array_append_val(p->threads, thread);
	g_array_append_val(p->private->tracks, track);
	key_add(state->threads, key_pointer(trace_id), id);
	return id;
}

uint32_t intern_thread(struct profile *p, uint32_t process, uint32_t trace_id)
{
	struct trace_state *state = g_ptr_array_index(p->private->states, process);
	struct known_thread *known = &state->known[trace_id % KNOWN_THREADS];

	if (!known->id || known->trace_id != trace_id)
		*known =
			(struct known_thread){ trace_id, thread_find(p, state, process, trace_id) };
	return known->id;
}

struct track *profile_track(struct profile *p, uint32_t thread)
{
	return &g_array_index(p->private->tracks, struct track, thread);
}

/* An array whose entry 0 is empty. */
static GArray *table_new(guint size)
{
	GArray *array = g_array_new(FALSE, TRUE, size);

	return g_array_set_size(array, 1);
}

void intern_init(struct profile *p)
{
	struct profile_private *pp = g_new0(struct profile_private, 1);

	p->private = pp;
	p->processes = table_new(sizeof(struct process));
	process_blank(profile_process(p, 0));
	p->threads = table_new(sizeof(struct thread));
	p->modules = table_new(sizeof(struct module));
	p->mappings = table_new(sizeof(struct mapping));
	p->frames = table_new(sizeof(struct frame));
	p->nodes = table_new(sizeof(struct node));
	p->cells = table_new(sizeof(struct cell));
	p->lines = table_new(sizeof(struct line));
	p->functions = table_new(sizeof(struct function));
	profile_thread(p, 0)->name = "";
	profile_module(p, 0)->path = "";
	profile_function(p, 0)->name = "[unknown]";
	pp->text_chunk = g_string_chunk_new(4096);
	pp->texts = key_text_table_new(NULL);
	pp->modules = key_text_table_new(g_free);
	pp->mappings = key_text_table_new(g_free);
	id_table_init(&pp->frames);
	id_table_init(&pp->nodes);
	pp->tracks = table_new(sizeof(struct track));
	pp->states = g_ptr_array_new();
	g_ptr_array_add(pp->states, NULL);
	pp->limits_told = g_hash_table_new(NULL, NULL);
}

static void state_free(struct trace_state *state)
{
	if (!state)
		return;
	g_hash_table_unref(state->threads);
	live_blocks_free(state->blocks);
	g_free(state);
}

void intern_drop_process(struct profile *p, uint32_t process)
{
	process_fini(profile_process(p, process));
	g_array_set_size(p->processes, process);
	state_free(g_ptr_array_index(p->private->states, process));
	g_ptr_array_set_size(p->private->states, (gint)process);
}

void intern_fini(struct profile *p)
{
	struct profile_private *pp = p->private;

	for (guint i = 1; i < p->processes->len; i++)
		process_fini(profile_process(p, i));
	for (guint i = 0; i < pp->states->len; i++)
		state_free(g_ptr_array_index(pp->states, i));
	g_ptr_array_unref(pp->states);
	g_array_unref(p->processes);
	g_array_unref(p->threads);
	g_array_unref(p->modules);
	g_array_unref(p->mappings);
	g_array_unref(p->frames);
	g_array_unref(p->nodes);
	g_array_unref(p->cells);
	g_array_unref(p->lines);
	g_array_unref(p->functions);
	g_array_unref(pp->tracks);
	g_hash_table_unref(pp->modules);
	g_hash_table_unref(pp->mappings);
	id_table_fini(&pp->frames);
	id_table_fini(&pp->nodes);
	g_hash_table_unref(pp->texts);
	g_hash_table_unref(pp->limits_told);
	g_string_chunk_free(pp->text_chunk);
	g_free(pp);
}

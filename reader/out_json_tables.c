/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json_tables.c - the tables of a JSON document that other members point into:
 * modules, functions, frames, stacks, in the order out_json.c gave their ids.
 */
#include "out_json.h"

#include "keys.h"

void json_ids_init(struct json_ids *ids)
{
	ids->index = key_table_new(NULL);
	ids->keys = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

void json_ids_fini(struct json_ids *ids)
{
	g_hash_table_unref(ids->index);
	g_array_unref(ids->keys);
}

uint32_t json_ids_find(const struct json_ids *ids, uint64_t key)
{
	gpointer slot = g_hash_table_lookup(ids->index, key_pointer(key));

	return slot ? (uint32_t)GPOINTER_TO_SIZE(slot) - 1 : JSON_NONE;
}

uint32_t json_ids_add(struct json_ids *ids, uint64_t key)
{
	uint32_t index = json_ids_find(ids, key);

	if (index != JSON_NONE)
		return index;
	g_array_append_val(ids->keys, key);
	g_hash_table_insert(ids->index, key_pointer(key), GSIZE_TO_POINTER(ids->keys->len));
	return ids->keys->len - 1;
}

void json_index(struct json_writer *json, const char *name, uint32_t index)
{
	if (index == JSON_NONE)
		json_null(json, name);
	else
		json_uint(json, name, index);
}

uint32_t json_frame_add(struct json_document *doc, uint32_t frame, uint32_t line)
{
	uint32_t function = profile_line(doc->profile, line)->function;
	uint32_t module = profile_frame_module(doc->profile, frame);
	uint32_t of_function = profile_function(doc->profile, function)->module;

	json_ids_add(&doc->functions, function);
	if (of_function)
		json_ids_add(&doc->modules, of_function);
	if (module)
		json_ids_add(&doc->modules, module);
	return json_ids_add(&doc->frames, (uint64_t)frame << 32 | line);
}

/* The node's frame under the stack of its callers: one entry for each function
 * inlined there, but the hidden ones. */
static uint32_t json_stack_add_node(struct json_document *doc, uint32_t id, uint32_t parent)
{
	const struct node *node = profile_node(doc->profile, id);
	const struct frame *frame = profile_frame(doc->profile, node->frame);

	for (uint32_t i = frame->n_lines; i--;) {
		uint32_t line = frame->first_line + i;
		uint64_t index;

		if (doc->hidden && doc->hidden[profile_line(doc->profile, line)->function])
			continue;
		index = json_frame_add(doc, node->frame, line);
		parent = json_ids_add(&doc->stacks,
				      ((uint64_t)parent + 1) << 32 | index << 1 | node->guessed);
	}
	return parent;
}

/* Callers first, and each node once however many stacks go through it. */
void json_stack_add(struct json_document *doc, uint32_t id)
{
	GArray *path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t parent;

	while (id && !g_hash_table_contains(doc->nodes, key_pointer(id))) {
		g_array_append_val(path, id);
		id = profile_node(doc->profile, id)->parent;
	}
	parent = json_stack_find(doc, id);
	for (guint i = path->len; i--;) {
		id = g_array_index(path, uint32_t, i);
		parent = json_stack_add_node(doc, id, parent);
		g_hash_table_insert(doc->nodes, key_pointer(id),
				    GSIZE_TO_POINTER((uint32_t)(parent + 1)));
	}
	g_array_unref(path);
}

uint32_t json_stack_find(const struct json_document *doc, uint32_t node)
{
	/* absent and "all hidden" are both 0 here, and JSON_NONE then */
	return (uint32_t)GPOINTER_TO_SIZE(g_hash_table_lookup(doc->nodes, key_pointer(node))) - 1;
}

void json_uint_if(struct json_writer *json, const char *name, bool valid, uint64_t value)
{
	if (valid)
		json_uint(json, name, value);
	else
		json_null(json, name);
}

static const char *json_module_kind(uint32_t flags)
{
	return flags & PROF_MAP_KERNEL ? "kernel"
	       : flags & PROF_MAP_VDSO ? "vdso"
	       : flags & PROF_MAP_ANON ? "anonymous"
				       : "file";
}

static int json_compare_mappings(gconstpointer a, gconstpointer b, gpointer profile)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t of_x = profile_mapping(profile, x)->module;
	uint32_t of_y = profile_mapping(profile, y)->module;

	if (of_x != of_y)
		return of_x < of_y ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Code that was mapped but never seen running is told too. */
void json_mappings_add(struct json_document *doc)
{
	const struct profile *profile = doc->profile;

	doc->mappings = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (uint32_t i = 1; i < profile->mappings->len; i++) {
		if (profile_mapping(profile, i)->process != doc->process)
			continue;
		json_ids_add(&doc->modules, profile_mapping(profile, i)->module);
		g_array_append_val(doc->mappings, i);
	}
	g_array_sort_with_data(doc->mappings, json_compare_mappings, (gpointer)profile);
}

/* The place in doc->mappings where those of a module begin. */
static guint json_mappings_find(const struct json_document *doc, uint32_t module)
{
	guint low = 0, high = doc->mappings->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		uint32_t id = g_array_index(doc->mappings, uint32_t, middle);

		if (profile_mapping(doc->profile, id)->module < module)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void json_module_mappings(struct json_document *doc, uint32_t module)
{
	struct json_writer *json = doc->json;

	json_begin_array(json, "mappings");
	for (guint i = json_mappings_find(doc, module); i < doc->mappings->len; i++) {
		const struct mapping *mapping =
			profile_mapping(doc->profile, g_array_index(doc->mappings, uint32_t, i));

		if (mapping->module != module)
			break;
		json_begin_object(json, NULL);
		json_address(json, "start", mapping->start);
		json_address(json, "end", mapping->end);
		json_address(json, "file_offset", mapping->file_offset);
		json_address(json, "load_bias", mapping->load_bias);
		json_uint(json, "t_ns", mapping->t_ns);
		json_end_object(json);
	}
	json_end_array(json);
}

static void json_write_module(struct json_document *doc, uint32_t id)
{
	const struct module *module = profile_module(doc->profile, id);
	const struct symbolize_status *symbols = &module->symbols;
	char build_id[2 * PROFILE_BUILD_ID_BYTES + 1];
	struct json_writer *json = doc->json;

	for (uint32_t i = 0; i < module->build_id_len; i++)
		g_snprintf(build_id + 2 * i, 3, "%02x", module->build_id[i]);
	json_begin_object(json, NULL);
	json_text(json, "path", module->path);
	json_text(json, "build_id", module->build_id_len ? build_id : NULL);
	json_text(json, "kind", json_module_kind(module->flags));
	json_bool(json, "deleted", module->flags & PROF_MAP_DELETED);
	json_text(json, "symbols", symbolize_source_name(symbols->source));
	json_text(json, "match", symbolize_match_name(symbols->match));
	json_bool(json, "lines", symbols->lines);
	json_text(json, "file", symbols->file);
	json_text(json, "debug_file", symbols->debug_file);
	json_text(json, "advice", symbols->advice);
	json_module_mappings(doc, id);
	json_end_object(json);
}

void json_write_modules(struct json_document *doc)
{
	json_begin_array(doc->json, "modules");
	for (guint i = 0; i < doc->modules.keys->len; i++)
		json_write_module(doc, (uint32_t)g_array_index(doc->modules.keys, uint64_t, i));
	json_end_array(doc->json);
}

void json_write_functions(struct json_document *doc)
{
	struct json_writer *json = doc->json;

	json_begin_array(json, "functions");
	for (guint i = 0; i < doc->functions.keys->len; i++) {
		uint64_t id = g_array_index(doc->functions.keys, uint64_t, i);
		const struct function *function = profile_function(doc->profile, (uint32_t)id);

		json_begin_object(json, NULL);
		json_text(json, "name", function->name);
		json_text(json, "system_name", function->system_name);
		json_text(json, "file", function->file);
		json_index(json, "module", json_ids_find(&doc->modules, function->module));
		json_end_object(json);
	}
	json_end_array(json);
}

static void json_write_frame(struct json_document *doc, uint64_t key)
{
	static const char *const kinds[] = { "code", "marker", "synthetic" };
	const struct frame *frame = profile_frame(doc->profile, (uint32_t)(key >> 32));
	const struct line *line = profile_line(doc->profile, (uint32_t)key);
	const struct function *function = profile_function(doc->profile, line->function);
	uint32_t module = profile_frame_module(doc->profile, (uint32_t)(key >> 32));
	struct json_writer *json = doc->json;

	json_begin_object(json, NULL);
	json_index(json, "function", json_ids_find(&doc->functions, line->function));
	json_index(json, "module", json_ids_find(&doc->modules, module));
	json_text(json, "kind", kinds[MIN(frame->kind, G_N_ELEMENTS(kinds) - 1)]);
	if (frame->kind == FRAME_CODE)
		json_address(json, "address", frame->address);
	else
		json_null(json, "address");
	json_uint_if(json, "line", line->line, line->line);
	json_bool(json, "inlined", line->inlined);
	if (g_strcmp0(line->system_name, function->system_name))
		json_text(json, "system_name", line->system_name);
	json_end_object(json);
}

void json_write_frames(struct json_document *doc)
{
	json_begin_array(doc->json, "frames");
	for (guint i = 0; i < doc->frames.keys->len; i++)
		json_write_frame(doc, g_array_index(doc->frames.keys, uint64_t, i));
	json_end_array(doc->json);
}

void json_write_stacks(struct json_document *doc)
{
	struct json_writer *json = doc->json;

	json_begin_array(json, "stacks");
	for (guint i = 0; i < doc->stacks.keys->len; i++) {
		uint64_t key = g_array_index(doc->stacks.keys, uint64_t, i);

		json_begin_object(json, NULL);
		json_index(json, "parent", (uint32_t)(key >> 32) - 1);
		json_uint(json, "frame", (uint32_t)key >> 1);
		if (key & 1)
			json_bool(json, "guessed", true);
		json_end_object(json);
	}
	json_end_array(json);
}

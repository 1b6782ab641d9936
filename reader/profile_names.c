/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_names.c - gives every frame of the model its names: collects the
 * distinct addresses of each module, asks symbolize.h once, and makes functions
 * distinct.  Called once, between loading and profile_finish().
 */
#include "profile_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

/* A module's addresses while they are collected and named. */
struct wanted {
	GArray *addresses;		/* uint64_t; sorted and distinct before asking */
	uint32_t *first_line, *n_lines; /* in profile->lines, as addresses */
};

/* What functions are distinct in. */
struct function_key {
	uint32_t module;
	const char *name, *file; /* file NULL: unknown */
};

static guint function_hash(gconstpointer key)
{
	const struct function_key *k = key;

	return (key_text_hash(k->name) * 31 + (k->file ? key_text_hash(k->file) : 0)) * 31 +
	       k->module;
}

static gboolean function_equal(gconstpointer a, gconstpointer b)
{
	const struct function_key *x = a, *y = b;

	return x->module == y->module && !strcmp(x->name, y->name) && !g_strcmp0(x->file, y->file);
}

static uint32_t function_get(struct profile *p, GHashTable *known, const struct function *wanted)
{
	struct function_key probe = { wanted->module, wanted->name, wanted->file }, *key;
	uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(known, &probe));

	if (id)
		return id;
	id = p->functions->len;
	g_array_append_val(p->functions, *wanted);
	key = g_new(struct function_key, 1);
	*key = probe;
	g_hash_table_insert(known, key, GUINT_TO_POINTER(id));
	return id;
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The address the module's own tables use. */
static uint64_t frame_module_address(const struct profile *p, const struct frame *f)
{
	return f->address - profile_mapping(p, f->mapping)->load_bias;
}

static struct wanted *wanted_new(const struct profile *p)
{
	struct wanted *wanted = g_new0(struct wanted, p->modules->len);
	GArray *addresses;
	uint64_t address;
	guint kept;

	for (guint i = 0; i < p->modules->len; i++)
		wanted[i].addresses = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	for (guint i = 1; i < p->frames->len; i++) {
		if (profile_frame(p, i)->kind != FRAME_CODE)
			continue;
		address = frame_module_address(p, profile_frame(p, i));
		g_array_append_val(wanted[profile_frame_module(p, i)].addresses, address);
	}
	for (guint i = 0; i < p->modules->len; i++) {
		addresses = wanted[i].addresses;
		g_array_sort(addresses, compare_addresses);
		kept = 0;
		for (guint j = 0; j < addresses->len; j++) {
			address = g_array_index(addresses, uint64_t, j);
			if (!kept || address != g_array_index(addresses, uint64_t, kept - 1))
				g_array_index(addresses, uint64_t, kept++) = address;
		}
		g_array_set_size(addresses, kept);
		wanted[i].first_line = g_new0(uint32_t, kept);
		wanted[i].n_lines = g_new0(uint32_t, kept);
	}
	return wanted;
}

static void wanted_free(struct wanted *wanted, guint n)
{
	for (guint i = 0; i < n; i++) {
		g_array_unref(wanted[i].addresses);
		g_free(wanted[i].first_line);
		g_free(wanted[i].n_lines);
	}
	g_free(wanted);
}

/* Asks for all modules that have addresses. */
static struct symbolize_result *names_ask(struct profile *p, const struct wanted *wanted)
{
	guint n = p->modules->len - 1;
	struct symbolize_module *modules = g_new0(struct symbolize_module, n);
	struct symbolize_result *results = g_new0(struct symbolize_result, n);

	for (guint i = 0; i < n; i++) {
		const struct module *m = profile_module(p, i + 1);
		const struct process *s = profile_process(p, m->process);

		modules[i] = (struct symbolize_module){
			.path = *m->path ? m->path : NULL,
			.build_id = m->build_id,
			.build_id_len = m->build_id_len,
			.flags = m->flags,
			.addresses = (const uint64_t *)(void *)wanted[i + 1].addresses->data,
			.n_addresses = wanted[i + 1].addresses->len,
			.pid = (uint32_t)s->pid,
			.uid = (uint32_t)s->uid,
			.start_real_ns = s->start_real_ns,
			.boot_id = *s->boot_id ? s->boot_id : NULL,
		};
	}
	symbolize_modules(p->private->symbolizer, modules, n, results);
	g_free(modules);
	return results;
}

/* Makes the lines of one address of a module. */
static void names_add_lines(struct profile *p, GHashTable *known, uint32_t module,
			    const struct symbolize_address *address)
{
	for (uint32_t i = 0; i < address->n_frames; i++) {
		const struct symbolize_frame *f = &address->frames[i];
		struct function function = { f->name, f->system_name, f->file, module };
		struct line line = { function_get(p, known, &function), f->line, f->inlined,
				     f->system_name };

		g_array_append_val(p->lines, line);
	}
}

/* The line of a frame that is no code. */
static void names_add_made_up(struct profile *p, GHashTable *known, struct frame *f)
{
#define SYNTHETIC_NAME(id, text) text,
#define MARKER_NAME(id, number, text) [number] = text,
	static const char *const synthetics[] = { PROFILE_SYNTHETICS(SYNTHETIC_NAME) };
	static const char *const markers[] = { PROF_MARKERS(MARKER_NAME) };
	struct function function = { .name = "[unknown]" };
	struct line line = { 0 };

	if (f->kind == FRAME_SYNTHETIC && f->address < G_N_ELEMENTS(synthetics))
		function.name = synthetics[f->address];
	else if (f->kind == FRAME_MARKER && f->address < G_N_ELEMENTS(markers) &&
		 markers[f->address])
		function.name = markers[f->address];
	line.function = function_get(p, known, &function);
	f->first_line = p->lines->len;
	f->n_lines = 1;
	g_array_append_val(p->lines, line);
}

static void names_give(struct profile *p, const struct wanted *wanted,
		       const struct symbolize_result *results)
{
	for (guint i = 1; i < p->frames->len; i++) {
		struct frame *f = profile_frame(p, i);
		uint32_t module = profile_frame_module(p, i);
		const GArray *addresses = wanted[module].addresses;
		uint64_t address;
		guint at;

		if (f->kind != FRAME_CODE || !module)
			continue;
		address = frame_module_address(p, f);
		at = (guint)((uint64_t *)bsearch(&address, addresses->data, addresses->len,
						 sizeof(address), compare_addresses) -
			     (uint64_t *)(void *)addresses->data);
		f->first_line = wanted[module].first_line[at];
		f->n_lines = wanted[module].n_lines[at];
		if (results[module - 1].addresses[at].has_start)
			f->function_start = results[module - 1].addresses[at].function_start;
	}
}

void profile_symbolize(struct profile *p, const struct symbolize_options *options)
{
	GHashTable *known = g_hash_table_new_full(function_hash, function_equal, g_free, NULL);
	struct wanted *wanted = wanted_new(p);
	struct symbolize_result *results;

	/* profile_finish() will need them. */
	for (uint64_t i = 0; i < SYNTHETIC_COUNT; i++)
		intern_frame(p, FRAME_SYNTHETIC, 0, i);
	p->private->symbolizer = symbolize_new(options);
	results = names_ask(p, wanted);
	for (guint i = 1; i < p->modules->len; i++) {
		profile_module(p, i)->symbols = results[i - 1].status;
		for (guint j = 0; j < wanted[i].addresses->len; j++) {
			wanted[i].first_line[j] = p->lines->len;
			wanted[i].n_lines[j] = results[i - 1].addresses[j].n_frames;
			names_add_lines(p, known, i, &results[i - 1].addresses[j]);
		}
	}
	names_give(p, wanted, results);
	for (guint i = 1; i < p->frames->len; i++)
		if (profile_frame(p, i)->kind != FRAME_CODE)
			names_add_made_up(p, known, profile_frame(p, i));
	g_free(results);
	wanted_free(wanted, p->modules->len);
	g_hash_table_unref(known);
}

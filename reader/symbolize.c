/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize.c - each module to the back end its kind asks for, and every
 * address to at least one frame.  An ELF module whose child fails is tried a
 * second time without DWARF, the part that goes wrong; then it has its
 * fallback names.  Called by the reader's only thread.
 */
#include "symbolize.h"

#include <glib.h>
#include <string.h>

#include "jit_names.h"
#include "kernel_names.h"
#include "module_names.h"
#include "prof_format.h"
#include "symbolize_child.h"
#include "symbolize_pipe.h"

#define MODULE_SECONDS 60
#define MODULE_SECONDS_DEBUGINFOD 120
#define MODULE_MEMORY_BYTES (UINT64_C(2) << 30)

struct symbolize {
	struct symbolize_options options;
	char *symfs, *debug_dir;
	GStringChunk *text;
	GPtrArray *blocks; /* arrays handed out */
};

const char *symbolize_source_name(enum symbolize_source source)
{
	switch (source) {
	case SYMBOLIZE_SOURCE_NONE: return "none";
	case SYMBOLIZE_SOURCE_SYMTAB: return "symtab";
	case SYMBOLIZE_SOURCE_DYNSYM: return "dynsym";
	case SYMBOLIZE_SOURCE_DEBUG_FILE: return "debug_file";
	case SYMBOLIZE_SOURCE_KALLSYMS: return "kallsyms";
	case SYMBOLIZE_SOURCE_PERF_MAP: return "perf_map";
	}
	return "none";
}

const char *symbolize_match_name(enum symbolize_match match)
{
	switch (match) {
	case SYMBOLIZE_MATCH_NONE: return "none";
	case SYMBOLIZE_MATCH_SAME: return "same";
	case SYMBOLIZE_MATCH_CHANGED: return "changed";
	case SYMBOLIZE_MATCH_MISSING: return "missing";
	case SYMBOLIZE_MATCH_UNCHECKED: return "unchecked";
	}
	return "none";
}

struct symbolize *symbolize_new(const struct symbolize_options *options)
{
	struct symbolize *s = g_new0(struct symbolize, 1);

	if (options)
		s->options = *options;
	s->options.symfs = s->symfs = g_strdup(s->options.symfs);
	s->options.debug_dir = s->debug_dir = g_strdup(s->options.debug_dir);
	if (!s->options.module_seconds)
		s->options.module_seconds =
			s->options.debuginfod ? MODULE_SECONDS_DEBUGINFOD : MODULE_SECONDS;
	if (!s->options.module_memory_bytes)
		s->options.module_memory_bytes = MODULE_MEMORY_BYTES;
	s->text = g_string_chunk_new(65536);
	s->blocks = g_ptr_array_new_with_free_func(g_free);
	return s;
}

void symbolize_free(struct symbolize *s)
{
	if (!s)
		return;
	g_ptr_array_free(s->blocks, TRUE);
	g_string_chunk_free(s->text);
	g_free(s->symfs);
	g_free(s->debug_dir);
	g_free(s);
}

static const char *symbolize_fallback(struct symbolize *s, const struct symbolize_module *m)
{
	char *name = module_names_fallback(m);
	const char *kept;

	/* A path of the trace can have a component of any length. */
	if (strlen(name) > SYMBOLIZE_NAME_BYTES)
		name[SYMBOLIZE_NAME_BYTES] = '\0';
	kept = g_string_chunk_insert(s->text, name);
	g_free(name);
	return kept;
}

/* One attempt.  On failure what came is dropped, so that names do not depend
 * on how far a child happened to get. */
static bool symbolize_try(struct symbolize *s, const struct symbolize_options *options,
			  const struct symbolize_module *m, struct symbolize_address *addresses,
			  struct symbolize_status *status, char **why)
{
	GByteArray *stream = g_byte_array_new();
	struct symbolize_frame *frames = NULL;
	bool ok = symbolize_child_run(options, m, stream, why);

	if (ok && !symbolize_get_stream(stream->data, stream->len, s->text, addresses,
					m->n_addresses, status, &frames)) {
		*why = g_strdup("gave a malformed answer");
		ok = false;
	}
	g_byte_array_free(stream, TRUE);
	if (ok) {
		g_ptr_array_add(s->blocks, frames);
		return true;
	}
	g_free(frames);
	memset(addresses, 0, m->n_addresses * sizeof(*addresses));
	*status = (struct symbolize_status){ 0 };
	return false;
}

static void symbolize_elf(struct symbolize *s, const struct symbolize_module *m,
			  struct symbolize_address *addresses, struct symbolize_status *status)
{
	struct symbolize_options again = s->options;
	char *why = NULL, *why_again = NULL, *text;

	if (symbolize_try(s, &s->options, m, addresses, status, &why))
		return;
	again.no_lines = true;
	again.debuginfod = false;
	if (!symbolize_try(s, &again, m, addresses, status, &why_again))
		status->match = SYMBOLIZE_MATCH_NONE;
	status->failed = true;
	text = g_strdup_printf("reading %s %s: it has %s",
			       status->debug_file ? status->debug_file
			       : m->path	  ? m->path
						  : "the vDSO",
			       why,
			       why_again ? "no names" : "no source lines and no inline chains");
	status->advice = g_string_chunk_insert(s->text, text);
	g_free(text);
	g_free(why);
	g_free(why_again);
}

static void symbolize_flat(struct symbolize *s, const struct symbolize_module *m,
			   struct symbolize_address *addresses, struct symbolize_status *status)
{
	struct symbolize_frame *frames = g_new0(struct symbolize_frame, m->n_addresses + 1);
	uint64_t *starts = g_new0(uint64_t, m->n_addresses + 1);
	const char *fallback = symbolize_fallback(s, m);

	g_ptr_array_add(s->blocks, frames);
	for (size_t i = 0; i < m->n_addresses; i++)
		frames[i].name = fallback;
	if (m->flags & PROF_MAP_KERNEL)
		kernel_names_fill(m, NULL, NULL, s->text, frames, starts, status);
	else if (m->flags & PROF_MAP_ANON && m->pid)
		jit_names_fill(m, NULL, s->text, frames, starts, status);
	for (size_t i = 0; i < m->n_addresses; i++) {
		addresses[i].frames = &frames[i];
		addresses[i].n_frames = 1;
		addresses[i].has_start = frames[i].system_name != NULL;
		addresses[i].function_start = starts[i];
	}
	g_free(starts);
}

/* What the back end left without a frame. */
static void symbolize_fill(struct symbolize *s, const struct symbolize_module *m,
			   struct symbolize_address *addresses)
{
	struct symbolize_frame *frame = NULL;

	for (size_t i = 0; i < m->n_addresses; i++) {
		if (addresses[i].n_frames)
			continue;
		if (!frame) {
			frame = g_new0(struct symbolize_frame, 1);
			frame->name = symbolize_fallback(s, m);
			g_ptr_array_add(s->blocks, frame);
		}
		addresses[i].frames = frame;
		addresses[i].n_frames = 1;
	}
}

static void symbolize_module(struct symbolize *s, const struct symbolize_module *m,
			     struct symbolize_result *result)
{
	struct symbolize_address *addresses = g_new0(struct symbolize_address, m->n_addresses + 1);
	const unsigned not_elf = PROF_MAP_KERNEL | PROF_MAP_ANON;

	g_ptr_array_add(s->blocks, addresses);
	*result = (struct symbolize_result){ .addresses = addresses };
	if (m->flags & PROF_MAP_VDSO || (!(m->flags & not_elf) && m->path && *m->path == '/'))
		symbolize_elf(s, m, addresses, &result->status);
	else
		symbolize_flat(s, m, addresses, &result->status);
	symbolize_fill(s, m, addresses);
}

void symbolize_modules(struct symbolize *s, const struct symbolize_module *modules, size_t n,
		       struct symbolize_result *results)
{
	for (size_t i = 0; i < n; i++)
		symbolize_module(s, &modules[i], &results[i]);
}

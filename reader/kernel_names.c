/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_names.c - kallsyms in one pass over its lines, `ADDRESS TYPE NAME
 * [MODULE]`.  It is not sorted and has no sizes, so each asked address keeps
 * the nearest symbol at or below it, of any type: where that is no function,
 * there is no name.  Called by the reader's only thread, in the parent.
 */
#include "kernel_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

/* No function is longer: above the last symbol before a gap there is none. */
#define KERNEL_FUNCTION_BYTES (UINT64_C(1) << 20)

struct kernel_best {
	uint64_t start; /* 0: none yet */
	char *name;
	bool is_text, is_global;
};

static bool kernel_same_boot(const struct symbolize_module *module, const char *path)
{
	char *own = NULL;
	bool same;

	if (!module->boot_id || !g_file_get_contents(path, &own, NULL, NULL))
		return false;
	g_strstrip(own);
	same = *own && !strcmp(own, module->boot_id);
	g_free(own);
	return same;
}

/* Of two symbols at one address: functions first, global ones first, then the
 * shorter name, then by alphabet. */
static bool kernel_is_better(const struct kernel_best *best, char type, const char *name)
{
	bool is_text = strchr("tTwW", type) != NULL, is_global = g_ascii_isupper(type);
	size_t mine = strlen(name), theirs = strlen(best->name);

	if (is_text != best->is_text)
		return is_text;
	if (is_global != best->is_global)
		return is_global;
	return mine != theirs ? mine < theirs : strcmp(name, best->name) < 0;
}

/* A symbol concerns the first address at or above it; that one hands it on to
 * those above in kernel_spread. */
static void kernel_offer(const struct symbolize_module *module, struct kernel_best *best,
			 uint64_t start, char type, const char *name)
{
	size_t i = symbolize_lower(module, start);

	if (i == module->n_addresses || best[i].start > start ||
	    (best[i].start == start && !kernel_is_better(&best[i], type, name)))
		return;
	g_free(best[i].name);
	best[i] = (struct kernel_best){ start, g_strdup(name), strchr("tTwW", type) != NULL,
					g_ascii_isupper(type) };
}

/* False when addresses are hidden (all are 0) or nothing can be read. */
static bool kernel_read(const struct symbolize_module *module, const char *path,
			struct kernel_best *best)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *name, *end, type;
	size_t room = 0;
	uint64_t start;
	bool any = false;

	while (f && getline(&line, &room, f) > 0) {
		start = strtoull(line, &end, 16);
		if (!start || end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
			continue;
		any = true;
		type = end[1];
		name = end + 3;
		name[strcspn(name, "\t\n ")] = '\0';
		if (*name)
			kernel_offer(module, best, start, type, name);
	}
	free(line);
	if (f)
		fclose(f);
	return any;
}

static void kernel_spread(const struct symbolize_module *module, struct kernel_best *best,
			  GStringChunk *chunk, struct symbolize_frame *frames, uint64_t *starts,
			  size_t *n_named)
{
	const struct kernel_best *last = NULL;
	char *demangled;

	for (size_t i = 0; i < module->n_addresses; i++) {
		last = best[i].start ? &best[i] : last;
		if (!last || !last->is_text ||
		    module->addresses[i] - last->start >= KERNEL_FUNCTION_BYTES)
			continue;
		demangled = demangle_name(last->name);
		frames[i].system_name = g_string_chunk_insert_const(chunk, last->name);
		frames[i].name = !demangled ? frames[i].system_name
					    : g_string_chunk_insert_const(chunk, demangled);
		starts[i] = last->start;
		(*n_named)++;
		g_free(demangled);
	}
}

void kernel_names_fill(const struct symbolize_module *module, const char *kallsyms,
		       const char *boot_id, GStringChunk *chunk, struct symbolize_frame *frames,
		       uint64_t *starts, struct symbolize_status *status)
{
	struct kernel_best *best;

	kallsyms = kallsyms ? kallsyms : "/proc/kallsyms";
	boot_id = boot_id ? boot_id : "/proc/sys/kernel/random/boot_id";
	if (!kernel_same_boot(module, boot_id)) {
		status->advice =
			"kernel functions have names only on the machine, and in the boot, "
			"that the trace was made in";
		return;
	}
	best = g_new0(struct kernel_best, module->n_addresses + 1);
	if (kernel_read(module, kallsyms, best)) {
		status->source = SYMBOLIZE_SOURCE_KALLSYMS;
		kernel_spread(module, best, chunk, frames, starts, &status->n_named);
	} else {
		status->advice = "the kernel hides its addresses: read the trace as root, or "
				 "sysctl kernel.kptr_restrict=0";
	}
	for (size_t i = 0; i < module->n_addresses; i++)
		g_free(best[i].name);
	g_free(best);
}

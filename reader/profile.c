/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.c - the life of a profile: load, replay, free; and what is the same
 * for every exporter.  See profile.h.
 */
#include "profile_private.h"

#include <inttypes.h>
#include <string.h>

#include "keys.h"

#define METRIC_NAME(id, field, name, unit) name,
#define METRIC_UNIT(id, field, name, unit) unit,

static const char *const metric_names[] = { PROFILE_METRICS(METRIC_NAME) };
static const char *const metric_units[] = { PROFILE_METRICS(METRIC_UNIT) };

const char *metric_name(enum metric metric)
{
	return metric_names[metric];
}

const char *metric_unit(enum metric metric)
{
	return metric_units[metric];
}

unsigned metric_figures(enum metric metric)
{
	switch (metric) {
	case METRIC_ALLOC_OBJECTS:
	case METRIC_ALLOC_SPACE: return FIGURES_ALLOC;
	case METRIC_INUSE_OBJECTS:
	case METRIC_INUSE_SPACE: return FIGURES_INUSE;
	default: return FIGURES_CPU;
	}
}

enum metric metric_by_name(const char *name)
{
	for (unsigned i = 0; i < METRIC_COUNT; i++)
		if (!strcmp(metric_names[i], name))
			return (enum metric)i;
	return METRIC_DEFAULT;
}

double cell_value(const struct cell *cell, enum metric metric)
{
#define METRIC_CASE(id, field, name, unit) \
	case METRIC_##id: return (double)cell->field;
	switch (metric) {
		PROFILE_METRICS(METRIC_CASE)
	case METRIC_DEFAULT: break;
	}
	return 0;
}

enum metric profile_metric(const struct profile *p, enum metric wanted)
{
	bool cpu = false, heap = false;

	if (wanted != METRIC_DEFAULT)
		return wanted;
	for (uint32_t i = 1; i < p->processes->len; i++) {
		const struct process *s = profile_process(p, i);

		cpu |= s->n_samples || (*s->cpu_engine && strcmp(s->cpu_engine, "off"));
		heap |= s->n_heap_rows > 0;
	}
	return cpu || !heap ? METRIC_CPU : METRIC_ALLOC_SPACE;
}

/* Reads one trace; false, and nothing of it stays, when no segment of it could
 * be read. */
static bool load_trace(struct profile *p, struct trace *trace)
{
	struct trace_state *state = g_new0(struct trace_state, 1);
	uint32_t id = p->processes->len;

	state->threads = key_table_new(NULL);
	state->blocks = live_blocks_new();
	g_ptr_array_add(p->private->states, state);
	g_array_set_size(p->processes, id + 1);
	process_init(p, id, trace);
	build_trace(p, id, trace, NULL, NULL);
	if (!profile_process(p, id)->segments->len) {
		intern_drop_process(p, id);
		p->partial = true;
		return false;
	}
	heap_end(p, state);
	process_end(p, id);
	return true;
}

static uint64_t traces_bytes(const GPtrArray *traces)
{
	uint64_t bytes = 0;

	for (guint i = 0; i < traces->len; i++) {
		const GArray *files = ((struct trace *)g_ptr_array_index(traces, i))->files;

		for (guint j = 0; j < files->len; j++)
			bytes += g_array_index(files, struct trace_file, j).size;
	}
	return bytes;
}

void profile_take_cells(struct profile *p)
{
	bool full;

	if (!p->private->tally)
		return;
	g_array_unref(p->cells);
	p->cells = tally_end(p->private->tally, &full);
	p->private->tally = NULL;
	if (full)
		profile_limit(p, "pairs of thread and stack",
			      profile_room(p, PROFILE_CELLS_MAX, PROFILE_CELLS_FREE));
}

struct profile *profile_load(char **args, uint64_t from_ns, uint64_t to_ns)
{
	struct profile *p = g_new0(struct profile, 1);
	GPtrArray *traces;

	p->from_ns = from_ns;
	p->to_ns = to_ns;
	intern_init(p);
	p->private->traces = traces = trace_list_new(args, &p->partial);
	p->private->file_bytes = traces_bytes(traces);
	p->private->tally = tally_new(profile_room(p, PROFILE_CELLS_MAX, PROFILE_CELLS_FREE));
	for (guint i = 0; i < traces->len;) {
		if (load_trace(p, g_ptr_array_index(traces, i)))
			i++;
		else
			g_ptr_array_remove_index(traces, i);
	}
	tally_close(p->private->tally);
	if (p->processes->len > 1)
		return p;
	profile_free(p);
	return NULL;
}

void profile_replay(struct profile *p, profile_event_fn *fn, void *arg)
{
	for (guint i = 0; i < p->private->traces->len; i++)
		build_trace(p, i + 1, g_ptr_array_index(p->private->traces, i), fn, arg);
}

void profile_free(struct profile *p)
{
	bool full;

	if (!p)
		return;
	if (p->private->tally) /* nobody wanted them */
		g_array_unref(tally_end(p->private->tally, &full));
	symbolize_free(p->private->symbolizer);
	g_ptr_array_unref(p->private->traces);
	intern_fini(p);
	g_free(p);
}

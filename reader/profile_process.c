/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_process.c - the facts of a process: header, engines, losses, memory
 * over time, and the sums over its threads.  Called by profile_build.c for rows
 * and by profile.c and cpu_model.c at the end.
 */
#include "profile_private.h"

#include <string.h>

#define ENGINES_MAX 256u

void process_blank(struct process *s)
{
	s->exe = s->argv0 = s->host = s->container_id = s->service_name = "";
	s->resource_attributes = s->kernel = s->machine = s->boot_id = "";
	s->writer_version = s->cpu_engine = s->heap_engine = s->path = "";
	s->program = "[unknown]";
}

void process_init(struct profile *p, uint32_t id, const struct trace *trace)
{
	struct process *s = profile_process(p, id);

	process_blank(s);
	s->path = intern_text(p, trace->path, strlen(trace->path));
	s->settings = g_array_new(FALSE, TRUE, sizeof(struct profile_setting));
	s->engines = g_array_new(FALSE, TRUE, sizeof(struct profile_engine));
	s->losses = g_array_new(FALSE, TRUE, sizeof(struct profile_loss));
	s->marks = g_array_new(FALSE, TRUE, sizeof(struct profile_mark));
	s->memory = g_array_new(FALSE, TRUE, sizeof(struct profile_memory_point));
	s->segments = g_array_new(FALSE, TRUE, sizeof(struct profile_segment));
	for (uint64_t code = 1; code < PROF_LOSS_CODES; code++) {
		struct profile_loss loss = { .code = code };

		g_array_append_val(s->losses, loss);
	}
}

void process_fini(void *process)
{
	struct process *s = process;

	g_array_unref(s->settings);
	g_array_unref(s->engines);
	g_array_unref(s->losses);
	g_array_unref(s->marks);
	g_array_unref(s->memory);
	g_array_unref(s->segments);
}

/* Header fields that are taken as they are, and where they go. */
struct header_place {
	unsigned key;
	size_t offset;
};

/* To uint64_t fields. */
static const struct header_place header_numbers[] = {
	{ PROF_HDR_PID, offsetof(struct process, pid) },
	{ PROF_HDR_PPID, offsetof(struct process, ppid) },
	{ PROF_HDR_PAGE_BYTES, offsetof(struct process, page_bytes) },
	{ PROF_HDR_CPUS, offsetof(struct process, cpus) },
	{ PROF_HDR_UID, offsetof(struct process, uid) },
	{ PROF_HDR_START_MONO_NS, offsetof(struct process, start_mono_ns) },
	{ PROF_HDR_START_REAL_NS, offsetof(struct process, start_real_ns) },
	{ PROF_HDR_START_MACHINE_NS, offsetof(struct process, start_machine_ns) },
	{ PROF_HDR_CPU_PERIOD_NS, offsetof(struct process, cpu_period_ns) },
	{ PROF_HDR_HEAP_MEAN_BYTES, offsetof(struct process, heap_mean_bytes) },
	{ PROF_HDR_STACK_BYTES, offsetof(struct process, stack_bytes) },
	{ PROF_HDR_ENTRY, offsetof(struct process, entry) },
};

/* To const char * fields. */
static const struct header_place header_texts[] = {
	{ PROF_HDR_EXE, offsetof(struct process, exe) },
	{ PROF_HDR_ARGV0, offsetof(struct process, argv0) },
	{ PROF_HDR_HOST, offsetof(struct process, host) },
	{ PROF_HDR_CONTAINER_ID, offsetof(struct process, container_id) },
	{ PROF_HDR_SERVICE_NAME, offsetof(struct process, service_name) },
	{ PROF_HDR_RESOURCE_ATTRIBUTES, offsetof(struct process, resource_attributes) },
	{ PROF_HDR_KERNEL, offsetof(struct process, kernel) },
	{ PROF_HDR_MACHINE, offsetof(struct process, machine) },
	{ PROF_HDR_BOOT_ID, offsetof(struct process, boot_id) },
	{ PROF_HDR_WRITER_VERSION, offsetof(struct process, writer_version) },
	{ PROF_HDR_CPU_ENGINE, offsetof(struct process, cpu_engine) },
	{ PROF_HDR_HEAP_ENGINE, offsetof(struct process, heap_engine) },
};

static void process_take_fields(struct profile *p, struct process *s,
				const struct segment_header *header)
{
	for (size_t i = 0; i < G_N_ELEMENTS(header_numbers); i++) {
		const struct header_place *place = &header_numbers[i];

		if (header->present[place->key])
			G_STRUCT_MEMBER(uint64_t, s, place->offset) = header->number[place->key];
	}
	for (size_t i = 0; i < G_N_ELEMENTS(header_texts); i++) {
		const struct header_place *place = &header_texts[i];

		if (header->present[place->key])
			G_STRUCT_MEMBER(const char *, s, place->offset) = intern_text(
				p, header->text[place->key], header->text_len[place->key]);
	}
}

static void process_take_settings(struct profile *p, struct process *s, const GPtrArray *settings)
{
	g_array_set_size(s->settings, 0);
	for (guint i = 0; i < settings->len && i < 256; i++) {
		const char *text = g_ptr_array_index(settings, i);
		const char *equals = strchr(text, '=');
		struct profile_setting setting;

		if (!equals)
			continue;
		setting.name = intern_text(p, text, (size_t)(equals - text));
		setting.value = intern_text(p, equals + 1, strlen(equals + 1));
		g_array_append_val(s->settings, setting);
	}
}

static void process_take_program(struct profile *p, struct process *s,
				 const struct segment_header *header)
{
	char *text = header->text[PROF_HDR_PROGRAM];
	char *base;

	if (text && *text) {
		s->program = intern_text(p, text, strlen(text));
	} else if (*s->exe) {
		base = g_path_get_basename(s->exe);
		s->program = intern_text(p, base, strlen(base));
		g_free(base);
	}
}

void process_take_header(struct profile *p, uint32_t id, const struct segment_header *header)
{
	struct process *s = profile_process(p, id);

	if (!header->good)
		return;
	process_take_fields(p, s, header);
	if (header->text_len[PROF_HDR_TRACE_ID] == sizeof(s->trace_id)) {
		memcpy(s->trace_id, header->text[PROF_HDR_TRACE_ID], sizeof(s->trace_id));
		s->has_trace_id = true;
	}
	if (header->text_len[PROF_HDR_PARENT_TRACE_ID] == sizeof(s->parent_trace_id))
		memcpy(s->parent_trace_id, header->text[PROF_HDR_PARENT_TRACE_ID],
		       sizeof(s->parent_trace_id));
	if (header->present[PROF_HDR_CPU_KERNEL]) {
		s->cpu_kernel = header->number[PROF_HDR_CPU_KERNEL] != 0;
		s->has_cpu_kernel = true;
	}
	process_take_program(p, s, header);
	process_take_settings(p, s, header->settings);
}

void process_saw_time(struct process *s, uint64_t t)
{
	s->t_last_ns = MAX(s->t_last_ns, t);
}

void process_add_engine(struct process *s, const struct profile_engine *engine)
{
	const struct profile_engine *known;

	for (guint i = 0; i < s->engines->len; i++) {
		known = &g_array_index(s->engines, struct profile_engine, i);
		if (known->engine == engine->engine && known->state == engine->state &&
		    known->error == engine->error && known->name == engine->name &&
		    known->text == engine->text)
			return;
	}
	if (s->engines->len < ENGINES_MAX)
		g_array_append_val(s->engines, *engine);
}

/* Halves the points, keeping every other one and the last. */
static void process_thin_memory(GArray *memory)
{
	guint kept = 0;

	for (guint i = 0; i < memory->len; i++)
		if (i % 2 == 0 || i + 1 == memory->len)
			g_array_index(memory, struct profile_memory_point, kept++) =
				g_array_index(memory, struct profile_memory_point, i);
	g_array_set_size(memory, kept);
}

void process_add_memory(struct profile *p, uint32_t id, const struct row_process_stats *row)
{
	struct process *s = profile_process(p, id);
	struct profile_memory_point point = {
		.t_ns = row->t,
		.cpu_ns = row->cpu_ns,
		.rss_bytes = row->rss_bytes,
		.vsize_bytes = row->vsize_bytes,
		.self_cpu_ns = row->self_cpu_ns,
		.self_bytes = row->self_bytes,
		.rss_peak_bytes = row->rss_peak_bytes,
	};

	s->clock_cpu_ns = row->cpu_ns;
	s->self_cpu_ns = row->self_cpu_ns;
	s->self_bytes = row->self_bytes;
	if (row->rss_peak_bytes && !s->peak_rss_is_kernels) {
		s->peak_rss_is_kernels = true;
		s->peak_rss_bytes = 0;
	}
	s->peak_rss_bytes = MAX(s->peak_rss_bytes, row->rss_peak_bytes);
	if (!profile_in_window(p, row->t))
		return;
	if (!s->peak_rss_is_kernels)
		s->peak_rss_bytes = MAX(s->peak_rss_bytes, row->rss_bytes);
	if (s->memory->len >= PROFILE_MEMORY_POINTS_MAX)
		process_thin_memory(s->memory);
	g_array_append_val(s->memory, point);
}

static uint32_t process_entry_frame(struct profile *p, uint32_t id, uint64_t entry)
{
	for (uint32_t i = 1; entry && i < p->mappings->len; i++) {
		const struct mapping *m = profile_mapping(p, i);

		if (m->process == id && entry >= m->start && entry < m->end)
			return intern_frame(p, FRAME_CODE, i, entry);
	}
	return 0;
}

void process_switch(struct process *s, struct trace_state *state, uint64_t t, bool on)
{
	if (on == !state->off)
		return;
	if (on)
		s->off_wall_ns += t - MIN(t, state->off_since);
	state->off = !on;
	state->off_since = t;
}

void process_begin(struct process *s, struct trace_state *state)
{
	for (guint i = 0; i < s->settings->len; i++) {
		const struct profile_setting *setting =
			&g_array_index(s->settings, struct profile_setting, i);

		if (!strcmp(setting->name, "LIBPROF_DELAY_MS") && strcmp(setting->value, "0"))
			state->off = true;
	}
}

void process_end(struct profile *p, uint32_t id)
{
	struct trace_state *state = g_ptr_array_index(p->private->states, id);
	struct process *s = profile_process(p, id);

	s->from_ns = MAX(p->from_ns, s->t_first_ns);
	s->to_ns = MIN(p->to_ns, s->t_last_ns);
	if (s->to_ns < s->from_ns)
		s->to_ns = s->from_ns;
	/* The last drops may be told by loss records alone. */
	s->segments_dropped =
		MAX(state->cumulative.segments_dropped, loss_count(s, PROF_LOSS_SEGMENT_DROPPED));
	s->n_unknown_frees = state->unknown_frees;
	process_switch(s, state, s->t_last_ns, true);
	s->entry_frame = process_entry_frame(p, id, s->entry);
	p->partial |= s->partial;
}

static void process_sum_thread(struct profile *p, const struct thread *t, double *exact_ns)
{
	struct trace_state *state = g_ptr_array_index(p->private->states, t->process);
	struct process *s = profile_process(p, t->process);

	if (!t->process)
		return;
	s->cpu_ns += t->cpu_ns;
	s->not_sampled_ns += t->not_sampled_ns;
	s->off_ns += t->off_ns;
	s->kernel_not_sampled_ns += t->kernel_not_sampled_ns;
	/* The cumulative record has what ended before it. */
	if (!t->ended || t->t_end_ns >= state->cumulative.t)
		s->threads_cpu_ns += t->clock.cpu_ns;
	exact_ns[t->process] += (double)t->cpu_ns;
}

void process_sum(struct profile *p)
{
	double *exact_ns = g_new0(double, p->processes->len);

	for (uint32_t i = 1; i < p->processes->len; i++) {
		struct trace_state *state = g_ptr_array_index(p->private->states, i);

		profile_process(p, i)->threads_cpu_ns = state->cumulative.cpu_ns;
	}
	for (uint32_t i = 0; i < p->threads->len; i++)
		process_sum_thread(p, profile_thread(p, i), exact_ns);
	for (uint32_t i = 1; i < p->processes->len; i++) {
		struct process *s = profile_process(p, i);

		if (s->cpu_period_ns)
			s->asked_hz = 1e9 / (double)s->cpu_period_ns;
		if (exact_ns[i] > 0)
			s->achieved_hz = (double)s->n_samples * 1e9 / exact_ns[i];
	}
	g_free(exact_ns);
}

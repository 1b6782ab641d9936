/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_rows.c - rows to the model or, when replaying, to the caller's
 * events.  The ids of a segment's strings, mappings and nodes become ids of the
 * model here and nowhere else.  Called by profile_build.c through the decoder.
 */
#include "profile_private.h"

#define MARKS_MAX 4096u
#define SAMPLES_AHEAD 32u

/* ---- The segment's own ids ---- */

static uint32_t build_id(const GArray *ids, uint32_t id)
{
	return id < ids->len ? g_array_index(ids, uint32_t, id) : 0;
}

static void build_set_id(GArray *ids, uint32_t id, uint32_t value)
{
	if (id >= ids->len)
		g_array_set_size(ids, id + 1);
	g_array_index(ids, uint32_t, id) = value;
}

/* "" for none and for what is not defined. */
static const char *build_text(const struct build *b, uint32_t id)
{
	const char *text = id < b->strings->len ? g_ptr_array_index(b->strings, id) : NULL;

	return text ? text : "";
}

/* The model's node for a stack of a row; never 0. */
static inline uint32_t build_stack(struct build *b, uint32_t id)
{
	uint32_t node = build_id(b->nodes, id);

	if (node)
		return node;
	return id ? intern_lone_node(b->profile, FRAME_SYNTHETIC, SYNTHETIC_DAMAGED)
		  : intern_lone_node(b->profile, FRAME_MARKER, PROF_MARKER_NO_STACK);
}

static inline uint32_t build_thread_id(struct build *b, uint32_t trace_id)
{
	const struct known_thread *known = &b->state->known[trace_id % KNOWN_THREADS];

	return known->id && known->trace_id == trace_id
		       ? known->id
		       : intern_thread(b->profile, b->process, trace_id);
}

static uint32_t build_thread(struct build *b, uint32_t trace_id, uint64_t t)
{
	uint32_t id = build_thread_id(b, trace_id);
	struct thread *thread = profile_thread(b->profile, id);
	struct process *process;

	if (!b->fn) {
		thread->t_end_ns = MAX(thread->t_end_ns, t);
		process = build_process(b);
		process->t_last_ns = MAX(process->t_last_ns, t);
	}
	return id;
}

/* ---- Definitions ---- */

static void build_string(struct build *b, const struct row_string *row)
{
	if (row->id >= b->strings->len)
		g_ptr_array_set_size(b->strings, (gint)row->id + 1);
	g_ptr_array_index(b->strings, row->id) =
		(void *)intern_text(b->profile, row->text, row->len);
}

static void build_mapping(struct build *b, const struct row_mapping *row)
{
	build_set_id(b->mappings, row->id,
		     intern_mapping(b->profile, b->process, row, build_text(b, row->path)));
}

/* The frame of a row of a node; likely: what it may be. */
static uint32_t build_frame(struct build *b, const struct row_node *row, uint32_t likely)
{
	uint32_t mapping = build_id(b->mappings, row->mapping);
	const struct frame *frame;
	uint64_t address;

	if (!mapping)
		return row->mapping
			       ? intern_frame(b->profile, FRAME_SYNTHETIC, 0, SYNTHETIC_DAMAGED)
			       : intern_frame(b->profile, FRAME_MARKER, 0, row->offset);
	address = profile_mapping(b->profile, mapping)->start + row->offset;
	frame = profile_frame(b->profile, likely);
	if (frame->mapping == mapping && frame->address == address && frame->kind == FRAME_CODE)
		return likely;
	return intern_frame(b->profile, FRAME_CODE, mapping, address);
}

static void build_node(struct build *b, const struct row_node *row)
{
	const struct build_likely *likely = &b->likely;
	uint32_t at = row->id - likely->first, frame, parent = 0, id;
	const struct node *node;

	if (row->parent)
		parent = build_stack(b, row->parent);
	frame = build_frame(b, row, at < likely->n ? likely->frame[at] : 0);
	id = at < likely->n ? likely->node[at] : 0;
	node = profile_node(b->profile, id);
	if (!id || node->parent != parent || node->frame != frame)
		id = intern_node(b->profile, parent, frame, row->guessed);
	build_set_id(b->nodes, row->id, id);
}

static void build_thread_row(struct build *b, const struct row_thread *row)
{
	struct profile *p = b->profile;
	uint32_t id = build_thread(b, row->thread, row->t_start);
	uint32_t creator = row->creator ? intern_thread(p, b->process, row->creator) : 0;
	uint32_t mapping = build_id(b->mappings, row->start_mapping);
	struct thread *t = profile_thread(p, id);

	if (!id || b->fn)
		return;
	t->tid = row->tid;
	t->flags = (uint32_t)row->flags;
	t->t_start_ns = row->t_start;
	if (*build_text(b, row->name))
		t->name = build_text(b, row->name);
	t->creator = creator;
	if (build_id(b->nodes, row->stack))
		t->creator_stack = build_id(b->nodes, row->stack);
	if (mapping)
		t->start_frame =
			intern_frame(p, FRAME_CODE, mapping,
				     profile_mapping(p, mapping)->start + row->start_offset);
	if (row->flags & PROF_THREAD_MAIN)
		build_process(b)->main_thread = id;
}

/* ---- Events ---- */

static void build_sample_events(struct build *b, const struct row_sample *rows,
				const struct profile_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct profile_event event = {
			.kind = PROFILE_SAMPLE,
			.process = b->process,
			.thread = places[i].thread,
			.stack = places[i].stack,
			.t_ns = rows[i].t,
			.cpu = rows[i].cpu,
			.in_kernel = rows[i].in_kernel,
			.weight = rows[i].weight_ns,
			.periods = rows[i].weight,
		};

		if (profile_in_window(b->profile, rows[i].t))
			b->fn(&event, b->arg);
	}
}

static void build_prefetch(const struct build *b, uint32_t node)
{
	if (node < b->nodes->len)
		__builtin_prefetch(&g_array_index(b->nodes, uint32_t, node));
}

/* The memory that rows lead to is asked for some rows ahead: a large trace is beyond
 * the caches, and to wait for one place after the other takes time. */
void build_samples(void *arg, const struct row_sample *rows, size_t n)
{
	struct profile_place places[DECODE_BATCH];
	struct build *b = arg;

	for (size_t i = 0; i < n && i < SAMPLES_AHEAD; i++)
		build_prefetch(b, rows[i].stack);
	for (size_t i = 0; i < n; i++) {
		if (i + SAMPLES_AHEAD < n)
			build_prefetch(b, rows[i + SAMPLES_AHEAD].stack);
		places[i].thread = build_thread_id(b, rows[i].thread);
		places[i].stack = build_stack(b, rows[i].stack);
	}
	if (b->fn)
		build_sample_events(b, rows, places, n);
	else
		cpu_samples(b, rows, places, n);
}

static void build_alloc_event(struct build *b, const struct row_live *row)
{
	struct profile_event event = {
		.kind = PROFILE_ALLOC,
		.process = b->process,
		.thread = build_thread(b, row->thread, row->t),
		.stack = build_stack(b, row->stack),
		.t_ns = row->t,
		.size = row->size,
		.block = row->block,
	};
	struct heap_weight weight = heap_weigh(row->size, row->sampled_size, row->mean);

	if (!profile_in_window(b->profile, row->t))
		return;
	event.objects = weight.objects;
	event.weight = (uint64_t)(weight.space + 0.5);
	b->fn(&event, b->arg);
}

static void build_free_event(const struct build *b, const struct row_heap *row, uint32_t thread)
{
	struct profile_event event = {
		.kind = PROFILE_FREE,
		.process = b->process,
		.thread = thread,
		.t_ns = row->t,
		.block = row->block,
	};

	if (profile_in_window(b->profile, row->t))
		b->fn(&event, b->arg);
}

static void build_heap(struct build *b, const struct row_heap *row)
{
	struct row_live alloc = { row->block, row->t,	   row->size, row->sampled_size,
				  row->mean,  row->thread, row->stack };
	uint32_t thread = build_thread(b, row->thread, row->t);

	if (b->fn && row->op == PROF_HEAP_ALLOC) {
		build_alloc_event(b, &alloc);
	} else if (b->fn) {
		build_free_event(b, row, thread);
	} else {
		heap_live_end(b);
		build_process(b)->n_heap_rows++;
		if (row->op == PROF_HEAP_ALLOC)
			heap_alloc(b, &alloc, thread, build_stack(b, row->stack));
		else
			heap_free(b, row);
	}
}

static void build_live(struct build *b, const struct row_live *row)
{
	if (!b->live_counts)
		return;
	if (b->fn)
		build_alloc_event(b, row);
	else
		heap_live(b, row, build_thread(b, row->thread, row->t), build_stack(b, row->stack));
}

/* ---- Facts ---- */

static void build_engine(struct build *b, const struct row_engine *row)
{
	struct profile_engine engine = {
		row->t,
		(uint32_t)row->engine,
		(uint32_t)row->state,
		(uint32_t)row->error,
		build_text(b, row->name),
		build_text(b, row->text),
	};

	process_add_engine(build_process(b), &engine);
}

static void build_mark(struct build *b, const struct row_mark *row)
{
	struct profile_mark mark = { row->t, row->mark, row->value };
	struct process *s = build_process(b);

	process_saw_time(s, row->t);
	s->exited |= row->mark == PROF_MARK_EXIT;
	if (row->mark == PROF_MARK_HEAP_MEAN)
		s->heap_mean_most = MAX(s->heap_mean_most, row->value);
	b->frame_stops |= row->mark == PROF_MARK_EXIT || row->mark == PROF_MARK_EXEC ||
			  row->mark == PROF_MARK_STOP;
	if (row->mark == PROF_MARK_START || row->mark == PROF_MARK_STOP)
		process_switch(s, b->state, row->t, row->mark == PROF_MARK_START);
	if (s->marks->len < MARKS_MAX)
		g_array_append_val(s->marks, mark);
}

static void build_cumulative(struct build *b, const struct event *e)
{
	const struct row_cumulative *row = &e->cumulative;
	struct process *s = build_process(b);

	if (e->row) {
		loss_total(b->profile, s, row->t, row->code, row->total);
		return;
	}
	b->state->cumulative = *row;
	if (s->segments->len > 1)
		return;
	s->ended_before_threads = row->ended_threads;
	s->ended_before = (struct exact){ row->cpu_ns, row->user_ns, row->system_ns,
					  row->alloc_calls, row->alloc_bytes };
}

/* From when on a loss may be: since the flush before.  What the kernel found no room for
 * it says once there is room again, and that is counted once a second, behind that second's
 * statistics, of which the last may be at the very time of the loss; when sampling stops,
 * it says the rest, of whatever time. */
static uint64_t build_loss_since(const struct build *b, const struct row_loss *row)
{
	const uint64_t *seconds = b->state->seconds_ns;

	if (row->code != PROF_LOSS_CPU_RING)
		return b->frame_since_ns;
	if (b->frame_stops || b->state->off)
		return 0;
	return MIN(b->frame_since_ns, seconds[seconds[0] >= row->t]);
}

static void build_end_row(struct build *b, const struct row_end *row)
{
	struct process *s = build_process(b);

	process_saw_time(s, row->t);
	b->end_reason = row->reason;
	s->exited |= row->reason == PROF_END_EXIT;
}

/* What is not an event and not a definition: nothing to do when replaying. */
static void build_fact(struct build *b, const struct event *e)
{
	struct profile *p = b->profile;
	uint32_t thread;

	switch (e->kind) {
	case PROF_REC_THREAD_STATS:
		thread = build_thread(b, e->thread_stats.thread, e->thread_stats.t);
		cpu_thread_stats(p, b->state, thread, &e->thread_stats);
		break;
	case PROF_REC_PROCESS_STATS:
		process_saw_time(build_process(b), e->process_stats.t);
		b->state->seconds_ns[1] = b->state->seconds_ns[0];
		b->state->seconds_ns[0] = e->process_stats.t;
		process_add_memory(p, b->process, &e->process_stats);
		break;
	case PROF_REC_LOSS:
		loss_more(p, build_process(b), build_loss_since(b, &e->loss), e->loss.t,
			  e->loss.code, e->loss.count);
		break;
	case PROF_REC_ENGINE: build_engine(b, &e->engine); break;
	case PROF_REC_MARK: build_mark(b, &e->mark); break;
	case PROF_REC_CUMULATIVE: build_cumulative(b, e); break;
	case PROF_REC_END: build_end_row(b, &e->end); break;
	default: build_process(b)->n_unknown_records++;
	}
}

void build_event(void *arg, const struct event *e)
{
	struct build *b = arg;

	switch (e->kind) {
	case PROF_REC_STRING: build_string(b, &e->string); break;
	case PROF_REC_MAPPING: build_mapping(b, &e->mapping); break;
	case PROF_REC_NODES: build_node(b, &e->node); break;
	case PROF_REC_THREAD: build_thread_row(b, &e->thread); break;
	case PROF_REC_SAMPLES: build_samples(b, &e->sample, 1); break;
	case PROF_REC_HEAP: build_heap(b, &e->heap); break;
	case PROF_REC_LIVE: build_live(b, &e->live); break;
	default:
		if (!b->fn)
			build_fact(b, e);
	}
}

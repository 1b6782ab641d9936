/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_root.c - finds threads' start functions in their stacks, by name: the
 * start routine's address lies in a function, and so does each frame.
 */
#include "stack_root.h"

#include <string.h>

#include "keys.h"
#include "profile_private.h"

#define STACKS_LOOKED_AT 256u /* of one thread: nearly all stacks have the root */
#define OUTERMOST_FRAMES 2u   /* of a thread whose start is not known */
/* Frames looked at in all: a trace can have a million threads in stacks of
 * 16,000 frames.  Threads after that go where their fellows are. */
#define FRAMES_LOOKED_AT (UINT64_C(1) << 26)

struct stack_roots {
	struct profile *profile;
	GHashTable *shared; /* process, module and name of a start function -> node */
	uint32_t *own;	    /* node by thread, found in its own stacks */
	uint64_t looked_at; /* frames */
};

/* The function that is not inlined at a frame; NULL none. */
static const struct function *frame_function(const struct profile *p, uint32_t frame)
{
	const struct frame *f = profile_frame(p, frame);

	if (!f->n_lines || f->kind != FRAME_CODE)
		return NULL;
	return profile_function(p, profile_line(p, f->first_line + f->n_lines - 1)->function);
}

static bool same_function(const struct function *f, const struct function *wanted)
{
	return f && f->module == wanted->module && !strcmp(f->name, wanted->name);
}

/* Time that no sample covers has no place below this marker. */
static bool is_stitched(const struct profile *p, uint32_t outermost)
{
	const struct frame *f = profile_frame(p, outermost);

	return f->kind == FRAME_MARKER && f->address == PROF_MARKER_STITCHED;
}

/* The outermost node of the stack that is in the wanted function; 0 none. */
static uint32_t find_in_stack(struct stack_roots *roots, uint32_t stack,
			      const struct function *wanted)
{
	const struct profile *p = roots->profile;
	uint32_t found = 0, frame = 0;

	if (roots->looked_at >= FRAMES_LOOKED_AT)
		return 0;
	roots->looked_at += profile_node(p, stack)->depth;
	for (; stack; stack = profile_node(p, stack)->parent) {
		frame = profile_node(p, stack)->frame;
		if (same_function(frame_function(p, frame), wanted))
			found = stack;
	}
	return is_stitched(p, frame) ? 0 : found;
}

static uint32_t find_main(struct stack_roots *roots, uint32_t stack)
{
	const struct profile *p = roots->profile;
	const struct function *f;
	uint32_t found = 0, frame = 0;

	if (roots->looked_at >= FRAMES_LOOKED_AT)
		return 0;
	roots->looked_at += profile_node(p, stack)->depth;
	for (; stack; stack = profile_node(p, stack)->parent) {
		frame = profile_node(p, stack)->frame;
		f = frame_function(p, frame);
		if (f && !strcmp(f->name, "main"))
			found = stack;
	}
	return is_stitched(p, frame) ? 0 : found;
}

/* The frame a thread began with: its start routine, or the program's entry. */
static uint32_t thread_start_frame(const struct profile *p, const struct thread *thread)
{
	if (thread->flags & PROF_THREAD_MAIN)
		return profile_process(p, thread->process)->entry_frame;
	return thread->start_frame;
}

static char *shared_key(const struct thread *thread, const struct function *start)
{
	return g_strdup_printf("%u %u %s %s", thread->process, start->module,
			       thread->flags & PROF_THREAD_MAIN ? "m" : "t", start->name);
}

/* Looks for a thread's start in n of its own cells. */
static uint32_t find_in_cells(struct stack_roots *roots, const struct thread *thread,
			      const struct cell *cells, guint n)
{
	const struct profile *p = roots->profile;
	const struct function *start = frame_function(p, thread_start_frame(p, thread));
	uint32_t found = 0;

	for (guint i = 0; !found && i < n && (thread->flags & PROF_THREAD_MAIN); i++)
		found = find_main(roots, cells[i].stack);
	for (guint i = 0; !found && i < n && start; i++)
		found = find_in_stack(roots, cells[i].stack, start);
	return found;
}

/* The outermost frames of the thread's heaviest stack, when nothing says where
 * it began. */
static uint32_t find_outermost(struct stack_roots *roots, const struct cell *cells, guint n)
{
	const struct profile *p = roots->profile;
	const struct cell *heaviest = NULL;
	uint32_t node;

	for (guint i = 0; i < n; i++)
		if (!heaviest || cells[i].cpu > heaviest->cpu)
			heaviest = &cells[i];
	node = heaviest && roots->looked_at < FRAMES_LOOKED_AT ? heaviest->stack : 0;
	roots->looked_at += profile_node(p, node)->depth;
	while (profile_node(p, node)->depth > OUTERMOST_FRAMES)
		node = profile_node(p, node)->parent;
	while (node && profile_frame(p, profile_node(p, node)->frame)->kind != FRAME_CODE)
		node = profile_node(p, node)->parent;
	return node;
}

static void learn(struct stack_roots *roots, uint32_t id, const struct cell *cells, guint n)
{
	struct profile *p = roots->profile;
	const struct thread *thread = profile_thread(p, id);
	const struct function *start = frame_function(p, thread_start_frame(p, thread));
	uint32_t node = find_in_cells(roots, thread, cells, MIN(n, STACKS_LOOKED_AT));
	char *key;

	if (node && start) {
		key = shared_key(thread, start);
		if (!g_hash_table_contains(roots->shared, key))
			g_hash_table_insert(roots->shared, g_strdup(key), GUINT_TO_POINTER(node));
		g_free(key);
	} else if (!node && !start) {
		node = find_outermost(roots, cells, n);
	}
	roots->own[id] = node;
}

struct stack_roots *stack_roots_new(struct profile *p)
{
	struct stack_roots *roots = g_new0(struct stack_roots, 1);
	guint first = 1, next;

	roots->profile = p;
	roots->shared = key_text_table_new(g_free);
	roots->own = g_new0(uint32_t, p->threads->len);
	for (; first < p->cells->len; first = next) {
		const struct cell *cells = &g_array_index(p->cells, struct cell, first);

		for (next = first;
		     next < p->cells->len && cells[next - first].thread == cells->thread;)
			next++;
		learn(roots, cells->thread, cells, next - first);
	}
	return roots;
}

uint32_t stack_roots_find(struct stack_roots *roots, uint32_t id)
{
	struct profile *p = roots->profile;
	const struct thread *thread = profile_thread(p, id);
	uint32_t frame = thread_start_frame(p, thread), node;
	const struct function *start = frame_function(p, frame);
	char *key;

	if (roots->own[id] || !start)
		return roots->own[id];
	key = shared_key(thread, start);
	node = GPOINTER_TO_UINT(g_hash_table_lookup(roots->shared, key));
	g_free(key);
	return node ? node : intern_node(p, 0, frame, false);
}

void stack_roots_free(struct stack_roots *roots)
{
	g_hash_table_unref(roots->shared);
	g_free(roots->own);
	g_free(roots);
}

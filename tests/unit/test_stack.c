/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stack.c - interning: the same stack is the same node, different stacks
 * are different ones, callers are shared, markers stand at the root end.
 *
 * links: preload/stack.c preload/stats.c preload/arena.c
 */
#include "../../preload/stack.h"

#include "../../include/prof_format.h"
#include "../../preload/stats.h"
#include "../check.h"

static struct arena arena;
static struct mapping app = { .serial = 1, .start = 0x400000, .end = 0x500000 };
static struct mapping lib = { .serial = 2, .start = 0x7f0000000000, .end = 0x7f0000100000 };
static struct mapping kernel = { .serial = 3, .start = ARCH_KERNEL_START, .end = UINT64_MAX };

/* Stands in for maps.c: only kernel addresses are looked up. */
struct mapping *maps_find(uint64_t pc)
{
	return pc >= ARCH_KERNEL_START ? &kernel : NULL;
}

/* Innermost first, as an unwinder gives them. */
static struct unwound *stack(uint32_t frames, const uint64_t *pc, enum unwind_end end)
{
	static struct unwound u;

	u.frames = frames;
	u.end = end;
	for (uint32_t i = 0; i < frames; i++) {
		u.pc[i] = pc[i];
		u.map[i] = pc[i] >= lib.start ? &lib : pc[i] >= app.start ? &app : NULL;
		u.guessed[i] = false;
	}
	return &u;
}

static const uint64_t three[] = { 0x7f0000000123, 0x401000, 0x400500 };

TEST(same_stack_same_node)
{
	uint32_t a, b;

	EQ(stack_init(&arena), 0);
	a = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	b = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	TRUE(a);
	EQ(a, b);
	EQ(stack_get(a)->mapping, 2);
	EQ(stack_get(a)->offset, 0x123);
	a = stack_get(a)->parent;
	EQ(stack_get(a)->mapping, 1);
	EQ(stack_get(a)->offset, 0x1000);
	a = stack_get(a)->parent;
	EQ(stack_get(a)->offset, 0x500);
	EQ(stack_get(a)->parent, 0);
}

TEST(callers_are_shared)
{
	uint32_t whole, callers;

	EQ(stack_init(&arena), 0);
	whole = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	callers = stack_intern(stack(2, three + 1, UNWIND_WHOLE), NULL, 0);
	EQ(stack_get(whole)->parent, callers);
}

TEST(guessed_frames_are_others)
{
	struct unwound *u;
	uint32_t sure;

	EQ(stack_init(&arena), 0);
	sure = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	u = stack(3, three, UNWIND_WHOLE);
	u->guessed[1] = true;
	TRUE(stack_intern(u, NULL, 0) != sure);
}

TEST(markers_at_the_root)
{
	static const enum unwind_end ends[] = { UNWIND_TRUNCATED, UNWIND_BROKEN, UNWIND_NO_STACK };
	static const uint32_t markers[] = { PROF_MARKER_TRUNCATED, PROF_MARKER_BROKEN,
					    PROF_MARKER_NO_STACK };

	EQ(stack_init(&arena), 0);
	for (int i = 0; i < 3; i++) {
		uint32_t node = stack_intern(stack(i == 2 ? 0 : 2, three, ends[i]), NULL, 0);

		while (stack_get(node)->parent)
			node = stack_get(node)->parent;
		EQ(stack_get(node)->mapping, 0);
		EQ(stack_get(node)->offset, markers[i]);
	}
	EQ(stack_intern(stack(0, three, UNWIND_WHOLE), NULL, 0), 0);
}

TEST(kernel_frames_are_innermost)
{
	static const uint64_t in_kernel[] = { 0xffffffff81000010, 0xffffffff81000400 };
	uint32_t node, user;

	EQ(stack_init(&arena), 0);
	user = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	node = stack_intern(stack(3, three, UNWIND_WHOLE), in_kernel, 2);
	EQ(stack_get(node)->mapping, 3);
	EQ(stack_get(node)->offset, 0xffffffff81000010 - ARCH_KERNEL_START);
	node = stack_get(node)->parent;
	EQ(stack_get(node)->mapping, 3);
	EQ(stack_get(node)->parent, user);
}

#define STACKS 60000u

TEST(many_distinct_stacks)
{
	static uint32_t node[STACKS];

	EQ(stack_init(&arena), 0);
	for (uint32_t i = 0; i < STACKS; i++) {
		uint64_t pc[3] = { lib.start + i % 300, 0x401000 + i / 300, 0x400500 };

		node[i] = stack_intern(stack(3, pc, UNWIND_WHOLE), NULL, 0);
		TRUE(node[i]);
	}
	for (uint32_t i = 0; i < STACKS; i++) {
		const struct stack_node *n = stack_get(node[i]);

		EQ(n->offset, i % 300);
		EQ(stack_get(n->parent)->offset, 0x1000 + i / 300);
	}
	EQ(stats_lost[PROF_LOSS_STACK_TABLE], 0);
}

TEST(a_new_table_keeps_what_is_held)
{
	static const uint64_t other[] = { 0x7f0000000999, 0x401000, 0x400500 };
	static const uint64_t dropped[] = { 0x7f0000000777, 0x402000 };
	uint32_t a, b, gone, again, cut;

	EQ(stack_init(&arena), 0);
	gone = stack_intern(stack(2, dropped, UNWIND_WHOLE), NULL, 0);
	a = stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0);
	b = stack_intern(stack(3, other, UNWIND_WHOLE), NULL, 0);
	cut = stack_intern(stack(3, three, UNWIND_TRUNCATED), NULL, 0);
	TRUE(gone < a);
	stack_renew_begin();
	EQ(stack_renew_keep(0), 0);
	a = stack_renew_keep(a);
	b = stack_renew_keep(b);
	cut = stack_renew_keep(cut);
	EQ(stack_renew_keep(0), 0);
	stack_renew_end();
	EQ(stack_get(a)->offset, 0x123);
	EQ(stack_get(b)->offset, 0x999);
	EQ(stack_get(a)->parent, stack_get(b)->parent);
	EQ(stack_get(stack_get(stack_get(a)->parent)->parent)->offset, 0x500);
	/* The same numbers are found again, and nothing else is there. */
	EQ(stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0), a);
	EQ(stack_intern(stack(3, other, UNWIND_WHOLE), NULL, 0), b);
	EQ(stack_intern(stack(3, three, UNWIND_TRUNCATED), NULL, 0), cut);
	again = stack_intern(stack(2, dropped, UNWIND_WHOLE), NULL, 0);
	TRUE(again > cut && again > a && again > b);
	EQ(stack_get(again)->segment, 0);
}

TEST(many_stacks_make_a_table_large)
{
	uint64_t pcs[2] = { 0, 0x400500 };

	EQ(stack_init(&arena), 0);
	TRUE(!stack_is_large());
	for (uint32_t i = 0; i < 600000; i++) {
		pcs[0] = 0x410000 + i % 0xe0000;
		pcs[1] = 0x400000 + i / 0xe0000;
		stack_intern(stack(2, pcs, UNWIND_WHOLE), NULL, 0);
	}
	TRUE(stack_is_large());
	stack_renew_begin();
	stack_renew_end();
	TRUE(!stack_is_large());
	TRUE(stack_intern(stack(3, three, UNWIND_WHOLE), NULL, 0));
}

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

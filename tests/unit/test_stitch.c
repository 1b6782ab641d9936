/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stitch.c - the root end of stacks deeper than their copy, on a model of threads whose
 * true stacks are known: what is given is true or not given, and what no copy can tell
 * is marked.
 *
 * links: preload/stitch.c preload/stack.c preload/stats.c preload/arena.c
 */
#include "../../preload/stitch.h"

#include "../../include/prof_format.h"
#include "../../preload/roster.h"
#include "../../preload/stack.h"
#include "../check.h"

#define COPY 16384u
#define MEMORY (4u << 20)
#define FRAMES 5000u
#define TOP UINT64_C(0x7ffd00000000) /* what the highest word's end stands for */

static struct arena arena;
static struct mapping app = { .serial = 1, .start = 0x400000, .end = 0x500000 };

struct mapping *maps_find(uint64_t pc)
{
	(void)pc;
	return NULL;
}

/* A thread as it really is: frame i waits in a call at pc[i], its stack pointer sp[i]. */
static struct model {
	uint8_t memory[MEMORY];
	uint64_t pc[FRAMES], sp[FRAMES], now;
	uint32_t depth;
	uint64_t t_ns;
} m;
static struct thread_info me = { .id = 7 };
static struct unwound u;

static void begin(void)
{
	memset(&arena, 0, sizeof(arena));
	EQ(stack_init(&arena), 0);
	stitch_init(&arena, COPY);
	m.depth = 0;
	m.now = TOP - 64;
	m.t_ns = 1000;
}

static void store(uint64_t address, uint64_t word)
{
	memcpy(m.memory + MEMORY - (TOP - address), &word, sizeof(word));
}

/* Calls from pc a function with this much of frame, whose pushed register was saved. */
static void call(uint64_t pc, uint32_t bytes, uint64_t saved)
{
	m.pc[m.depth] = pc;
	m.sp[m.depth++] = m.now;
	store(m.now - 8, pc + 1);
	store(m.now - 16, saved);
	for (uint64_t at = m.now - 24; at >= m.now - bytes; at -= 8)
		store(at, 0);
	m.now -= bytes;
}

static void ret(uint32_t to)
{
	m.depth = to;
	m.now = m.sp[to];
}

/* What the unwinder makes of a copy taken now. */
static void unwind_model(struct capture *c, uint64_t pc)
{
	uint64_t room = TOP - m.now;

	*c = (struct capture){ .valid = UINT32_MAX, .cut = room > COPY };
	c->regs[ARCH_SP] = m.now;
	c->regs[ARCH_IP] = pc;
	c->stack_bytes = (uint32_t)(room > COPY ? COPY : room);
	c->stack = m.memory + MEMORY - room;
	u.frames = 0;
	u.known = 0;
	u.end = UNWIND_WHOLE;
	memset(u.node, 0xff, sizeof(u.node));
	for (uint32_t i = m.depth + 1; i--;) {
		uint64_t sp = i == m.depth ? m.now : m.sp[i];

		if (sp - m.now > COPY || u.frames == UNWIND_FRAMES_MAX) {
			u.end = UNWIND_TRUNCATED;
			break;
		}
		u.pc[u.frames] = i == m.depth ? pc : m.pc[i];
		u.sp[u.frames] = sp;
		u.map[u.frames++] = &app;
	}
}

static uint32_t take(struct thread_info *t, const struct capture *c)
{
	uint32_t node;

	m.t_ns += 1000;
	stitch_find(t, m.t_ns, c, &u);
	node = stack_intern(&u, NULL, 0);
	stitch_keep(t, m.t_ns, c, &u);
	return node;
}

/* The sample's node, and in u.end what became of it. */
static uint32_t sample_of(struct thread_info *t, uint64_t pc)
{
	struct capture c;

	unwind_model(&c, pc);
	return take(t, &c);
}

/* The same of a stack that a hook knew: without a copy. */
static uint32_t known(void)
{
	struct capture c;

	unwind_model(&c, 0x4fffff);
	return take(&me,
		    &(struct capture){ .valid = 1u << ARCH_SP, .regs = { [ARCH_SP] = u.sp[0] } });
}

static uint32_t sample(void)
{
	return sample_of(&me, 0x4fffff);
}

/* Is this node's stack the model's, from the leaf to the root? */
static bool is_true(uint32_t node, bool stitched)
{
	for (uint32_t i = m.depth + 1; i--;) {
		uint64_t pc = i == m.depth ? 0x4fffff : m.pc[i];

		if (!node || stack_get(node)->mapping != 1 ||
		    stack_get(node)->offset != pc - app.start)
			return false;
		node = stack_get(node)->parent;
	}
	return node == (stitched ? stack_marker(PROF_MARKER_STITCHED) : 0);
}

/* A recursion that is sampled at every so many frames on its way down. */
static void descend(uint32_t to, uint32_t step, uint32_t bytes, uint64_t saved)
{
	while (m.depth < to) {
		call(0x401000 + m.depth % 7, bytes, saved + m.depth);
		if (m.depth % step == 0)
			sample();
	}
}

TEST(the_way_down)
{
	uint32_t stitched = 0;

	begin();
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t node;

		call(0x401000 + i % 7, 208, i);
		if (i % 9)
			continue;
		node = sample();
		EQ(u.end, TOP - m.now <= COPY ? UNWIND_WHOLE : UNWIND_STITCHED);
		TRUE(is_true(node, u.end == UNWIND_STITCHED));
		stitched += u.end == UNWIND_STITCHED;
	}
	TRUE(stitched > 90);
	/* And up again. */
	while (m.depth > 100) {
		ret(m.depth - 13);
		TRUE(is_true(sample(), TOP - m.now > COPY));
	}
}

TEST(frames_of_a_kibibyte)
{
	begin();
	for (uint32_t i = 0; i < 300; i++) {
		call(0x401000 + i % 7, 1024, i);
		if (i % 6 == 0)
			TRUE(is_true(sample(), TOP - m.now > COPY));
	}
}

TEST(nothing_is_known_at_first)
{
	begin();
	descend(500, 1000, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

/* The same depth, the same return addresses, another way there. */
TEST(another_call_with_other_words)
{
	begin();
	call(0x402000, 64, 1);
	descend(300, 5, 208, 0);
	sample();
	EQ(u.end, UNWIND_STITCHED);
	ret(0);
	call(0x403000, 64, 1);
	descend(300, 1000, 208, 10000);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
	/* What was remembered is contradicted, and stays so. */
	descend(320, 1000, 208, 10000);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

TEST(a_return_that_was_seen)
{
	begin();
	call(0x402000, 64, 1);
	descend(300, 5, 208, 0);
	ret(1);
	sample();
	EQ(u.end, UNWIND_WHOLE);
	ret(0);
	call(0x403000, 64, 1);
	descend(300, 1000, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

/* Nothing in the copy differs: what is given is wrong, and bears the mark. */
TEST(what_no_copy_can_tell_is_marked)
{
	begin();
	call(0x402000, 64, 1);
	descend(300, 5, 208, 0);
	ret(0);
	call(0x403000, 64, 1);
	descend(300, 1000, 208, 0);
	TRUE(!is_true(sample(), true));
	EQ(u.end, UNWIND_STITCHED);
}

/* ... unless both ways were seen before. */
TEST(a_place_with_two_ways_is_not_trusted)
{
	begin();
	for (uint64_t turn = 0; turn < 2; turn++) {
		if (turn)
			ret(0);
		call(0x402000 + turn * 0x1000, 64, 1);
		descend(60, 1000, 208, 0);
		sample();
		EQ(u.end, UNWIND_WHOLE);
		sample();
	}
	descend(110, 1000, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
	/* Neither is what it calls; other ways are. */
	ret(0);
	call(0x402000, 80, 1);
	descend(300, 5, 208, 0);
	TRUE(is_true(sample(), true));
	ret(0);
	call(0x402000, 64, 1);
	descend(300, 5, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

/* What was stitched stands below the mark, and not what whole stacks show there later. */
TEST(known_after_it_was_stitched)
{
	begin();
	descend(110, 5, 208, 0);
	TRUE(is_true(sample(), true));
	ret(40);
	TRUE(is_true(known(), false));
	TRUE(is_true(known(), false));
	call(0x402000, 64, 1);
	TRUE(is_true(sample(), false));
}

/* A known stack takes nothing from what looks before it saw, and is not one itself. */
TEST(known_is_not_a_look)
{
	begin();
	descend(75, 1000, 208, 0); /* whole, and not sampled on the way */
	for (unsigned looks = 0; looks < 2; looks++) {
		sample();
		known();
		known();
		descend(110, 1000, 208, 0);
		EQ(u.end, UNWIND_WHOLE);
		if (looks)
			TRUE(is_true(sample(), true));
		ret(75);
	}
}

TEST(one_look_is_not_enough)
{
	begin();
	descend(60, 1000, 208, 0);
	sample();
	EQ(u.end, UNWIND_WHOLE);
	descend(110, 1000, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

/* A frame that went on, and calls from the same place again, is alive all the same. */
TEST(a_loop_within_the_copy)
{
	begin();
	for (uint32_t turn = 0; turn < 3; turn++) {
		descend(200, 5, 208, 1000 * turn);
		descend(260, 5, 208, 1000 * turn);
		TRUE(is_true(sample(), true));
		ret(200);
		store(m.now + 8, turn); /* its own variable */
	}
}

TEST(an_older_look_changes_nothing)
{
	struct capture c;

	begin();
	descend(300, 5, 208, 0);
	unwind_model(&c, 0x4fffff);
	stitch_find(&me, m.t_ns - 500, &c, &u);
	EQ(u.end, UNWIND_TRUNCATED);
	stitch_keep(&me, m.t_ns - 500, &c, &u);
	TRUE(is_true(sample(), true));
}

TEST(other_threads)
{
	static struct thread_info other[100];
	uint32_t node;

	begin();
	descend(60, 5, 208, 0);
	for (uint32_t i = 0; i < 100; i++) {
		other[i].id = 100 + i;
		for (int look = 0; look < 2; look++)
			sample_of(&other[i], 0x4fffff);
		EQ(u.end, UNWIND_WHOLE);
	}
	descend(110, 1000, 208, 0);
	for (uint32_t i = 0; i < 100; i++) {
		node = sample_of(&other[i], 0x4fffff);
		EQ(u.end, i < 68 ? UNWIND_TRUNCATED : UNWIND_STITCHED);
		TRUE(i < 68 || is_true(node, true));
	}
	/* A thread that takes over the memory of another takes over nothing else. */
	other[99].id = 1;
	sample_of(&other[99], 0x4fffff);
	EQ(u.end, UNWIND_TRUNCATED);
}

TEST(a_new_table_of_stacks)
{
	begin();
	descend(300, 5, 208, 0);
	stack_renew_begin();
	stitch_renumber(stack_renew_keep);
	stack_renew_end();
	TRUE(is_true(sample(), true));
}

TEST(as_deep_as_any_stack_at_most)
{
	begin();
	descend(UNWIND_FRAMES_MAX - 2, 20, 208, 0);
	TRUE(is_true(sample(), true));
	descend(UNWIND_FRAMES_MAX + 100, 20, 208, 0);
	sample();
	EQ(u.end, UNWIND_TRUNCATED);
}

/* A handler on a stack of its own cannot be walked back to this one, which it leaves as it
 * is; only what lies below its stack pointer may look as if it had returned. */
TEST(an_alternate_stack)
{
	static const uint64_t at[] = { TOP - (UINT64_C(1) << 40), TOP + 4096 };
	struct capture c;

	for (int above = 0; above < 2; above++) {
		begin();
		descend(70, 5, 208, 0);
		unwind_model(&c, 0x4fffff);
		c.regs[ARCH_SP] = u.sp[0] = at[above];
		u.frames = 1;
		u.end = UNWIND_BROKEN;
		m.t_ns += 1000;
		stitch_find(&me, m.t_ns, &c, &u);
		TRUE(stack_intern(&u, NULL, 0));
		stitch_keep(&me, m.t_ns, &c, &u);
		descend(110, 1000, 208, 0);
		EQ(is_true(sample(), true), !above);
		EQ(u.end, above ? UNWIND_TRUNCATED : UNWIND_STITCHED);
	}
}

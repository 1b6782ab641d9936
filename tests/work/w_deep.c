/* SPDX-License-Identifier: Apache-2.0
 *
 * w_deep.c - stacks far deeper than their copy, each frame's true callers told by its
 * name.  Arguments: a mode and milliseconds of CPU time (1000).
 *
 *	down	1,000 functions, level_000 to level_999, each of which works on its way
 *		down: whatever is sampled must have levels 0 to k above it, in order
 *	updown	the same, and as much on the way back
 *	self	one function that calls itself from one place, 1,000 deep, and works at each
 *		depth on its way down: every frame looks like every other
 *	selfup	the same, and as much on the way back
 *	tree	two functions that call themselves and each other, in an order that is drawn:
 *		goes down and back at will, 1,000 deep at most, and works at each step
 *	ways	short recursions of changing depth, entered by by_one, which works in
 *		at_one, or by by_other, which works in at_other; what they call with differs
 *		from turn to turn, as it does in most programs
 *	twins	the same, but both ways leave the very same words on the stack
 *	waysdown, twinsdown	the same, and they work at each depth on the way down
 *	heights	as twinsdown, but one of the two starts at another height of the stack
 *
 *	deep STACK_BYTES
 *
 * and, of self, selfup and tree, each step from one depth to another: the times
 * (CLOCK_MONOTONIC) right before it and right after it, the function that was called,
 * l or r, or - for a return.
 *
 *	step BEFORE_NS AFTER_NS FUNCTION
 */
#include <stdbool.h>
#include <string.h>

#include "work.h"

static char *top;
static uint64_t deepest, each_ns;
static uint64_t spins, rest; /* of one level: instructions and not time, so that a machine
			      * that stands still for a while stays where it is */

static void look(const char *here)
{
	if ((uint64_t)(top - here) > deepest)
		deepest = (uint64_t)(top - here);
}

typedef void level_fn(unsigned at);
static level_fn *const levels[1000];

/* Frames of five sizes, 180 bytes in the middle. */
#define LEVEL(n)                                              \
	static FRAME void level_##n(unsigned at)              \
	{                                                     \
		char pad[100 + 1##n % 5 * 32];                \
		__asm__ volatile("" : : "r"(pad) : "memory"); \
		work_spin(spins);                             \
		if (at < 999)                                 \
			levels[at + 1](at + 1);               \
		else                                          \
			look(pad);                            \
		work_spin(rest);                              \
		STAY;                                         \
	}
#define TEN(DO, p) \
	DO(p##0) DO(p##1) DO(p##2) DO(p##3) DO(p##4) DO(p##5) DO(p##6) DO(p##7) DO(p##8) DO(p##9)
#define HUNDRED(DO, p) \
	TEN(DO, p##0)  \
	TEN(DO, p##1)  \
	TEN(DO, p##2)  \
	TEN(DO, p##3)  \
	TEN(DO, p##4) TEN(DO, p##5) TEN(DO, p##6) TEN(DO, p##7) TEN(DO, p##8) TEN(DO, p##9)
#define THOUSAND(DO)   \
	HUNDRED(DO, 0) \
	HUNDRED(DO, 1) \
	HUNDRED(DO, 2) \
	HUNDRED(DO, 3) \
	HUNDRED(DO, 4) HUNDRED(DO, 5) HUNDRED(DO, 6) HUNDRED(DO, 7) HUNDRED(DO, 8) HUNDRED(DO, 9)
THOUSAND(LEVEL)
#define NAME(n) level_##n,
static level_fn *const levels[1000] = { THOUSAND(NAME) };

static FRAME void at_one(uint64_t ns)
{
	work_burn(ns);
}

static FRAME void at_other(uint64_t ns)
{
	work_burn(ns);
}

/* What a recursion's true depth is when. */
static struct step {
	uint64_t before, after;
	char function;
} steps[1 << 20];
static uint64_t n_steps;
static uint64_t depth_now; /* nowhere on the stack: no word of it differs from frame to frame */

static uint64_t now(void)
{
	return work_clock(CLOCK_MONOTONIC);
}

static inline __attribute__((always_inline)) void step_begins(char function)
{
	steps[n_steps].function = function;
	steps[n_steps].before = now();
}

static inline __attribute__((always_inline)) void step_ends(void)
{
	steps[n_steps++].after = now();
}

static void print_steps(void)
{
	for (uint64_t i = 0; i < n_steps; i++)
		printf("step %llu %llu %c\n", (unsigned long long)steps[i].before,
		       (unsigned long long)steps[i].after, steps[i].function);
}

static FRAME void self(void)
{
	char pad[128];

	__asm__ volatile("" : : "r"(pad) : "memory");
	step_ends();
	work_spin(spins);
	if (depth_now++ < 999) {
		step_begins('l');
		self();
		step_ends();
	} else {
		look(pad);
	}
	work_spin(rest);
	step_begins('-');
}

static uint64_t drawn = 1, end_cpu, pace;

static uint64_t draw(void)
{
	drawn = drawn * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return drawn >> 33;
}

/* Where to go next: back to where stacks are whole, or up or down by a copy's worth of
 * frames, more or less; half of these ways are gone in no time, so that the next sample
 * finds all of it changed, and has to notice. */
static uint64_t wanted_depth(void)
{
	static uint64_t wanted;

	if (work_thread_cpu() > end_cpu || n_steps > sizeof(steps) / sizeof(*steps) - 4000)
		return 0;
	while (!wanted || wanted == depth_now) {
		uint64_t way = draw() % 240;

		wanted = draw() % 16 && depth_now + way > 110 ? depth_now + way - 110 : way % 40;
		wanted = wanted < 1000 ? wanted : 999;
		pace = draw() % 2 ? spins : 0;
	}
	return wanted;
}

static void left(void), right(void);

/* Down until deep enough, back until shallow enough, and again.  The name within: or else
 * the two would be folded into one. */
#define BRANCH(name, bytes)                                           \
	static FRAME void name(void)                                  \
	{                                                             \
		char pad[bytes];                                      \
		__asm__ volatile("# " #name : : "r"(pad) : "memory"); \
		step_ends();                                          \
		depth_now++;                                          \
		look(pad);                                            \
		work_spin(pace);                                      \
		while (wanted_depth() > depth_now) {                  \
			if (draw() % 2) {                             \
				step_begins('l');                     \
				left();                               \
			} else {                                      \
				step_begins('r');                     \
				right();                              \
			}                                             \
			step_ends();                                  \
			work_spin(pace);                              \
		}                                                     \
		depth_now--;                                          \
		step_begins('-');                                     \
	}
BRANCH(left, 128)
BRANCH(right, 128)

static void (*work_at)(uint64_t);

static bool at_each; /* depth on the way down, and not only at the deepest */

static FRAME uint64_t recurse(uint64_t depth, uint64_t tag)
{
	char pad[64];

	__asm__ volatile("" : : "r"(pad) : "memory");
	if (depth && at_each)
		work_at(each_ns);
	if (depth)
		tag += recurse(depth - 1, tag);
	else
		work_at(each_ns);
	look(pad);
	return tag;
}

/* Nothing but its return address says who called. */
static FRAME uint64_t by_one(uint64_t depth, uint64_t tag)
{
	work_at = at_one;
	return recurse(depth, tag) + 1;
}

static FRAME uint64_t by_other(uint64_t depth, uint64_t tag)
{
	work_at = at_other;
	return recurse(depth, tag) + 1;
}

/* The second way from another height: by less than a frame of the recursion. */
static FRAME uint64_t from_below(uint64_t depth, uint64_t tag)
{
	char pad[32];

	__asm__ volatile("" : : "r"(pad) : "memory");
	depth = by_other(depth, tag);
	STAY;
	return depth;
}

/* A stack that grows has no bytes at its end to copy: that is not what is tried here. */
static FRAME void touch_the_stack(void)
{
	volatile char pages[1 << 19];

	for (unsigned i = 0; i < sizeof(pages); i += 1024)
		pages[i] = 0;
}

/* How many take this long at the best of times. */
static uint64_t spins_of(uint64_t ns)
{
	const uint64_t n = 1000000;
	uint64_t best = UINT64_MAX, began;

	for (int i = 0; i < 20; i++) {
		began = work_thread_cpu();
		work_spin(n);
		began = work_thread_cpu() - began;
		best = began < best ? began : best;
	}
	return n * ns / best;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "down";
	uint64_t ns = work_arg(argc, argv, 2, 1000) * MS, x = 1;
	uint64_t end = work_thread_cpu() + ns;
	char here;

	top = &here;
	touch_the_stack();
	if (strcmp(mode, "down") == 0 || strcmp(mode, "updown") == 0) {
		spins = spins_of(ns / 1000);
		rest = strcmp(mode, "updown") == 0 ? spins : 0;
		levels[0](0);
	} else if (strncmp(mode, "self", 4) == 0) {
		spins = spins_of(ns / 1000);
		rest = strcmp(mode, "selfup") == 0 ? spins : 0;
		step_begins('l');
		self();
		step_ends();
	} else if (strcmp(mode, "tree") == 0) {
		spins = spins_of(MS / 8);
		end_cpu = end;
		step_begins('l');
		left();
		step_ends();
	} else {
		each_ns = MS / 4;
		at_each = strstr(mode, "down") || strcmp(mode, "heights") == 0;
		for (uint64_t turn = 0; work_thread_cpu() < end; turn++) {
			uint64_t tag = strncmp(mode, "ways", 4) ? 0 : turn << 20;

			x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
			if (x >> 63)
				by_one(40 + (x >> 32) % 200, tag);
			else if (strcmp(mode, "heights") == 0)
				from_below(40 + (x >> 32) % 200, tag);
			else
				by_other(40 + (x >> 32) % 200, tag);
		}
	}
	printf("deep %llu\n", (unsigned long long)deepest);
	print_steps();
	return 0;
}

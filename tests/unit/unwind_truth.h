/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_truth.h - for the tests of unwind.c: an unwinder set up on this very
 * program, a recursion that takes a shot of its stack, and the comparison with
 * the truth.
 */
#ifndef PROF_UNWIND_TRUTH_H
#define PROF_UNWIND_TRUTH_H

#include "../check.h"
#include "unwind_capture.h"

#define NOINLINE __attribute__((noinline))
/* Keeps a call from being the last thing a function does. */
#define AFTER_CALL() __asm__ volatile("" ::: "memory")

static struct arena arena;
static struct shot shot;
static struct unwound out;

static void start(void)
{
	const char *why = NULL;

	maps_init(&arena);
	maps_own_address = 0; /* this program holds libprof's code and is no less a program */
	EQ(maps_refresh(1), 0);
	if (unwind_init(&arena, &why) < 0)
		CHECK_FAIL("unwind_init: %s", why);
	unwind_self_check = true;
}

static void show(void)
{
	for (uint32_t i = 0; i < out.frames || i < shot.truths; i++)
		printf("  #%u %#llx%s truth %#llx\n", i,
		       i < out.frames ? (unsigned long long)out.pc[i] : 0,
		       i < out.frames && out.guessed[i] ? " guessed" : "",
		       i < shot.truths ? (unsigned long long)shot.truth[i] : 0);
}

/* backtrace() takes one off the trampoline's address, too, to which a handler returns
 * at its very start (mov $15, %rax; syscall): libunwind's convention, not the truth. */
static bool is_trampoline(uint64_t pc)
{
	static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

	return !memcmp((const void *)(uintptr_t)pc, code, sizeof(code));
}

/* The n frames of out from first on are those of the truth from first_truth on. */
static void same_frames(uint32_t first, uint32_t first_truth, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t truth = shot.truth[first_truth + i];

		if (out.pc[first + i] == truth ||
		    (out.pc[first + i] == truth + 1 && is_trampoline(truth + 1)))
			continue;
		show();
		CHECK_FAIL("frame %u differs from the truth's %u", first + i, first_truth + i);
	}
}

static void whole_and_true(void)
{
	unwind_stack(&shot.c, false, &out);
	if (out.end != UNWIND_WHOLE || out.frames != shot.truths)
		show();
	EQ(out.end, UNWIND_WHOLE);
	EQ(out.frames, shot.truths);
	same_frames(1, 1, out.frames - 1);
	EQ(unwind_stats.disagreed, 0);
}

static NOINLINE int recurse(int depth)
{
	int r = 0;

	if (depth)
		r = recurse(depth - 1) + 1;
	else
		shot_take(&shot);
	AFTER_CALL();
	return r;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_capture.c - a copy of a stack ends where memory does, says whether it was cut, and
 * leaves the signal mask alone.
 *
 * links: preload/capture.c
 */
#include "../../preload/capture.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "../../preload/thread.h"
#include "../check.h"

#define PAGE 4096u
#define PAGES 6u
#define MAX (4 * PAGE)

__thread struct thread_tls thread_tls;

static uint8_t *stack; /* PAGES pages */
static bool known;
static uint8_t copy[MAX];

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	*high = (uint64_t)(uintptr_t)stack + PAGES * PAGE;
	return known && sp >= (uint64_t)(uintptr_t)stack && sp < *high;
}

/* A stack whose guarded-th page cannot be read (0: all can). */
static void make_stack(bool is_known, unsigned guarded)
{
	stack = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	TRUE(stack != MAP_FAILED);
	for (unsigned i = 0; i < PAGES * PAGE; i++)
		stack[i] = (uint8_t)(i * 7 + i / 256);
	if (guarded)
		EQ(mprotect(stack + guarded * PAGE, PAGE, PROT_NONE), 0);
	known = is_known;
	memset(copy, 0, sizeof(copy));
}

static uint32_t capture(unsigned at, bool *cut)
{
	uint32_t n = capture_stack((uint64_t)(uintptr_t)stack + at, copy, MAX, cut);

	EQ(memcmp(copy, stack + at, n), 0);
	return n;
}

TEST(to_the_end)
{
	bool cut = true;

	make_stack(true, 0);
	EQ(capture(3 * PAGE + 16, &cut), 3 * PAGE - 16);
	EQ(cut, false);
	EQ(capture(6 * PAGE - 8, &cut), 8);
	EQ(cut, false);
}

TEST(to_the_limit)
{
	bool cut = false;

	make_stack(true, 0);
	EQ(capture(8, &cut), MAX);
	EQ(cut, true);
	EQ(capture(2 * PAGE, &cut), MAX);
	EQ(cut, false);
}

/* A coroutine's stack in a thread's own. */
TEST(to_a_guard_page)
{
	bool cut = true;

	make_stack(true, 3);
	EQ(capture(PAGE + 64, &cut), 2 * PAGE - 64);
	EQ(cut, false);
	EQ(capture(3 * PAGE - 24, &cut), 24);
	EQ(capture(4 * PAGE, &cut), 2 * PAGE);
}

TEST(of_an_unknown_stack)
{
	bool cut = true;

	make_stack(false, 3);
	EQ(capture(PAGE + 64, &cut), 2 * PAGE - 64);
	EQ(cut, false);
	EQ(mprotect(stack + 3 * PAGE, PAGE, PROT_READ), 0);
	EQ(capture(64, &cut), MAX);
	EQ(cut, true);
}

TEST(mask_stays)
{
	sigset_t before, after;
	bool cut;

	make_stack(true, 3);
	memset(stack, 0xff, 3 * PAGE);
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	EQ(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	capture(0, &cut);
	EQ(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	for (int sig = 1; sig < 32; sig++)
		EQ(sigismember(&after, sig), sig == SIGUSR2);
}

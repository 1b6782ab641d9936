/* SPDX-License-Identifier: Apache-2.0
 *
 * test_section.c - sections jumped out of by handlers: what they had reserved is
 * given up and counted, soon; what only was interrupted never is.
 *
 * links: preload/section.c preload/ring.c
 */
#include "../../preload/section.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "../../preload/stats.h"
#include "../../preload/thread.h"
#include "../check.h"

__thread struct thread_tls thread_tls;
_Atomic uint64_t stats_lost[PROF_LOSS_CODES];
static struct thread_state self = { .index = 5 };
static sigjmp_buf back;

void writer_ring_bell(void);

void writer_ring_bell(void)
{
}

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	*high = self.stack_high;
	return sp >= self.stack_low && sp < self.stack_high;
}

static void start(void)
{
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);

	self.stack_low = here - (1u << 20);
	self.stack_high = here + (64u << 10);
	thread_tls.self = &self;
	EQ(ring_init(256u << 10), 0);
}

static uint64_t lost(void)
{
	return stats_lost[PROF_LOSS_HEAP_RING];
}

static struct ring_event *reserve(struct section *s, uint64_t id)
{
	struct ring_event *e = section_reserve(s, RING_SHORT_BYTES, RING_FREE);

	TRUE(e != NULL);
	e->block = id;
	return e;
}

/* One event, from a frame of its own. */
static __attribute__((noinline)) void event(uint64_t id)
{
	struct section s;

	TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
	section_commit(&s, reserve(&s, id));
	section_leave(&s);
}

/* Sections are left half way by a jump: before the reservation, behind it, behind the commit. */
static __attribute__((noinline)) void left_half_way(int how)
{
	struct ring_event *e;
	struct section s;

	TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
	if (how > 0) {
		e = reserve(&s, 99);
		if (how > 1)
			section_commit(&s, e);
	}
	siglongjmp(back, 1);
}

static __attribute__((noinline)) void event_below(uint64_t id)
{
	volatile char room[20000];

	room[0] = 1;
	event(id);
	(void)room[0];
}

static void takes(uint64_t id)
{
	struct ring_event *e = ring_peek();

	TRUE(e && e->block == id);
	ring_consume(e);
}

TEST(entered_and_left)
{
	start();
	for (uint64_t i = 1; i <= 100000; i++) {
		event(i);
		takes(i);
	}
	EQ(self.section_count, 0);
	EQ(lost(), 0);
}

TEST(jumped_out_of)
{
	start();
	for (volatile int how = 0; how < 3; how++) {
		if (!sigsetjmp(back, 1))
			left_half_way(how);
		EQ(self.section_count, 1);
		event(7);
		EQ(self.section_count, 0);
		if (how == 2)
			takes(99);
		takes(7);
		TRUE(!ring_peek());
		EQ(lost(), how < 1 ? 1 : 2);
	}
}

/* From further down it may take a while until it shows; nothing else is lost by it. */
TEST(jumped_out_of_and_deeper)
{
	start();
	if (!sigsetjmp(back, 1))
		left_half_way(1);
	event_below(1);
	event_below(2);
	event(3);
	EQ(self.section_count, 0);
	takes(1);
	takes(2);
	takes(3);
	EQ(lost(), 1);
}

static void on_signal(int sig)
{
	(void)sig;
	event(2);
	TRUE(section_is_open());
}

static void interrupted(bool alternate)
{
	static struct sigaction act = { .sa_handler = on_signal };
	struct ring_event *e;
	struct section s;

	act.sa_flags = alternate ? SA_ONSTACK : 0;
	sigaction(SIGUSR1, &act, NULL);
	TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
	raise(SIGUSR1);
	e = reserve(&s, 1);
	raise(SIGUSR1);
	section_commit(&s, e);
	raise(SIGUSR1);
	section_leave(&s);
	EQ(self.section_count, 0);
	EQ(lost(), 0);
	takes(2);
	takes(1);
	takes(2);
	takes(2);
	TRUE(!ring_peek());
}

TEST(only_interrupted)
{
	start();
	interrupted(false);
}

/* The alternate stack lies above what is interrupted, on the thread's own. */
TEST(only_interrupted_on_an_alternate_stack)
{
	char room[32768];
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };

	start();
	EQ(sigaltstack(&stack, NULL), 0);
	interrupted(true);
}

static sigjmp_buf within;

static void on_signal_jumping(int sig)
{
	struct section s;

	(void)sig;
	if (!sigsetjmp(within, 0)) {
		TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
		reserve(&s, 4);
		siglongjmp(within, 1);
	}
}

TEST(handler_jumps_within_itself)
{
	struct section s;

	start();
	signal(SIGUSR1, on_signal_jumping);
	TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
	raise(SIGUSR1);
	section_commit(&s, reserve(&s, 1));
	section_leave(&s);
	EQ(self.section_count, 0);
	EQ(lost(), 1);
	takes(1);
	TRUE(!ring_peek());
}

static unsigned depth;

static void on_signal_again(int sig)
{
	struct section s;

	if (section_enter(&s, PROF_LOSS_HEAP_RING)) {
		depth++;
		raise(sig);
		section_leave(&s);
	}
}

TEST(too_many)
{
	struct sigaction act = { .sa_handler = on_signal_again, .sa_flags = SA_NODEFER };

	start();
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
	EQ(depth, THREAD_SECTIONS);
	EQ(lost(), 1);
	EQ(self.section_count, 0);
}

TEST(thread_ends)
{
	start();
	if (!sigsetjmp(back, 1))
		left_half_way(1);
	section_end_all();
	EQ(self.section_count, 0);
	EQ(lost(), 1);
	TRUE(!ring_peek());
	EQ(ring_used(), 0);
}

static bool is_blocked(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, sig);
}

/* There signals are held. */
static void coroutine(void)
{
	struct section s;

	TRUE(section_enter(&s, PROF_LOSS_HEAP_RING));
	TRUE(is_blocked(SIGUSR1));
	section_commit(&s, reserve(&s, 6));
	section_leave(&s);
	TRUE(!is_blocked(SIGUSR1));
	EQ(self.section_count, 0);
}

TEST(on_a_coroutines_stack)
{
	static char stack[65536];
	ucontext_t here, there;

	start();
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, coroutine, 0);
	swapcontext(&here, &there);
	takes(6);
}

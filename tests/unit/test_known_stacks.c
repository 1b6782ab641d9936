/* SPDX-License-Identifier: Apache-2.0
 *
 * test_known_stacks.c - a stack that was published is found where all its words are there, and
 * nowhere else; and the whole way, from a hook's copy over the walk to the frames in the next event,
 * on stacks of this very program.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c preload/rows.c preload/unwind.c preload/unwind_last.c preload/unwind_step.c preload/unwind_cfi.c
 * links: preload/unwind_ns.c preload/heap_record.c preload/capture.c preload/known_stacks.c preload/ring.c preload/ring_take.c preload/stats.c
 * flags: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 * libs: -ldl
 */
#include "../../preload/known_stacks.h"

#include <alloca.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../../preload/config.h"
#include "../../preload/heap_record.h"
#include "../../preload/live.h"
#include "../../preload/state.h"
#include "../../preload/unwind_last.h"
#include "../../preload/writer.h"
#include "../check.h"

#define NOINLINE __attribute__((noinline))
/* Keeps a call from being the last thing a function does. */
#define AFTER_CALL() __asm__ volatile("" ::: "memory")

#define WORDS 64u
#define FRAMES 5u
#define IP UINT64_C(0x401000)
#define FP UINT64_C(0xabcdef)
#define WAYS 4u

struct config config = { .heap_bytes = 1 << 19, .stack_bytes = 16384 };
struct state state = { .phase = STATE_ON };
__thread struct thread_tls thread_tls;
static struct thread_state self;

void writer_ring_bell(void)
{
}

void live_keep_sparse(void)
{
}

int live_put(uint64_t address, uint64_t id, uint64_t *old)
{
	(void)address;
	(void)id;
	*old = 0;
	return 0;
}

uint64_t live_take(uint64_t address)
{
	(void)address;
	return 0;
}

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	static uint64_t end;
	pthread_attr_t attr;
	void *low;
	size_t bytes;

	if (!end) {
		pthread_getattr_np(pthread_self(), &attr);
		pthread_attr_getstack(&attr, &low, &bytes);
		pthread_attr_destroy(&attr);
		end = (uint64_t)(uintptr_t)low + bytes;
	}
	*high = end;
	return sp < end;
}

static struct unwound out;
static uint64_t stack[WORDS];
static struct last last;
static uint64_t regs[ARCH_REGS];

static uint64_t address_of(unsigned word)
{
	return (uint64_t)(uintptr_t)&stack[word];
}

static uint64_t pc_of(unsigned way, unsigned frame)
{
	return 0x1000 * (way + 1) + frame;
}

/* FRAMES frames of 8 words, root first in last, each with its return address in its last word; the
 * one in the middle saved a frame pointer that its caller is left by. */
static void make(unsigned way)
{
	memset(&last, 0, sizeof(last));
	memset(&out, 0, sizeof(out));
	for (unsigned i = 0; i < WORDS; i++)
		stack[i] = i;
	last.n = last.simple = out.frames = FRAMES;
	out.end = UNWIND_WHOLE;
	out.again = &last;
	for (unsigned i = 0; i < FRAMES; i++) {
		struct last_frame *f = &last.at[FRAMES - 1 - i];

		*f = (struct last_frame){ .pc = pc_of(way, i), .sp = address_of(8 * i) };
		f->ra_at = address_of(8 * i + 7);
		f->ra = stack[8 * i + 7] = pc_of(way, i + 1);
		out.pc[i] = f->pc;
		out.sp[i] = f->sp;
	}
	last.at[2].fp_at = address_of(8 * 2 + 6);
	last.at[2].fp_word = stack[8 * 2 + 6];
	last.at[1].fp_matters = true;
	regs[ARCH_SP] = address_of(0);
	regs[ARCH_IP] = IP;
	regs[ARCH_FP] = FP;
}

static bool is_found(struct known_stack *k)
{
	return known_stack_find(regs, sizeof(stack), k);
}

static void holds(const struct known_stack *k, unsigned way)
{
	struct ring_frame frames[FRAMES];

	EQ(k->frames, FRAMES);
	TRUE(known_stack_frames(k, frames));
	for (unsigned i = 0; i < FRAMES; i++) {
		EQ(frames[i].pc, pc_of(way, i));
		EQ(frames[i].sp, address_of(8 * i));
	}
}

/* The root is not left: its words are anything. */
static bool is_needed(unsigned word)
{
	return word < 8 * (FRAMES - 1) && (word % 8 == 7 || word == 8 * 2 + 6);
}

TEST(every_word_counts)
{
	struct known_stack k;

	make(0);
	TRUE(!is_found(&k));
	known_stack_publish(&out, regs);
	TRUE(is_found(&k));
	holds(&k, 0);
	for (unsigned i = 0; i < WORDS; i++) {
		stack[i] ^= 1;
		EQ(is_found(&k), !is_needed(i));
		stack[i] ^= 1;
	}
	TRUE(!known_stack_find(regs, 8 * 8 * (FRAMES - 1) - 1, &k)); /* the last is cut */
	TRUE(known_stack_find(regs, 8 * 8 * (FRAMES - 1), &k));
}

TEST(registers_count)
{
	struct known_stack k;

	make(0);
	known_stack_publish(&out, regs);
	regs[ARCH_FP]++; /* data of the program's */
	TRUE(is_found(&k));
	regs[ARCH_IP]++;
	TRUE(!is_found(&k));
	regs[ARCH_IP]--;
	regs[ARCH_SP] += 8;
	TRUE(!is_found(&k));
}

TEST(a_frame_pointer_that_matters)
{
	struct known_stack k;

	make(0);
	last.at[FRAMES - 1].fp_matters = true;
	known_stack_publish(&out, regs);
	TRUE(is_found(&k));
	regs[ARCH_FP]++;
	TRUE(!is_found(&k));
}

TEST(only_what_came_twice_and_fits)
{
	struct known_stack k;

	make(0);
	out.again = NULL;
	known_stack_publish(&out, regs);
	TRUE(!is_found(&k));
	out.again = &last;
	out.frames = 65;
	known_stack_publish(&out, regs);
	TRUE(!is_found(&k));
	out.frames = 0;
	known_stack_publish(&out, regs);
	TRUE(!is_found(&k));
	EQ(known_stacks_bytes(), 0);
}

/* More words than there is room for: nothing is published, and nothing gives way. */
TEST(more_words_than_fit)
{
	struct known_stack k;

	make(0);
	known_stack_publish(&out, regs);
	last.n = 160;
	for (unsigned i = FRAMES; i < last.n; i++)
		last.at[i] = last.at[1];
	for (unsigned n = 0; n < 2 * WAYS; n++) {
		out.pc[0]++;
		known_stack_publish(&out, regs);
	}
	make(0);
	TRUE(is_found(&k));
	holds(&k, 0);
}

TEST(the_oldest_gives_way)
{
	struct known_stack k, first;

	make(0);
	known_stack_publish(&out, regs);
	TRUE(is_found(&first));
	for (unsigned again = 0; again < 10; again++) /* takes no more room */
		for (unsigned way = 0; way < WAYS; way++) {
			make(way);
			known_stack_publish(&out, regs);
			TRUE(is_found(&k));
			holds(&k, way);
		}
	make(0);
	TRUE(is_found(&k));
	make(WAYS);
	known_stack_publish(&out, regs);
	TRUE(is_found(&k));
	holds(&k, WAYS);
	TRUE(!known_stack_frames(&first, (struct ring_frame[FRAMES]){ { 0, 0 } }));
	make(0);
	TRUE(!is_found(&k));
}

TEST(code_that_was_unmapped)
{
	struct known_stack k;

	make(0);
	last.generation = maps_generation;
	known_stack_publish(&out, regs);
	TRUE(is_found(&k));
	maps_generation++;
	TRUE(!is_found(&k));
	last.generation = maps_generation;
	known_stack_publish(&out, regs);
	TRUE(is_found(&k));
	holds(&k, 0);
}

static _Atomic bool over;

static void *publishes(void *arg)
{
	struct unwound u = out;
	struct last l = last;

	(void)arg;
	u.again = &l;
	for (unsigned n = 0; !over; n++) {
		unsigned way = n % (WAYS + 1); /* one more than there is room for */

		for (unsigned i = 0; i < FRAMES; i++) {
			u.pc[i] = pc_of(way, i);
			l.at[FRAMES - 1 - i].ra = pc_of(way, i + 1);
		}
		known_stack_publish(&u, regs);
	}
	return NULL;
}

/* What is found while slots are being written is never a mixture. */
TEST(found_while_it_is_written)
{
	unsigned found = 0;
	pthread_t t;

	make(0);
	EQ(pthread_create(&t, NULL, publishes, NULL), 0);
	for (unsigned n = 0; n < 2000000 || !found; n++) {
		struct ring_frame frames[FRAMES];
		struct known_stack k;

		if (!is_found(&k) || !known_stack_frames(&k, frames))
			continue;
		found++;
		for (unsigned i = 0; i < FRAMES; i++)
			EQ(frames[i].pc, pc_of(0, i));
	}
	over = true;
	pthread_join(t, NULL);
}

/* As the writer takes an event; true when the hook knew its stack. */
static bool take(void)
{
	struct ring_event *e = ring_peek();
	bool known = e->frames;

	if (known) {
		unwind_known(ring_frames(e), e->frames, &out);
	} else {
		struct capture c = { .valid = e->valid,
				     .stack = e->stack,
				     .stack_bytes = e->stack_bytes,
				     .cut = e->cut,
				     .thread = 1 };

		memcpy(c.regs, e->regs, sizeof(c.regs));
		unwind_stack(&c, true, &out);
		known_stack_publish(&out, e->regs);
	}
	ring_consume(e);
	return known;
}

static NOINLINE void allocates(unsigned room)
{
	volatile char *some = alloca(room); /* this frame is left by its frame pointer */
	char block[16];

	some[0] = 1;
	heap_record_alloc(&self, block, 16, 16, 0);
	AFTER_CALL();
}

static NOINLINE void calls_at(unsigned depth, unsigned room)
{
	if (depth)
		calls_at(depth - 1, room);
	else
		allocates(room);
	AFTER_CALL();
}

static void same_as(const struct unwound *was)
{
	EQ(out.end, was->end);
	EQ(out.frames, was->frames);
	for (uint32_t i = 0; i < out.frames; i++) {
		EQ(out.pc[i], was->pc[i]);
		EQ(out.sp[i], was->sp[i]);
		TRUE(out.map[i] == was->map[i]);
		EQ(out.guessed[i], false);
	}
}

TEST(from_copy_to_frames)
{
	static struct unwound was;
	static struct arena arena;
	const char *why;

	maps_init(&arena);
	maps_own_address = 0; /* this program holds libprof's code and is no less a program */
	EQ(maps_refresh(1), 0);
	EQ(unwind_init(&arena, &why), 0);
	thread_tls.self = &self;
	EQ(ring_init(1u << 20), 0);
	for (unsigned depth = 3; depth < 30; depth += 7) {
		for (unsigned n = 0; n < 5; n++) {
			calls_at(depth, 100);
			EQ(take(), n >= 2); /* walked, the same again, known */
			EQ(out.end, UNWIND_WHOLE);
			TRUE(out.frames > depth + 2);
			if (n)
				same_as(&was);
			was = out;
		}
		calls_at(depth, 400); /* another stack pointer */
		EQ(take(), false);
		calls_at(depth + 1, 100);
		EQ(take(), false);
	}
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows.c - rows against libunwind over every 16th pc of the C library,
 * the loader and the vDSO, on stacks made of plausible words; 100,000 garbage
 * captures; code known by its bytes; and what a frame costs (printed only).
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c preload/rows.c preload/unwind.c preload/unwind_last.c preload/unwind_step.c preload/unwind_cfi.c
 * links: preload/unwind_ns.c
 * flags: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 * libs: -ldl
 */
#include "../../preload/rows.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "../../include/prof_format.h"
#include "../../preload/elf_image.h"
#include "../../preload/unwind_cfi.h"
#include "../check.h"
#include "unwind_capture.h"

#define WORDS 512u
#define SP UINT64_C(0x7ffd00000000)

static struct arena arena;
static struct shot shot;
static struct unwound out;
static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void start(void)
{
	const char *why = NULL;

	maps_init(&arena);
	maps_own_address = 0;
	EQ(maps_refresh(1), 0);
	if (unwind_init(&arena, &why) < 0)
		CHECK_FAIL("unwind_init: %s", why);
}

static struct mapping *mapping_of(const char *part)
{
	struct mapping *m;

	for (uint32_t i = 1; (m = maps_get(i)); i++)
		if (strstr(m->path, part) || (m->flags & PROF_MAP_VDSO && !strcmp(part, "vdso")))
			return m;
	CHECK_FAIL("no mapping of %s", part);
}

/* A stack on which walks go on: half return addresses, half stack addresses. */
static void plausible(struct capture *c, uint64_t *words, const struct mapping *m)
{
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = draw() & 1 ? m->start + draw() % (m->end - m->start)
				      : SP + draw() % (8 * WORDS) / 8 * 8;
	for (unsigned i = 0; i < ARCH_REGS; i++)
		c->regs[i] = SP + draw() % (4 * WORDS) / 8 * 8;
	c->regs[ARCH_SP] = SP;
	c->valid = (1u << ARCH_REGS) - 1;
	c->stack = (const uint8_t *)words;
	c->stack_bytes = 8 * WORDS;
	c->cut = draw() & 1;
}

static void agree_over(const char *name, uint64_t least_rules)
{
	struct mapping *m = mapping_of(name);
	static uint64_t words[WORDS];
	uint64_t kinds[8] = { 0 }, pcs = 0;
	struct capture c;

	TRUE(m->image && m->image->fdes);
	unwind_self_check = true;
	/* At every place within 16 bytes in turn: starts of functions and the
	 * insides of their prologues and epilogues. */
	for (; m->start + 16 * pcs + 15 < m->end; pcs++) {
		uint64_t pc = m->start + 16 * pcs + pcs % 16;
		const struct row *r = rows_get(pc);

		TRUE(r && r->map == m);
		kinds[r->kind]++;
		plausible(&c, words, m);
		c.regs[ARCH_IP] = pc;
		unwind_stack(&c, false, &out);
		if (unwind_stats.disagreed)
			CHECK_FAIL("%s+%#llx: rows and libunwind differ", name,
				   (unsigned long long)(pc - m->load_bias));
	}
	printf("%s: %llu pcs: %llu rules, %llu ends, %llu without tables, %llu for libunwind\n",
	       name, (unsigned long long)pcs, (unsigned long long)kinds[ROW_RULE],
	       (unsigned long long)kinds[ROW_END], (unsigned long long)kinds[ROW_GUESS],
	       (unsigned long long)kinds[ROW_LIBUNWIND]);
	TRUE(kinds[ROW_RULE] > least_rules);
	TRUE(kinds[ROW_LIBUNWIND] < pcs / 100 + 1);
}

TEST(rows_agree_with_libunwind)
{
	start();
	agree_over("/libc.so.6", 50000);
	agree_over("/ld-linux-x86-64.so.2", 5000);
	agree_over("vdso", 50);
	TRUE(unwind_stats.checked > unwind_stats.stacks / 10 * 9);
	printf("%llu stacks walked both ways, %llu frames\n",
	       (unsigned long long)unwind_stats.checked, (unsigned long long)unwind_stats.frames);
}

/* Registers, stack words and addresses of every kind; survival is the test,
 * and that no frame is claimed where nothing is mapped. */
TEST(garbage)
{
	static uint64_t words[WORDS];
	struct mapping *m;
	struct capture c;
	unsigned ends[4] = { 0 };

	start();
	m = mapping_of("/libc.so.6");
	for (unsigned n = 0; n < 100000; n++) {
		plausible(&c, words, m);
		for (unsigned i = 0; i < 8; i++)
			words[draw() % WORDS] = draw() >> draw() % 64;
		for (unsigned i = 0; i < 3; i++)
			c.regs[draw() % ARCH_REGS] = draw() >> draw() % 64;
		c.regs[ARCH_IP] = draw() & 1 ? m->start + draw() % (m->end - m->start) : draw();
		c.valid = (uint32_t)(draw() | draw()) & ((1u << ARCH_REGS) - 1);
		if (draw() & 7)
			c.valid |= 1u << ARCH_IP | 1u << ARCH_SP;
		c.stack_bytes = (uint32_t)(draw() % (8 * WORDS + 1));
		unwind_stack(&c, draw() & 1, &out);
		TRUE(out.frames <= UNWIND_FRAMES_MAX && out.end <= UNWIND_NO_STACK);
		ends[out.end]++;
		for (uint32_t i = 1; i < out.frames; i++)
			TRUE(out.map[i] && out.pc[i] >= out.map[i]->start &&
			     out.pc[i] < out.map[i]->end);
	}
	printf("whole %u, truncated %u, broken %u, no stack %u\n", ends[0], ends[1], ends[2],
	       ends[3]);
	TRUE(ends[UNWIND_BROKEN] > 1000 && ends[UNWIND_TRUNCATED] > 1000);
}

TEST(stubs_known_by_their_bytes)
{
	static const uint8_t slot[16] = { 0xff, 0x25, 1, 2, 3, 4, 0x68, 9, 0, 0, 0, 0xe9 };
	static const uint8_t first[16] = { 0xff, 0x35, 1, 2, 3, 4, 0xff, 0x25 };
	static const uint8_t restore[16] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	static const uint8_t relative[8] = { 0, 0, 0, 0xe8, 1, 2, 3, 4 };
	static const uint8_t indirect[8] = { 0, 0, 0, 0, 0, 0, 0xff, 0xd0 };
	static const uint8_t none[16] = { 0 };

	EQ(arch_plt_depth(slot, 0), 8);
	EQ(arch_plt_depth(slot, 6), 8);
	EQ(arch_plt_depth(slot, 11), 16);
	EQ(arch_plt_depth(first, 0), 16);
	EQ(arch_plt_depth(first, 6), 24);
	EQ(arch_plt_depth(none, 0), 0);
	TRUE(arch_is_sigreturn(restore) && !arch_is_sigreturn(slot));
	TRUE(arch_ends_in_call(relative) && arch_ends_in_call(indirect));
	TRUE(!arch_ends_in_call(none));
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static __attribute__((noinline)) int recurse(int depth)
{
	int r = 0;

	if (depth)
		r = recurse(depth - 1) + 1;
	else
		shot_take(&shot);
	__asm__ volatile("" ::: "memory");
	return r;
}

TEST(cost)
{
	uint64_t t, made;

	start();
	recurse(40);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	t = now_ns();
	for (unsigned i = 0; i < 20000; i++)
		unwind_stack(&shot.c, false, &out);
	printf("hot: %.1f ns a frame\n", (double)(now_ns() - t) / 20000 / out.frames);
	made = rows.made;
	t = now_ns();
	for (unsigned i = 0; i < 200; i++) {
		EQ(rows_init(), 0);
		unwind_stack(&shot.c, false, &out);
	}
	t = now_ns() - t;
	printf("a new row: %.2f us\n", (double)t / 1000 / (double)(rows.made - made));
}

/* What libunwind keeps of us is made by the first step: where there is no memory for it, each
 * ends as without tables, and that is said. */
TEST(without_memory_for_libunwind)
{
	struct cfi_frame f = { 0 };
	bool signal;

	start();
	f.map = mapping_of("libc.so");
	f.regs[ARCH_IP] = f.map->start;
	TRUE(!unwind_cfi_is_forgone());
	EQ(setrlimit(RLIMIT_AS, &(struct rlimit){ 1, RLIM_INFINITY }), 0);
	EQ(unwind_cfi_step(&f, &signal), -ENOENT);
	TRUE(unwind_cfi_is_forgone());
	EQ(setrlimit(RLIMIT_AS, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }), 0);
	EQ(unwind_cfi_step(&f, &signal), -ENOENT); /* not tried again and again */
}

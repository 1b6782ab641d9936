/* SPDX-License-Identifier: Apache-2.0
 *
 * test_unwind.c - the unwinder on stacks of this very program, built without
 * frame pointers, against the compiler's own unwinder: ordinary and odd frames,
 * callbacks through libraries, made code, truncated and broken stacks.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c preload/rows.c preload/unwind.c preload/unwind_last.c preload/unwind_step.c preload/unwind_cfi.c
 * links: preload/unwind_ns.c
 * flags: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 * libs: -ldl
 */
#include "../../preload/unwind.h"

#include <alloca.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <search.h>
#include <sys/mman.h>

#include "../../include/prof_format.h"
#include "../../preload/rows.h"
#include "../../preload/unwind_last.h"
#include "unwind_truth.h"

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* libunwind would keep a pipe open. */
TEST(no_descriptor_stays_open)
{
	unsigned before = descriptors();

	start();
	recurse(5);
	unwind_stack(&shot.c, false, &out);
	EQ(descriptors(), before);
}

TEST(recursion)
{
	start();
	recurse(50);
	whole_and_true();
	TRUE(out.frames > 52);
	EQ(unwind_stats.checked, 1);
}

static NOINLINE int compare(const void *a, const void *b)
{
	recurse(2);
	return *(const int *)a - *(const int *)b;
}

TEST(callback_through_libc)
{
	int v[3] = { 2, 1, 3 };

	start();
	qsort(v, 3, sizeof(*v), compare);
	whole_and_true();
}

static NOINLINE void with_alloca(size_t n)
{
	volatile char *p = alloca(n);

	p[0] = 1;
	recurse(1);
	AFTER_CALL();
}

static NOINLINE void over_aligned(size_t n)
{
	_Alignas(64) volatile char aligned[64];
	volatile char *p = alloca(n);

	aligned[0] = 1;
	p[0] = aligned[0];
	recurse(1);
	AFTER_CALL();
}

static void (*volatile through_pointer)(size_t) = over_aligned;

TEST(odd_frames)
{
	start();
	with_alloca(1000);
	whole_and_true();
	through_pointer(100);
	whole_and_true();
	EQ(unwind_stats.checked, 2);
}

/* Each frame's CFA comes off %rbp, which the frame it calls saves. */
static NOINLINE void nested(int depth, size_t n)
{
	volatile char *p = alloca(n);

	p[0] = 1;
	if (depth)
		nested(depth - 1, n);
	else
		recurse(3);
	AFTER_CALL();
}

static uint64_t *word_at(uint64_t address)
{
	return (uint64_t *)(void *)(shot.stack + (address - shot.c.regs[ARCH_SP]));
}

/* What a thread's last stack has in common with this one is taken from there; not a
 * frame more. */
TEST(last_stack_of_the_thread)
{
	uint64_t *ra, *fp, was;
	uint32_t frames;

	start();
	nested(20, 100);
	shot.c.thread = 1;
	whole_and_true();
	frames = out.frames;
	whole_and_true();
	ra = word_at(out.sp[15] - 8);
	fp = word_at(out.sp[16] - 16);
	was = *ra;
	*ra = 0;
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_BROKEN);
	EQ(out.frames, 15);
	*ra = was;
	whole_and_true();
	EQ(out.frames, frames);
	was = *fp;
	*fp += 4096;
	unwind_stack(&shot.c, false, &out);
	TRUE(out.end != UNWIND_WHOLE || out.frames != frames);
	*fp = was;
	whole_and_true();
	EQ(unwind_stats.stacks_by_libunwind, 0);
	EQ(unwind_stats.disagreed, 0);
}

/* The walk comes to what it has in common with the last stack wherever that was left, nearer the
 * leaf or farther from it: seen by a map that is only there. */
static NOINLINE void after_one_of(int before, int now)
{
	static struct mapping mark;

	recurse(before);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	last_of(1)->at[0].map = &mark;
	recurse(now);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	TRUE(out.map[out.frames - 1] == &mark);
}

TEST(last_stack_met)
{
	start();
	shot.c.thread = 1;
	after_one_of(30, 2);
	after_one_of(2, 30);
	after_one_of(5, 5);
}

/* A row that says its CFA is 16 off reg. */
static void put_row(uint64_t pc, uint8_t reg, uint8_t fp_where, uint8_t plain)
{
	static struct mapping nobodys;

	*rows_slot(pc) = (struct row){ .pc = pc,
				       .map = &nobodys,
				       .kind = ROW_RULE,
				       .reg = reg,
				       .cfa_offset = 16,
				       .ra_offset = ARCH_RA_OFFSET,
				       .ra_where = ROW_CFA,
				       .fp_where = fp_where & 15,
				       .plain = plain };
}

/* A frame that is left by the frame pointer, called by one that has lost it, or has something
 * else in it: there the walk ends, though the words that lie where it would lead look good. */
TEST(frame_pointer_lost_or_none)
{
	static uint64_t stack[16];
	struct capture c = { .valid = (1u << ARCH_REGS) - 1,
			     .stack = (const uint8_t *)stack,
			     .stack_bytes = sizeof(stack) };

	start();
	for (unsigned odd = 0; odd < 2; odd++) {
		uint64_t fp = 0x7000 + 24 + 4 * odd, next = 0x3001;

		put_row(0x1000, ARCH_SP, odd ? ROW_SAME : ROW_LOST,
			odd ? PLAIN : PLAIN | PLAIN_LOSES_FP);
		put_row(0x2000, ARCH_FP, ROW_SAME, PLAIN | PLAIN_BY_FP);
		put_row(0x3000, ARCH_SP, ROW_SAME, 0);
		rows_slot(0x3000)->kind = ROW_END;
		memset(stack, 0, sizeof(stack));
		stack[1] = 0x2001;
		memcpy((uint8_t *)stack + (fp + 8 - 0x7000), &next, sizeof(next));
		c.regs[ARCH_IP] = 0x1000;
		c.regs[ARCH_SP] = 0x7000;
		c.regs[ARCH_FP] = fp;
		unwind_stack(&c, false, &out);
		EQ(out.frames, 2);
		EQ(out.end, UNWIND_BROKEN);
	}
}

/* A frame pointer that no frame is left by is the program's to use. */
TEST(last_stack_with_other_data)
{
	start();
	recurse(20);
	shot.c.thread = 1;
	whole_and_true();
	TRUE(!out.again);
	whole_and_true();
	TRUE(out.again);
	shot.c.regs[ARCH_FP] += 1000;
	whole_and_true();
	TRUE(out.again);
	nested(20, 100);
	shot.c.thread = 1;
	whole_and_true();
	TRUE(!out.again);
	whole_and_true();
	TRUE(out.again);
	EQ(unwind_stats.stacks_by_libunwind, 0);
}

/* In assembly, as it leaves %rbp alone whatever the compiler does. */
void passes_on(void (*f)(void));
__asm__(".text\n"
	".type passes_on, @function\n"
	"passes_on:\n"
	".cfi_startproc\n"
	"subq $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"call *%rdi\n"
	"addq $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"ret\n"
	".cfi_endproc\n"
	".size passes_on, . - passes_on\n");

static void take_shot(void)
{
	recurse(0);
	AFTER_CALL();
}

static __attribute__((noipa)) void by_frame_pointer(size_t n)
{
	volatile char *p = alloca(n);

	p[0] = 1;
	passes_on(take_shot);
	AFTER_CALL();
}

/* Through frames that leave it alone, too, the frame pointer of one that is left by it counts:
 * with memory of the last stack a walk goes wrong where one without it does. */
TEST(last_stack_and_a_frame_pointer_passed_on)
{
	uint32_t frames, end;
	uint64_t fp;

	start();
	by_frame_pointer(100);
	shot.c.thread = 1;
	whole_and_true();
	whole_and_true();
	TRUE(out.again);
	fp = out.sp[5] - 16; /* by_frame_pointer's, below its return address */
	if (shot.c.regs[ARCH_FP] == fp)
		shot.c.regs[ARCH_FP] += 4096;
	for (uint64_t at = out.sp[0]; at < out.sp[4]; at += 8) /* somebody has saved it */
		if (*word_at(at) == fp)
			*word_at(at) += 4096;
	shot.c.thread = 0;
	unwind_stack(&shot.c, false, &out);
	frames = out.frames;
	end = out.end;
	TRUE(end != UNWIND_WHOLE || frames != shot.truths);
	shot.c.thread = 1;
	unwind_stack(&shot.c, false, &out);
	EQ(out.frames, frames);
	EQ(out.end, end);
	TRUE(!out.again);
}

static void *in_thread(void *arg)
{
	(void)arg;
	recurse(3);
	AFTER_CALL();
	return NULL;
}

TEST(thread)
{
	pthread_t t;

	start();
	EQ(pthread_create(&t, NULL, in_thread, NULL), 0);
	pthread_join(t, NULL);
	whole_and_true();
}

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret: made at run time, without tables. */
static const uint8_t jit_code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };

static void from_jit(void)
{
	recurse(1);
	AFTER_CALL();
}

TEST(made_code)
{
	uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t i;

	memcpy(code, jit_code, sizeof(jit_code));
	start();
	((void (*)(void (*)(void)))(uintptr_t)code)(from_jit);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	for (i = 0; i < out.frames && out.pc[i] != (uint64_t)(uintptr_t)code + 5; i++)
		;
	TRUE(i + 2 < out.frames);
	TRUE(!out.guessed[i] && out.guessed[i + 1] && !out.guessed[i + 2]);
	EQ(out.map[i]->flags, PROF_MAP_ANON);
}

static int trace_callback(void *context, void *arg)
{
	(void)context;
	if (!*(int *)arg)
		recurse(1);
	*(int *)arg = 1;
	return 0;
}

/* A library loaded after the maps were read is found when it is first met. */
TEST(library_loaded_later)
{
	typedef int (*backtrace_fn)(int (*)(void *, void *), void *);
	backtrace_fn walk_stack;
	void *lib;
	int called = 0;

	if (system("cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 /tmp/prof-test-lib.so"))
		CHECK_FAIL("cannot copy libgcc_s");
	start();
	lib = dlopen("/tmp/prof-test-lib.so", RTLD_NOW);
	unlink("/tmp/prof-test-lib.so"); /* deleted too: its tables come from memory */
	TRUE(lib);
	TRUE(maps_changed());
	walk_stack = (backtrace_fn)(uintptr_t)dlsym(lib, "_Unwind_Backtrace");
	walk_stack(trace_callback, &called);
	whole_and_true();
}

TEST(truncated_and_broken)
{
	uint32_t all, bytes;

	start();
	recurse(100);
	whole_and_true();
	all = out.frames;
	bytes = shot.c.stack_bytes;
	for (uint32_t n = 16; n < 1500; n += 8) {
		shot.c.stack_bytes = n;
		shot.c.cut = true;
		unwind_stack(&shot.c, false, &out);
		EQ(out.end, UNWIND_TRUNCATED);
		TRUE(out.frames < all);
		same_frames(1, 1, out.frames - 1);
		shot.c.cut = false;
		unwind_stack(&shot.c, false, &out);
		EQ(out.end, UNWIND_BROKEN);
	}
	shot.c.stack_bytes = 0;
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_NO_STACK);
	shot.c.stack_bytes = bytes;
	memset(shot.stack, 0x5a, bytes);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_BROKEN);
	EQ(out.frames, 1);
}

/* A register that a rule needs and the kernel did not give. */
TEST(unknown_registers)
{
	start();
	recurse(3);
	shot.c.valid = 1u << ARCH_IP;
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_NO_STACK);
	shot.c.valid = 1u << ARCH_IP | 1u << ARCH_SP;
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
}

TEST(own_frames_left_out)
{
	struct mapping *own;
	uint32_t all, left = 0;

	start();
	recurse(10);
	unwind_stack(&shot.c, false, &out);
	all = out.frames;
	own = out.map[0];
	for (uint32_t i = 0; i < all; i++)
		left += out.map[i] != own;
	TRUE(left && left < all);
	own->ours = true;
	rows_init();
	unwind_stack(&shot.c, false, &out);
	EQ(out.frames, left);
	EQ(out.end, UNWIND_WHOLE);
	same_frames(0, shot.truths - left - 1, left); /* the last one, _start, is own */
}

static NOINLINE int compare_ours(const void *a, const void *b)
{
	(void)a;
	recurse(4);
	return *(const int *)b;
}

/* A hook is called by the program, that by a function of ours near the root:
 * only the hook and what is nearer the leaf goes. */
TEST(after_own_frames)
{
	int v[1] = { 1 };
	size_t n = 1;
	struct mapping *program, *libc;
	uint32_t all, libc_frames = 0, from = 0;

	start();
	lfind(v, v, &n, sizeof(*v), compare_ours);
	unwind_stack(&shot.c, false, &out);
	all = out.frames;
	program = out.map[0];
	while (out.map[from] == program)
		from++;
	libc = out.map[from];
	/* Now the library is "ours": this program's frames above it go too. */
	for (uint32_t i = from; i < all && out.map[i] == libc; i++)
		libc_frames++;
	libc->ours = true;
	rows_init(); /* which know whose they are */
	unwind_stack(&shot.c, true, &out);
	TRUE(out.frames && out.map[0] == program);
	EQ(out.pc[0], shot.truth[from + libc_frames]);
	unwind_stack(&shot.c, false, &out);
	same_frames(1, 1, from - 1);
	EQ(out.pc[from], shot.truth[from + libc_frames]);
}

static _Atomic bool stop;

static void *makes_rows(void *arg)
{
	static struct unwound other;

	(void)arg;
	while (!stop) {
		rows_init();
		unwind_stack(&shot.c, false, &other);
	}
	return NULL;
}

/* A child forked while libunwind runs in another thread inherits its locks
 * held; it must not wait for them.  One round in about eighty would hang. */
TEST(fork_while_unwinding)
{
	pthread_t t;

	start();
	recurse(30);
	EQ(pthread_create(&t, NULL, makes_rows, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		int status;
		pid_t pid;

		usleep(500);
		maps_fork_begin();
		pid = fork();
		if (!pid) {
			alarm(10);
			maps_fork_child();
			memset(&arena, 0, sizeof(arena));
			start();
			whole_and_true();
			_exit(0);
		}
		maps_fork_end();
		TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
		EQ(status, 0);
	}
	stop = true;
	pthread_join(t, NULL);
}

/* Where libunwind is missing only frame pointers are followed, and every frame
 * found so is marked. */
TEST(without_libunwind)
{
	maps_init(&arena);
	maps_own_address = 0;
	EQ(maps_refresh(1), 0);
	EQ(rows_init(), 0);
	recurse(5);
	unwind_stack(&shot.c, false, &out);
	TRUE(out.frames);
	EQ(out.pc[0], shot.c.regs[ARCH_IP]);
	for (uint32_t i = 1; i < out.frames; i++)
		TRUE(out.guessed[i]);
}

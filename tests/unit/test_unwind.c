/* SPDX-License-Identifier: Apache-2.0
 *
 * test_unwind.c - the unwinder on stacks of this very program, built without
 * frame pointers, against backtrace(3): ordinary and odd frames, signals,
 * callbacks through libraries, truncated and broken stacks, garbage.
 *
 * links: preload/arena.c preload/elf_image.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_proc.c preload/rows.c preload/unwind.c preload/unwind_cfi.c
 * links: preload/unwind_ns.c
 * flags: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 * libs: -ldl
 */
#include "../../preload/unwind.h"

#include <alloca.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "../../include/prof_format.h"
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
	void *warm_up[4];

	backtrace(warm_up, 4); /* loads libgcc_s now, not in the middle of a test */
	maps_init(&arena);
	maps_own_address = 0; /* this program holds libprof's code and is no less a program */
	EQ(maps_refresh(1), 0);
	if (unwind_init(&arena, &why) < 0)
		CHECK_FAIL("unwind_init: %s", why);
	unwind_self_check = true;
}

static void show(void)
{
	for (uint32_t i = 0; i < out.frames; i++)
		printf("  #%u %#llx%s truth %p\n", i, (unsigned long long)out.pc[i],
		       out.guessed[i] ? " guessed" : "",
		       (int)i < shot.truths ? shot.truth[i] : NULL);
}

/* The frames of out from first on are those of the truth from first_truth on. */
static void same_frames(uint32_t first, int first_truth, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t truth = (uint64_t)(uintptr_t)shot.truth[first_truth + (int)i];
		uint64_t pc = out.pc[first + i];

		if (pc == truth || pc + 1 == truth)
			continue;
		show();
		CHECK_FAIL("frame %u is %#llx, backtrace says %#llx", first + i,
			   (unsigned long long)pc, (unsigned long long)truth);
	}
}

static void whole_and_true(void)
{
	unwind_stack(&shot.c, false, &out);
	if (out.end != UNWIND_WHOLE || (int)out.frames != shot.truths)
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

static struct shot interrupted;
static sigjmp_buf after_fault;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)info;
	shot_take_interrupted(&interrupted, uc);
	recurse(1);
	AFTER_CALL();
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

static NOINLINE void signalled(void)
{
	raise(SIGUSR1);
	AFTER_CALL();
}

TEST(signal_frame)
{
	uint32_t handler_frames;

	start();
	handle(SIGUSR1, 0);
	signalled();
	whole_and_true();
	handler_frames = out.frames;
	/* The interrupted stack is the outer part of the handler's. */
	unwind_stack(&interrupted.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	same_frames(0, (int)(handler_frames - out.frames), out.frames);
	EQ(out.pc[0], interrupted.c.regs[ARCH_IP]);
}

/* On a stack of its own the handler's frames are known, and the place it
 * interrupted; what is above that was not copied. */
TEST(alternate_stack)
{
	stack_t ss = { .ss_sp = malloc(1 << 20), .ss_size = 1 << 20 };
	uint64_t sp, low;

	start();
	sigaltstack(&ss, NULL);
	handle(SIGUSR1, SA_ONSTACK);
	signalled();
	sp = shot.c.regs[ARCH_SP];
	low = (uint64_t)(uintptr_t)ss.ss_sp;
	TRUE(sp > low && sp < low + ss.ss_size);
	memcpy(shot.stack, (void *)(uintptr_t)sp, low + ss.ss_size - sp);
	shot.c.stack_bytes = (uint32_t)(low + ss.ss_size - sp);
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_BROKEN);
	TRUE(out.frames >= 5);
	same_frames(1, 1, out.frames - 1);
	EQ(out.pc[out.frames - 1], interrupted.c.regs[ARCH_IP]);
}

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)info;
	shot_take_interrupted(&shot, uc);
	siglongjmp(after_fault, 1);
}

static void (*volatile nowhere)(void);

static NOINLINE void calls_null(void)
{
	nowhere();
	AFTER_CALL();
}

TEST(call_of_null)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	uint64_t start_pc = (uint64_t)(uintptr_t)calls_null;

	start();
	sigaction(SIGSEGV, &sa, NULL);
	if (!sigsetjmp(after_fault, 1))
		calls_null();
	unwind_stack(&shot.c, false, &out);
	EQ(out.end, UNWIND_WHOLE);
	EQ(out.pc[0], 0);
	TRUE(!out.map[0] && out.guessed[1] && !out.guessed[2]);
	TRUE(out.pc[1] >= start_pc && out.pc[1] < start_pc + 64);
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
	uint32_t all, own = 0;

	start();
	recurse(10);
	unwind_stack(&shot.c, false, &out);
	all = out.frames;
	for (uint32_t i = 0; i < all; i++)
		own += out.map[i] == out.map[0];
	out.map[0]->ours = true;
	unwind_stack(&shot.c, false, &out);
	EQ(out.frames, all - own);
	same_frames(0, (int)own - 1, 1);
	unwind_stack(&shot.c, true, &out);
	EQ(out.frames, all - own);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_unwind_signal.c - stacks with a signal in them: the handler's, the
 * interrupted one, handlers on a stack of their own, a call of NULL.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c preload/rows.c preload/unwind.c preload/unwind_last.c preload/unwind_step.c preload/unwind_cfi.c
 * links: preload/unwind_ns.c
 * flags: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 * libs: -ldl
 */
#include "../../preload/unwind.h"

#include <setjmp.h>
#include <signal.h>

#include "unwind_truth.h"

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
	same_frames(0, handler_frames - out.frames, out.frames);
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

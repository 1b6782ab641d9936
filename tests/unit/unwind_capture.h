/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_capture.h - for the tests of the unwinder: a capture of the calling
 * thread's own stack, and the truth about it from the compiler's unwinder.
 */
#ifndef PROF_UNWIND_CAPTURE_H
#define PROF_UNWIND_CAPTURE_H

#include <pthread.h>
#include <ucontext.h>
#include <unwind.h>

#include "../../preload/unwind.h"

#define COPY_BYTES (512u << 10)
#define TRUTH_MAX 1024

struct shot {
	struct capture c;
	uint8_t stack[COPY_BYTES];
	uint64_t truth[TRUTH_MAX]; /* pcs like ours, from shot_take's own outward */
	uint32_t truths;
};

/* No memcpy: a sanitizer would object to reading the frames of others. */
static inline __attribute__((no_sanitize("address", "thread", "undefined"))) void shot_copy_stack(
	struct shot *s)
{
	pthread_attr_t attr;
	void *low;
	size_t bytes;
	uint64_t sp = s->c.regs[ARCH_SP], top;
	volatile uint64_t *to = (uint64_t *)s->stack;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &low, &bytes);
	pthread_attr_destroy(&attr);
	top = (uint64_t)(uintptr_t)low + bytes;
	s->c.stack = s->stack;
	s->c.stack_bytes = 0;
	if (sp < (uint64_t)(uintptr_t)low || sp >= top)
		return;
	s->c.cut = top - sp > COPY_BYTES;
	s->c.stack_bytes = (uint32_t)(s->c.cut ? COPY_BYTES : top - sp) & ~7u;
	for (uint32_t i = 0; i < s->c.stack_bytes / 8; i++)
		to[i] = ((volatile const uint64_t *)(uintptr_t)sp)[i];
}

static inline _Unwind_Reason_Code shot_add_truth(struct _Unwind_Context *context, void *arg)
{
	struct shot *s = arg;
	int exact = 0;
	uint64_t pc = _Unwind_GetIPInfo(context, &exact);

	if (pc && s->truths < TRUTH_MAX)
		s->truth[s->truths++] = pc - !exact;
	return _URC_NO_REASON;
}

/* The stack at this point of shot_take.  Its first frame is in both, with
 * different pcs. */
static __attribute__((noinline)) void shot_take(struct shot *s)
{
	memset(s->c.regs, 0xff, sizeof(s->c.regs));
	arch_read_regs(s->c.regs);
	s->c.valid = ARCH_READ_REGS_VALID;
	shot_copy_stack(s);
	s->truths = 0;
	_Unwind_Backtrace(shot_add_truth, s);
}

/* The stack a signal interrupted. */
static inline void shot_take_interrupted(struct shot *s, const ucontext_t *uc)
{
	static const int order[ARCH_REGS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					      REG_RBP, REG_RSP, REG_R8,	 REG_R9,  REG_R10, REG_R11,
					      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (int i = 0; i < ARCH_REGS; i++)
		s->c.regs[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
	s->c.valid = (1u << ARCH_REGS) - 1;
	shot_copy_stack(s);
}

#endif

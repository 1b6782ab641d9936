/* SPDX-License-Identifier: Apache-2.0
 *
 * capture.c - see capture.h.  Called on program threads, inside their hooks
 * and inside SIGPROF's handler: no lock, no allocation, errno untouched.
 */
#include "capture.h"

#include <errno.h>

#include "sys.h"
#include "thread.h"

struct __attribute__((packed, may_alias)) stack_word {
	uint64_t value;
};

/* Not memcpy: the program may define its own, and sanitizers' versions object
 * to the red zones that lie between the variables of a stack.  The empty asm
 * keeps the compiler from turning the loop back into a call. */
__attribute__((no_sanitize("address", "thread"))) static void copy_words(uint8_t *to, uint64_t from,
									 uint32_t bytes)
{
	const struct stack_word *in = (const struct stack_word *)(uintptr_t)from;
	struct stack_word *out = (struct stack_word *)(uintptr_t)to;
	uint32_t i = 0, words = bytes / 8;

	for (; i + 4 <= words; i += 4) {
		out[i] = in[i];
		out[i + 1] = in[i + 1];
		out[i + 2] = in[i + 2];
		out[i + 3] = in[i + 3];
		__asm__ volatile("" ::: "memory");
	}
	for (; i < words; i++) {
		out[i] = in[i];
		__asm__ volatile("" ::: "memory");
	}
}

uint32_t capture_stack_size(uint64_t sp, uint32_t max)
{
	uint64_t top;

	if (!thread_stack_bounds(sp, &top) || top - sp >= max)
		return max;
	return (uint32_t)(top - sp) & ~7u;
}

/* What lies between sp and the thread's end of stack may be another stack with a guard page of
 * its own, a coroutine's for one: all but the page in use is read by the kernel, which finds out.
 * Where that is refused, the thread's own stack is taken as it is. */
uint32_t capture_stack(uint64_t sp, uint8_t *to, uint32_t max, bool *cut)
{
	uint64_t top = 0, page_end = (sp | 4095) + 1;
	bool own = thread_stack_bounds(sp, &top);
	uint32_t bytes = own ? capture_stack_size(sp, max) & ~7u : max;
	ssize_t got = own && sp + bytes <= page_end ? 0 : sys_read_own_memory(sp, to, bytes);

	if (own && got <= 0 && got != -EFAULT) {
		copy_words(to, sp, bytes);
		got = bytes;
	}
	if (got <= 0) {
		*cut = false;
		return 0;
	}
	*cut = own && (uint64_t)got == bytes ? top - sp > max : (uint64_t)got == max;
	return (uint32_t)got;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * capture.c - see capture.h.  Called on program threads, inside their hooks
 * and inside SIGPROF's handler: no lock, no allocation, errno untouched.
 */
#include "capture.h"

#include <errno.h>

#include "sys.h"
#include "thread.h"

#define PAGE_BYTES UINT64_C(4096)

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

/* The kernel copies the set before it looks at `how`, which names nothing: a third of what
 * process_vm_readv takes, and no lock on the mappings. */
static bool page_is_readable(uint64_t page)
{
	const int no_such_how = -1;

	return SYS_CALL(SYS_rt_sigprocmask, no_such_how, page, NULL, sizeof(uint64_t), 0, 0) !=
	       -EFAULT;
}

/* What lies between sp and the thread's end of stack may be another stack with a guard page of
 * its own, a coroutine's for one: all pages but the one in use are asked for. */
static uint32_t readable_bytes(uint64_t sp, uint32_t bytes)
{
	uint64_t page = (sp | (PAGE_BYTES - 1)) + 1;

	while (page < sp + bytes && page_is_readable(page))
		page += PAGE_BYTES;
	return page < sp + bytes ? (uint32_t)(page - sp) & ~7u : bytes;
}

uint32_t capture_stack(uint64_t sp, uint8_t *to, uint32_t max, bool *cut)
{
	uint64_t top = 0;
	ssize_t got;

	*cut = false;
	if (thread_stack_bounds(sp, &top)) {
		uint32_t bytes = capture_stack_size(sp, max) & ~7u;

		got = readable_bytes(sp, bytes);
		copy_words(to, sp, (uint32_t)got);
		*cut = got == bytes && top - sp > max;
	} else {
		got = sys_read_own_memory(sp, to, max);
		*cut = got == max;
	}
	return got > 0 ? (uint32_t)got : 0;
}

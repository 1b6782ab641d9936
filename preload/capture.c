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
		arch_copy_words(to, sp, (uint64_t)got / 8);
		*cut = got == bytes && top - sp > max;
	} else {
		got = sys_read_own_memory(sp, to, max);
		*cut = got == max;
	}
	return got > 0 ? (uint32_t)got : 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_new.c - operator new and delete.  The C++ runtime's own reach malloc and
 * free, where they are counted, so these only forward; but an allocator that
 * brings its own (tcmalloc, jemalloc) serves them without calling malloc, and
 * then they are hooks like malloc's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "heap.h"
#include "hook.h"
#include "live.h"
#include "real.h"
#include "state.h"
#include "thread.h"

/* One of the operators: the definition behind ours, and whether it belongs to
 * the library that malloc does. */
struct next_operator {
	_Atomic(void *) fn;
	bool allocates; /* written before fn is published */
};

static const void *object_of(const void *fn)
{
	Dl_info info;

	return dladdr(fn, &info) ? info.dli_fbase : NULL;
}

/* [hook] First call of an operator: with the C library the question is settled
 * at once, else the owners are compared. */
static __attribute__((noinline, cold)) void *resolve(struct next_operator *next, const char *name,
						     const void *self)
{
	void *fn;

	thread_tls.busy++;
	real_resolve();
	fn = real_find(name, self);
	next->allocates = fn && object_of(fn) == object_of((void *)real.malloc);
	thread_tls.busy--;
	atomic_store_explicit(&next->fn, fn, memory_order_release);
	return fn;
}

static inline void *next_fn(struct next_operator *next, const char *name, const void *self)
{
	void *fn = atomic_load_explicit(&next->fn, memory_order_acquire);

	return LIKELY(fn) ? fn : resolve(next, name, self);
}

/* An operator new: PARAMS as declared, ARGS as passed on, bytes the size.  No
 * C++ runtime behind us means that nobody can be calling; malloc then is the
 * nearest thing. */
#define OPERATOR_NEW(name, PARAMS, ARGS)                                                  \
	HOOK void *name PARAMS;                                                           \
	HOOK void *name PARAMS                                                            \
	{                                                                                 \
		static struct next_operator next;                                         \
		void *(*fn)PARAMS = (void *(*)PARAMS)next_fn(&next, #name, (void *)name); \
		void *block;                                                              \
                                                                                          \
		if (UNLIKELY(!fn))                                                        \
			return malloc(bytes);                                             \
		if (LIKELY(!next.allocates))                                              \
			return fn ARGS;                                                   \
		if (LIKELY(bytes < thread_tls.countdown)) {                               \
			thread_tls.countdown -= bytes;                                    \
			thread_tls.calls++;                                               \
			return fn ARGS;                                                   \
		}                                                                         \
		heap_before();                                                            \
		block = fn ARGS;                                                          \
		heap_after(block, bytes);                                                 \
		return block;                                                             \
	}

#define OPERATOR_DELETE(name, PARAMS, ARGS)                                                    \
	HOOK void name PARAMS;                                                                 \
	HOOK void name PARAMS                                                                  \
	{                                                                                      \
		static struct next_operator next;                                              \
		void(*fn) PARAMS = (void(*) PARAMS)next_fn(&next, #name, (void *)name);        \
                                                                                               \
		if (UNLIKELY(!fn))                                                             \
			free(block);                                                           \
		else if (LIKELY(!next.allocates || !live_maybe((uint64_t)(uintptr_t)block)) || \
			 heap_free(block))                                                     \
			fn ARGS;                                                               \
	}

/* std::align_val_t is a size_t, std::nothrow_t const & a pointer. */
OPERATOR_NEW(_Znwm, (size_t bytes), (bytes))
OPERATOR_NEW(_Znam, (size_t bytes), (bytes))
OPERATOR_NEW(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))
OPERATOR_NEW(_ZnamRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))
OPERATOR_NEW(_ZnwmSt11align_val_t, (size_t bytes, size_t align), (bytes, align))
OPERATOR_NEW(_ZnamSt11align_val_t, (size_t bytes, size_t align), (bytes, align))
OPERATOR_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t align, const void *nothrow),
	     (bytes, align, nothrow))
OPERATOR_NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t align, const void *nothrow),
	     (bytes, align, nothrow))

OPERATOR_DELETE(_ZdlPv, (void *block), (block))
OPERATOR_DELETE(_ZdaPv, (void *block), (block))
OPERATOR_DELETE(_ZdlPvm, (void *block, size_t bytes), (block, bytes))
OPERATOR_DELETE(_ZdaPvm, (void *block, size_t bytes), (block, bytes))
OPERATOR_DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
OPERATOR_DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
OPERATOR_DELETE(_ZdlPvSt11align_val_t, (void *block, size_t align), (block, align))
OPERATOR_DELETE(_ZdaPvSt11align_val_t, (void *block, size_t align), (block, align))
OPERATOR_DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t bytes, size_t align),
		(block, bytes, align))
OPERATOR_DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t bytes, size_t align),
		(block, bytes, align))
OPERATOR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t,
		(void *block, size_t align, const void *nothrow), (block, align, nothrow))
OPERATOR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t,
		(void *block, size_t align, const void *nothrow), (block, align, nothrow))

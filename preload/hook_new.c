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
 * the library that malloc does.  Where the program was started with none, ours is
 * hidden: each library that is loaded later has the one of its own scope. */
struct next_operator {
	_Atomic(void *) fn;    /* where ours goes: first_*; once all is known that definition,
				* or counted_* in front of it */
	_Atomic(void *) found; /* that definition, once looked up */
	bool owned;	       /* its library is malloc's; written before found is published */
};

/* What is not found at the start is not remembered: its library may be unloaded. */
static void publish(struct next_operator *next, void *fn)
{
	if (atomic_load_explicit(&next->found, memory_order_acquire))
		atomic_store_explicit(&next->fn, fn, memory_order_release);
}

/* [hook] First calls of an operator: whose it is.  Not found at the start, it is that of a weak
 * reference. */
static __attribute__((noinline, cold)) void *resolve(struct next_operator *next, const char *name,
						     bool *allocates)
{
	void *fn = atomic_load_explicit(&next->found, memory_order_acquire);

	*allocates = next->owned;
	if (fn)
		return fn;
	thread_tls.busy++;
	real_resolve();
	fn = real_find(name, allocates);
	thread_tls.busy--;
	return fn;
}

/* [hook] The C library's malloc below settles it at once.  With an allocator's
 * own operator the first call that is counted must tell (where nothing is recorded,
 * any): it may come back to a hook of malloc's family, as jemalloc's aligned forms
 * do, and is counted there. */
static __attribute__((noinline, cold)) void settle(struct next_operator *next, void *fn,
						   void *counted, uint64_t calls, void *block,
						   size_t bytes)
{
	bool came_back = thread_tls.calls != calls;
	uint32_t phase = state_phase();

	if (!came_back)
		heap_after(block, bytes);
	if (thread_tls.calls != calls || phase == STATE_INERT || phase == STATE_DONE)
		publish(next, came_back ? fn : counted);
}

/* acquire: pairs with publish's release, and with that of what was found */
static inline void *next_fn(const struct next_operator *next)
{
	return atomic_load_explicit(&next->fn, memory_order_acquire);
}

static inline void *next_found(const struct next_operator *next)
{
	return atomic_load_explicit(&next->found, memory_order_acquire);
}

/* An operator new: PARAMS as declared, ARGS as passed on, bytes the size.  No
 * C++ runtime behind us means that nobody can be calling; malloc then is the
 * nearest thing. */
#define OPERATOR_NEW(name, PARAMS, ARGS)                                                       \
	static void *first_##name PARAMS;                                                      \
	static struct next_operator next_##name = { .fn = (void *)first_##name };              \
	HOOK void *name PARAMS;                                                                \
	HOOK void *name PARAMS                                                                 \
	{                                                                                      \
		return ((void *(*)PARAMS)next_fn(&next_##name))ARGS;                           \
	}                                                                                      \
	static void *counted_##name PARAMS                                                     \
	{                                                                                      \
		void *(*fn)PARAMS = (void *(*)PARAMS)next_found(&next_##name);                 \
		void *block;                                                                   \
                                                                                               \
		if (LIKELY(thread_count_down(bytes))) {                                        \
			thread_tls.calls++;                                                    \
			return fn ARGS;                                                        \
		}                                                                              \
		heap_before();                                                                 \
		block = fn ARGS;                                                               \
		heap_after(block, bytes);                                                      \
		return block;                                                                  \
	}                                                                                      \
	static __attribute__((noinline, cold)) void *first_##name PARAMS                       \
	{                                                                                      \
		uint64_t calls = thread_tls.calls;                                             \
		bool allocates;                                                                \
		void *(*fn)PARAMS = (void *(*)PARAMS)resolve(&next_##name, #name, &allocates); \
		void *block;                                                                   \
                                                                                               \
		if (!fn)                                                                       \
			return malloc(bytes);                                                  \
		if (!allocates)                                                                \
			publish(&next_##name, (void *)fn);                                     \
		heap_before();                                                                 \
		block = fn ARGS;                                                               \
		if (allocates)                                                                 \
			settle(&next_##name, (void *)fn, (void *)counted_##name, calls, block, \
			       bytes);                                                         \
		return block;                                                                  \
	}

#define OPERATOR_DELETE(name, PARAMS, ARGS)                                                  \
	static void first_##name PARAMS;                                                     \
	static struct next_operator next_##name = { .fn = (void *)first_##name };            \
	HOOK void name PARAMS;                                                               \
	HOOK void name PARAMS                                                                \
	{                                                                                    \
		((void(*) PARAMS)next_fn(&next_##name)) ARGS;                                \
	}                                                                                    \
	static void counted_##name PARAMS                                                    \
	{                                                                                    \
		void(*fn) PARAMS = (void(*) PARAMS)next_found(&next_##name);                 \
                                                                                             \
		if (LIKELY(!live_maybe((uint64_t)(uintptr_t)block)) || heap_free(block))     \
			fn ARGS;                                                             \
	}                                                                                    \
	static __attribute__((noinline, cold)) void first_##name PARAMS                      \
	{                                                                                    \
		bool allocates;                                                              \
		void(*fn) PARAMS = (void(*) PARAMS)resolve(&next_##name, #name, &allocates); \
                                                                                             \
		publish(&next_##name, allocates ? (void *)counted_##name : (void *)fn);      \
		if (!fn)                                                                     \
			free(block);                                                         \
		else if (!allocates || !live_maybe((uint64_t)(uintptr_t)block) ||            \
			 heap_free(block))                                                   \
			fn ARGS;                                                             \
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

#define OPERATOR(name)              \
	{                           \
		&next_##name, #name \
	}

static const struct {
	struct next_operator *next;
	const char *name;
} operators[] = {
	OPERATOR(_Znwm),
	OPERATOR(_Znam),
	OPERATOR(_ZnwmRKSt9nothrow_t),
	OPERATOR(_ZnamRKSt9nothrow_t),
	OPERATOR(_ZnwmSt11align_val_t),
	OPERATOR(_ZnamSt11align_val_t),
	OPERATOR(_ZnwmSt11align_val_tRKSt9nothrow_t),
	OPERATOR(_ZnamSt11align_val_tRKSt9nothrow_t),
	OPERATOR(_ZdlPv),
	OPERATOR(_ZdaPv),
	OPERATOR(_ZdlPvm),
	OPERATOR(_ZdaPvm),
	OPERATOR(_ZdlPvRKSt9nothrow_t),
	OPERATOR(_ZdaPvRKSt9nothrow_t),
	OPERATOR(_ZdlPvSt11align_val_t),
	OPERATOR(_ZdaPvSt11align_val_t),
	OPERATOR(_ZdlPvmSt11align_val_t),
	OPERATOR(_ZdaPvmSt11align_val_t),
	OPERATOR(_ZdlPvSt11align_val_tRKSt9nothrow_t),
	OPERATOR(_ZdaPvSt11align_val_tRKSt9nothrow_t),
};

#define OPERATORS (sizeof(operators) / sizeof(*operators))

_Static_assert(OPERATORS == HOOK_NEW_OPERATORS, "hook.h says how many there are");

static bool no_cxx; /* all are hidden */

unsigned hook_new_absent(const char **names)
{
	bool with_malloc;

	if (real_find(operators[0].name, &with_malloc))
		return 0;
	no_cxx = true;
	for (size_t i = 0; i < OPERATORS; i++)
		names[i] = operators[i].name;
	return OPERATORS;
}

/* Here the loader's lock is ours anyway, and nobody has asked dlerror yet. */
void hook_new_init(void)
{
	const char *absent[OPERATORS];
	unsigned n = 0;

	if (no_cxx)
		return;
	for (size_t i = 0; i < OPERATORS; i++) {
		struct next_operator *next = operators[i].next;
		void *fn = dlsym(RTLD_NEXT, operators[i].name);

		if (!fn) {
			absent[n++] = operators[i].name;
			continue;
		}
		next->owned = real_same_object(fn, (void *)(uintptr_t)real.malloc);
		atomic_store_explicit(&next->found, fn, memory_order_release);
	}
	dlerror();
	real_hide(absent, n);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_thread.c - thread creation and naming.  A new thread starts in a
 * trampoline that registers it before its first line runs; it is unregistered
 * by a TSD destructor, which runs however the thread ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <threads.h>

#include "guard.h"
#include "heap_record.h"
#include "hook.h"
#include "real.h"
#include "state.h"
#include "thread.h"
#include "writer.h"

/* [hook] What every new thread runs first.  The frame stays on its stack, so it
 * is kept small (threads may have PTHREAD_STACK_MIN). */
static void *trampoline(void *arg)
{
	struct thread_state *t = arg;
	void *(*start)(void *) = t->start;
	void *start_arg = t->arg;

	thread_tls.busy++;
	thread_enter(t);
	thread_tls.busy--;
	return start(start_arg);
}

/* C11 start routines return int, in the same register. */
static int trampoline_c11(void *arg)
{
	return (int)(intptr_t)trampoline(arg);
}

/* [hook] A state for the thread about to be created, or NULL when it is to be
 * created as if we were not there. */
static struct thread_state *prepare(const pthread_attr_t *attr, void *(*start)(void *), void *arg,
				    uint64_t site)
{
	struct thread_state *t = NULL, *creator = NULL;
	int saved = errno;
	struct guard g;

	if (thread_tls.busy)
		return NULL;
	if (state_phase() == STATE_ON && state_is_ours())
		creator = thread_tls.self;
	if (!creator) {
		guard_enter(&g);
		if (state_recording())
			creator = thread_self();
		guard_leave(&g);
	}
	if (creator)
		heap_record_creation(creator, site); /* may be jumped out of: nothing is held yet */
	if (state_phase() == STATE_ON && state_is_ours())
		t = thread_prepare(attr, start, arg, site);
	if (t && state_phase() != STATE_ON) { /* no call may be made any more */
		thread_abandon(t);
		t = NULL;
	}
	errno = saved;
	return t;
}

/* [hook] */
HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			void *arg)
{
	struct thread_state *t;
	int err;

	real_resolve();
	t = prepare(attr, start, arg, (uint64_t)(uintptr_t)__builtin_return_address(0));
	if (!t)
		return real.pthread_create(thread, attr, start, arg);
	err = real.pthread_create(thread, attr, trampoline, t);
	if (err)
		thread_abandon(t);
	return err;
}

/* [hook] libc's thrd_create does not come through pthread_create's symbol. */
HOOK int thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
	struct thread_state *t;
	int result;

	real_resolve();
	t = prepare(NULL, (void *(*)(void *))(void *)start, arg,
		    (uint64_t)(uintptr_t)__builtin_return_address(0));
	if (!t)
		return real.thrd_create(thread, start, arg);
	result = real.thrd_create(thread, trampoline_c11, t);
	if (result != thrd_success)
		thread_abandon(t);
	return result;
}

/* [hook] The new name is noted here because only perf tells of it otherwise. */
HOOK int pthread_setname_np(pthread_t thread, const char *name)
{
	int err;

	real_resolve();
	err = real.pthread_setname_np(thread, name);
	if (!err && !thread_tls.busy && state_phase() == STATE_ON && state_is_here()) {
		struct thread_state *t = thread_by_pthread(thread);

		if (t)
			thread_set_name(t, name);
	}
	return err;
}

/* [hook] */
HOOK int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;
	int result;

	va_start(args, option);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	real_resolve();
	/* Without a program it is the usual question whether the kernel has filters. */
	if (option == PR_SET_SECCOMP &&
	    (a[0] == SECCOMP_MODE_STRICT || (a[0] == SECCOMP_MODE_FILTER && a[1])))
		writer_leave_for_good();
	result = real.prctl(option, a[0], a[1], a[2], a[3]);
	if (option == PR_SET_NAME && result == 0 && thread_tls.self && !thread_tls.busy &&
	    state_phase() == STATE_ON && state_is_here())
		thread_set_name(thread_tls.self, (const char *)a[0]);
	return result;
}

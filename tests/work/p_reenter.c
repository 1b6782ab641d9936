/* SPDX-License-Identifier: Apache-2.0
 *
 * p_reenter.c - stands before a C library whose every call allocates: those
 * that a profiler may make in a hook.  Meant to be preloaded.
 *
 * flags: -shared -fPIC -fno-builtin
 * libs: -ldl
 */
#include "work.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

static void allocate(void)
{
	static __thread int depth;
	void *p;

	if (depth > 20000) /* a recursion that nobody stops is not ours to hide */
		abort();
	depth++;
	p = malloc(40);
	__asm__ volatile("" : "+r"(p) : : "memory");
	p = realloc(p, 80);
	free(p);
	free(calloc(3, 7));
	depth--;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

#define STANDS_BEFORE(type, name, params, args) \
	type name params                        \
	{                                       \
		static __typeof__(name) *real;  \
		if (!real)                      \
			real = NEXT(name);      \
		allocate();                     \
		return real args;               \
	}

STANDS_BEFORE(int, pthread_setspecific, (pthread_key_t k, const void *v), (k, v))
STANDS_BEFORE(void *, pthread_getspecific, (pthread_key_t k), (k))
STANDS_BEFORE(int, pthread_attr_getstacksize, (const pthread_attr_t *a, size_t *n), (a, n))
STANDS_BEFORE(int, pthread_getattr_np, (pthread_t t, pthread_attr_t *a), (t, a))
STANDS_BEFORE(int, clock_gettime, (clockid_t c, struct timespec *ts), (c, ts))
STANDS_BEFORE(pid_t, getppid, (void), ())
STANDS_BEFORE(int, dladdr, (const void *p, Dl_info *i), (p, i))
STANDS_BEFORE(int, dl_iterate_phdr, (int (*f)(struct dl_phdr_info *, size_t, void *), void *p),
	      (f, p))
STANDS_BEFORE(size_t, strnlen, (const char *s, size_t n), (s, n))
STANDS_BEFORE(long, sysconf, (int name), (name))

/* SPDX-License-Identifier: Apache-2.0
 *
 * real.c - see real.h.  Runs in whatever context the process's first
 * allocation happens in, possibly before the constructor and inside dlsym.
 */
#define _GNU_SOURCE
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "hook.h"
#include "live.h"
#include "sys.h"

#define BOOTSTRAP_BYTES (256u << 10)
#define BOOTSTRAP_ALIGN 16u

/* Blocks handed out while dlsym runs and on our own threads.  Each is preceded by
 * its size; all are pinned where free looks (live.h), so that free's slow path, and no
 * other, has to know about them.  There are some two hundred; of those given
 * back a few are kept for the next, which is what a thread of ours needs each
 * time it is started. */
static APART uint8_t bootstrap[BOOTSTRAP_BYTES];
static _Atomic size_t bootstrap_used;
static _Atomic(void *) bootstrap_kept[8];
static _Atomic int resolving; /* 0 never, 1 under way, 2 done */

bool real_is_bootstrap(const void *block)
{
	return (uintptr_t)block - (uintptr_t)bootstrap < BOOTSTRAP_BYTES;
}

size_t real_bootstrap_bytes(const void *block)
{
	return ((const size_t *)block)[-1];
}

void real_bootstrap_free(void *block)
{
	for (unsigned i = 0; block && i < sizeof(bootstrap_kept) / sizeof(*bootstrap_kept); i++) {
		void *none = NULL;

		if (atomic_compare_exchange_strong(&bootstrap_kept[i], &none, block))
			return;
	}
}

static void *bootstrap_reuse(size_t bytes)
{
	for (unsigned i = 0; i < sizeof(bootstrap_kept) / sizeof(*bootstrap_kept); i++) {
		void *block = atomic_exchange(&bootstrap_kept[i], NULL);

		if (block && real_bootstrap_bytes(block) == bytes)
			return block;
		real_bootstrap_free(block);
	}
	return NULL;
}

static void *bootstrap_alloc(size_t align, size_t bytes)
{
	size_t at = atomic_load(&bootstrap_used), start, end;

	if (bytes > BOOTSTRAP_BYTES || align > 4096) {
		errno = ENOMEM;
		return NULL;
	}
	if (align < BOOTSTRAP_ALIGN)
		align = BOOTSTRAP_ALIGN;
	do {
		start = ((uintptr_t)bootstrap + at + sizeof(size_t) + align - 1) & -align;
		start -= (uintptr_t)bootstrap;
		end = start + bytes;
		if (end > BOOTSTRAP_BYTES) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!atomic_compare_exchange_weak(&bootstrap_used, &at, end));
	((size_t *)(bootstrap + start))[-1] = bytes;
	live_pin((uintptr_t)bootstrap + start); /* else free would not know it */
	return bootstrap + start;
}

void *real_own_alloc(size_t bytes)
{
	int saved = errno;
	void *block = bootstrap_reuse(bytes);

	if (block)
		memset(block, 0, bytes);
	else
		block = bootstrap_alloc(0, bytes);
	errno = saved;
	return block;
}

/* The first calls, before the real functions are known.  A call that comes
 * while this or another thread is resolving is served from the buffer. */
static bool boot_ready(void)
{
	real_resolve();
	return atomic_load_explicit(&resolving, memory_order_acquire) == 2;
}

static void *boot_malloc(size_t n)
{
	return boot_ready() ? real.malloc(n) : bootstrap_alloc(0, n);
}

static void boot_free(void *p)
{
	if (boot_ready() && !real_is_bootstrap(p))
		real.free(p);
}

static void *boot_calloc(size_t nmemb, size_t size)
{
	size_t n;

	if (boot_ready())
		return real.calloc(nmemb, size);
	if (__builtin_mul_overflow(nmemb, size, &n)) {
		errno = ENOMEM;
		return NULL;
	}
	return bootstrap_alloc(0, n); /* static memory, handed out once: zero */
}

static void *boot_realloc(void *p, size_t n)
{
	void *to;

	if (boot_ready())
		return real.realloc(p, n);
	to = bootstrap_alloc(0, n);
	if (to && p && real_is_bootstrap(p)) {
		size_t old = real_bootstrap_bytes(p);

		memcpy(to, p, old < n ? old : n);
	}
	return to;
}

static void *boot_reallocarray(void *p, size_t nmemb, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(nmemb, size, &n)) {
		errno = ENOMEM;
		return NULL;
	}
	return boot_realloc(p, n);
}

static void *boot_memalign(size_t align, size_t n)
{
	return boot_ready() ? real.memalign(align, n) : bootstrap_alloc(align, n);
}

static void *boot_aligned_alloc(size_t align, size_t n)
{
	return boot_ready() ? real.aligned_alloc(align, n) : bootstrap_alloc(align, n);
}

static int boot_posix_memalign(void **out, size_t align, size_t n)
{
	void *p;

	if (boot_ready())
		return real.posix_memalign(out, align, n);
	if (align % sizeof(void *) || !align || align & (align - 1))
		return EINVAL;
	p = bootstrap_alloc(align, n);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

static void *boot_valloc(size_t n)
{
	return boot_ready() ? real.valloc(n) : bootstrap_alloc(4096, n);
}

static void *boot_pvalloc(size_t n)
{
	return boot_ready() ? real.pvalloc(n) : bootstrap_alloc(4096, (n + 4095) & ~(size_t)4095);
}

static size_t boot_usable_size(void *p)
{
	if (!p)
		return 0;
	if (real_is_bootstrap(p))
		return real_bootstrap_bytes(p);
	return boot_ready() ? real.malloc_usable_size(p) : 0;
}

/* The hook: the block may be sampled. */
static void free_of_size(void *block, size_t bytes)
{
	(void)bytes;
	free(block);
}

static void free_aligned_of_size(void *block, size_t alignment, size_t bytes)
{
	(void)alignment;
	(void)bytes;
	free(block);
}

#define BOOT_FNS                                                                                  \
	.malloc = boot_malloc, .free = boot_free, .calloc = boot_calloc, .realloc = boot_realloc, \
	.reallocarray = boot_reallocarray, .posix_memalign = boot_posix_memalign,                 \
	.aligned_alloc = boot_aligned_alloc, .memalign = boot_memalign, .valloc = boot_valloc,    \
	.pvalloc = boot_pvalloc, .malloc_usable_size = boot_usable_size, .cfree = free,           \
	.free_sized = free_of_size, .free_aligned_sized = free_aligned_of_size

struct real_fns real = { BOOT_FNS };

/* Every function of struct real_fns, one name each. */
/* clang-format off */
#define REAL_NAMES(X)                                                                            \
	X(malloc) X(free) X(calloc) X(realloc) X(reallocarray) X(posix_memalign)                 \
	X(aligned_alloc) X(memalign) X(valloc) X(pvalloc) X(malloc_usable_size)                  \
	X(pthread_create) X(thrd_create) X(pthread_setname_np) X(prctl) X(syscall) X(unshare)    \
	X(setns) X(fork) X(_Fork) X(daemon) X(forkpty) X(execve) X(execvpe) X(fexecve)           \
	X(execveat) X(_exit) X(dlclose) X(sigaction) X(signal) X(bsd_signal) X(ssignal)          \
	X(sysv_signal) X(__sysv_signal) X(sigset) X(sigaltstack) X(sigprocmask)                  \
	X(pthread_sigmask) X(initgroups) X(setuid) X(seteuid) X(setgid) X(setegid) X(setreuid)   \
	X(setregid) X(setresuid) X(setresgid) X(setgroups) X(capset) X(sigpending)
/* clang-format on */

bool real_reallocarray_calls_realloc;
bool real_credentials_are_libcs;

static bool is_libcs(const void *fn)
{
	return real_same_object(fn, (void *)(uintptr_t)real._exit);
}

/* Names that the C library has not always had, or not yet: a library may have given them to
 * functions of its own. */
#define SOMETIMES(X) X(cfree) X(free_sized) X(free_aligned_sized)

static void resolve_sometimes(void)
{
	const char *absent[3 + HOOK_NEW_OPERATORS];
	unsigned n;

	n = hook_new_absent(absent);
	/* Not by dlsym, which allocates to say that there is none: perhaps from an allocator in
	 * front that has called us while it sets itself up. */
#define SOMETIMES_LOOKUP(name)                             \
	{                                                  \
		bool with_malloc;                          \
		void *f = real_find(#name, &with_malloc);  \
		if (!f)                                    \
			absent[n++] = #name;               \
		else if (!with_malloc && !is_libcs(f))     \
			memcpy(&real.name, &f, sizeof(f)); \
	}
	SOMETIMES(SOMETIMES_LOOKUP)
	real_hide(absent, n);
}

void real_resolve(void)
{
	static const struct real_fns boot = { BOOT_FNS };
	struct real_fns found = boot;
	int never = 0;

	if (!atomic_compare_exchange_strong(&resolving, &never, 1))
		return;
#define REAL_LOOKUP(name)                                   \
	{                                                   \
		void *f = dlsym(RTLD_NEXT, #name);          \
		if (f)                                      \
			memcpy(&found.name, &f, sizeof(f)); \
	}
	REAL_NAMES(REAL_LOOKUP)
	real = found; /* first: a sanitizer's dladdr calls functions that we stand before */
	if (real_find_init())
		resolve_sometimes();
	real_reallocarray_calls_realloc = is_libcs((void *)found.reallocarray);
	real_credentials_are_libcs =
		is_libcs((void *)found.setuid) && is_libcs((void *)found.setgroups);
	atomic_store_explicit(&resolving, 2, memory_order_release);
}

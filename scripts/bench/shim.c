/* SPDX-License-Identifier: Apache-2.0
 *
 * shim.c - the least that a library in front of the allocator can cost: four
 * functions that forward through a pointer and do nothing else.  Preloaded
 * by the benchmark beside ours; the difference is what our own work costs.  With SHIM_THREAD
 * set a thread sleeps beside the program: glibc locks its arenas once there are two, which
 * no profiler with a thread of its own gets round.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define SHIM __attribute__((visibility("default")))

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t nmemb, size_t size);
extern void *__libc_realloc(void *block, size_t bytes);
extern void __libc_free(void *block);

/* Not const: as with ours, the compiler must not know where they point. */
struct shim_real {
	void *(*malloc)(size_t bytes);
	void *(*calloc)(size_t nmemb, size_t size);
	void *(*realloc)(void *block, size_t bytes);
	void (*free)(void *block);
};
__attribute__((visibility("hidden"))) struct shim_real shim_real = { __libc_malloc, __libc_calloc,
								     __libc_realloc, __libc_free };

SHIM void *malloc(size_t bytes)
{
	return shim_real.malloc(bytes);
}

SHIM void *calloc(size_t nmemb, size_t size)
{
	return shim_real.calloc(nmemb, size);
}

SHIM void *realloc(void *block, size_t bytes)
{
	return shim_real.realloc(block, bytes);
}

SHIM void free(void *block)
{
	shim_real.free(block);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

__attribute__((constructor)) static void start_thread(void)
{
	sigset_t all, before;
	pthread_t t;

	if (!getenv("SHIM_THREAD"))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&t, NULL, sleep_for_ever, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

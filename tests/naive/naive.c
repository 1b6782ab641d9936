/* SPDX-License-Identifier: Apache-2.0
 *
 * naive.c - see naive.h.  Start, end, the table of live blocks and the log.
 */
#include "naive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TABLE_SLOTS 4096u /* "nobody has more live blocks than that" */
#define COPY_BYTES 16384u

__thread struct naive_thread *naive_self;
__thread bool naive_inside;
__thread char naive_scratch[4096];
FILE *naive_log;
unsigned naive_active;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const void *block;
	size_t bytes;
} table[TABLE_SLOTS];
static unsigned table_used;

/* Copies the caller's stack, up to its end as the thread's attributes have it. */
static size_t take_stack(void)
{
	char copy[COPY_BYTES];
	char *sp = __builtin_frame_address(0);
	size_t bytes = (size_t)(naive_self->stack_high - sp);

	if (bytes > sizeof(copy))
		bytes = sizeof(copy);
	memcpy(copy, sp, bytes);
	__asm__ volatile("" : : "r"(copy) : "memory");
	return bytes;
}

static int table_put(const void *block, size_t bytes)
{
	for (unsigned i = 0; i < TABLE_SLOTS && table_used < TABLE_SLOTS; i++) {
		unsigned at = (unsigned)((uintptr_t)block / 16 + i) % TABLE_SLOTS;

		if (!table[at].block) {
			table[at].block = block;
			table[at].bytes = bytes;
			table_used++;
			return 0;
		}
	}
	errno = ENOMEM;
	return -1;
}

static int table_take(const void *block)
{
	for (unsigned i = 0; i < 64; i++) {
		unsigned at = (unsigned)((uintptr_t)block / 16 + i) % TABLE_SLOTS;

		if (table[at].block == block) {
			table[at].block = NULL;
			table_used--;
			return 0;
		}
	}
	errno = ENOENT;
	return -1;
}

void naive_record_alloc(const void *block, size_t bytes)
{
	static bool said;

	if (naive_inside || !naive_log)
		return;
	naive_inside = true;
	naive_self->events++;
	pthread_mutex_lock(&lock);
	if (table_put(block, bytes) && !said) {
		said = true;
		fprintf(stderr, "naive: too many live blocks\n");
	}
	pthread_mutex_unlock(&lock);
	fprintf(naive_log, "alloc %p %zu stack %zu\n", block, bytes, take_stack());
	naive_inside = false;
}

void naive_record_free(const void *block)
{
	if (naive_inside || !naive_log || !block)
		return;
	naive_inside = true;
	naive_self->events++;
	pthread_mutex_lock(&lock);
	table_take(block);
	pthread_mutex_unlock(&lock);
	fprintf(naive_log, "free %p\n", block);
	naive_inside = false;
}

static void *flusher(void *unused)
{
	naive_inside = true;
	for (;;) {
		usleep(100000);
		fflush(naive_log);
	}
	return unused;
}

/* A second helper; this one must see no signal. */
static void *reporter(void *unused)
{
	uint64_t all = ~UINT64_C(0);

	naive_inside = true;
	syscall(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, NULL, sizeof(all));
	for (;;)
		usleep(1000000);
	return unused;
}

__attribute__((constructor)) static void start(void)
{
	const char *out = getenv("LIBPROF_OUT"), *hz = getenv("LIBPROF_CPU_HZ");
	pthread_t id;

	naive_inside = true;
	naive_resolve();
	if (hz && atoi(hz) <= 0) {
		fprintf(stderr, "naive: LIBPROF_CPU_HZ=%s\n", hz);
		abort();
	}
	memset(naive_scratch, 0, sizeof(naive_scratch));
	naive_thread_begin();
	naive_log = fopen(out ? out : "naive.log", "w");
	if (!naive_log)
		naive_log = stderr;
	unsetenv("LD_PRELOAD"); /* children are none of our business */
	pthread_create(&id, NULL, flusher, NULL);
	pthread_create(&id, NULL, reporter, NULL);
	naive_active = 0;
	naive_cpu_start(hz ? atoi(hz) : 99);
	naive_inside = false;
}

/* Not before the last thread is done, so that nothing is missing in the log. */
__attribute__((destructor)) static void end(void)
{
	while (__atomic_load_n(&naive_active, __ATOMIC_RELAXED) > 0)
		usleep(1000);
	naive_inside = true;
	fclose(naive_log);
	naive_log = NULL;
}

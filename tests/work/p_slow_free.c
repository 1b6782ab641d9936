/* SPDX-License-Identifier: Apache-2.0
 *
 * p_slow_free.c - an allocator that gives a freed block of about 2,000 bytes to
 * the next who asks, while free itself takes its time to return; meant to be
 * preloaded behind another library, whose malloc is then sure to meet the address
 * before its free is done.
 *
 * flags: -shared -fPIC -fno-builtin
 */
#include "work.h"

#include <malloc.h>
#include <pthread.h>

void *__libc_malloc(size_t bytes);
void __libc_free(void *block);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *freed[64];
static unsigned n_freed;

static int slow(size_t bytes)
{
	return bytes >= 2000 && bytes < 2100;
}

void *malloc(size_t bytes)
{
	void *block = NULL;

	if (slow(bytes)) {
		pthread_mutex_lock(&lock);
		if (n_freed)
			block = freed[--n_freed];
		pthread_mutex_unlock(&lock);
	}
	return block ? block : __libc_malloc(slow(bytes) ? 2100 : bytes);
}

void free(void *block)
{
	struct timespec moment = { 0, 20000 };

	if (!block || malloc_usable_size(block) < 2100 || malloc_usable_size(block) > 2120) {
		__libc_free(block);
		return;
	}
	pthread_mutex_lock(&lock);
	if (n_freed < sizeof(freed) / sizeof(freed[0]))
		freed[n_freed++] = block;
	pthread_mutex_unlock(&lock);
	nanosleep(&moment, NULL);
}

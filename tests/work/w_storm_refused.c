/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_refused.c - asks for memory that it does not get, from eight
 * threads: sizes no allocator can serve, products that overflow, alignments
 * that are none, and, with most of the address space forbidden, sizes that
 * anybody else would be given.  What fails leaves the block, its content, the
 * result argument and nothing but ENOMEM or EINVAL in errno.
 *
 *	w_storm_refused SECONDS AS_MIB DATA_MIB    limits beyond what is in use, 0 none
 */
#include "storm.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#define THREADS 8
#define KEPT 200

static _Atomic uint64_t refused, wrong;
static volatile size_t huge = SIZE_MAX / 2;

/* What was not so goes to stderr, which is the same bare. */
static void expect(bool so, const char *what)
{
	if (so)
		return;
	wrong++;
	fprintf(stderr, "not so: %s\n", what);
}
#define EXPECT(what) expect(what, #what)

static inline void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static void refuse_moved(unsigned char *block, size_t bytes, size_t to)
{
	unsigned char *moved;

	errno = 0;
	moved = storm_realloc(block, to);
	if (moved) { /* there was room */
		EXPECT(moved[0] == 0xa5 && moved[bytes - 1] == 0xa5);
		storm_free(moved);
		return;
	}
	refused++;
	EXPECT(errno == ENOMEM);
	EXPECT(block[0] == 0xa5 && block[bytes - 1] == 0xa5);
	EXPECT(malloc_usable_size(block) >= bytes);
	storm_free(block);
}

static void *new_block(size_t bytes)
{
	unsigned char *block = storm_malloc(bytes);

	if (block)
		memset(block, 0xa5, bytes);
	else
		EXPECT(errno == ENOMEM);
	return block;
}

static void refuse_new(void)
{
	char here, *out = &here;

	errno = 77;
	EXPECT(posix_memalign((void **)&out, 3, 8) == EINVAL && out == &here && errno == 77);
	EXPECT(posix_memalign((void **)&out, 64, huge) == ENOMEM && out == &here);
	errno = 0;
	EXPECT(!opaque(calloc(huge, 4)) && errno == ENOMEM);
	errno = 0;
	EXPECT(!opaque(calloc(1, huge)) && errno == ENOMEM);
	errno = 0;
	EXPECT(!storm_malloc(huge) && errno == ENOMEM);
	errno = 0;
	EXPECT(!opaque(aligned_alloc(64, huge)) && errno == ENOMEM);
	errno = 0;
	EXPECT(!opaque(memalign(64, huge)) && errno == ENOMEM);
	refused += 7;
}

static void *asks(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	void *kept[KEPT] = { NULL };

	while (storm_running()) {
		size_t bytes = 16 + (size_t)rand_r(&seed) % 4000;
		unsigned i = (unsigned)rand_r(&seed) % KEPT;
		unsigned char *block = new_block(bytes);

		refuse_new();
		if (block)
			refuse_moved(block, bytes, huge);
		block = new_block(bytes);
		if (block)
			refuse_moved(block, bytes, (size_t)(1 + rand_r(&seed) % 96) << 20);
		storm_free(kept[i]);
		kept[i] = storm_malloc((size_t)rand_r(&seed) % 300000);
	}
	return arg;
}

static void limit(int which, uint64_t mib, const char *field)
{
	char line[256];
	unsigned long kb = 0;
	FILE *f = fopen("/proc/self/status", "re");
	struct rlimit r;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = strtoul(line + strlen(field), NULL, 10);
	if (f)
		fclose(f);
	r.rlim_cur = r.rlim_max = ((uint64_t)kb << 10) + (mib << 20);
	if (mib && setrlimit(which, &r))
		exit(97);
}

int main(int argc, char **argv)
{
	pthread_t id[THREADS];

	storm_begin(argc, argv);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&id[i], NULL, asks, (void *)i))
			exit(96);
	work_sleep_ms(20);
	limit(RLIMIT_AS, work_arg(argc, argv, 2, 0), "VmSize:");
	limit(RLIMIT_DATA, work_arg(argc, argv, 3, 0), "VmData:");
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	storm_load("refusals", refused);
	storm_must("wrong", wrong);
	storm_end();
	return 0;
}
